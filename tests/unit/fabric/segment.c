/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fabric/segment.h"
#include "unit/fabric/packet.h"

static uint8_t bytes[PACKET_BYTES_MAX], expected[PACKET_BYTES_MAX], got[PACKET_BYTES_MAX];

/* The frame that the packet makes, its body in pieces of `piece` bytes. */
static struct frame frame_of(const struct packet_spec *spec, uint32_t piece, struct packet_view *ret_view)
{
	static struct iovec body[FRAME_PIECES_MAX];
	uint32_t length = packet_build(bytes, spec, ret_view);
	struct frame frame = {.head = bytes, .head_bytes = length < 256 ? length : 256, .length = length, .body = body};

	for (uint32_t at = frame.head_bytes; at < length; at += piece) {
		uint32_t here = length - at < piece ? length - at : piece;

		body[frame.body_pieces++] = (struct iovec){bytes + at, here};
		assert_true(frame.body_pieces <= FRAME_PIECES_MAX);
	}
	return frame;
}

static void make_gso(struct frame *frame, const struct packet_view *view, uint16_t segment_bytes, bool ecn)
{
	frame->offload = (struct offload){
		.csum = CSUM_PARTIAL,
		.gso = view->udp   ? GSO_UDP
		       : view->is6 ? GSO_TCP6
				   : GSO_TCP4,
		.ecn = ecn,
		.csum_start = (uint16_t)view->l4,
		.csum_offset = view->udp ? 6 : 16,
		.segment_bytes = segment_bytes,
	};
}

static void check_cut(const struct packet_spec *spec, uint16_t segment_bytes, bool ecn, bool csum, uint32_t piece)
{
	struct port_accepts accepts = {.csum = csum, .frame_bytes = 1514};
	struct packet_view view;
	struct frame frame = frame_of(spec, piece, &view);
	struct segmenter segmenter;
	struct segment segment;
	uint32_t index = 0;

	make_gso(&frame, &view, segment_bytes, ecn);
	assert_int_equal(frame_parse(&frame), DROP_NONE);
	segmenter_init(&segmenter, &frame, &accepts);
	while (segmenter_next(&segmenter, &segment)) {
		uint32_t length = packet_segment(bytes, &view, segment_bytes, index++, ecn, csum, expected);

		assert_int_equal(segment.frame.length, length);
		frame_copy(&segment.frame, 0, got, length);
		assert_memory_equal(got, expected, length);
		assert_int_equal(segment.frame.offload.gso, GSO_NONE);
		assert_int_equal(segment.frame.offload.csum, csum ? CSUM_PARTIAL : CSUM_VERIFIED);
		assert_int_equal(frame_parse(&segment.frame), DROP_NONE);
		assert_int_equal(segment.frame.layout.end, length);
		assert_true(length <= segment_bytes_max(&frame));
		if (!csum)
			assert_null(packet_wrong(got, length, &(struct packet_view){0}));
	}
	assert_int_equal(index, segment_count(&frame));
}

static void every_kind_of_frame_is_cut_as_the_reference_cuts_it(void **state)
{
	static const uint32_t payloads[] = {0, 1, 1399, 1400, 1401, 2800, 4242, 14001, 65000};
	static const uint32_t sizes[] = {1400, 536, 1401};

	(void)state;
	for (unsigned i = 0; i < 3 * 2 * 2 * 2 * 2; i++) {
		struct packet_spec spec = {.from = 1,
					   .to = 2,
					   .tags = (uint8_t)(i % 3),
					   .vlan = 9,
					   .is6 = i / 3 % 2,
					   .udp = i / 6 % 2,
					   .ip_options = i / 12 % 2 ? 24 : 0,
					   .tcp_options = 12,
					   .tcp_flags = 0xd9,
					   .partial = true,
					   .sequence = 0xfffff000,
					   .id = 0xfffe,
					   .seed = (uint8_t)i};

		for (size_t p = 0; p < sizeof(payloads) / sizeof(payloads[0]); p++) {
			for (size_t s = 0; s < 3; s++) {
				spec.payload = payloads[p];
				check_cut(&spec, (uint16_t)sizes[s], p & 1, i / 24 % 2, 1031 + 100 * (uint32_t)s);
			}
		}
	}
}

