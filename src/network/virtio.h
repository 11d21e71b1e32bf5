/* SPDX-License-Identifier: MIT */
/* Virtio network devices whose registers are the host program's: gw_virtio_*. */
#ifndef NETWORK_VIRTIO_H
#define NETWORK_VIRTIO_H

#include "guestwire/virtio.h"

/* The kicks of all devices since the last time. Outside a delivery. */
void virtio_take_kicks(struct gw_network *network);
/* A kick was made that is not taken yet. */
bool virtio_is_kicked(const struct gw_network *network);
/* Ends all of them. */
void virtio_done(struct gw_network *network);

#endif
