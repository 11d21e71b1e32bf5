/* SPDX-License-Identifier: MIT */
/* Theory of operation. A segment is the frame's headers copied and patched, before a slice of the payload where it lies.
 * What changes from one to the next: IP length, IPv4 identification and header checksum, TCP sequence and flags, UDP
 * length, and the transport checksum. The last starts from the partial sum that came with the frame, which covers the
 * pseudo-header with the whole frame's length: that length is taken out, the segment's put in (RFC 1624), and where the
 * port wants it complete the segment's bytes are added. */
#include "fabric/segment.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static uint16_t segment_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void segment_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

bool segment_fits_partial(const struct port_accepts *accepts, const struct frame *frame)
{
	const struct offload *offload = &frame->offload;

	if (!accepts->csum || (offload->ecn && offload->gso != GSO_NONE && !accepts->ecn))
		return false;
	switch (offload->gso) {
	case GSO_NONE:
		return true;
	case GSO_TCP4:
		return accepts->tso4;
	case GSO_TCP6:
		return accepts->tso6;
	case GSO_UDP:
		return accepts->uso;
	}
	return false;
}

uint32_t segment_count(const struct frame *frame)
{
	uint32_t payload = frame->length - frame->layout.payload;

	if (frame->offload.gso == GSO_NONE || payload == 0)
		return 1;
	return (payload + frame->offload.segment_bytes - 1) / frame->offload.segment_bytes;
}

/* Adds the bytes [from, to) of a frame. */
static void segment_sum(const struct frame *frame, uint32_t from, uint32_t to, struct checksum *checksum)
{
	uint32_t at = frame->head_bytes < to ? frame->head_bytes : to;

	assert(from <= at);
	checksum_add(checksum, frame->head + from, at - from);
	for (uint32_t i = 0; at < to; i++) {
		uint32_t here = (uint32_t)frame->body[i].iov_len;

		if (here > to - at)
			here = to - at;
		checksum_add(checksum, frame->body[i].iov_base, here);
		at += here;
	}
}

/* The field holds what the sum starts with. A UDP sum of 0 would say "none" (RFC 768). */
static void segment_complete(struct frame *frame, uint8_t *head)
{
	const struct offload *offload = &frame->offload;
	const struct frame_layout *layout = &frame->layout;
	bool transport = layout->payload && offload->csum_start == layout->l4;
	uint8_t *field = head + offload->csum_start + offload->csum_offset;
	struct checksum checksum;
	struct be16 sum;

	checksum_init(&checksum);
	segment_sum(frame, offload->csum_start, transport ? layout->end : frame->length, &checksum);
	sum = checksum_final(&checksum);
	if (be16_value(sum) == 0 && offload->csum_offset == UDP_CHECKSUM_AT)
		sum = be16_from(0xffff);
	memcpy(field, sum.byte, sizeof(sum.byte));
	frame->offload = (struct offload){.csum = CSUM_VERIFIED};
}

static void segment_take_body(const struct frame *frame, uint32_t offset, uint32_t count, struct segment *segment)
{
	int pieces = frame_slice(frame, offset, count, segment->pieces, SEGMENT_PIECES_MAX);

	assert(pieces >= 0);
	segment->frame.body = segment->pieces;
	segment->frame.body_pieces = (uint32_t)pieces;
}

static void segment_whole(const struct segmenter *segmenter, struct segment *segment)
{
	const struct frame *frame = segmenter->frame;
	uint32_t head_bytes = frame->head_bytes < FRAME_HEAD_BYTES ? frame->head_bytes : FRAME_HEAD_BYTES;

	segment->frame = *frame;
	segment->frame.head = memcpy(segment->head, frame->head, head_bytes);
	segment->frame.head_bytes = head_bytes;
	segment_take_body(frame, head_bytes, frame->length - head_bytes, segment);
	if (segmenter->complete_csum && frame->offload.csum == CSUM_PARTIAL)
		segment_complete(&segment->frame, segment->head);
}

static void segment_patch_ip(const struct segmenter *segmenter, struct segment *segment)
{
	const struct frame_layout *layout = &segment->frame.layout;
	uint8_t *ip = segment->head + layout->l3;
	uint32_t bytes = segment->frame.length - layout->l3;

	if (layout->type == ETHERTYPE_IPV4)
		ip4_header_patch(ip, (uint16_t)bytes, (uint16_t)(segment_get16(ip + IP4_ID_AT) + segmenter->index));
	else
		ip6_header_patch(ip, (uint16_t)(bytes - IP6_HEADER_BYTES));
}