static void the_ip_packet_with_the_largest_length_is_cut_to_its_last_byte(void **state)
{
	struct packet_spec spec = {.payload = 65535 - 40, .partial = true};

	(void)state;
	check_cut(&spec, 1460, false, false, 65536);
	spec.is6 = true;
	spec.payload = 65535 - 20; /* IPv6 counts without its header: 65575 bytes are more than a frame holds */
	spec.payload -= 40;
	check_cut(&spec, 1440, false, false, 65536);
}

static void cwr_is_on_the_first_segment_only_with_ecn_and_on_all_without(void **state)
{
	struct packet_spec spec = {.payload = 3000, .tcp_flags = 0x90, .partial = true};

	(void)state;
	check_cut(&spec, 1000, true, false, 4096);
	assert_false(got[14 + 20 + 13] & 0x80);
	check_cut(&spec, 1000, false, false, 4096);
	assert_true(got[14 + 20 + 13] & 0x80);
}

static void a_partial_checksum_is_completed_wherever_the_pieces_end(void **state)
{
	struct port_accepts accepts = {.frame_bytes = 1514};

	(void)state;
	for (uint32_t i = 0; i < 4 * 700; i++) {
		struct packet_spec spec = {
			.is6 = i & 1, .udp = i & 2, .payload = i / 4, .partial = true, .seed = (uint8_t)i};
		struct packet_view view;
		struct frame frame = frame_of(&spec, 17, &view);
		struct segmenter segmenter;
		struct segment segment;

		make_gso(&frame, &view, 0, false);
		frame.offload.gso = GSO_NONE;
		assert_int_equal(frame_parse(&frame), DROP_NONE);
		assert_false(segment_fits(&accepts, &frame));
		segmenter_init(&segmenter, &frame, &accepts);
		assert_true(segmenter_next(&segmenter, &segment));
		frame_copy(&segment.frame, 0, got, segment.frame.length);
		assert_null(packet_wrong(got, segment.frame.length, &view));
		assert_memory_equal(got + view.payload, bytes + view.payload, spec.payload);
		assert_int_equal(segment.frame.offload.csum, CSUM_VERIFIED);
		assert_false(segmenter_next(&segmenter, &segment));
	}
}

static void a_udp_sum_of_zero_is_sent_as_all_ones(void **state)
{
	struct port_accepts accepts = {.frame_bytes = 1514};
	struct packet_spec spec = {.udp = true, .payload = 2, .partial = true};
	struct packet_view view;
	struct frame frame = frame_of(&spec, 64, &view);
	struct segmenter segmenter;
	struct segment segment;
	uint32_t sum;

	(void)state;
	packet_put(bytes + view.payload, 2, 0);
	sum = packet_sum(bytes + view.l4, view.end - view.l4, 0); /* the partial field is part of it */
	packet_put(bytes + view.payload, 2, 0xffff - sum);
	make_gso(&frame, &view, 0, false);
	frame.offload.gso = GSO_NONE;
	assert_int_equal(frame_parse(&frame), DROP_NONE);
	segmenter_init(&segmenter, &frame, &accepts);
	assert_true(segmenter_next(&segmenter, &segment));
	assert_int_equal(packet_get(segment.head + view.l4 + 6, 2), 0xffff);
}

static void padding_is_not_summed(void **state)
{
	struct port_accepts accepts = {.frame_bytes = 1514};
	struct packet_spec spec = {.payload = 1, .partial = true};
	struct packet_view view;
	struct frame frame = frame_of(&spec, 64, &view);
	struct segmenter segmenter;
	struct segment segment;

	(void)state;
	memset(bytes + frame.length, 0x55, 5);
	frame.length = frame.head_bytes = frame.length + 5;
	make_gso(&frame, &view, 0, false);
	frame.offload.gso = GSO_NONE;
	assert_int_equal(frame_parse(&frame), DROP_NONE);
	segmenter_init(&segmenter, &frame, &accepts);
	assert_true(segmenter_next(&segmenter, &segment));
	assert_int_equal(segment.frame.length, frame.length);
	assert_null(packet_wrong(segment.head, segment.frame.length, &view));
}

