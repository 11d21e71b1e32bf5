/* SPDX-License-Identifier: MIT */
/* NAT's TCP, segment by segment: opening, what goes to the guest, closing. */
#include "unit/nat/tcp_world.h"

#include "wire/icmp.h"

/* ---- opening ---- */

static void a_syn_is_answered_when_the_host_is_connected_and_not_before(void **state)
{
	(void)state;
	world->host.scripts[0].connect_us = 1;
	put(&(struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options});
	ethswitch_input(world->from, world->batch, 1);
	world->batched = 0;
	expect_nothing();
	assert_int_equal(nat_flow_count(world->nat), 1);
	pass(100);
	assert_int_equal(world->guest.count, 1);
	give((struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options});
	assert_int_equal(world->guest.count, 2); /* again, and no second socket */
	assert_int_equal(world->host.count, 1);
}

static void a_socket_that_is_connected_at_once_answers_in_the_same_turn(void **state)
{
	(void)state;
	world->host.scripts[0].connect_us = 0;
	world->host.scripts[0].down = 100;
	put(&(struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options});
	ethswitch_input(world->from, world->batch, 1);
	world->batched = 0;
	assert_true(loop_turn(world->loop, 0) >= 0);
	assert_int_equal(world->guest.count, 1);
	assert_false(the_socket()->watch); /* nobody wants to know what it has before the guest is there */
	pass(1000);
	assert_int_equal(the_socket()->arrived, 100);
	assert_int_equal(world->guest.count, 1);
	world->far = be32_value(*(struct be32 *)(void *)(world->guest.frames[0].bytes + 34 + 4));
	world->seen = 1;
	give((struct hand){.flags = TCP_ACK, .sequence = 6, .ack = world->far + 1, .window = 1000});
	expect(TCP_ACK, 0, 100); /* what came before it was watched is told as well */
}

static void a_flood_of_syns_pushes_itself_out_and_no_open_flow(void **state)
{
	(void)state;
	open_flow(5, 1000);
	world->host.scripts[0].connect_us = 1000 * 1000 * 1000;
	for (uint16_t i = 1; i <= 20; i++)
		give((struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options, .port = i});
	assert_int_equal(nat_flow_count(world->nat), 8);
	assert_int_equal(world->guest.port.counters.drops.count[DROP_NAT_FLOWS_FULL], 20 - 7);
	for (size_t i = 0; i < world->host.count; i++)
		assert_int_equal(world->host.sockets[i].closed, 1 <= i && i <= 13);
}

static void a_connect_that_fails_is_told_as_the_host_was_told(void **state)
{
	static const struct {
		int error;
		uint8_t tcp_flags, type, code; /* a reset, or ICMP; none: silence */
	} rows[] = {
		{ECONNREFUSED, TCP_RST | TCP_ACK, 0, 0},
		{EHOSTUNREACH, 0, ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_HOST},
		{ENETUNREACH, 0, ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_NET},
		{EACCES, 0, ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_PROHIBITED},
		{ETIMEDOUT, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tcp_options options;
		struct tcp_header header;
		uint32_t bytes;

		world->host.scripts[0].connect_error = rows[i].error;
		give((struct hand){.flags = TCP_SYN, .sequence = 77, .window = 1000, .options = syn_options});
		assert_int_equal(nat_flow_count(world->nat), 0);
		assert_true(world->host.sockets[i].closed);
		if (!rows[i].tcp_flags && !rows[i].type) {
			expect_nothing();
			continue;
		}
		assert_true(take(&header, &bytes, &options));
		assert_int_equal(header.flags, rows[i].tcp_flags);
		if (rows[i].tcp_flags) {
			assert_int_equal(header.acknowledgement, 78);
		} else {
			const uint8_t *icmp = world->guest.frames[world->seen - 1].bytes + 34;

			assert_int_equal(icmp[0], rows[i].type);
			assert_int_equal(icmp[1], rows[i].code);
			assert_int_equal(icmp[8 + 20 + 7], 77); /* the SYN's number, quoted */
		}
	}
}

static void a_segment_of_no_flow_is_reset(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	(void)state;
	give((struct hand){.flags = TCP_ACK, .sequence = 5, .ack = 99, .bytes = 10});
	assert_int_equal(world->verdict, DROP_NAT_NO_FLOW);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags, TCP_RST);
	assert_int_equal(header.sequence, 99);
	give((struct hand){.flags = TCP_RST, .sequence = 5});
	expect_nothing();
}

