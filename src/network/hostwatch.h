/* SPDX-License-Identifier: MIT */
/* This machine's addresses, as they matter to a network with uplink=user, while they change.
 *
 * What guests are told of them (whether there is a way to the IPv6 internet, and under address=host the address itself and
 * the name servers) is
 * looked at when a guest has the gateway answer something, at most once a second; so nothing wakes for it, and whoever asks
 * for an address is told the one of now.
 *
 * Connections that began from an address which is lost can send no more, and their kernel would try for a quarter of an
 * hour: they are reset, so that guests begin anew. What has no address of its own to lose (UDP, without outbound=) goes on. */
#ifndef NETWORK_HOSTWATCH_H
#define NETWORK_HOSTWATCH_H

#include <stdint.h>

#include "base/timer.h"
#include "loop/loop.h"

struct gw_network;

enum hostwatch_limits {
	HOSTWATCH_PAUSE_US = 1000 * 1000,
	/* An address often comes back at once: a lease that is renewed by a client which clears it first, a link that was
	 * down for a moment. So a while passes before it is looked whose address is really gone. */
	HOSTWATCH_LOST_US = 3 * 1000 * 1000,
};

struct hostwatch {
	struct gw_network *network;
	uint64_t looked_us;
	struct watch watch; /* own_address.h; fd -1: the system does not say, and connections end later */
	struct timer lost;
};

/* The network has its `user`, and keeps it until hostwatch_stop(). */
void hostwatch_start(struct hostwatch *watch, struct gw_network *network);
void hostwatch_stop(struct hostwatch *watch);
/* In a delivery as well. */
void hostwatch_look(struct hostwatch *watch);

#endif
