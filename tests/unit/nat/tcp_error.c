/* SPDX-License-Identifier: MIT */
/* ICMP errors about TCP's segments to a guest: a link behind it that is too small for them. */
#include "unit/nat/tcp_world.h"

#include "wire/icmp.h"

enum { PAYLOAD = 5000 };

/* From a router behind the guest, about the segment with this number to the guest's port. */
static void tell_too_big(uint16_t mtu, uint32_t sequence)
{
	uint8_t *frame = world->frames[world->batched], message[ICMP_HEADER_BYTES + 28] = {0};
	struct nat nat = {.config.mac = {{2, 0, 0, 0, 0, 1}}};
	struct nat_head head = {.mac = {{2, 0, 0, 0, 0, 0xfe}},
				.from = nat_address4((struct ip4){{10, 0, 2, 77}}, 0).ip,
				.to = far_address.ip,
				.protocol = IP_PROTOCOL_ICMP};
	struct icmp_header icmp = {.type = ICMP4_UNREACHABLE, .code = ICMP4_UNREACHABLE_FRAGMENT, .rest = mtu};
	struct ip4_header ip = {.from = nat_address_ip4(&far_address),
				.to = nat_address_ip4(&guest_address),
				.header_bytes = IP4_HEADER_BYTES,
				.total_bytes = MTU,
				.protocol = IP_PROTOCOL_TCP};
	struct writer writer;

	writer_init(&writer, message, sizeof(message));
	icmp_header_write(&writer, &icmp);
	ip4_header_write(&writer, &ip);
	writer_be16(&writer, MODEL_PORT);
	writer_be16(&writer, GUEST_PORT);
	writer_be32(&writer, sequence);
	assert_false(writer.failed);
	icmp_checksum_fill(NULL, message, sizeof(message));
	nat_head_write(&nat, &head, sizeof(message), frame);
	memcpy(frame + 34, message, sizeof(message));
	frame_init(&world->batch[world->batched++], frame, 34 + sizeof(message));
	go();
	assert_string_equal(drop_name(world->verdict), drop_name(DROP_NONE));
}

static void expect_segments(uint32_t offset, uint32_t payload, uint16_t segment)
{
	const struct record *record = &world->guest.frames[world->seen];

	expect(TCP_ACK, offset, payload);
	assert_int_equal(record->offload.gso, GSO_TCP4);
	assert_int_equal(record->offload.segment_bytes, segment);
}

static void open_with_data(void)
{
	world->host.scripts[0].down = PAYLOAD;
	open_flow(5, 60000);
	pass(1000);
	expect_segments(0, PAYLOAD, MSS);
}

static void what_a_link_does_not_take_is_sent_again_in_smaller_segments(void **state)
{
	(void)state;
	open_with_data();
	tell_too_big(1300, world->far + 1);
	expect_segments(0, PAYLOAD, 1260);
	/* the others of the large ones, and a link that takes more */
	tell_too_big(1300, world->far + 1 + MSS);
	tell_too_big(1400, world->far + 1);
	expect_nothing();
	/* the next link is smaller still, and does not say how small */
	tell_too_big(0, world->far + 1);
	expect_segments(0, PAYLOAD, 536);
	tell_too_big(20, world->far + 1);
	expect_segments(0, PAYLOAD, TCP_MSS_LEAST);
	assert_int_equal(world->nat->counters.tcp_timer_retransmissions, 0);
}

static void what_is_not_under_way_is_not_believed(void **state)
{
	(void)state;
	open_with_data();
	tell_too_big(1300, world->far);
	tell_too_big(1300, world->far + 1 + PAYLOAD);
	expect_nothing();
	give((struct hand){.flags = TCP_ACK, .sequence = 6, .ack = world->far + 1 + PAYLOAD, .window = 60000});
	tell_too_big(1300, world->far + 1);
	expect_nothing();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_link_does_not_take_is_sent_again_in_smaller_segments),
		TEST(what_is_not_under_way_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