/* ---- who may speak ---- */

static void another_port_may_not_speak_for_a_flow(void **state)
{
	(void)state;
	open_flow(10, 60000);
	world->from = &world->stranger;
	/* as if the switch had let it through */
	put(&(struct hand){.flags = TCP_ACK | TCP_RST, .sequence = 11, .ack = world->far + 1});
	assert_int_equal(frame_parse(&world->batch[0]), DROP_NONE);
	assert_int_equal(nat_input(world->nat, &world->stranger, &world->batch[0]), DROP_NAT_FLOW_OWNER);
	world->batched = 0;
	assert_int_equal(nat_flow_count(world->nat), 1);
}

/* Its own old connections among them; whoever lies so is told it as well, and the connection stays. */
static void a_guest_with_another_mac_address_at_the_same_port_is_reset(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	(void)state;
	open_flow(10, 60000);
	put(&(struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .bytes = 100, .window = 60000});
	world->frames[0][11] = 9;
	go();
	assert_int_equal(world->verdict, DROP_NAT_FLOW_OWNER);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags, TCP_RST);
	assert_int_equal(header.sequence, world->far + 1);
	assert_int_equal(world->guest.frames[world->seen - 1].bytes[5], 9);
	assert_int_equal(nat_flow_count(world->nat), 1);
	assert_int_equal(the_socket()->taken, 0);
}

static void a_reset_of_the_guests_resets_the_socket(void **state)
{
	(void)state;
	open_flow(10, 60000);
	give((struct hand){.flags = TCP_RST, .sequence = 11});
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_true(the_socket()->closed_by_reset);
	expect_nothing();
}

static void what_was_said_before_a_reset_goes_before_it(void **state)
{
	(void)state;
	open_flow(10, 60000);
	put(&(struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .window = 60000, .bytes = 100});
	put(&(struct hand){.flags = TCP_RST, .sequence = 111});
	go();
	assert_int_equal(the_socket()->taken, 100);
	assert_true(the_socket()->closed_by_reset);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void a_connection_whose_own_address_the_host_has_lost_is_reset(void **state)
{
	(void)state;
	open_flow(5, 1000);
	nat_address_lost(world->nat);
	pass(100);
	expect_nothing();
	the_socket()->homeless = true;
	nat_address_lost(world->nat);
	pass(100);
	expect(TCP_RST | TCP_ACK, 0, 0);
	assert_true(the_socket()->closed && nat_flow_count(world->nat) == 0);
}

static void a_port_that_goes_resets_its_sockets(void **state)
{
	(void)state;
	open_flow(10, 60000);
	nat_port_gone(world->nat, &world->guest.port);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_true(the_socket()->closed_by_reset);
}

/* ---- to the guest ---- */

static void the_end_stands_behind_data_that_is_not_acknowledged(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 3000;
	open_flow(10, 60000);
	pass(1000);
	expect(TCP_ACK, 0, 3000);
	expect(TCP_ACK | TCP_FIN, 3000, 0);
	expect_nothing();
	assert_int_equal(the_socket()->consumed, 0);
	/* nothing of it arrived: all again, in order */
	pass(250 * 1000);
	expect(TCP_ACK, 0, 2 * MSS);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 2000, .window = 60000});
	assert_int_equal(the_socket()->consumed, 2000);
	expect(TCP_ACK, 2 * MSS, 3000 - 2 * MSS);
	expect(TCP_ACK | TCP_FIN, 3000, 0);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 3001, .window = 60000});
	assert_int_equal(the_socket()->consumed, 3000);
	/* and the guest still sends */
	give((struct hand){.flags = TCP_ACK | TCP_FIN,
			   .sequence = 11,
			   .ack = world->far + 1 + 3001,
			   .window = 60000,
			   .bytes = 50});
	assert_int_equal(the_socket()->taken, 50);
	assert_true(the_socket()->shut && the_socket()->closed && !the_socket()->closed_by_reset);
	assert_int_equal(last_ack(), 10 + 1 + 51);
	assert_int_equal(nat_flow_count(world->nat), 1); /* TIME_WAIT is ours */
	pass(TCP_TIME_WAIT_US + 1000);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void data_before_a_reset_reaches_the_guest_first(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 5000;
	world->host.scripts[0].reset_after = 5000;
	open_flow(10, 2000);
	pass(1000);
	expect(TCP_ACK, 0, MSS);
	expect_nothing();
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + MSS, .window = 60000});
	expect(TCP_ACK, MSS, 5000 - MSS);
	expect_nothing();
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 5000, .window = 60000});
	expect(TCP_RST | TCP_ACK, 5000, 0);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_true(the_socket()->closed);
}

