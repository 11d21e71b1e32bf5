/* SPDX-License-Identifier: MIT */
/* An endpoint over connected sockets, by whichever way they come (doorway.h). What goes over the socket is the kind's:
 * stream.c, seqpacket.c, and dgram.c for inherited pairs. A guest is a connection; it lives as long as its socket. */
#ifndef PORT_CONNECTED_H
#define PORT_CONNECTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "port/doorway.h"
#include "port/endpoint.h"
#include "port/outlet.h"

struct connected;

struct connection {
	struct outlet outlet;
	struct connected *connected;
	struct list link;
	struct watch watch;
	struct timer retry; /* when the far end may take more, where the system says so wrongly */
	int fd;
};

struct connected_way {
	int type; /* SOCK_STREAM … */
	struct outlet_way outlet;
	size_t connection_bytes; /* of the kind's structure around struct connection, which stands first in it */
	size_t turn_bytes;       /* of the memory that all guests share for the time of one turn */
	bool packets;            /* one frame per packet: the send buffer bounds a frame */
	void (*init)(struct connection *connection); /* may be NULL, */
	void (*done)(struct connection *connection); /* and so may this */
	/* Reads a turn's worth. NULL, or why the guest leaves; `*ret_idle` when there was nothing. */
	const char *(*read)(struct connection *connection, bool *ret_idle);
};

struct connected {
	struct endpoint endpoint;
	const struct connected_way *way;
	struct doorway doorway;
	struct list connections;
	void *turn; /* way->turn_bytes */
};

enum connected_limits {
	CONNECTED_SEND_BUFFER_BYTES = 1024 * 1024, /* AF_UNIX; TCP tunes its own */
	CONNECTED_RETRY_US = 1000,
};

/* As doorway_open(). */
int connected_open(const struct endpoint_kind *kind, const struct connected_way *way, const struct doorway_words *words,
		   struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
		   struct error *ret_error);
/* An outlet_way's wait() and leave(). */
void connected_wait(struct outlet *outlet);
void connected_leave(struct outlet *outlet, const char *reason);

static inline struct connection *connection_of(struct outlet *outlet)
{
	return container_of(outlet, struct connection, outlet);
}

#endif