static void segment_patch_tcp(const struct segmenter *segmenter, struct segment *segment, bool last)
{
	uint8_t *tcp = segment->head + segment->frame.layout.l4;
	uint32_t skipped = segmenter->payload - segment->frame.layout.payload;
	struct be32 sequence;

	memcpy(sequence.byte, tcp + TCP_SEQUENCE_AT, sizeof(sequence.byte));
	sequence = be32_from(be32_value(sequence) + skipped);
	memcpy(tcp + TCP_SEQUENCE_AT, sequence.byte, sizeof(sequence.byte));
	if (!last)
		tcp[TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	/* Without the ECN mark the bit is not "congestion window reduced" but part of a counter (RFC 9768). */
	if (segmenter->index > 0 && segmenter->frame->offload.ecn)
		tcp[TCP_FLAGS_AT] &= (uint8_t)~TCP_CWR;
}

/* Takes the whole frame's length out of the partial sum and puts the segment's in. */
static void segment_patch_sum(const struct segmenter *segmenter, struct segment *segment)
{
	const struct offload *offload = &segmenter->frame->offload;
	uint8_t *field = segment->head + offload->csum_start + offload->csum_offset;
	uint32_t was = segmenter->frame->length - offload->csum_start;
	uint32_t is = segment->frame.length - offload->csum_start;
	uint32_t sum = segment_get16(field) + (0xffff - was) + is;

	sum = (sum & 0xffff) + (sum >> 16);
	segment_put16(field, (sum & 0xffff) + (sum >> 16));
}

static void segment_cut(const struct segmenter *segmenter, uint32_t count, struct segment *segment)
{
	const struct frame *frame = segmenter->frame;
	const struct frame_layout *layout = &frame->layout;
	bool last = segmenter->payload + count == frame->length;

	segment->frame = *frame;
	segment->frame.head = memcpy(segment->head, frame->head, layout->payload);
	segment->frame.head_bytes = layout->payload;
	segment->frame.length = segment->frame.layout.end = layout->payload + count;
	segment->frame.offload = (struct offload){
		.csum = CSUM_PARTIAL,
		.csum_start = frame->offload.csum_start,
		.csum_offset = frame->offload.csum_offset,
	};
	segment_take_body(frame, segmenter->payload, count, segment);
	segment_patch_ip(segmenter, segment);
	if (layout->protocol == IP_PROTOCOL_TCP)
		segment_patch_tcp(segmenter, segment, last);
	else
		segment_put16(segment->head + layout->l4 + UDP_LENGTH_AT, UDP_HEADER_BYTES + count);
	segment_patch_sum(segmenter, segment);
	if (segmenter->complete_csum)
		segment_complete(&segment->frame, segment->head);
}

void segmenter_init(struct segmenter *segmenter, const struct frame *frame, const struct port_accepts *accepts)
{
	assert(frame->body_pieces <= FRAME_PIECES_MAX);
	*segmenter = (struct segmenter){
		.frame = frame,
		.payload = frame->layout.payload,
		.complete_csum = !accepts->csum,
	};
}

bool segmenter_next(struct segmenter *segmenter, struct segment *ret_segment)
{
	const struct frame *frame = segmenter->frame;
	uint32_t count = frame->length - segmenter->payload;

	if (segmenter->index > 0 && (frame->offload.gso == GSO_NONE || count == 0))
		return false;
	if (frame->offload.gso == GSO_NONE) {
		segment_whole(segmenter, ret_segment);
	} else {
		if (count > frame->offload.segment_bytes)
			count = frame->offload.segment_bytes;
		segment_cut(segmenter, count, ret_segment);
		segmenter->payload += count;
	}
	segmenter->index++;
	return true;
}

/* The sum of the pseudo-header, as a partial checksum field holds it. */
static struct be16 segment_pseudo(const struct frame *frame)
{
	const struct frame_layout *layout = &frame->layout;
	const uint8_t *ip = frame->head + layout->l3;
	uint32_t bytes = layout->end - layout->l4;
	struct checksum checksum;

	checksum_init(&checksum);
	if (layout->type == ETHERTYPE_IPV4)
		checksum_add(&checksum, ip + IP4_FROM_AT, 2 * sizeof(struct ip4));
	else
		checksum_add(&checksum, ip + IP6_FROM_AT, 2 * sizeof(struct ip6));
	checksum_add_u16(&checksum, layout->protocol);
	checksum_add_u16(&checksum, (uint16_t)bytes);
	return checksum_partial(&checksum);
}

void segment_adopt(struct frame *frame, uint8_t *head, uint32_t mtu_bytes)
{
	const struct frame_layout *layout = &frame->layout;
	bool tcp = layout->protocol == IP_PROTOCOL_TCP;
	uint16_t field = tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;
	uint32_t headers = (uint32_t)layout->payload - layout->l3;
	struct be16 sum;

	if (!layout->payload || layout->fragment || frame->offload.csum == CSUM_PARTIAL)
		return;
	if (!tcp && layout->type == ETHERTYPE_IPV4 && segment_get16(head + layout->l4 + field) == 0)
		return; /* a UDP datagram without a checksum */
	sum = segment_pseudo(frame);
	memcpy(head + layout->l4 + field, sum.byte, sizeof(sum.byte));
	frame->offload = (struct offload){.csum = CSUM_PARTIAL, .csum_start = layout->l4, .csum_offset = field};
	if (tcp && layout->end == frame->length && frame->length - layout->l3 > mtu_bytes && headers < mtu_bytes) {
		frame->offload.gso = layout->type == ETHERTYPE_IPV4 ? GSO_TCP4 : GSO_TCP6;
		frame->offload.segment_bytes = (uint16_t)(mtu_bytes - headers);
	}
}