/* A far end that reads no more ends its sending, and is reset by what comes even so: the guest has its end, and hears of it. */
static void a_reset_behind_the_end_reaches_the_guest_when_it_has_the_end(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 100;
	world->host.scripts[0].late_us = 5000;
	open_flow(10, 60000);
	pass(1000);
	expect(TCP_ACK, 0, 100);
	expect(TCP_ACK | TCP_FIN, 100, 0);
	pass(10 * 1000);
	expect_nothing();
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 100, .window = 60000});
	expect_nothing();
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 101, .window = 60000});
	expect(TCP_RST | TCP_ACK, 101, 0);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_true(the_socket()->closed);
}

static void a_reset_that_a_send_is_told_of_behind_the_end_reaches_the_guest(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	open_flow(10, 60000);
	pass(1000);
	expect(TCP_ACK | TCP_FIN, 0, 0);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 2, .window = 60000});
	the_socket()->reset = true;
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 2, .bytes = 100, .window = 60000});
	expect(TCP_RST | TCP_ACK, 1, 0);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static uint8_t lent[FRAME_BYTES_MAX];
static const struct iovec lent_piece = {lent, sizeof(lent)};
static uint32_t lent_most;

static int lend(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	(void)port;
	(void)flow;
	*ret_room = (struct room){.pieces = &lent_piece, .piece_count = 1};
	ret_room->bytes = wanted < lent_most ? wanted : lent_most;
	return ret_room->bytes < least ? -EAGAIN : 0;
}

static void take_back(struct port *port, struct room *room, const struct frame *frame)
{
	(void)room;
	record_queue(port, frame);
}

static void take_back_empty(struct port *port, struct room *room)
{
	(void)port;
	(void)room;
}

static const struct port_ops lending_ops = {
	.queue = record_queue, .flush = record_flush, .reserve = lend, .commit = take_back, .cancel = take_back_empty};

/* How much is sent to a guest that acknowledges nothing, its window being 4 MiB. */
static uint64_t sent_unacknowledged(uint16_t mss)
{
	struct tcp_options options = syn_options, ignored;
	struct tcp_header header;
	uint32_t bytes;

	options.mss = mss;
	options.window_scale = 7;
	world->host.scripts[0].down = 4 << 20;
	world->host.scripts[0].chunk_bytes = world->host.scripts[0].buffer_bytes = 4 << 20;
	give((struct hand){.flags = TCP_SYN, .sequence = 10, .options = options});
	assert_true(take(&header, &bytes, &ignored));
	world->far = header.sequence;
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .window = 1 << 15});
	pass(10 * 1000);
	return world->guest.port.counters.to_guest.bytes;
}

