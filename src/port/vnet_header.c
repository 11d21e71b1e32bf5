/* SPDX-License-Identifier: MIT */
/* See vnet_header.h. */
#include "port/vnet_header.h"

#include <string.h>

enum vnet_flag {
	VNET_NEEDS_CSUM = 1,
	VNET_DATA_VALID = 2,
};

enum vnet_gso {
	VNET_GSO_NONE = 0,
	VNET_GSO_TCPV4 = 1,
	VNET_GSO_TCPV6 = 4,
	VNET_GSO_UDP_L4 = 5,
	VNET_GSO_ECN = 0x80,
};

enum vnet_offset {
	VNET_FLAGS = 0,
	VNET_GSO_TYPE = 1,
	VNET_HDR_LEN = 2,
	VNET_GSO_SIZE = 4,
	VNET_CSUM_START = 6,
	VNET_CSUM_OFFSET = 8,
};

static uint16_t vnet_le16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static void vnet_put_le16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

enum drop_reason vnet_header_read(const uint8_t header[VNET_HEADER_BYTES], struct offload *ret_offload)
{
	struct offload offload = {.csum = CSUM_UNKNOWN, .ecn = header[VNET_GSO_TYPE] & VNET_GSO_ECN};
	unsigned type = header[VNET_GSO_TYPE] & ~(unsigned)VNET_GSO_ECN;

	if (type == VNET_GSO_TCPV4)
		offload.gso = GSO_TCP4;
	else if (type == VNET_GSO_TCPV6)
		offload.gso = GSO_TCP6;
	else if (type == VNET_GSO_UDP_L4)
		offload.gso = GSO_UDP;
	else if (type != VNET_GSO_NONE)
		return DROP_OFFLOAD_GSO_TYPE;
	if (header[VNET_FLAGS] & VNET_NEEDS_CSUM) {
		offload.csum = CSUM_PARTIAL;
		offload.csum_start = vnet_le16(header + VNET_CSUM_START);
		offload.csum_offset = vnet_le16(header + VNET_CSUM_OFFSET);
	} else if (header[VNET_FLAGS] & VNET_DATA_VALID) {
		offload.csum = CSUM_VERIFIED;
	}
	if (offload.gso != GSO_NONE)
		offload.segment_bytes = vnet_le16(header + VNET_GSO_SIZE);
	*ret_offload = offload;
	return DROP_NONE;
}

static uint8_t vnet_gso_type(const struct offload *offload)
{
	uint8_t ecn = offload->ecn ? VNET_GSO_ECN : 0;

	switch (offload->gso) {
	case GSO_NONE:
		return VNET_GSO_NONE;
	case GSO_TCP4:
		return VNET_GSO_TCPV4 | ecn;
	case GSO_TCP6:
		return VNET_GSO_TCPV6 | ecn;
	case GSO_UDP:
		return VNET_GSO_UDP_L4;
	}
	return VNET_GSO_NONE;
}

void vnet_header_write(const struct frame *frame, uint8_t ret_header[VNET_HEADER_BYTES])
{
	const struct offload *offload = &frame->offload;

	memset(ret_header, 0, VNET_HEADER_BYTES);
	ret_header[VNET_GSO_TYPE] = vnet_gso_type(offload);
	if (offload->gso != GSO_NONE) {
		vnet_put_le16(ret_header + VNET_HDR_LEN, frame->layout.payload);
		vnet_put_le16(ret_header + VNET_GSO_SIZE, offload->segment_bytes);
	}
	switch (offload->csum) {
	case CSUM_UNKNOWN:
		break;
	case CSUM_PARTIAL:
		ret_header[VNET_FLAGS] = VNET_NEEDS_CSUM;
		vnet_put_le16(ret_header + VNET_CSUM_START, offload->csum_start);
		vnet_put_le16(ret_header + VNET_CSUM_OFFSET, offload->csum_offset);
		break;
	case CSUM_VERIFIED:
		ret_header[VNET_FLAGS] = VNET_DATA_VALID;
		break;
	}
}
