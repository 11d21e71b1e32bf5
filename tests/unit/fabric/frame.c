/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/frame.h"
#include "unit/fabric/packet.h"

static uint8_t bytes[PACKET_BYTES_MAX];

/* Parses a private copy of exactly `head` bytes, so that a read beyond them is caught. */
static enum drop_reason parse(struct frame *frame, uint32_t head, uint32_t length, struct offload offload)
{
	uint8_t *copy = malloc(head ? head : 1);
	struct iovec body = {bytes + head, length - head};
	enum drop_reason reason;

	memcpy(copy, bytes, head);
	*frame = (struct frame){.head = copy,
				.head_bytes = head,
				.length = length,
				.body = &body,
				.body_pieces = 1,
				.offload = offload};
	reason = frame_parse(frame);
	free(copy);
	frame->head = bytes;
	frame->body = NULL;
	frame->body_pieces = 0;
	return reason;
}

static void headers_are_found_behind_tags_options_and_extensions(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * 2 * 2 * 3; i++) {
		struct packet_spec spec = {.from = 1,
					   .to = 2,
					   .vlan = 0xabc,
					   .tags = (uint8_t)(i % 3),
					   .is6 = i / 3 % 2,
					   .udp = i / 6 % 2,
					   .ip_options = (uint8_t)(i / 12 * 16),
					   .tcp_options = 12,
					   .payload = 100};
		struct packet_view view;
		uint32_t length = packet_build(bytes, &spec, &view);
		struct frame frame;

		memset(bytes + length, 0, 6); /* padding */
		assert_int_equal(parse(&frame, 256, length + 200, (struct offload){0}), DROP_NONE);
		assert_int_equal(frame.layout.l3, view.l3);
		assert_int_equal(frame.layout.l4, view.l4);
		assert_int_equal(frame.layout.payload, view.payload);
		assert_int_equal(frame.layout.end, length);
		assert_int_equal(frame.layout.vlan, view.vlan);
		assert_int_equal(frame.layout.type, view.is6 ? 0x86dd : 0x0800);
		assert_int_equal(frame.layout.protocol, view.udp ? 17 : 6);
		assert_false(frame.layout.fragment);
	}
}

static void a_short_frame_and_a_cut_tag_have_their_own_reasons(void **state)
{
	struct packet_spec spec = {.tags = 2, .vlan = 5, .payload = 10};
	struct frame frame;

	(void)state;
	packet_build(bytes, &spec, NULL);
	for (uint32_t n = 0; n < 14; n++)
		assert_int_equal(parse(&frame, n, n, (struct offload){0}), DROP_FRAME_SHORT);
	for (uint32_t n = 14; n < 22; n++)
		assert_int_equal(parse(&frame, n, n, (struct offload){0}), DROP_VLAN_TRUNCATED);
	assert_int_equal(parse(&frame, 22, 22, (struct offload){0}), DROP_NONE);
	assert_int_equal(parse(&frame, 256, FRAME_BYTES_MAX + 1, (struct offload){0}), DROP_FRAME_LONG);
}

static void a_third_tag_is_carried_and_not_looked_behind(void **state)
{
	struct frame frame;

	(void)state;
	memset(bytes, 0, 64);
	for (int at = 12; at < 24; at += 4)
		packet_put(bytes + at, 2, 0x8100);
	packet_put(bytes + 24, 2, 0x0800);
	assert_int_equal(parse(&frame, 60, 60, (struct offload){0}), DROP_NONE);
	assert_int_equal(frame.layout.type, 0x8100);
	assert_int_equal(frame.layout.l4, 0);
}

static void a_truncated_packet_is_carried_without_a_transport(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		struct packet_spec spec = {.is6 = is6, .tcp_options = 8, .ip_options = 8, .payload = 40};
		struct packet_view view;
		uint32_t length = packet_build(bytes, &spec, &view);
		struct frame frame;

		for (uint32_t n = 14; n < length; n++) {
			assert_int_equal(parse(&frame, n, n, (struct offload){0}), DROP_NONE);
			assert_int_equal(frame.layout.payload, 0);
		}
		/* the same with the rest behind the head: the headers must be in the head */
		for (uint32_t n = 14; n < length; n++) {
			assert_int_equal(parse(&frame, n, length, (struct offload){0}), DROP_NONE);
			assert_int_equal(frame.layout.payload, n >= view.payload ? view.payload : 0);
		}
	}
}

