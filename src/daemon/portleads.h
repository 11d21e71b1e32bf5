/* SPDX-License-Identifier: MIT */
/* Where ports lead over the loopback interfaces, from this machine into a namespace and from there to this machine, so that
 * none is made that comes back to where it began: whoever connected to it would be led in circles until no descriptor is
 * left, and a datagram would never rest. */
#ifndef DAEMON_PORTLEADS_H
#define DAEMON_PORTLEADS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/portspec.h"

struct gw_network;

enum portleads_side {
	PORTLEADS_HERE,   /* a port of this machine, which leads inside */
	PORTLEADS_INSIDE, /* one of the namespace, which leads here */
	PORTLEADS_SIDES,
};

/* Of one protocol. All zero: none leads anywhere. */
struct portleads {
	/* By family, IPv4 and IPv6: the port at the other side; 0: this one leads nowhere. */
	uint16_t to[2][PORTLEADS_SIDES][UINT16_MAX + 1];
};

/* What the network has by now: forwards that are spliced, and passages. `type`: SOCK_STREAM or SOCK_DGRAM. */
void portleads_learn(struct portleads *leads, struct gw_network *network, int type);
/* A port with these words' address. False: whoever connects to it would be led back to it; else it leads there now. */
bool portleads_add(struct portleads *leads, enum portleads_side side, const struct portspec *spec, uint16_t port,
		   uint16_t to);

#endif
