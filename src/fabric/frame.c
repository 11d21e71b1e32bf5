/* SPDX-License-Identifier: MIT */
/* The one look at a frame's headers. It runs for every frame, so it reads the head directly, each access behind a test
 * of its own against what is there; wire/ has the constants. Nothing here is an answer to the sender: the switch carries
 * what it does not understand, and only offloads must fit what was found. */
#include "fabric/frame.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum {
	FRAME_TYPE_AT = 12,
	FRAME_VLAN_MASK = 0x0fff,
	IP4_MORE_AND_OFFSET = 0x3fff,
	IP4_OFFSET = 0x1fff,
	IP6_FRAGMENT_OFFSET = 0xfff8,
	IP6_FRAGMENT_MORE = 1,
};

static uint32_t frame_u16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static bool frame_type_is_tag(uint32_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN;
}

static enum drop_reason frame_parse_tags(struct frame *frame, uint32_t type)
{
	struct frame_layout *layout = &frame->layout;
	uint32_t at = ETHERNET_HEADER_BYTES;

	for (int tags = 0; tags < ETHERNET_TAGS_MAX && frame_type_is_tag(type); tags++) {
		if (frame->head_bytes < at + ETHERNET_VLAN_BYTES)
			return DROP_VLAN_TRUNCATED;
		if (tags == 0)
			layout->vlan = (uint16_t)(frame_u16(frame->head + at) & FRAME_VLAN_MASK);
		type = frame_u16(frame->head + at + 2);
		at += ETHERNET_VLAN_BYTES;
	}
	layout->type = (uint16_t)type;
	layout->l3 = (uint16_t)at;
	return DROP_NONE;
}

/* `end` is where the IP packet ends, `limit` how much of that the head shows. */
static void frame_parse_transport(struct frame *frame, uint32_t at, uint32_t protocol)
{
	struct frame_layout *layout = &frame->layout;
	uint32_t limit = layout->end < frame->head_bytes ? layout->end : frame->head_bytes;
	uint32_t bytes = UDP_HEADER_BYTES;

	if (at >= limit)
		return;
	layout->l4 = (uint16_t)at;
	if (protocol == IP_PROTOCOL_TCP) {
		if (limit - at < TCP_HEADER_BYTES)
			return;
		bytes = (uint32_t)(frame->head[at + TCP_DATA_OFFSET_AT] >> 4) * 4;
		if (bytes < TCP_HEADER_BYTES)
			return;
	} else if (protocol != IP_PROTOCOL_UDP) {
		return;
	}
	if (limit - at >= bytes && at + bytes <= FRAME_HEAD_BYTES)
		layout->payload = (uint16_t)(at + bytes);
}

static void frame_parse_ip4(struct frame *frame)
{
	struct frame_layout *layout = &frame->layout;
	const uint8_t *ip = frame->head + layout->l3;
	uint32_t header_bytes, total_bytes, fragment;

	if (frame->head_bytes - layout->l3 < IP4_HEADER_BYTES || ip[0] >> 4 != 4)
		return;
	header_bytes = (uint32_t)(ip[0] & 0xf) * 4;
	total_bytes = frame_u16(ip + IP4_TOTAL_LENGTH_AT);
	if (header_bytes < IP4_HEADER_BYTES || total_bytes < header_bytes || total_bytes > frame->length - layout->l3)
		return;
	layout->end = layout->l3 + total_bytes;
	layout->protocol = ip[IP4_PROTOCOL_AT];
	fragment = frame_u16(ip + IP4_FRAGMENT_AT);
	layout->fragment = (fragment & IP4_MORE_AND_OFFSET) != 0;
	if (!(fragment & IP4_OFFSET))
		frame_parse_transport(frame, layout->l3 + header_bytes, layout->protocol);
}

static bool frame_is_extension(uint32_t next_header)
{
	switch (next_header) {
	case IP_PROTOCOL_HOP_BY_HOP:
	case IP_PROTOCOL_ROUTING:
	case IP_PROTOCOL_FRAGMENT:
	case IP_PROTOCOL_AUTHENTICATION:
	case IP_PROTOCOL_DESTINATION:
	case IP_PROTOCOL_MOBILITY:
	case IP_PROTOCOL_HOST_IDENTITY:
	case IP_PROTOCOL_SHIM6:
		return true;
	}
	return false;
}

