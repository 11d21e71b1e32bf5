/* SPDX-License-Identifier: MIT */
/* The control queue of a virtio network device (virtio 1.2, 5.1.6.5): commands are read and answered in the ring. How
 * many pairs of queues are used is the only one that is understood; all others are refused, which drivers expect. */
#ifndef NETWORK_VIRTIO_CONTROL_H
#define NETWORK_VIRTIO_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/ring.h"

enum { VIRTIO_CONTROL_TURN = 16 }; /* commands before others get their turn */

struct virtio_control {
	struct ring ring;
	uint32_t pairs_max;
	uint32_t pairs; /* that the driver uses */
};

/* Up to a turn's commands; true when there may be more. `ret_tell`: the guest wants to be told. */
bool virtio_control_serve(struct virtio_control *control, bool *ret_tell);

#endif
