/* SPDX-License-Identifier: MIT */
/* Spliced pairs: two stream sockets whose bytes the kernel moves from the one to the other, both ways, without a packet and
 * without a copy of ours. It serves what runs over the loopback interfaces on both sides of a namespace. It knows neither
 * forwards nor namespaces: who has two sockets makes a pair of them.
 *
 * What the one far end does, the other sees as if they were connected directly: half-closes each way, resets after the data
 * that came before them, a sender that waits because nobody reads, a refused connection as a reset.
 *
 * The process must ignore SIGPIPE (os/pipe.h). */
#ifndef NETWORK_SPLICE_H
#define NETWORK_SPLICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "loop/loop.h"
#include "network/dialler.h"

struct splice;
struct splice_table;

enum splice_limits {
	SPLICE_PAIRS_MAX = 16 * 1024,
	SPLICE_PIPES_SPARE = 16, /* of 512 KiB: far below the 64 MiB that Linux lets a user's pipes have */
	/* CPU seconds per GiB, one connection and eight: 0.14 and 0.15; with 64 KiB 0.18 and 0.29, with 1 MiB no less. */
	SPLICE_PIPE_BYTES = 512 * 1024,
	SPLICE_TURN_BYTES = 1024 * 1024, /* of one direction, before the next has its turn */
	SPLICE_SOCKET_US = 5 * 1000000,  /* a pair waits no longer for a socket of the far side */
	SPLICE_LINGER_US = 3 * 1000000,  /* what came before a reset is given up after this */
	SPLICE_LOOK_US = 10 * 1000,      /* how often those that end, or wait for a pipe, are looked at */
};

struct splice_table_config {
	struct loop *loop;
	size_t most; /* 0: SPLICE_PAIRS_MAX */
	/* May be NULL. A line for a person: that descriptors ran out. */
	void (*on_notice)(void *owner, const char *text);
	void *owner;
};

/* What happened, for show: X(name, "what it counts"). Who came is the client. */
#define SPLICE_COUNTER_LIST(X)                                                           \
	X(connections, "connections taken past the network")                             \
	X(connections_refused, "those that the far end or the way refused")              \
	X(connections_full, "those that found no place in the table")                    \
	X(connections_reset, "those that ended by a reset, the refused ones among them") \
	X(bytes_from_client, "bytes moved from those who connected")                     \
	X(bytes_to_client, "bytes moved to them")

struct splice_counters {
#define X(name, text) uint64_t name;
	SPLICE_COUNTER_LIST(X)
#undef X
};

struct splice_info {
	const char *state; /* "connecting", "open", "ending" */
	int near, far;     /* descriptors; far -1: none yet */
	uint64_t from_near_bytes, to_near_bytes;
	uint64_t moved_us; /* when something moved last; 0: never */
};

/* Who wants to know what becomes of a pair. */
struct splice_keeper {
	/* It is over. `near` is the keeper's: all was said to it, but may not have left this machine; -1: it was reset. `last`
	 * has no descriptors any more. Perhaps before splice_keep() returns. */
	void (*on_end)(void *owner, int near, const struct splice_info *last);
	void *owner;
};

int splice_table_new(const struct splice_table_config *config, struct splice_table **ret_table);
/* Pairs that are open are reset. */
void splice_table_free(struct splice_table *table);

/* `far` may still be connecting. Both are the pair's when this returns 0; -ENFILE: the table is full. */
int splice_new(struct splice_table *table, int near, int far);
/* The same; `*ret_splice` is set before anything else, and valid until on_end(). */
int splice_keep(struct splice_table *table, int near, int far, const struct splice_keeper *keeper,
		struct splice **ret_splice);
/* Resets both ends, of a pair that is kept; on_end() is not called. */
void splice_reset(struct splice *splice);
void splice_look_at(const struct splice *splice, struct splice_info *ret_info);
/* As splice_new(), to an address that `dialler` makes a socket for, which may come later. `near` is the pair's when this returns 0;
 * that it is refused is told to `near` alone, by a reset. */
int splice_dial(struct splice_table *table, int near, const struct dialler *dialler, const struct sockaddr *to,
		socklen_t length);
/* A dialler has sockets again. */
void splice_table_retry(struct splice_table *table);
/* A dialler goes: who waits for a socket of it is reset. */
void splice_table_forget(struct splice_table *table, const struct dialler *dialler);

size_t splice_table_count(const struct splice_table *table);
bool splice_table_is_full(const struct splice_table *table);
const struct splice_counters *splice_table_counters(const struct splice_table *table);
void splice_table_each(const struct splice_table *table, void (*on_pair)(void *owner, const struct splice_info *info),
		       void *owner);

#endif