static void much_is_on_its_way_to_a_guest_and_more_where_its_port_lends_room(void **state)
{
	uint64_t bytes, headers = 54 * 40;

	(void)state;
	bytes = sent_unacknowledged(MSS);
	assert_true(bytes > TCP_FLIGHT_MOST - MSS && bytes < TCP_FLIGHT_MOST + headers);
	tear_down(state);
	set_up(state);
	world->guest.port.ops = &lending_ops;
	lent_most = FRAME_BYTES_MAX;
	bytes = sent_unacknowledged(MSS);
	assert_true(bytes > TCP_FLIGHT_LENT - MSS && bytes < TCP_FLIGHT_LENT + headers);
}

static void of_a_segment_that_is_large_what_the_lent_room_holds_is_sent(void **state)
{
	static const uint32_t frames[] = {16 * 4096 - 12, 60 * 1024 + 54};

	for (size_t i = 0; i < 2; i++) {
		uint64_t bytes;

		tear_down(state);
		set_up_mtu(65520);
		world->guest.port.ops = &lending_ops;
		lent_most = frames[i];
		bytes = sent_unacknowledged(65480);
		expect(TCP_ACK, 0, frames[i] - 54);
		expect(TCP_ACK, frames[i] - 54, frames[i] - 54);
		assert_true(bytes > TCP_FLIGHT_LENT - 65480);
	}
	/* less is not worth a frame: the port will say when there is more */
	tear_down(state);
	set_up_mtu(65520);
	world->guest.port.ops = &lending_ops;
	lent_most = 60 * 1024 + 53;
	sent_unacknowledged(65480);
	expect_nothing();
}

static void a_hole_that_sack_tells_of_is_sent_again_alone(void **state)
{
	struct hand hand = {.flags = TCP_ACK, .sequence = 11, .window = 60000};

	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 10 * MSS;
	open_flow(10, 60000);
	pass(1000);
	expect(TCP_ACK, 0, 10 * MSS);
	expect(TCP_ACK | TCP_FIN, 10 * MSS, 0);
	hand.ack = world->far + 1 + 2 * MSS;
	hand.options.sack_count = 2;
	hand.options.sacks[0] = (struct tcp_sack){world->far + 1 + 5 * MSS, world->far + 1 + 6 * MSS};
	hand.options.sacks[1] = (struct tcp_sack){world->far + 1 + 3 * MSS, world->far + 1 + 4 * MSS};
	give(hand);
	expect_nothing(); /* two segments beyond it may be reordering */
	hand.options.sacks[0].right += 2 * MSS;
	give(hand);
	expect(TCP_ACK, 2 * MSS, MSS);
	expect(TCP_ACK, 4 * MSS, MSS);
	expect_nothing();
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 10 * MSS + 1, .window = 60000});
	expect_nothing();
	assert_int_equal(nat_counters(world->nat)->tcp_fast_retransmissions, 1);
	assert_int_equal(nat_counters(world->nat)->tcp_timer_retransmissions, 0);
}

/* Half of all numbers behind the last loss, or behind none, they look as if they were before it. */
static void a_hole_is_found_after_gibibytes_without_one(void **state)
{
	struct hand hand = {.flags = TCP_ACK, .sequence = 11, .window = 60000};
	uint32_t sent = 0;

	(void)state;
	world->host.scripts[0].down = UINT64_MAX / 2;
	open_flow(10, 60000);
	hand.ack = world->far + 1;
	while (sent < (1U << 31) + (1U << 20)) {
		struct tcp_options options;
		struct tcp_header header = {.sequence = hand.ack};
		uint32_t bytes = 0;

		pass(10);
		while (take(&header, &bytes, &options))
			sent += bytes;
		assert_int_equal(header.sequence + bytes, world->far + 1 + sent);
		world->seen = world->guest.count = 0;
		hand.ack = world->far + 1 + sent;
		give(hand);
	}
	world->seen = world->guest.count;
	hand.options.sack_count = 1;
	hand.options.sacks[0] = (struct tcp_sack){hand.ack + MSS, hand.ack + 5 * MSS};
	give(hand);
	assert_int_equal(nat_counters(world->nat)->tcp_fast_retransmissions, 1);
}

