/* SPDX-License-Identifier: MIT */
/* How guests that have a socket each come to an endpoint: by one that listens and admits many, by one that connects and
 * connects again, or by a descriptor that was inherited, which is a guest's or listens. Who comes is counted against guests=, gets a name, and is
 * handed to the endpoint's kind, which knows what goes over the socket. */
#ifndef PORT_DOORWAY_H
#define PORT_DOORWAY_H

#include <stdint.h>

#include "port/connector.h"
#include "port/endpoint.h"
#include "port/listener.h"

/* Where the far end is; what a person wrote. NULL and -1: not given. The strings are only needed during the open. */
struct doorway_words {
	const char *path;
	const char *tcp;
	const char *connect;
	const char *connect_tcp;
	int64_t fd;
};

/* What the kind of an endpoint does with who comes. */
struct doorway_way {
	int type;          /* SOCK_STREAM … */
	bool takes_rights; /* guests hand over descriptors */
	/* Whether an inherited socket can carry the network's frames; NULL: any can. */
	int (*check)(struct endpoint *endpoint, int fd, struct error *ret_error);
	/* The descriptor is the guest's when it returns 0. */
	int (*admit)(struct endpoint *endpoint, int fd, const char *name, const char *far_end);
};

struct doorway {
	struct endpoint *endpoint;
	struct doorway_way way;
	struct listener listener;
	struct connector connector;
	uint32_t number; /* of the last guest that came */
};

/* Makes it safe to close. */
void doorway_init(struct doorway *doorway, struct endpoint *endpoint, const struct doorway_way *way);
/* Reads guests= mode= group= and the options of every kind, then opens what `words` say; exactly one of them. The
 * endpoint's path or address, and describe, are filled in. */
int doorway_open(struct doorway *doorway, const struct doorway_words *words, struct spec *spec,
		 struct error *ret_error);
/* A guest that was admitted is gone. */
void doorway_left(struct doorway *doorway);
void doorway_close(struct doorway *doorway);

#endif
