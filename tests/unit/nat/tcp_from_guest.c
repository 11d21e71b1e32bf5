/* SPDX-License-Identifier: MIT */
/* NAT's TCP, segment by segment: what a guest sends, in order, ahead of a gap, and twice. */
#include "unit/nat/tcp_world.h"

static void segments_are_taken_by_their_place_in_the_window(void **state)
{
	/* After 1000 bytes were taken; `offset` counts from the first byte. */
	static const struct {
		const char *what;
		int32_t offset;
		uint32_t bytes;
		uint8_t flags;
		enum drop_reason verdict;
		uint32_t taken;
	} rows[] = {
		{"the next", 1000, 100, 0, DROP_NONE, 1100},
		{"all old", 0, 1000, 0, DROP_TCP_SEQUENCE, 1000},
		{"old and new", 900, 200, 0, DROP_NONE, 1100},
		{"old but for its FIN", 900, 100, TCP_FIN, DROP_NONE, 1000},
		{"ahead of a gap", 1001, 100, 0, DROP_NONE, 1000},
		{"the window's last byte, ahead", TCP_WINDOW_BYTES - 1, 1, 0, DROP_NONE, 1000},
		{"the first byte behind the window", TCP_WINDOW_BYTES, 1, 0, DROP_TCP_SEQUENCE, 1000},
		{"half the numbers away", INT32_MIN + 1000, 1, 0, DROP_TCP_SEQUENCE, 1000},
		{"nothing, where it should be", 1000, 0, 0, DROP_NONE, 1000},
		{"nothing, one byte early", 999, 0, 0, DROP_TCP_SEQUENCE, 1000},
		{"a FIN alone, ahead of a gap", 1001, 0, TCP_FIN, DROP_TCP_OUT_OF_ORDER, 1000},
		{"a SYN", 1000, 0, TCP_SYN, DROP_TCP_FLAGS, 1000},
		{"a reset that is near", 1001, 0, TCP_RST, DROP_TCP_SEQUENCE, 1000},
		{"a reset that is far", 1000 + 400000, 0, TCP_RST, DROP_TCP_SEQUENCE, 1000},
	};
	static const uint32_t firsts[] = {0, 0x7ffffc00, 0xffffffff, 0xfffffc00, 0xfffffb00};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * 5; i++) {
		uint32_t first = firsts[i % 5], start = first + 1;
		const struct model_socket *socket;

		i > 0 ? set_up(state) : 0;
		open_flow(first, 60000);
		socket = the_socket();
		give((struct hand){
			.flags = TCP_ACK, .sequence = start, .ack = world->far + 1, .window = 60000, .bytes = 1000});
		assert_int_equal(socket->taken, 1000);
		give((struct hand){.flags = TCP_ACK | rows[i / 5].flags,
				   .sequence = start + (uint32_t)rows[i / 5].offset,
				   .ack = world->far + 1,
				   .window = 60000,
				   .bytes = rows[i / 5].bytes,
				   .offset = (uint64_t)rows[i / 5].offset});
		if (world->verdict != rows[i / 5].verdict || socket->taken != rows[i / 5].taken)
			fail_msg("%s: %s, %u taken", rows[i / 5].what, drop_name(world->verdict),
				 (unsigned)socket->taken);
		assert_int_equal(last_ack(), start + rows[i / 5].taken +
						     (rows[i / 5].flags & TCP_FIN && rows[i / 5].verdict == DROP_NONE));
		assert_int_equal(nat_flow_count(world->nat), 1);
		i + 1 < sizeof(rows) / sizeof(rows[0]) * 5 ? tear_down(state) : 0;
	}
}

static void give_bytes(uint32_t offset, uint32_t bytes, uint8_t flags)
{
	give((struct hand){.flags = TCP_ACK | flags,
			   .sequence = 11 + offset,
			   .ack = world->far + 1,
			   .window = 60000,
			   .bytes = bytes,
			   .offset = offset});
}