static void data_may_tell_of_a_hole_as_well(void **state)
{
	struct hand hand = {.flags = TCP_ACK, .sequence = 11, .window = 60000, .bytes = 10};

	(void)state;
	world->host.scripts[0].down = 10 * MSS;
	open_flow(10, 60000);
	pass(1000);
	expect(TCP_ACK, 0, 10 * MSS);
	hand.ack = world->far + 1 + 2 * MSS;
	hand.options.sack_count = 1;
	hand.options.sacks[0] = (struct tcp_sack){world->far + 1 + 3 * MSS, world->far + 1 + 7 * MSS};
	give(hand);
	expect(TCP_ACK, 10 * MSS, 0);
	hand.sequence += 10;
	hand.offset += 10;
	hand.options.sacks[0].right += MSS;
	give(hand);
	expect(TCP_ACK, 2 * MSS, MSS);
	assert_int_equal(nat_counters(world->nat)->tcp_fast_retransmissions, 1);
}

static void a_shut_window_is_probed_until_it_opens(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 3000;
	open_flow(10, 1000);
	pass(1000);
	expect(TCP_ACK, 0, 1000);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 1000, .window = 0});
	expect_nothing();
	pass(3000 * 1000);
	expect(TCP_ACK, 999, 0);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 1000, .window = 5000});
	while (world->seen + 2 < world->guest.count)
		expect(TCP_ACK, 999, 0);
	expect(TCP_ACK, 1000, 2000);
	expect(TCP_ACK | TCP_FIN, 3000, 0);
}

/* A guest that says each time that its window is shut is asked less and less, and is not given up. */
static void a_window_that_stays_shut_is_probed_less_and_less(void **state)
{
	size_t probes = 0;

	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 3000;
	open_flow(10, 1000);
	pass(1000);
	expect(TCP_ACK, 0, 1000);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 1000, .window = 0});
	for (int i = 0; i < 30 * 60; i++) {
		pass(100 * 1000);
		if (world->seen == world->guest.count)
			continue;
		expect(TCP_ACK, 999, 0);
		expect_nothing();
		probes++;
		world->seen = world->guest.count = 0;
		give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 1000, .window = 0});
	}
	/* of three minutes: seven that are each twice as late, then one in 13 s */
	assert_in_range(probes, 15, 22);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 1000, .window = 5000});
	expect(TCP_ACK, 1000, 2000);
	expect(TCP_ACK | TCP_FIN, 3000, 0);
	pass(2000 * 1000);
	expect(TCP_ACK, 1000, 1460);
}

static void an_acknowledgement_of_what_was_never_sent_is_refused(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 100;
	open_flow(10, 60000);
	pass(1000);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 102, .window = 60000});
	assert_int_equal(world->verdict, DROP_TCP_ACKNOWLEDGEMENT);
	assert_int_equal(the_socket()->consumed, 0);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1 + 101, .window = 60000});
	assert_int_equal(world->verdict, DROP_NONE);
	assert_int_equal(the_socket()->consumed, 100);
}

static void a_port_is_used_again_during_time_wait(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	open_flow(10, 1000);
	pass(1000);
	expect(TCP_ACK | TCP_FIN, 0, 0);
	give((struct hand){.flags = TCP_ACK | TCP_FIN, .sequence = 11, .ack = world->far + 2, .window = 1000});
	assert_int_equal(last_ack(), 12);
	give((struct hand){.flags = TCP_SYN, .sequence = 5, .window = 1000, .options = syn_options}); /* an old one */
	assert_int_equal(world->host.count, 1);
	assert_int_equal(last_ack(), 12);
	give((struct hand){.flags = TCP_SYN, .sequence = 5000, .window = 1000, .options = syn_options});
	assert_int_equal(world->host.count, 2);
	assert_int_equal(last_ack(), 5001);
	assert_int_equal(nat_counters(world->nat)->tcp_reused, 1);
}

