/* SPDX-License-Identifier: MIT */
/* What -t -u -T -U of `guestwire netns` ask for (portspec.h), made and kept: ports of this machine that lead into the
 * namespace, and ports inside that lead to this machine's loopback.
 *
 *   in, TCP    a forward of the network's: spliced for this machine's loopback, as packets for others
 *   in, UDP    the same, and beside it passages for this machine's loopback
 *   out        passages from sockets that are bound inside, on the loopback unless an address is said
 *
 * What was said by number must be had when the network starts; of `all` and `auto` whatever can be. `auto` looks about once a
 * second at which ports are listened on at the other side; nothing wakes for it where nobody asked for it. What we listen on
 * ourselves is never taken for somebody's server. */
#ifndef DAEMON_PORTMAP_H
#define DAEMON_PORTMAP_H

#include "daemon/portspec.h"
#include "guestwire/guestwire.h"

struct error;
struct inside;
struct portmap;

enum portmap_limits {
	PORTMAP_EACH_US = 1000 * 1000,
	PORTMAP_START_US = 5 * 1000 * 1000, /* the insider answers all of the start within this */
};

enum portmap_way {
	PORTMAP_TCP_IN,  /* -t */
	PORTMAP_UDP_IN,  /* -u */
	PORTMAP_TCP_OUT, /* -T */
	PORTMAP_UDP_OUT, /* -U */
	PORTMAP_WAYS,
};

struct portmap_config {
	struct gw_network *network;
	struct inside *inside;
	const char *guest; /* whom forwards are for, as a forward's words have it */
	/* A line for a person: that a port of `auto` cannot be had. */
	void (*on_notice)(void *owner, const char *text);
	void *owner;
};

int portmap_new(const struct portmap_config *config, struct portmap **ret_portmap, struct error *ret_error);
/* Before the inside and the network. */
void portmap_free(struct portmap *portmap);
/* "-t" and so on. */
const char *portmap_option(enum portmap_way way);
/* At the start: what was said by number is there when this returns 0. */
int portmap_add(struct portmap *portmap, enum portmap_way way, const struct portspec *spec, struct error *ret_error);

#endif
