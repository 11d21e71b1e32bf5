/* SPDX-License-Identifier: MIT */
/* The virtio devices that a person's words ask for, and the networks behind them. */
#ifndef SEMU_DEVICES_H
#define SEMU_DEVICES_H

#include "daemon/spawn.h"
#include "semu/map.h"
#include "semu/netdev.h"

struct machine;
struct options;

struct devices {
	struct netdev *netdevs[MAP_NETS_MOST];
	struct virtio_net *nets[MAP_NETS_MOST];
	unsigned net_count;
	struct spawn spawn;     /* what guestfwd=…-cmd: runs; reaped at SIGCHLD */
	struct virtio_blk *blk; /* NULL: there is none */
	struct virtio_rng *rng;
};

/* Puts them on the machine's bus, which they outlive. `command` is argv. 0, or negative errno and one line; then, too,
 * devices_done(). */
int devices_plug(struct devices *devices, struct machine *machine, const struct options *options, char *const *command,
		 char ret_error[NETDEV_ERROR_BYTES]);
/* Networks tell their guests and the world that it is over. */
void devices_done(struct devices *devices);

#endif