/* RFC 9293 3.6, case 3 */
static void both_may_end_at_once(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	open_flow(10, 1000);
	pass(1000);
	expect(TCP_ACK | TCP_FIN, 0, 0);
	/* the guest's own was sent before ours came */
	give((struct hand){.flags = TCP_ACK | TCP_FIN, .sequence = 11, .ack = world->far + 1, .window = 1000});
	assert_int_equal(last_ack(), 12);
	assert_true(the_socket()->shut && !the_socket()->closed_by_reset);
	give((struct hand){.flags = TCP_ACK, .sequence = 12, .ack = world->far + 2, .window = 1000});
	assert_true(the_socket()->closed && !the_socket()->closed_by_reset);
	expect_nothing();
	pass(TCP_TIME_WAIT_US + 1000);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(nat_counters(world->nat)->tcp_given_up, 0);
	expect_nothing();
}

static void a_fin_that_comes_again_in_time_wait_is_awaited_longer(void **state)
{
	struct hand fin = {.flags = TCP_ACK | TCP_FIN, .sequence = 11, .window = 1000};

	(void)state;
	world->host.scripts[0].holds = false;
	open_flow(10, 1000);
	pass(1000);
	expect(TCP_ACK | TCP_FIN, 0, 0);
	fin.ack = world->far + 2;
	give(fin);
	pass(1200 * 1000);
	give(fin);
	pass(4000 * 1000); /* its timer goes slower and slower */
	give(fin);
	assert_int_equal(world->verdict, DROP_NONE);
	assert_int_equal(last_ack(), 12);
	/* and it ends, however often it came */
	give(fin);
	give(fin);
	pass((TCP_TIME_WAIT_US << 2 * TCP_TIME_WAIT_AGAIN) + 1000);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

/* A ring whose next buffer is large, and all behind it too small for anything. */
static uint8_t small_ring_bytes[FRAME_BYTES_MAX];
static const struct iovec small_ring_piece = {.iov_base = small_ring_bytes, .iov_len = sizeof(small_ring_bytes)};
static int small_ring_large;

static int small_ring_reserve(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	(void)port;
	(void)flow;
	(void)least;
	if (small_ring_large == 0)
		return -EMSGSIZE;
	small_ring_large--;
	*ret_room = (struct room){.pieces = &small_ring_piece, .piece_count = 1, .bytes = wanted};
	return 0;
}

static void small_ring_commit(struct port *port, struct room *room, const struct frame *frame)
{
	(void)port;
	(void)room;
	(void)frame;
}

static void small_ring_cancel(struct port *port, struct room *room)
{
	(void)port;
	(void)room;
}

static void a_guest_whose_buffers_hold_no_acknowledgement_loses_its_connection_and_no_more(void **state)
{
	static const struct port_ops ops = {.queue = record_queue,
					    .flush = record_flush,
					    .reserve = small_ring_reserve,
					    .commit = small_ring_commit,
					    .cancel = small_ring_cancel};

	(void)state;
	world->host.scripts[0].down = 3000;
	open_flow(10, 1000);
	pass(1000);
	expect(TCP_ACK, 0, 1000);
	/* Data goes and starts the timer for its acknowledgement; what the gap is owed finds nothing. */
	small_ring_large = 1;
	world->guest.port.ops = &ops;
	give((struct hand){.flags = TCP_ACK,
			   .sequence = 511,
			   .ack = world->far + 1001,
			   .window = 1000,
			   .bytes = 100,
			   .offset = 500});
	assert_int_equal(small_ring_large, 0);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_true(the_socket()->closed_by_reset);
	pass(1000);
	assert_int_equal(loop_timeout_us(world->loop), -1); /* nothing of it is left */
}

static void what_one_ring_gives_back_wakes_those_who_found_none(void **state)
{
	enum { MUCH = 32 * 1024, LITTLE = 1000 };
	struct nat_config config = world->nat->config;
	struct model_socket *second = &world->host.sockets[1];
	uint64_t held;
	uint32_t far;

	(void)state;
	nat_free(world->nat);
	config.peek = NAT_PEEK_NEVER;
	config.tail_bytes = MUCH;
	assert_int_equal(nat_new(&config, &world->nat), 0);
	world->host.scripts[0].down = MUCH;
	open_flow(10, 60000);
	pass(1000);
	held = world->host.sockets[0].consumed;
	assert_true(held < MUCH);
	far = world->far;
	world->seen = world->guest.count;
	/* The first has the whole pool, and the second nothing. */
	world->host.scripts[0].down = LITTLE;
	give((struct hand){.flags = TCP_SYN, .sequence = 10, .window = 60000, .options = syn_options, .port = 1});
	world->far = be32_value(*(struct be32 *)(void *)(world->guest.frames[world->seen].bytes + 34 + 4));
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .window = 60000, .port = 1});
	pass(1000);
	assert_int_equal(second->arrived, LITTLE);
	assert_int_equal(second->consumed, 0);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = far + 1 + (uint32_t)held, .window = 60000});
	pass(1000);
	assert_int_equal(second->consumed, LITTLE);
}

