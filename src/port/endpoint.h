/* SPDX-License-Identifier: MIT */
/* What one `--guest KIND,…` makes: a listening socket with many guests, one connection, or one device. An endpoint owns
 * its descriptors and its ports; a port appears when a guest joins and goes when it leaves, while the endpoint stays.
 * Each kind is one file and one entry of endpoint_kinds[], in kinds_linux.c or kinds_darwin.c. */
#ifndef PORT_ENDPOINT_H
#define PORT_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/spec.h"
#include "fabric/ethswitch.h"
#include "fabric/port.h"
#include "loop/loop.h"
#include "os/bell.h"
#include "os/limbo.h"

struct endpoint;

enum endpoint_limits {
	ENDPOINT_GUESTS_MAX = 1024,        /* guests= may say less */
	ENDPOINT_QUEUE_BYTES = 256 * 1024, /* each guest's bound; queue= may say otherwise */
	ENDPOINT_QUEUE_LEAST = 68 * 1024,  /* the largest frame */
	ENDPOINT_QUEUE_MOST = 16 * 1024 * 1024,
	ENDPOINT_TEXT_BYTES = 256,
	ENDPOINT_ETHERNET_BYTES = 14 + 2 * 4, /* what a frame has beyond the network's MTU: its header and two tags */
};

/* What an endpoint is given; it outlives the endpoint. */
struct endpoint_setup {
	struct loop *loop;
	struct ethswitch *ethswitch;
	struct bell *bell; /* opened by whom it is of use to */
	struct limbo *limbo;
	const char *name; /* its ports are called NAME, or NAME.1, NAME.2 … where there may be several */
	/* A guest joined: called before its first frame, after the port is attached. Left: before it is detached, with the
	 * reason for a person. The port and its counters are the endpoint's and go after on_left. */
	void (*on_joined)(void *owner, struct endpoint *endpoint, struct port *port);
	void (*on_left)(void *owner, struct endpoint *endpoint, struct port *port, const char *reason);
	/* What only a person can use: a connecting endpoint's failures and returns, a mute. */
	void (*on_notice)(void *owner, struct endpoint *endpoint, const char *text);
	void *owner;
};

struct endpoint_kind {
	const char *name;  /* "stream" */
	const char *words; /* the options, for help: "path=P|tcp=[ADDR:]PORT|fd=N …" */
	/* Ready to serve when it returns: a socket exists only when it can be used. On failure nothing is left behind. */
	int (*open)(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
		    struct error *ret_error);
};

/* What every kind takes, for each of its ports. */
struct endpoint_options {
	bool isolated;
	bool adopt_csum;
	bool locked;
	struct mac lock;
	uint32_t queue_bytes;
};

/* Embedded by each kind. */
struct endpoint {
	const struct endpoint_kind *kind;
	const struct endpoint_setup *setup;
	void (*close)(struct endpoint *endpoint); /* frees it; on_left for each port; its socket files go */
	/* NULL: it maps no memory of others. For a handler of SIGBUS: true when the address was a guest's, which has empty
	 * memory there now and goes at the next turn. */
	bool (*fault)(struct endpoint *endpoint, const void *at);
	/* For show and for the lines to paste: what the far end is to be given. */
	char path[ENDPOINT_TEXT_BYTES]; /* AF_UNIX path, or "" */
	char address
		[ENDPOINT_TEXT_BYTES]; /* "127.0.0.1:4000" with the port that the kernel chose, or an interface, or "" */
	char describe[ENDPOINT_TEXT_BYTES]; /* "listening on /run/x", "tap0" */
	uint32_t guests;
	uint32_t guests_max;
	struct endpoint_options options;
	bool told_full; /* of a guest that found no place */
	struct drops
		drops; /* what was refused before there was a port to count it: GUESTS_FULL, DATAGRAM_NO_ADDRESS … */
	void *owner;   /* network's */
};

extern const struct endpoint_kind *const endpoint_kinds[]; /* ends with NULL */

int endpoint_open(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
		  struct error *ret_error);
/* NULL is legal. */
void endpoint_close(struct endpoint *endpoint);

/* For the kinds. */
void endpoint_init(struct endpoint *endpoint, const struct endpoint_kind *kind, const struct endpoint_setup *setup,
		   void (*close)(struct endpoint *endpoint));
/* Reads isolated= mac= csum= queue=: the words that every kind takes; and refuses what nobody asked for. Call it when
 * all other words are read. */
int endpoint_read_options(struct endpoint *endpoint, struct spec *spec, struct error *ret_error);
/* A descriptor's number; `*fd` stays as it is when the key is absent. */
int endpoint_read_fd(struct spec *spec, const char *key, int64_t *fd, struct error *ret_error);
/* NAME where there is one guest at most, else NAME.number. */
void endpoint_port_name(const struct endpoint *endpoint, uint32_t number, char *ret_name, size_t size);
/* Counts what was refused before there was a port. */
void endpoint_drop(struct endpoint *endpoint, enum drop_reason reason);
void endpoint_notice(struct endpoint *endpoint, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A guest that finds no place: counted, and told once until one has found a place again. */
void endpoint_refuse_guest(struct endpoint *endpoint);
/* -EMSGSIZE and the mtu= that would do, when a far end of `frame_bytes` cannot carry the network's. */
int endpoint_check_mtu(const struct endpoint_setup *setup, const char *what, uint32_t frame_bytes,
		       struct error *ret_error);

#endif
