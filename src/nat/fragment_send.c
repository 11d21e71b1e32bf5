/* SPDX-License-Identifier: MIT */
/* A transport's whole message to a guest, in fragments where the network's MTU asks for them (fragment.h). */
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

/* Ethernet and IP header of a fragment; how many bytes. */
static uint32_t slice_head4(const struct nat *nat, const struct nat_head *head, const struct fragment_slice *slice,
			    uint8_t *to)
{
	struct nat_head part = *head;
	struct be16 field = be16_from((uint16_t)((slice->more ? 0x2000 : 0) | slice->offset / FRAGMENT_UNIT));
	uint32_t l3 = nat_head_l3(head), bytes;

	part.dont_fragment = false;
	bytes = nat_head_write(nat, &part, slice->count, to);
	memcpy(to + l3 + IP4_FRAGMENT_AT, field.byte, sizeof(field.byte));
	ip4_header_patch(to + l3, (uint16_t)(IP4_HEADER_BYTES + slice->count), head->id);
	return bytes;
}

static uint32_t slice_head6(const struct nat *nat, const struct nat_head *head, uint32_t id,
			    const struct fragment_slice *slice, uint8_t *to)
{
	struct nat_head part = *head;
	struct writer writer;
	uint32_t bytes;

	part.protocol = IP_PROTOCOL_FRAGMENT;
	bytes = nat_head_write(nat, &part, IP6_FRAGMENT_BYTES + slice->count, to);
	writer_init(&writer, to + bytes, IP6_FRAGMENT_BYTES);
	ip6_fragment_write(&writer, head->protocol, (uint16_t)slice->offset, slice->more, id);
	return bytes + IP6_FRAGMENT_BYTES;
}

static int slice_send(struct flow *flow, const struct nat_head *head, uint32_t id6, bool fragment,
		      const struct fragment_slice *slice, struct flow_budget *budget)
{
	const struct offload none = {.csum = CSUM_UNKNOWN};
	uint8_t start[FRAME_HEAD_BYTES];
	uint32_t bytes, early;
	struct room room;
	int error;

	if (!fragment)
		bytes = nat_head_write(flow->nat, head, slice->count, start);
	else if (head->is6)
		bytes = slice_head6(flow->nat, head, id6, slice, start);
	else
		bytes = slice_head4(flow->nat, head, slice, start);
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
	uint32_t room = ethswitch_mtu(flow->nat->config.ethswitch) - (head->is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES);
	bool fragment = bytes > room;
	uint32_t most =
		!fragment ? bytes : (room - (head->is6 ? IP6_FRAGMENT_BYTES : 0)) / FRAGMENT_UNIT * FRAGMENT_UNIT;

	if (bytes > IP4_PACKET_MAX - (head->is6 ? 0 : (uint32_t)IP4_HEADER_BYTES))
		return -EMSGSIZE;
	for (uint32_t offset = 0; offset < bytes; offset += most) {
		struct fragment_slice slice = {.bytes = message + offset, .count = bytes - offset, .offset = offset};
		int error;

		if (slice.count > most) {
			slice.count = most;
			slice.more = true;
		}
		error = slice_send(flow, head, id6, fragment, &slice, budget);
		if (error < 0)
			return error;
	}
	return 0;
}