/* The extension's bytes, of which 4 are there to see. RFC 8200 4, RFC 4302 2.2. */
static uint32_t frame_extension_bytes(const uint8_t *extension, uint32_t next_header)
{
	if (next_header == IP_PROTOCOL_FRAGMENT)
		return IP6_FRAGMENT_BYTES;
	if (next_header == IP_PROTOCOL_AUTHENTICATION)
		return ((uint32_t)extension[1] + 2) * 4;
	return ((uint32_t)extension[1] + 1) * 8;
}

/* A jumbogram's length of 0 (RFC 2675) ends before its extensions and so has no transport here. */
static void frame_parse_ip6(struct frame *frame)
{
	struct frame_layout *layout = &frame->layout;
	const uint8_t *ip = frame->head + layout->l3;
	uint32_t at = layout->l3 + IP6_HEADER_BYTES, first = at, limit, next_header;
	int extensions = 0;

	if (frame->head_bytes < at || ip[0] >> 4 != 6)
		return;
	if (frame_u16(ip + IP6_PAYLOAD_LENGTH_AT) > frame->length - at)
		return;
	layout->end = at + frame_u16(ip + IP6_PAYLOAD_LENGTH_AT);
	limit = layout->end < frame->head_bytes ? layout->end : frame->head_bytes;
	next_header = ip[IP6_NEXT_HEADER_AT];
	while (frame_is_extension(next_header)) {
		const uint8_t *extension = frame->head + at;

		if (++extensions > IP6_EXTENSIONS_MAX || limit < at + 8)
			return;
		if (next_header == IP_PROTOCOL_FRAGMENT) {
			uint32_t fragment = frame_u16(extension + 2);

			layout->fragment = true;
			if (fragment & IP6_FRAGMENT_OFFSET)
				return;
		}
		at += frame_extension_bytes(extension, next_header);
		if (at - first > IP6_EXTENSIONS_BYTES)
			return;
		next_header = extension[0];
	}
	layout->protocol = (uint8_t)next_header;
	frame_parse_transport(frame, at, next_header);
}

static bool frame_gso_fits_headers(const struct frame *frame)
{
	const struct frame_layout *layout = &frame->layout;

	if (!layout->payload || layout->fragment || layout->end != frame->length)
		return false;
	switch (frame->offload.gso) {
	case GSO_NONE:
		return true;
	case GSO_TCP4:
		return layout->type == ETHERTYPE_IPV4 && layout->protocol == IP_PROTOCOL_TCP;
	case GSO_TCP6:
		return layout->type == ETHERTYPE_IPV6 && layout->protocol == IP_PROTOCOL_TCP;
	case GSO_UDP:
		return layout->protocol == IP_PROTOCOL_UDP;
	}
	return false;
}

static enum drop_reason frame_check_gso(const struct frame *frame)
{
	const struct offload *offload = &frame->offload;
	const struct frame_layout *layout = &frame->layout;
	uint32_t field = layout->protocol == IP_PROTOCOL_TCP ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;

	if (offload->gso > GSO_UDP)
		return DROP_OFFLOAD_GSO_TYPE;
	if (offload->csum != CSUM_PARTIAL)
		return DROP_OFFLOAD_GSO_CSUM;
	if (!frame_gso_fits_headers(frame))
		return DROP_OFFLOAD_GSO_HEADERS;
	if (offload->csum_start != layout->l4 || offload->csum_offset != field)
		return DROP_OFFLOAD_GSO_CSUM;
	if (offload->segment_bytes == 0)
		return DROP_OFFLOAD_GSO_SIZE;
	if (frame->length - layout->payload > (uint32_t)offload->segment_bytes * FRAME_SEGMENTS_MAX)
		return DROP_OFFLOAD_SEGMENTS;
	return DROP_NONE;
}

/* A partial checksum may stand in an inner header, behind a tunnel's: it needs to lie in the head, not at l4. */
static enum drop_reason frame_check_csum(const struct frame *frame)
{
	const struct offload *offload = &frame->offload;
	uint32_t limit = frame->head_bytes < FRAME_HEAD_BYTES ? frame->head_bytes : FRAME_HEAD_BYTES;

