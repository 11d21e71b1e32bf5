/* SPDX-License-Identifier: MIT */
/* virtio-net's header between its bytes and its plain form. */
#include "virtio/net.h"

#include <string.h>

#include "virtio/layout.h"

enum {
	NET_FLAG_NEEDS_CSUM = 1,
	NET_FLAG_DATA_VALID = 2,
	NET_GSO_ECN = 0x80,
};

struct net_layout {
	uint8_t flags;
	uint8_t gso;
	struct le16 header_bytes;
	struct le16 segment_bytes;
	struct le16 csum_start;
	struct le16 csum_offset;
	struct le16 buffers;
};

_Static_assert(sizeof(struct net_layout) == VIRTIO_NET_HEADER_BYTES, "virtio 1.2, 5.1.6");

static bool net_gso_known(uint8_t gso)
{
	return gso == VIRTIO_NET_GSO_NONE || gso == VIRTIO_NET_GSO_TCP4 || gso == VIRTIO_NET_GSO_TCP6 ||
	       gso == VIRTIO_NET_GSO_USO;
}

enum drop_reason virtio_net_read(const uint8_t bytes[VIRTIO_NET_HEADER_BYTES], struct virtio_net *ret_header)
{
	struct virtio_net header = {0};
	struct net_layout layout;
	uint8_t gso;

	memcpy(&layout, bytes, sizeof(layout));
	gso = layout.gso & (uint8_t)~NET_GSO_ECN;
	if (!net_gso_known(gso))
		return DROP_OFFLOAD_GSO_TYPE;
	header.gso = (enum virtio_net_gso)gso;
	header.buffers = le16_value(layout.buffers);
	header.data_valid = layout.flags & NET_FLAG_DATA_VALID;
	if (layout.flags & NET_FLAG_NEEDS_CSUM) {
		header.needs_csum = true;
		header.csum_start = le16_value(layout.csum_start);
		header.csum_offset = le16_value(layout.csum_offset);
	}
	if (header.gso != VIRTIO_NET_GSO_NONE) {
		header.ecn = layout.gso & NET_GSO_ECN;
		header.header_bytes = le16_value(layout.header_bytes);
		header.segment_bytes = le16_value(layout.segment_bytes);
	}
	*ret_header = header;
	return DROP_NONE;
}

void virtio_net_write(const struct virtio_net *header, uint8_t ret_bytes[VIRTIO_NET_HEADER_BYTES])
{
	struct net_layout layout = {
		.flags = (uint8_t)((header->needs_csum ? NET_FLAG_NEEDS_CSUM : 0) |
				   (header->data_valid ? NET_FLAG_DATA_VALID : 0)),
		.gso = (uint8_t)((unsigned)header->gso | (header->ecn ? NET_GSO_ECN : 0)),
		.header_bytes = le16_from(header->header_bytes),
		.segment_bytes = le16_from(header->segment_bytes),
		.csum_start = le16_from(header->csum_start),
		.csum_offset = le16_from(header->csum_offset),
		.buffers = le16_from(header->buffers),
	};

	memcpy(ret_bytes, &layout, sizeof(layout));
}
