/* SPDX-License-Identifier: MIT */
/* Ports whose far end is a function of the host program: gw_port_*. */
#ifndef NETWORK_INPROCESS_H
#define NETWORK_INPROCESS_H

#include "fabric/frame.h"
#include "guestwire/guestwire.h"

struct port;

struct gw_offload inprocess_offload(const struct offload *offload);
/* Whether a port is one of these. */
bool inprocess_is(const struct port *port);
/* Ends those that were freed within a callback. */
void inprocess_bury(struct gw_network *network);
/* Ends all of them. */
void inprocess_done(struct gw_network *network);

#endif