	if (offload->csum_start < frame->layout.l3 || (uint32_t)offload->csum_start + offload->csum_offset + 2 > limit)
		return DROP_OFFLOAD_CSUM_RANGE;
	return DROP_NONE;
}

static enum drop_reason frame_check_offload(struct frame *frame)
{
	switch (frame->offload.csum) {
	case CSUM_UNKNOWN:
		break;
	case CSUM_PARTIAL: {
		enum drop_reason reason = frame_check_csum(frame);

		if (reason)
			return reason;
		break;
	}
	case CSUM_VERIFIED:
		if (!frame->layout.payload)
			frame->offload.csum = CSUM_UNKNOWN;
		break;
	}
	if (frame->offload.gso != GSO_NONE)
		return frame_check_gso(frame);
	return DROP_NONE;
}

enum drop_reason frame_parse(struct frame *frame)
{
	uint32_t type;

	frame->layout = (struct frame_layout){.end = frame->length};
	if (frame->length < FRAME_BYTES_MIN || frame->head_bytes < FRAME_BYTES_MIN)
		return DROP_FRAME_SHORT;
	if (frame->length > FRAME_BYTES_MAX)
		return DROP_FRAME_LONG;
	type = frame_u16(frame->head + FRAME_TYPE_AT);
	frame->layout.type = (uint16_t)type;
	frame->layout.l3 = ETHERNET_HEADER_BYTES;
	if (frame_type_is_tag(type)) {
		enum drop_reason reason = frame_parse_tags(frame, type);

		if (reason)
			return reason;
		type = frame->layout.type;
	}
	if (type == ETHERTYPE_IPV4)
		frame_parse_ip4(frame);
	else if (type == ETHERTYPE_IPV6)
		frame_parse_ip6(frame);
	if (frame->offload.csum == CSUM_UNKNOWN && frame->offload.gso == GSO_NONE)
		return DROP_NONE;
	return frame_check_offload(frame);
}

void frame_copy(const struct frame *frame, uint32_t offset, void *to, size_t count)
{
	uint8_t *next = to;

	assert(offset <= frame->length && count <= frame->length - offset);
	if (offset < frame->head_bytes) {
		size_t here = frame->head_bytes - offset;

		if (here > count)
			here = count;
		memcpy(next, frame->head + offset, here);
		next += here;
		count -= here;
		offset = 0;
	} else {
		offset -= frame->head_bytes;
	}
	for (uint32_t i = 0; count > 0; i++) {
		const struct iovec *piece = &frame->body[i];
		size_t here;

		assert(i < frame->body_pieces);
		if (offset >= piece->iov_len) {
			offset -= (uint32_t)piece->iov_len;
			continue;
		}
		here = piece->iov_len - offset;
		if (here > count)
			here = count;
		memcpy(next, (const uint8_t *)piece->iov_base + offset, here);
		next += here;
		count -= here;
		offset = 0;
	}
}

/* The part of a piece that starts at offset; how much of `count` it is. */
static uint32_t frame_slice_piece(const void *base, size_t length, uint32_t offset, uint32_t count,
				  struct iovec *ret_piece)
{
	uint32_t here = (uint32_t)length - offset;

	if (here > count)
		here = count;
	*ret_piece = (struct iovec){.iov_base = (uint8_t *)(uintptr_t)base + offset, .iov_len = here};
	return here;
}

int frame_slice(const struct frame *frame, uint32_t offset, uint32_t count, struct iovec *ret_pieces, int most)
{
	int used = 0;

	assert(offset <= frame->length && count <= frame->length - offset);
	if (offset < frame->head_bytes && count > 0) {
		if (most == 0)
			return -1;
		count -= frame_slice_piece(frame->head, frame->head_bytes, offset, count, &ret_pieces[used++]);
		offset = 0;
	} else {
		offset -= frame->head_bytes;
	}
	for (uint32_t i = 0; count > 0; i++) {
		const struct iovec *piece = &frame->body[i];

		assert(i < frame->body_pieces);
		if (offset >= piece->iov_len) {
			offset -= (uint32_t)piece->iov_len;
			continue;
		}
		if (used == most)
			return -1;
		count -= frame_slice_piece(piece->iov_base, piece->iov_len, offset, count, &ret_pieces[used++]);
		offset = 0;
	}
	return used;
}