static void an_inner_checksum_behind_a_tunnel_is_completed_in_its_own_place(void **state)
{
	struct port_accepts accepts = {.frame_bytes = 1514};
	struct packet_spec spec = {.udp = true, .payload = 200};
	struct packet_view view;
	struct frame frame = frame_of(&spec, 512, &view);
	struct segmenter segmenter;
	struct segment segment;
	uint32_t start = view.payload + 50, sum;

	(void)state;
	frame.offload = (struct offload){.csum = CSUM_PARTIAL, .csum_start = (uint16_t)start, .csum_offset = 16};
	assert_int_equal(frame_parse(&frame), DROP_NONE);
	sum = ~packet_sum(bytes + start, view.end - start, 0) & 0xffff;
	segmenter_init(&segmenter, &frame, &accepts);
	assert_true(segmenter_next(&segmenter, &segment));
	frame_copy(&segment.frame, 0, got, segment.frame.length);
	assert_int_equal(packet_get(got + start + 16, 2), sum);
	memcpy(got + start + 16, bytes + start + 16, 2);
	assert_memory_equal(got, bytes, segment.frame.length);
}

static void a_port_takes_as_it_is_only_what_it_accepts(void **state)
{
	struct packet_spec spec = {.payload = 3000, .partial = true};
	struct port_accepts none = {0}, csum = {.csum = true}, tso4 = {.csum = true, .tso4 = true},
			    lone = {.tso4 = true};
	struct port_accepts ecn = {.csum = true, .tso4 = true, .ecn = true};
	struct packet_view view;
	struct frame frame = frame_of(&spec, 4096, &view);

	(void)state;
	assert_true(segment_fits(&none, &frame));
	make_gso(&frame, &view, 1000, false);
	assert_false(segment_fits(&none, &frame));
	assert_false(segment_fits(&csum, &frame));
	assert_false(segment_fits(&lone, &frame));
	assert_true(segment_fits(&tso4, &frame));
	frame.offload.ecn = true;
	assert_false(segment_fits(&tso4, &frame));
	assert_true(segment_fits(&ecn, &frame));
	frame.offload.gso = GSO_UDP;
	assert_false(segment_fits(&ecn, &frame));
}

static void a_guest_with_unfinished_sums_is_made_partial_and_cut_beyond_the_mtu(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct packet_spec spec = {.is6 = i & 1, .udp = i & 2, .payload = i & 4 ? 5000 : 500, .partial = true};
		struct packet_view view;
		struct frame frame = frame_of(&spec, 4096, &view);
		uint32_t right = packet_get(packet_field(bytes, &view), 2);

		packet_put(packet_field(bytes, &view), 2, 0x1234);
		assert_int_equal(frame_parse(&frame), DROP_NONE);
		segment_adopt(&frame, bytes, 1500);
		assert_int_equal(frame.offload.csum, CSUM_PARTIAL);
		assert_int_equal(packet_get(packet_field(bytes, &view), 2), right);
		assert_int_equal(frame.offload.gso != GSO_NONE, spec.payload == 5000 && !spec.udp);
		assert_int_equal(frame_parse(&frame), DROP_NONE);
		if (frame.offload.gso != GSO_NONE)
			assert_int_equal(frame.offload.segment_bytes, 1500 - (view.payload - view.l3));
	}
}

static void a_udp_datagram_without_a_checksum_stays_without(void **state)
{
	struct packet_spec spec = {.udp = true, .payload = 500};
	struct packet_view view;
	struct frame frame = frame_of(&spec, 4096, &view);

	(void)state;
	packet_put(packet_field(bytes, &view), 2, 0);
	assert_int_equal(frame_parse(&frame), DROP_NONE);
	segment_adopt(&frame, bytes, 1500);
	assert_int_equal(frame.offload.csum, CSUM_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_frame_is_cut_as_the_reference_cuts_it),
		cmocka_unit_test(the_ip_packet_with_the_largest_length_is_cut_to_its_last_byte),
		cmocka_unit_test(cwr_is_on_the_first_segment_only_with_ecn_and_on_all_without),
		cmocka_unit_test(a_partial_checksum_is_completed_wherever_the_pieces_end),
		cmocka_unit_test(a_udp_sum_of_zero_is_sent_as_all_ones),
		cmocka_unit_test(padding_is_not_summed),
		cmocka_unit_test(an_inner_checksum_behind_a_tunnel_is_completed_in_its_own_place),
		cmocka_unit_test(a_port_takes_as_it_is_only_what_it_accepts),
		cmocka_unit_test(a_guest_with_unfinished_sums_is_made_partial_and_cut_beyond_the_mtu),
		cmocka_unit_test(a_udp_datagram_without_a_checksum_stays_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
