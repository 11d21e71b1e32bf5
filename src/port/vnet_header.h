/* SPDX-License-Identifier: MIT */
/* virtio-net's header before a frame (virtio 1.2, 5.1.6), as taps and rings carry it: 12 bytes, little endian. Pure. Its
 * csum_start counts from the start of the frame, as ours does. */
#ifndef PORT_VNET_HEADER_H
#define PORT_VNET_HEADER_H

#include <stdint.h>

#include "base/drop.h"
#include "fabric/frame.h"

enum { VNET_HEADER_BYTES = 12 };

/* DROP_OFFLOAD_GSO_TYPE for a type that we never accept (UFO). What it says is checked against the frame by
 * frame_parse(), not here. */
enum drop_reason vnet_header_read(const uint8_t header[VNET_HEADER_BYTES], struct offload *ret_offload);
/* `frame` was parsed: the length of its headers comes from its layout. */
void vnet_header_write(const struct frame *frame, uint8_t ret_header[VNET_HEADER_BYTES]);
/* The same of a checksum in another state than the frame says. */
void vnet_header_write_as(const struct frame *frame, enum csum_state csum, uint8_t ret_header[VNET_HEADER_BYTES]);

#endif
