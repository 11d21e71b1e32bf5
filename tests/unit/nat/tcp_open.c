/* SPDX-License-Identifier: MIT */
/* How a flow begins where something is in the way: a guest that says nothing to who calls it, or does not read, a socket
 * that is there but cannot be watched, and outbound= that is not there. */
#include "unit/nat/tcp_world.h"
#include "wire/icmp.h"

/* A connection that a forward accepted. The switch knows where its guest is. */
static int call(void)
{
	const struct nat_accepted accepted = {.guest = guest_address,
					      .far = far_address,
					      .port = &world->guest.port,
					      .mac = {{2, 0, 0, 0, 0, 1}}};
	uint8_t hello[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
	struct frame frame;
	int error;

	frame_init(&frame, hello, sizeof(hello));
	ethswitch_input(&world->guest.port, &frame, 1);
	error = nat_tcp_accepted(world->nat, model_accept(&world->host, 0), &accepted);
	pass(100);
	return error;
}

static size_t count_segments(uint8_t flags)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;
	size_t count = 0;

	while (take(&header, &bytes, &options))
		count += (header.flags & (TCP_SYN | TCP_RST)) == flags;
	return count;
}

/* ---- who is called and says nothing ---- */

static void a_call_that_a_guest_does_not_answer_is_given_up_within_a_minute(void **state)
{
	(void)state;
	assert_int_equal(call(), 0);
	pass(50 * 1000 * 1000);
	assert_int_equal(count_segments(TCP_SYN), 1 + TCP_SYN_RETRIES);
	assert_false(the_socket()->closed);
	pass(2 * 1000 * 1000);
	assert_int_equal(count_segments(TCP_RST), 1);
	assert_true(the_socket()->closed && the_socket()->closed_by_reset);
	assert_int_equal(nat_counters(world->nat)->tcp_given_up, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

/* RFC 9293 3.5.1: what the guest has there is of a call before it, and is told that nobody is there any more. */
static void a_guest_that_thinks_it_is_connected_is_called_again_at_once(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes, first;

	(void)state;
	assert_int_equal(call(), 0);
	assert_true(take(&header, &bytes, &options));
	first = header.sequence;
	give((struct hand){.flags = TCP_ACK, .sequence = 70, .ack = first - 1000, .window = 1000});
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags, TCP_RST);
	assert_int_equal(header.sequence, first - 1000);
	pass(10 * 1000);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags, TCP_SYN);
	assert_int_equal(header.sequence, first);
	/* but once: another time it is answered, and called when that is due */
	give((struct hand){.flags = TCP_ACK, .sequence = 70, .ack = first - 1000, .window = 1000});
	pass(100 * 1000);
	assert_int_equal(count_segments(TCP_RST), 1);
	assert_int_equal(count_segments(TCP_SYN), 0);
}

static void full_look(const struct port *port, struct port_status *ret_status)
{
	(void)port;
	ret_status->queued_bytes = 1;
}

static const struct port_ops full_ops = {.queue = record_queue, .flush = record_flush, .look = full_look};

