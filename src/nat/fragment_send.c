/* SPDX-License-Identifier: MIT */
/* What is too large for the network, in fragments (fragment.h): a transport's message on its way to a guest, and a whole
 * packet of somebody else's. */
#include "nat/fragment.h"

#include <errno.h>
#include <string.h>

#include "base/writer.h"

/* A part of a message on its way to a guest. */
struct fragment_slice {
	const uint8_t *bytes;
	uint32_t count;
	uint32_t offset;
	bool more;
};

/* At `to` stand Ethernet and IP header of the whole packet, which become those of a fragment; how many bytes. */
static uint32_t slice_head4(uint8_t *to, uint32_t l3, uint16_t id, const struct fragment_slice *slice)
{
	struct be16 field = be16_from((uint16_t)((slice->more ? 0x2000 : 0) | slice->offset / FRAGMENT_UNIT));

	memcpy(to + l3 + IP4_FRAGMENT_AT, field.byte, sizeof(field.byte));
	ip4_header_patch(to + l3, (uint16_t)(IP4_HEADER_BYTES + slice->count), id);
	return l3 + IP4_HEADER_BYTES;
}

static uint32_t slice_head6(uint8_t *to, uint32_t l3, uint32_t id, const struct fragment_slice *slice)
{
	uint8_t protocol = to[l3 + IP6_NEXT_HEADER_AT];
	struct writer writer;

	to[l3 + IP6_NEXT_HEADER_AT] = IP_PROTOCOL_FRAGMENT;
	ip6_header_patch(to + l3, (uint16_t)(IP6_FRAGMENT_BYTES + slice->count));
	writer_init(&writer, to + l3 + IP6_HEADER_BYTES, IP6_FRAGMENT_BYTES);
	ip6_fragment_write(&writer, protocol, (uint16_t)slice->offset, slice->more, id);
	return l3 + IP6_HEADER_BYTES + IP6_FRAGMENT_BYTES;
}

/* How much of a packet's payload goes into each fragment but the last. */
static uint32_t slice_most(uint32_t mtu_bytes, bool is6)
{
	uint32_t headers = is6 ? IP6_HEADER_BYTES + IP6_FRAGMENT_BYTES : IP4_HEADER_BYTES;

	return (mtu_bytes - headers) / FRAGMENT_UNIT * FRAGMENT_UNIT;
}

/* What begins there, of `bytes`. */
static struct fragment_slice slice_at(const uint8_t *message, uint32_t bytes, uint32_t offset, uint32_t most)
{
	struct fragment_slice slice = {.bytes = message + offset, .count = bytes - offset, .offset = offset};

	if (slice.count > most) {
		slice.count = most;
		slice.more = true;
	}
	return slice;
}

uint32_t fragment_cut(const uint8_t *frame, uint32_t bytes, uint32_t mtu_bytes, uint32_t id, uint32_t *offset,
		      uint8_t *to)
{
	const uint32_t l3 = ETHERNET_HEADER_BYTES;
	bool is6 = frame[l3] >> 4 == 6;
	uint32_t headers = l3 + (is6 ? (uint32_t)IP6_HEADER_BYTES : (uint32_t)IP4_HEADER_BYTES);
	struct fragment_slice slice;

	if (headers + *offset >= bytes)
		return 0;
	slice = slice_at(frame + headers, bytes - headers, *offset, slice_most(mtu_bytes, is6));
	memcpy(to, frame, headers);
	headers = is6 ? slice_head6(to, l3, id, &slice) : slice_head4(to, l3, (uint16_t)id, &slice);
	memcpy(to + headers, slice.bytes, slice.count);
	*offset += slice.count;
	return headers + slice.count;
}

static int slice_send(struct flow *flow, const struct nat_head *head, uint32_t id6, bool fragment,
		      const struct fragment_slice *slice, struct flow_budget *budget)
{
	const struct offload none = {.csum = CSUM_UNKNOWN};
	uint8_t start[FRAME_HEAD_BYTES];
	uint32_t bytes, early;
	struct room room;
	int error;

	bytes = nat_head_write(flow->nat, head, slice->count, start);
	if (fragment)
		bytes = head->is6 ? slice_head6(start, nat_head_l3(head), id6, slice)
				  : slice_head4(start, nat_head_l3(head), head->id, slice);
	error = nat_reserve(flow, bytes + slice->count, bytes + slice->count, &room);
	if (error < 0)
		return error;
	early = FRAME_HEAD_BYTES - bytes < slice->count ? FRAME_HEAD_BYTES - bytes : slice->count;
	memcpy(start + bytes, slice->bytes, early);
	if (slice->count > early)
		room_write(&room, bytes + early, slice->bytes + early, slice->count - early);
	nat_commit(flow, &room, start, bytes + slice->count, &none, budget);
	return 0;
}

int fragment_send(struct flow *flow, const struct nat_head *head, uint32_t id6, const uint8_t *message, uint32_t bytes,
		  struct flow_budget *budget)
{
	uint32_t mtu_bytes = ethswitch_mtu(flow->nat->config.ethswitch);
	bool fragment = bytes > mtu_bytes - (head->is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES);
	uint32_t most = fragment ? slice_most(mtu_bytes, head->is6) : bytes;

	if (bytes > IP4_PACKET_MAX - (head->is6 ? 0 : (uint32_t)IP4_HEADER_BYTES))
		return -EMSGSIZE;
	for (uint32_t offset = 0; offset < bytes; offset += most) {
		struct fragment_slice slice = slice_at(message, bytes, offset, most);
		int error;

		error = slice_send(flow, head, id6, fragment, &slice, budget);
		if (error < 0)
			return error;
	}
	return 0;
}