static void fragments_have_no_transport_but_the_first(void **state)
{
	struct packet_spec spec = {.payload = 64};
	struct packet_view view;
	uint32_t length = packet_build(bytes, &spec, &view);
	struct frame frame;

	(void)state;
	packet_put(bytes + view.l3 + 6, 2, 0x2000);
	assert_int_equal(parse(&frame, length, length, (struct offload){0}), DROP_NONE);
	assert_true(frame.layout.fragment && frame.layout.l4 == view.l4);
	packet_put(bytes + view.l3 + 6, 2, 0x0001);
	assert_int_equal(parse(&frame, length, length, (struct offload){0}), DROP_NONE);
	assert_true(frame.layout.fragment && frame.layout.l4 == 0 && frame.layout.payload == 0);
	packet_put(bytes + view.l3 + 6, 2, 0x4000); /* "do not fragment" is none */
	assert_int_equal(parse(&frame, length, length, (struct offload){0}), DROP_NONE);
	assert_false(frame.layout.fragment);
}

/* IPv6 with `count` destination options of 8 bytes each. */
static uint32_t extensions(uint32_t count)
{
	struct packet_spec spec = {.is6 = true, .udp = true, .payload = 400};
	struct packet_view view;
	uint32_t length = packet_build(bytes, &spec, &view);

	bytes[view.l3 + 6] = 60;
	for (uint32_t i = 0; i < count; i++) {
		bytes[view.l4 + i * 8] = i + 1 < count ? 60 : 17;
		bytes[view.l4 + i * 8 + 1] = 0;
	}
	return length;
}

static void ipv6_extensions_are_bounded_in_number_and_bytes(void **state)
{
	struct frame frame;
	uint32_t length = extensions(8);

	(void)state;
	assert_int_equal(parse(&frame, 256, length, (struct offload){0}), DROP_NONE);
	assert_int_equal(frame.layout.l4, 14 + 40 + 64);
	length = extensions(9);
	assert_int_equal(parse(&frame, 256, length, (struct offload){0}), DROP_NONE);
	assert_int_equal(frame.layout.l4, 0);
	length = extensions(1);
	bytes[14 + 40 + 1] = 15; /* 128 bytes */
	assert_int_equal(parse(&frame, 256, length, (struct offload){0}), DROP_NONE);
	assert_int_equal(frame.layout.l4, 14 + 40 + 128);
	bytes[14 + 40 + 1] = 16;
	assert_int_equal(parse(&frame, 256, length, (struct offload){0}), DROP_NONE);
	assert_int_equal(frame.layout.l4, 0);
	length = extensions(1);
	bytes[14 + 6] = 44; /* a fragment header: a later fragment */
	packet_put(bytes + 14 + 40 + 2, 2, 8);
	assert_int_equal(parse(&frame, 256, length, (struct offload){0}), DROP_NONE);
	assert_true(frame.layout.fragment && frame.layout.l4 == 0);
}

static struct offload gso(enum gso_type type, const struct packet_view *view, uint16_t segment_bytes)
{
	return (struct offload){CSUM_PARTIAL, type, false, (uint16_t)view->l4, view->udp ? 6 : 16, segment_bytes};
}

static void offloads_are_checked_against_the_bytes(void **state)
{
	struct packet_spec spec = {.payload = 5000, .partial = true};
	struct packet_view view;
	uint32_t length = packet_build(bytes, &spec, &view);
	struct offload good = gso(GSO_TCP4, &view, 1460), bad;
	struct frame frame;

	(void)state;
	assert_int_equal(parse(&frame, 256, length, good), DROP_NONE);
#define ROW(change, verdict)                                                \
	do {                                                                \
		bad = good;                                                 \
		change;                                                     \
		assert_int_equal(parse(&frame, 256, length, bad), verdict); \
	} while (0)
	ROW(bad.gso = GSO_TCP6, DROP_OFFLOAD_GSO_HEADERS);
	ROW(bad.gso = GSO_UDP, DROP_OFFLOAD_GSO_HEADERS);
	ROW(bad.gso = (enum gso_type)9, DROP_OFFLOAD_GSO_TYPE);
	ROW(bad.segment_bytes = 0, DROP_OFFLOAD_GSO_SIZE);
	ROW(bad.segment_bytes = 2, DROP_OFFLOAD_SEGMENTS);
	ROW(bad.csum = CSUM_UNKNOWN, DROP_OFFLOAD_GSO_CSUM);
	ROW(bad.csum = CSUM_VERIFIED, DROP_OFFLOAD_GSO_CSUM);
	ROW(bad.csum_start++, DROP_OFFLOAD_GSO_CSUM);
	ROW(bad.csum_offset = 6, DROP_OFFLOAD_GSO_CSUM);
	ROW(bad.csum_start = 0, DROP_OFFLOAD_CSUM_RANGE);
	ROW(bad.csum_start = 255, DROP_OFFLOAD_CSUM_RANGE);
	ROW(bad.csum_start = 0xffff; bad.csum_offset = 0xffff, DROP_OFFLOAD_CSUM_RANGE);
#undef ROW
	/* a frame with something behind its packet, a fragment, a lying length */
	assert_int_equal(parse(&frame, 256, length + 1, good), DROP_OFFLOAD_GSO_HEADERS);
	packet_put(bytes + view.l3 + 6, 2, 0x2000);
	assert_int_equal(parse(&frame, 256, length, good), DROP_OFFLOAD_GSO_HEADERS);
	packet_put(bytes + view.l3 + 6, 2, 0);
	packet_put(bytes + view.l3 + 2, 2, length);
	assert_int_equal(parse(&frame, 256, length, good), DROP_OFFLOAD_GSO_HEADERS);
}