static void nor_is_a_guest_waited_for_that_does_not_read(void **state)
{
	(void)state;
	world->guest.port.ops = &full_ops;
	assert_int_equal(call(), 0);
	pass(50 * 1000 * 1000);
	expect_nothing();
	assert_false(the_socket()->closed);
	pass(2 * 1000 * 1000);
	assert_true(the_socket()->closed && the_socket()->closed_by_reset);
	assert_int_equal(nat_counters(world->nat)->tcp_given_up, 1);
	pass(60 * 1000 * 1000);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

/* ---- a socket that cannot be watched ---- */

static void a_connection_that_cannot_be_watched_is_a_named_drop(void **state)
{
	(void)state;
	world->host.watch_error = -ENOSPC;
	give((struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options});
	assert_int_equal(world->verdict, DROP_NAT_SOCKETS_FULL);
	assert_true(the_socket()->closed);
	assert_int_equal(nat_flow_count(world->nat), 0);
	expect_nothing();
}

/* One that was there at once is watched from the guest's acknowledgement on. */
static void a_connection_that_cannot_be_watched_later_is_reset_at_both_ends(void **state)
{
	(void)state;
	world->host.scripts[0].connect_us = 0;
	give((struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options});
	assert_int_equal(count_segments(TCP_SYN), 1);
	world->far = be32_value(*(struct be32 *)(void *)(world->guest.frames[0].bytes + 34 + 4));
	world->host.watch_error = -ENOSPC;
	give((struct hand){.flags = TCP_ACK, .sequence = 6, .ack = world->far + 1, .window = 1000});
	expect(TCP_RST | TCP_ACK, 0, 0);
	assert_true(the_socket()->closed && the_socket()->closed_by_reset);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void a_call_that_cannot_be_watched_leaves_its_socket_to_the_caller(void **state)
{
	(void)state;
	world->host.watch_error = -ENOSPC;
	assert_int_equal(call(), -ENOSPC);
	assert_false(the_socket()->closed);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(nat_counters(world->nat)->tcp_accepts, 0);
	expect_nothing();
}

/* ---- outbound= ---- */

static const struct outbounds chosen = {.ip4 = {.ifname = "vpn0"}};

static void choose(struct nat_config *nat)
{
	nat->outbounds = &chosen;
}

static int set_up_outbound(void **state)
{
	(void)state;
	return set_up_changed(MTU, choose);
}

static void give_syn(uint16_t port)
{
	give((struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options, .port = port});
}

static void a_connection_leaves_by_what_was_chosen(void **state)
{
	(void)state;
	give_syn(0);
	assert_ptr_equal(the_socket()->outbound, &chosen.ip4);
	assert_int_equal(count_segments(TCP_SYN), 1);
}

/* An ICMP error, unreachable host. */
static void expect_unreachable(void)
{
	const struct record *record = &world->guest.frames[world->seen++];

	assert_int_equal(world->guest.count, world->seen);
	assert_int_equal(record->bytes[14 + IP4_PROTOCOL_AT], IP_PROTOCOL_ICMP);
	assert_int_equal(record->bytes[34], ICMP4_UNREACHABLE);
	assert_int_equal(record->bytes[35], ICMP4_UNREACHABLE_HOST);
}

static void what_was_chosen_and_is_not_there_refuses_by_name_until_it_is_back(void **state)
{
	(void)state;
	world->host.outbound_error = -ENODEV;
	give_syn(0);
	assert_int_equal(world->verdict, DROP_NAT_OUTBOUND_GONE);
	expect_unreachable();
	world->host.outbound_error = -EADDRNOTAVAIL;
	give_syn(1);
	assert_int_equal(world->verdict, DROP_NAT_OUTBOUND_GONE);
	expect_unreachable();
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(nat_counters(world->nat)->tcp_refused, 2);
	world->host.outbound_error = 0;
	give_syn(2);
	assert_int_equal(world->verdict, DROP_NONE);
	assert_int_equal(count_segments(TCP_SYN), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_that_a_guest_does_not_answer_is_given_up_within_a_minute),
		TEST(a_guest_that_thinks_it_is_connected_is_called_again_at_once),
		TEST(nor_is_a_guest_waited_for_that_does_not_read),
		TEST(a_connection_that_cannot_be_watched_is_a_named_drop),
		TEST(a_connection_that_cannot_be_watched_later_is_reset_at_both_ends),
		TEST(a_call_that_cannot_be_watched_leaves_its_socket_to_the_caller),
		cmocka_unit_test_setup_teardown(a_connection_leaves_by_what_was_chosen, set_up_outbound, tear_down),
		cmocka_unit_test_setup_teardown(what_was_chosen_and_is_not_there_refuses_by_name_until_it_is_back,
						set_up_outbound, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
