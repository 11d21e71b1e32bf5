/* SPDX-License-Identifier: MIT */
/* The header before each frame of a virtio network device (virtio 1.2, 5.1.6), 12 bytes with the count of buffers, which
 * drivers of before 1.0 have only with mergeable ones: on a ring as in a tap. This is its plain form, in the host's numbers; what fits the frame's bytes is the fabric's to say. */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/drop.h"

enum virtio_net_limits {
	VIRTIO_NET_HEADER_BYTES = 12,
	VIRTIO_NET_BUFFERS_OFFSET = 10,
	VIRTIO_NET_SHORT_HEADER_BYTES = VIRTIO_NET_BUFFERS_OFFSET,
};

enum virtio_net_gso {
	VIRTIO_NET_GSO_NONE = 0,
	VIRTIO_NET_GSO_TCP4 = 1,
	VIRTIO_NET_GSO_UFO = 3, /* fragments: never offered, and refused */
	VIRTIO_NET_GSO_TCP6 = 4,
	VIRTIO_NET_GSO_USO = 5, /* datagrams of their own, IPv4 or IPv6 */
};

struct virtio_net {
	bool needs_csum; /* csum_start and csum_offset say where */
	bool data_valid; /* somebody has checked the sum */
	bool ecn;
	enum virtio_net_gso gso;
	uint16_t header_bytes; /* a hint that nobody may believe */
	uint16_t segment_bytes;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t buffers;
};

/* DROP_NONE, or DROP_OFFLOAD_GSO_TYPE for a segmentation that is unknown or UFO. Fields that the flags do not announce
 * are 0 in the plain form, whatever was in them. */
enum drop_reason virtio_net_read(const uint8_t bytes[VIRTIO_NET_HEADER_BYTES], struct virtio_net *ret_header);
void virtio_net_write(const struct virtio_net *header, uint8_t ret_bytes[VIRTIO_NET_HEADER_BYTES]);

#endif
