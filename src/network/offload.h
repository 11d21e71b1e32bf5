/* SPDX-License-Identifier: MIT */
/* What virtio-net's header says of a frame, between guestwire.h and the fabric. */
#ifndef NETWORK_OFFLOAD_H
#define NETWORK_OFFLOAD_H

#include "fabric/frame.h"
#include "guestwire/guestwire.h"

struct gw_offload offload_show(const struct offload *offload);
/* The host program may have the numbers from its guest: an unknown one is a verdict. DROP_NONE,
 * DROP_OFFLOAD_GSO_TYPE, DROP_OFFLOAD_CSUM_RANGE. */
enum drop_reason offload_read(const struct gw_offload *offload, struct offload *ret_offload);

#endif
