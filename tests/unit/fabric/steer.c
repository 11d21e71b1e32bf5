/* SPDX-License-Identifier: MIT */
/* Conversations as numbers: the same both ways, and different ones told apart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fabric/steer.h"
#include "unit/fabric/packet.h"

static uint8_t bytes[PACKET_BYTES_MAX];

static struct packet_view built(const struct packet_spec *spec, uint16_t from_port, uint16_t to_port,
				struct frame *frame)
{
	struct packet_view view;
	uint32_t count = packet_build(bytes, spec, &view);

	packet_put(bytes + view.l4, 2, from_port);
	packet_put(bytes + view.l4 + 2, 2, to_port);
	frame_init(frame, bytes, count);
	assert_int_equal(frame_parse(frame), DROP_NONE);
	return view;
}

static uint32_t number(const struct packet_spec *spec, uint16_t from_port, uint16_t to_port, bool from_guest)
{
	struct frame frame;

	built(spec, from_port, to_port, &frame);
	return steer_frame(&frame, from_guest);
}

static const struct packet_spec kinds[] = {
	{.payload = 10},
	{.payload = 10, .is6 = true},
	{.payload = 10, .tags = 2, .vlan = 7, .ip_options = 8},
	{.payload = 10, .udp = true},
	{.payload = 10, .udp = true, .is6 = true, .ip_options = 8},
};

static void an_answer_has_the_number_of_its_question(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct packet_spec there = kinds[i], back = kinds[i];
		uint32_t asked;

		there.from = back.to = 1;
		there.to = back.from = 2;
		asked = number(&there, 4000, 80, true);
		assert_int_not_equal(asked, 0);
		assert_int_equal(number(&back, 80, 4000, false), asked);
	}
}

/* NAT knows the ends before it has a frame. */
static void the_ends_alone_have_the_same_number(void **state)
{
	static const uint8_t guest4[] = {10, 0, 0, 1}, far4[] = {10, 0, 0, 2};
	static const uint8_t guest6[16] = {0xfd, [15] = 1}, far6[16] = {0xfd, [15] = 2};
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct packet_spec spec = kinds[i];
		struct packet_view view;
		struct steer_ends ends = {.guest_port = 4000, .far_port = 80, .protocol = spec.udp ? 17 : 6};

		spec.from = 2;
		spec.to = 1;
		view = built(&spec, 80, 4000, &frame);
		ends.address_bytes = spec.is6 ? 16 : 4;
		if (spec.is6) {
			memcpy(bytes + view.l3 + 8, far6, 16);
			memcpy(bytes + view.l3 + 24, guest6, 16);
		}
		ends.guest = spec.is6 ? guest6 : guest4;
		ends.far = spec.is6 ? far6 : far4;
		assert_int_equal(steer_ends(&ends), steer_frame(&frame, false));
		assert_int_equal(steer_ends(&ends), steer_head(bytes, frame.length));
		/* one socket of the guest's is one conversation of datagrams, whoever they are from */
		ends.far_port = 81;
		assert_int_equal(steer_ends(&ends) == steer_frame(&frame, false), spec.udp);
	}
}

static void fragments_stay_together_and_other_protocols_have_no_numbers(void **state)
{
	struct packet_spec spec = {.from = 2, .to = 1, .payload = 100, .udp = true};
	struct packet_view view;
	struct frame frame;
	uint32_t first;

	(void)state;
	view = built(&spec, 80, 4000, &frame);
	packet_put(bytes + view.l3 + 6, 2, 0x2000); /* more to come */
	first = steer_head(bytes, frame.length);
	packet_put(bytes + view.l3 + 6, 2, 10); /* later */
	packet_put(bytes + view.l4, 4, 0x12345678);
	assert_int_equal(steer_head(bytes, frame.length), first);
	assert_int_not_equal(first, 0);
	packet_put(bytes + view.l3 - 2, 2, 0x0806);
	assert_int_equal(steer_head(bytes, frame.length), 0);
	assert_int_equal(steer_head(bytes, 13), 0);
}

static void many_conversations_are_spread_evenly(void **state)
{
	static const uint8_t guest[] = {10, 0, 2, 15}, far[] = {10, 0, 2, 2};

	(void)state;
	for (int protocol = 6; protocol <= 17; protocol += 11) {
		unsigned counts[8] = {0};

		for (uint32_t port = 0; port < 8000; port++) {
			struct steer_ends ends = {.guest = guest,
						  .far = far,
						  .address_bytes = 4,
						  .guest_port = (uint16_t)(30000 + port * 2),
						  .far_port = 443,
						  .protocol = (uint8_t)protocol};

			counts[(uint64_t)steer_ends(&ends) * 8 >> 32]++;
		}
		for (int i = 0; i < 8; i++)
			assert_in_range(counts[i], 850, 1150);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_has_the_number_of_its_question),
		cmocka_unit_test(the_ends_alone_have_the_same_number),
		cmocka_unit_test(fragments_stay_together_and_other_protocols_have_no_numbers),
		cmocka_unit_test(many_conversations_are_spread_evenly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