static void a_guest_that_is_silent_for_hours_is_asked_and_then_given_up(void **state)
{
	(void)state;
	open_flow(10, 1000);
	pass(TCP_KEEPALIVE_US - 1000 * 1000);
	expect_nothing();
	pass(2 * 1000 * 1000);
	assert_int_equal(nat_counters(world->nat)->tcp_keepalives, 1);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .window = 1000});
	pass(TCP_KEEPALIVE_US / 2);
	assert_int_equal(nat_counters(world->nat)->tcp_keepalives, 1);
	pass(TCP_KEEPALIVE_US + (uint64_t)TCP_KEEPALIVE_PAUSE_US * (TCP_KEEPALIVE_RETRIES + 2));
	assert_int_equal(nat_counters(world->nat)->tcp_given_up, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_syn_is_answered_when_the_host_is_connected_and_not_before),
		TEST(a_socket_that_is_connected_at_once_answers_in_the_same_turn),
		TEST(a_flood_of_syns_pushes_itself_out_and_no_open_flow),
		TEST(a_connect_that_fails_is_told_as_the_host_was_told),
		TEST(a_segment_of_no_flow_is_reset),
		TEST(another_port_may_not_speak_for_a_flow),
		TEST(a_guest_with_another_mac_address_at_the_same_port_is_reset),
		TEST(a_reset_of_the_guests_resets_the_socket),
		TEST(what_was_said_before_a_reset_goes_before_it),
		TEST(a_connection_whose_own_address_the_host_has_lost_is_reset),
		TEST(a_port_that_goes_resets_its_sockets),
		TEST(the_end_stands_behind_data_that_is_not_acknowledged),
		TEST(data_before_a_reset_reaches_the_guest_first),
		TEST(a_reset_behind_the_end_reaches_the_guest_when_it_has_the_end),
		TEST(a_reset_that_a_send_is_told_of_behind_the_end_reaches_the_guest),
		TEST(much_is_on_its_way_to_a_guest_and_more_where_its_port_lends_room),
		TEST(of_a_segment_that_is_large_what_the_lent_room_holds_is_sent),
		TEST(a_hole_that_sack_tells_of_is_sent_again_alone),
		TEST(a_hole_is_found_after_gibibytes_without_one),
		TEST(data_may_tell_of_a_hole_as_well),
		TEST(a_shut_window_is_probed_until_it_opens),
		TEST(a_window_that_stays_shut_is_probed_less_and_less),
		TEST(an_acknowledgement_of_what_was_never_sent_is_refused),
		TEST(a_port_is_used_again_during_time_wait),
		TEST(both_may_end_at_once),
		TEST(a_fin_that_comes_again_in_time_wait_is_awaited_longer),
		TEST(a_guest_whose_buffers_hold_no_acknowledgement_loses_its_connection_and_no_more),
		TEST(what_one_ring_gives_back_wakes_those_who_found_none),
		TEST(a_guest_that_is_silent_for_hours_is_asked_and_then_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