/* RFC 2018 4: the block that was touched last comes first. */
static void what_comes_ahead_of_a_gap_is_told_by_sack_and_follows_when_it_is_closed(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	(void)state;
	open_flow(10, 60000);
	give_bytes(5000, 1400, 0);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.acknowledgement, 11);
	assert_int_equal(options.sack_count, 1);
	assert_int_equal(options.sacks[0].left, 11 + 5000);
	assert_int_equal(options.sacks[0].right, 11 + 6400);
	give_bytes(2000, 1000, 0);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(options.sack_count, 2);
	assert_int_equal(options.sacks[0].left, 11 + 2000);
	assert_int_equal(options.sacks[1].left, 11 + 5000);
	give_bytes(6400, 100, TCP_FIN);
	give_bytes(3000, 1400, 0);
	give_bytes(4400, 700, 0);
	assert_int_equal(the_socket()->taken, 0);
	give_bytes(0, 1400, 0);
	assert_int_equal(the_socket()->taken, 1400);
	give_bytes(1400, 700, 0);
	assert_int_equal(the_socket()->taken, 6500); /* the model knows each byte */
	assert_int_equal(last_ack(), 11 + 6500 + 1);
	assert_true(the_socket()->shut);
}

static void what_comes_twice_is_told_once(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	(void)state;
	open_flow(10, 60000);
	give_bytes(0, 1000, 0);
	assert_int_equal(last_ack(), 1011);
	give_bytes(500, 600, 0);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.acknowledgement, 1111);
	assert_int_equal(options.sack_count, 1);
	assert_int_equal(options.sacks[0].left, 511);
	assert_int_equal(options.sacks[0].right, 1011);
	give_bytes(2000, 100, 0);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(options.sack_count, 1);
	assert_int_equal(options.sacks[0].left, 2011);
	give_bytes(0, 1, 0);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(options.sack_count, 2);
	assert_int_equal(options.sacks[0].left, 11);
	assert_int_equal(options.sacks[0].right, 12);
	assert_int_equal(options.sacks[1].left, 2011);
	expect_nothing();
}

static void a_guest_without_sack_gets_plain_duplicates(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	(void)state;
	give((struct hand){
		.flags = TCP_SYN, .sequence = 10, .window = 60000, .options = {.has_mss = true, .mss = MSS}});
	assert_true(take(&header, &bytes, &options));
	world->far = header.sequence;
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .window = 60000});
	give_bytes(1000, 1000, 0);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.acknowledgement, 11);
	assert_int_equal(options.sack_count, 0);
	give_bytes(0, 1000, 0);
	assert_int_equal(the_socket()->taken, 2000);
}

static void segments_of_a_batch_are_one_send_and_one_acknowledgement(void **state)
{
	(void)state;
	open_flow(10, 60000);
	world->host.scripts[0].partial_every = 0;
	the_socket()->sends = 0;
	the_socket()->script.partial_every = 1000000;
	for (uint32_t i = 0; i < 5; i++)
		put(&(struct hand){.flags = TCP_ACK,
				   .sequence = 11 + i * 100,
				   .ack = world->far + 1,
				   .window = 60000,
				   .bytes = 100,
				   .offset = i * 100});
	go();
	assert_int_equal(the_socket()->sends, 1);
	assert_int_equal(the_socket()->taken, 500);
	assert_int_equal(world->guest.count - world->seen, 1);
	assert_int_equal(last_ack(), 511);
}

static void what_a_socket_does_not_take_is_acknowledged_and_kept(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	(void)state;
	world->host.scripts[0].buffer_bytes = 1000;
	world->host.scripts[0].drain_us = 5000;
	open_flow(10, 60000);
	give((struct hand){.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .window = 60000, .bytes = 1400});
	assert_int_equal(the_socket()->taken, 1000);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.acknowledgement, 1411);
	assert_true((uint32_t)header.window << TCP_WINDOW_SCALE <= TCP_WINDOW_BYTES - 400);
	give((struct hand){.flags = TCP_ACK | TCP_FIN, .sequence = 1411, .ack = world->far + 1, .window = 60000});
	assert_int_equal(last_ack(), 1412);
	assert_false(the_socket()->shut);
	pass(10000);
	assert_int_equal(the_socket()->taken, 1400);
	assert_true(the_socket()->shut);
}

