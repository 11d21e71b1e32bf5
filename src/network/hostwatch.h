/* SPDX-License-Identifier: MIT */
/* What guests are told of this machine may change while the network runs: whether it has a way to the IPv6 internet, and
 * under address=host its address. It is looked at when a guest has the gateway answer something, at most once a second; so
 * nothing wakes for it, and whoever asks for an address is told the one of now. */
#ifndef NETWORK_HOSTWATCH_H
#define NETWORK_HOSTWATCH_H

#include <stdint.h>

struct gw_network;

enum { HOSTWATCH_PAUSE_US = 1000 * 1000 };

struct hostwatch {
	uint64_t looked_us;
};

/* In a delivery as well. */
void hostwatch_look(struct gw_network *network);

#endif
