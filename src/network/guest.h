/* SPDX-License-Identifier: MIT */
/* Guests over sockets and devices: what one `--guest KIND,…` makes, an endpoint and its name. */
#ifndef NETWORK_GUEST_H
#define NETWORK_GUEST_H

#include "guestwire/guestwire.h"
#include "network/network.h"
#include "port/endpoint.h"

struct gw_guest {
	struct list link; /* network->guests; guests_gone while it ends */
	struct gw_network *network;
	bool removed; /* within a callback: nobody finds it, and it ends with the turn */
	char name[NETWORK_GUEST_NAME_BYTES];
	struct endpoint_setup setup;
	struct endpoint *endpoint;
};

/* Ends those that were removed within a callback. */
void guest_bury(struct gw_network *network);
/* Ends all of them. */
void guest_done(struct gw_network *network);

#endif
