/* SPDX-License-Identifier: MIT */
/* Sockets inside a namespace, from the outside: asks the insider (insider.h) over its channel, without ever waiting for it.
 * Unconnected sockets are kept ready, so that a connection takes one at once; it is the network's dialler to the guest.
 *
 * What comes from the insider is not trusted: whoever is root in its namespace may have meddled with it. Each descriptor
 * is looked at, and one that is no such socket ends it all: the guest is then reached by packets alone. */
#ifndef DAEMON_INSIDE_H
#define DAEMON_INSIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "guestwire/guestwire.h"

struct detour;
struct error;
struct inside;

enum inside_limits {
	INSIDE_READY_FIRST = 8, /* sockets of a kind, … */
	INSIDE_READY_MOST = 32, /* … once so many were not enough */
	INSIDE_ASKED_MAX = 512, /* requests under way */
};

struct inside_config {
	struct gw_network *network;
	int channel;                     /* the caller's; non-blocking from now on */
	const char *address4, *address6; /* of the guest; "" or NULL: none */
	struct detour *detour;           /* into it, the caller's; NULL: none */
	/* May be NULL. A line for a person. */
	void (*on_notice)(void *owner, const char *text);
	void *owner;
};

struct inside_wish {
	int family, type;
	const char *ifname; /* NULL: any */
	struct sockaddr_storage address;
	socklen_t address_bytes;
};

/* 0, or negative errno and a text. */
int inside_new(const struct inside_config *config, struct inside **ret_inside, struct error *ret_error);
/* Whoever asked is told -ECANCELED. */
void inside_free(struct inside *inside);
/* For passages into the guest; NULL when the insider has gone. */
struct gw_dialler *inside_dialler(struct inside *inside);

/* Each answers by `on_answer`, once, never before the return: a descriptor that is the callee's from then on, or negative
 * errno. 0, or negative errno and no call: -EPIPE the insider has gone, -ENOBUFS too much is being asked. */
int inside_bind(struct inside *inside, const struct inside_wish *wish, void (*on_answer)(void *owner, int result),
		void *owner);
/* A file of /proc: the sockets of this kind inside. */
int inside_open_table(struct inside *inside, int family, int type, void (*on_answer)(void *owner, int result),
		      void *owner);
/* Waits until all has been answered; for the start, when the namespace is nobody else's yet. 0, -ETIMEDOUT, -EPIPE. */
int inside_wait(struct inside *inside, uint64_t timeout_us);

#endif
