/* SPDX-License-Identifier: MIT */
/* Datagrams taken from one socket to an address elsewhere, and the answers back: for UDP what a spliced pair is for TCP. Each
 * client has a socket of its own at the far side, connected, so that answers find their client; it ends when nothing has
 * passed for as long as NAT keeps a mapping of the same kind. Several datagrams move by one call. */
#ifndef NETWORK_RELAY_H
#define NETWORK_RELAY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "loop/loop.h"
#include "network/dialler.h"

struct relay_table;
struct relay;

enum relay_limits {
	RELAY_CLIENTS_MAX = 16 * 1024, /* of all */
	RELAY_BUCKETS = 4096,
	RELAY_BATCH = 32,
	RELAY_DATAGRAM_BYTES = 64 * 1024,
	RELAY_TURNS = 4,               /* batches of one socket, before others have their turn */
	RELAY_SHORT_US = 30 * 1000000, /* as UDP_SHORT_US of src/nat */
	RELAY_LONG_US = 180 * 1000000, /* … and UDP_LONG_US */
};

struct relay_table_config {
	struct loop *loop;
	size_t most; /* clients; 0: RELAY_CLIENTS_MAX */
	struct hash_key key;
	/* May be NULL. A line for a person. */
	void (*on_notice)(void *owner, const char *text);
	void *owner;
};

struct relay_counters {
	uint64_t clients; /* ever */
	uint64_t to_far, from_far;
	uint64_t dropped; /* no socket for the client, or no room in one */
};

int relay_table_new(const struct relay_table_config *config, struct relay_table **ret_table);
/* After its relays. */
void relay_table_free(struct relay_table *table);
size_t relay_table_count(const struct relay_table *table);

/* `fd`, bound and non-blocking, is the caller's until after relay_free(). */
int relay_new(struct relay_table *table, int fd, const struct dialler *dialler, const struct sockaddr *to,
	      socklen_t to_bytes, struct relay **ret_relay);
/* Those who come from now on are taken by another. */
void relay_redirect(struct relay *relay, const struct dialler *dialler);
/* Ends its clients. */
void relay_free(struct relay *relay);
const struct relay_counters *relay_counters(const struct relay *relay);

#endif