static void verified_means_nothing_without_a_transport_checksum(void **state)
{
	struct offload verified = {.csum = CSUM_VERIFIED};
	struct packet_spec spec = {.payload = 50};
	uint32_t length = packet_build(bytes, &spec, NULL);
	struct frame frame;

	(void)state;
	assert_int_equal(parse(&frame, length, length, verified), DROP_NONE);
	assert_int_equal(frame.offload.csum, CSUM_VERIFIED);
	packet_put(bytes + 12, 2, 0x0806);
	assert_int_equal(parse(&frame, length, length, verified), DROP_NONE);
	assert_int_equal(frame.offload.csum, CSUM_UNKNOWN);
}

static void any_bytes_with_any_offload_are_parsed_without_reading_beyond_the_head(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct packet_spec spec = {.is6 = round & 1,
					   .udp = round & 2,
					   .tags = (uint8_t)(round % 3),
					   .ip_options = 8,
					   .payload = 64};
		struct offload offload;
		struct frame frame;
		uint32_t length = packet_build(bytes, &spec, NULL), head;

		for (int i = 0; i < 4; i++) {
			random = random * 1664525 + 1013904223;
			bytes[12 + (random >> 16) % 70] = (uint8_t)(random >> 8);
		}
		head = 14 + (random >> 4) % (length - 13);
		offload = (struct offload){(enum csum_state)(random >> 3 & 3) % 3,
					   (enum gso_type)(random >> 7 & 7),
					   random & 1,
					   (uint16_t)((random >> 11) % 300),
					   (uint16_t)(random >> 20 & 31),
					   (uint16_t)(random >> 9)};
		if (parse(&frame, head, length, offload) != DROP_NONE)
			continue;
		assert_true(frame.layout.end <= length && frame.layout.payload <= head);
		if (frame.offload.csum == CSUM_PARTIAL)
			assert_true(frame.offload.csum_start + frame.offload.csum_offset + 2u <= head);
	}
}

static void bytes_are_copied_and_sliced_across_head_and_pieces(void **state)
{
	static const uint8_t text[] = "the head|one piece||and another";
	struct iovec body[] = {{(void *)(uintptr_t)(text + 9), 10}, {NULL, 0}, {(void *)(uintptr_t)(text + 19), 12}};
	struct frame frame = {.head = text, .head_bytes = 9, .length = 31, .body = body, .body_pieces = 3};
	uint8_t copy[32];

	(void)state;
	for (uint32_t from = 0; from <= 31; from++) {
		for (uint32_t count = 0; count <= 31 - from; count++) {
			struct iovec pieces[3];
			int used = frame_slice(&frame, from, count, pieces, 3);
			uint32_t at = from;

			frame_copy(&frame, from, copy, count);
			assert_memory_equal(copy, text + from, count);
			assert_true(used >= 0);
			for (int i = 0; i < used; i++) {
				assert_ptr_equal(pieces[i].iov_base, text + at);
				at += (uint32_t)pieces[i].iov_len;
			}
			assert_int_equal(at, from + count);
		}
	}
	assert_int_equal(frame_slice(&frame, 0, 31, (struct iovec[2]){{0}}, 2), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_found_behind_tags_options_and_extensions),
		cmocka_unit_test(a_short_frame_and_a_cut_tag_have_their_own_reasons),
		cmocka_unit_test(a_third_tag_is_carried_and_not_looked_behind),
		cmocka_unit_test(a_truncated_packet_is_carried_without_a_transport),
		cmocka_unit_test(fragments_have_no_transport_but_the_first),
		cmocka_unit_test(ipv6_extensions_are_bounded_in_number_and_bytes),
		cmocka_unit_test(offloads_are_checked_against_the_bytes),
		cmocka_unit_test(verified_means_nothing_without_a_transport_checksum),
		cmocka_unit_test(any_bytes_with_any_offload_are_parsed_without_reading_beyond_the_head),
		cmocka_unit_test(bytes_are_copied_and_sliced_across_head_and_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
