/* SPDX-License-Identifier: MIT */
/* See vnet_header.h. The header's bytes are virtio/net.c's; this is what they mean to a frame. */
#include "port/vnet_header.h"

#include "virtio/net.h"

_Static_assert((int)VNET_HEADER_BYTES == (int)VIRTIO_NET_HEADER_BYTES, "one header");

static enum gso_type vnet_gso(enum virtio_net_gso gso)
{
	switch (gso) {
	case VIRTIO_NET_GSO_NONE:
	case VIRTIO_NET_GSO_UFO:
		return GSO_NONE;
	case VIRTIO_NET_GSO_TCP4:
		return GSO_TCP4;
	case VIRTIO_NET_GSO_TCP6:
		return GSO_TCP6;
	case VIRTIO_NET_GSO_USO:
		return GSO_UDP;
	}
	return GSO_NONE;
}

static enum virtio_net_gso vnet_gso_of(enum gso_type gso)
{
	switch (gso) {
	case GSO_NONE:
		return VIRTIO_NET_GSO_NONE;
	case GSO_TCP4:
		return VIRTIO_NET_GSO_TCP4;
	case GSO_TCP6:
		return VIRTIO_NET_GSO_TCP6;
	case GSO_UDP:
		return VIRTIO_NET_GSO_USO;
	}
	return VIRTIO_NET_GSO_NONE;
}

enum drop_reason vnet_header_read(const uint8_t header[VNET_HEADER_BYTES], struct offload *ret_offload)
{
	struct virtio_net plain;
	enum drop_reason reason = virtio_net_read(header, &plain);

	if (reason != DROP_NONE)
		return reason;
	*ret_offload = (struct offload){
		.csum = plain.needs_csum   ? CSUM_PARTIAL
			: plain.data_valid ? CSUM_VERIFIED
					   : CSUM_UNKNOWN,
		.gso = vnet_gso(plain.gso),
		.ecn = plain.ecn,
		.csum_start = plain.csum_start,
		.csum_offset = plain.csum_offset,
		.segment_bytes = plain.segment_bytes,
	};
	return DROP_NONE;
}

void vnet_header_write_as(const struct frame *frame, enum csum_state csum, uint8_t ret_header[VNET_HEADER_BYTES])
{
	const struct offload *offload = &frame->offload;
	struct virtio_net plain = {
		.needs_csum = csum == CSUM_PARTIAL,
		.data_valid = csum == CSUM_VERIFIED,
		.gso = vnet_gso_of(offload->gso),
	};

	if (plain.needs_csum) {
		plain.csum_start = offload->csum_start;
		plain.csum_offset = offload->csum_offset;
	}
	if (offload->gso != GSO_NONE) {
		plain.ecn = offload->ecn && offload->gso != GSO_UDP;
		plain.header_bytes = frame->layout.payload;
		plain.segment_bytes = offload->segment_bytes;
	}
	virtio_net_write(&plain, ret_header);
}

void vnet_header_write(const struct frame *frame, uint8_t ret_header[VNET_HEADER_BYTES])
{
	vnet_header_write_as(frame, frame->offload.csum, ret_header);
}
