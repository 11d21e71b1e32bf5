/* SPDX-License-Identifier: MIT */
/* gw_dial of guestwire.h, for who ends a network. */
#ifndef NETWORK_DIAL_H
#define NETWORK_DIAL_H

struct gw_network;

/* Ends those that the program left, untold. Before NAT and neighbours go. */
void dial_done(struct gw_network *network);

#endif
