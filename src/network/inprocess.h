/* SPDX-License-Identifier: MIT */
/* Ports whose far end is a function of the host program: gw_port_*. */
#ifndef NETWORK_INPROCESS_H
#define NETWORK_INPROCESS_H

#include "guestwire/guestwire.h"

/* Ends those that were freed within a callback. */
void inprocess_bury(struct gw_network *network);
/* Ends all of them. */
void inprocess_done(struct gw_network *network);

#endif