/* Others have it, whose far ends do not read. */
static void an_empty_pool_stops_nobody_whose_socket_takes(void **state)
{
	enum { BLOCKS = 4 };
	struct nat_config config = world->nat->config;
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes, sent = 0;
	void *blocks[BLOCKS];
	struct pool *pool;

	(void)state;
	nat_free(world->nat);
	config.tail_bytes = BLOCKS * TCP_CHAIN_BLOCK_BYTES;
	assert_int_equal(nat_new(&config, &world->nat), 0);
	pool = &((struct tcp *)world->nat->protocols[NAT_TCP])->pool;
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = pool_take(pool);
	assert_null(pool_take(pool));
	world->host.scripts[0].buffer_bytes = 9 * MSS + MSS / 2;
	world->host.scripts[0].drain_us = 1000 * 1000;
	open_flow(10, 60000);
	for (; sent < 9 * MSS; sent += MSS) {
		give_bytes(sent, MSS, 0);
		assert_int_equal(last_ack(), 11 + sent + MSS);
	}
	/* Less than a segment finds a place now: the rest is not acknowledged, and comes again. */
	give_bytes(sent, MSS, 0);
	give_bytes(sent + MSS, MSS, 0);
	assert_true(take(&header, &bytes, &options));
	assert_true(nat_counters(world->nat)->tcp_tail_refused > 0);
	assert_true((uint32_t)header.window << TCP_WINDOW_SCALE >= TCP_WINDOW_FLOOR - MSS);
	for (int i = 0; i < BLOCKS; i++)
		pool_give(pool, blocks[i]);
}

static void urgent_data_is_data(void **state)
{
	(void)state;
	open_flow(10, 60000);
	give((struct hand){.flags = TCP_ACK | TCP_URG,
			   .sequence = 11,
			   .ack = world->far + 1,
			   .window = 60000,
			   .bytes = 100,
			   .urgent = 0xffff});
	assert_int_equal(world->verdict, DROP_NONE);
	assert_int_equal(the_socket()->taken, 100);
}

static struct tcp_busy *the_busy(void)
{
	return &((struct tcp *)world->nat->protocols[NAT_TCP])->busy;
}

static void the_window_is_smaller_where_many_flows_bring_much(void **state)
{
	static const struct {
		uint32_t flows, window;
	} rows[] = {
		{0, TCP_WINDOW_BYTES}, {2, TCP_WINDOW_BYTES},    {4, TCP_WINDOW_BUSY_BYTES / 4},
		{8, TCP_WINDOW_LEAST}, {1000, TCP_WINDOW_LEAST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tcp_options options;
		struct tcp_header header = {0};
		uint32_t bytes;

		*the_busy() = (struct tcp_busy){.flows = rows[i].flows, .began_us = world->now_us};
		open_flow(10, 60000);
		give((struct hand){
			.flags = TCP_ACK, .sequence = 11, .ack = world->far + 1, .window = 60000, .bytes = MSS});
		assert_true(take(&header, &bytes, &options));
		assert_int_equal((uint32_t)header.window << TCP_WINDOW_SCALE, rows[i].window);
		give((struct hand){.flags = TCP_RST, .sequence = 11 + MSS});
		assert_int_equal(nat_flow_count(world->nat), 0);
	}
}

static void say_bytes(uint32_t at, uint32_t bytes)
{
	assert_true(loop_turn(world->loop, 0) >= 0); /* which looks at the clock */
	give_bytes(at, bytes, 0);
}

static void a_flow_that_brings_much_is_counted_once_a_turn(void **state)
{
	const uint32_t enough = TCP_BUSY_BYTES / MSS + 1;

	(void)state;
	open_flow(10, 60000);
	for (uint32_t i = 0; i < 2 * enough; i++) {
		assert_int_equal(the_busy()->counted, i > enough); /* the first begins the turn */
		put(&(struct hand){.flags = TCP_ACK,
				   .sequence = 11 + i * MSS,
				   .ack = world->far + 1,
				   .window = 60000,
				   .bytes = MSS,
				   .offset = i * MSS});
		ethswitch_input(world->from, world->batch, 1);
		world->batched = 0;
		pass(10);
	}
	pass(TCP_BUSY_US);
	say_bytes(2 * enough * MSS, 1);
	assert_true(the_busy()->flows == 1 && the_busy()->counted == 0);
	pass(2 * TCP_BUSY_US);
	say_bytes(2 * enough * MSS + 1, 1);
	assert_true(the_busy()->flows == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(segments_are_taken_by_their_place_in_the_window),
		TEST(what_comes_ahead_of_a_gap_is_told_by_sack_and_follows_when_it_is_closed),
		TEST(what_comes_twice_is_told_once),
		TEST(a_guest_without_sack_gets_plain_duplicates),
		TEST(segments_of_a_batch_are_one_send_and_one_acknowledgement),
		TEST(what_a_socket_does_not_take_is_acknowledged_and_kept),
		TEST(an_empty_pool_stops_nobody_whose_socket_takes),
		TEST(urgent_data_is_data),
		TEST(the_window_is_smaller_where_many_flows_bring_much),
		TEST(a_flow_that_brings_much_is_counted_once_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
