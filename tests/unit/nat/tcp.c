/* SPDX-License-Identifier: MIT */
/* NAT's TCP, segment by segment: a guest that is this test's hand, and sockets that are models. */
#include "nat/tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit/model_tcp.h"
#include "unit/fabric/record_port.h"
#include "wire/icmp.h"

enum {
	GUEST_PORT = 40000,
	MTU = 1500,
	MSS = 1460,
};

struct world {
	uint64_t now_us;
	struct loop *loop;
	struct task work;
	struct random random;
	struct ethswitch *ethswitch;
	struct port gateway;
	struct record_port guest;
	struct port stranger;
	struct nat *nat;
	struct model_host host;
	enum drop_reason verdict;
	struct port *from;
	size_t seen;  /* frames that the test has looked at */
	uint32_t far; /* the far end's SYN, as the guest got it */
	uint8_t frames[8][4096];
	struct frame batch[8];
	size_t batched;
};

static struct world *world;

/* ---- the network ---- */

static uint64_t clock_us(void *owner)
{
	(void)owner;
	return world->now_us;
}

static void gateway_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	world->verdict = nat_input(world->nat, world->from, frame);
}

static void gateway_flush(struct port *port)
{
	(void)port;
	nat_flush(world->nat);
}

static void gateway_run(struct port *port)
{
	if (nat_run(world->nat))
		port_schedule(port);
}

static const struct port_ops gateway_ops = {.queue = gateway_queue, .flush = gateway_flush, .run = gateway_run};
static const struct port_ops guest_ops = {.queue = record_queue, .flush = record_flush};
static void stranger_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	(void)frame;
}

static void stranger_flush(struct port *port)
{
	(void)port;
}

static const struct port_ops stranger_ops = {.queue = stranger_queue, .flush = stranger_flush};

static void on_work(void *owner)
{
	(void)owner;
	loop_defer(world->loop, &world->work);
}

static void on_work_turn(void *owner)
{
	(void)owner;
	while (ethswitch_run(world->ethswitch))
		;
}

/* All that happens within this time. */
static void pass(uint64_t time_us)
{
	uint64_t end_us = world->now_us + time_us;

	for (;;) {
		int64_t timeout_us = loop_timeout_us(world->loop);

		if (timeout_us < 0 || world->now_us + (uint64_t)timeout_us > end_us)
			break;
		world->now_us += (uint64_t)timeout_us;
		ethswitch_set_now(world->ethswitch, world->now_us);
		assert_true(loop_turn(world->loop, 0) >= 0);
	}
	world->now_us = end_us;
	ethswitch_set_now(world->ethswitch, end_us);
	assert_null(world->host.wrong);
}

static int set_up(void **state)
{
	struct ethswitch_config config = {.mtu_bytes = MTU, .gateway = {{2, 0, 0, 0, 0, 0xfe}}, .on_work = on_work};
	struct nat_config nat = {
		.mac = {{2, 0, 0, 0, 0, 0xfe}},
		.key = {{1, 2}},
		.ip4 = true,
		.host4 = {{10, 0, 2, 2}},
		.net4 = {{10, 0, 2, 0}},
		.prefix4 = 24,
		.flows = 8,
		.sockets = &model_socket_ops,
	};

	(void)state;
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	world->now_us = 1000000;
	random_init(&world->random, 1);
	assert_int_equal(loop_new(clock_us, NULL, &world->loop), 0);
	task_init(&world->work, on_work_turn, NULL);
	assert_int_equal(ethswitch_new(&config, &world->ethswitch), 0);
	ethswitch_set_now(world->ethswitch, world->now_us);
	port_init(&world->gateway, &gateway_ops, "gateway");
	world->gateway.uplink = true;
	world->gateway.accepts = (struct port_accepts){true, true, true, true, true, FRAME_BYTES_MAX};
	port_init(&world->guest.port, &guest_ops, "guest");
	world->guest.port.accepts = (struct port_accepts){true, true, true, true, true, MTU + 14};
	port_init(&world->stranger, &stranger_ops, "stranger");
	world->stranger.accepts = world->guest.port.accepts;
	ethswitch_attach(world->ethswitch, &world->gateway);
	ethswitch_attach(world->ethswitch, &world->guest.port);
	ethswitch_attach(world->ethswitch, &world->stranger);
	world->from = &world->guest.port;
	world->host = (struct model_host){.loop = world->loop, .random = &world->random};
	world->host.scripts[0] = (struct model_script){.reset_after = MODEL_NEVER,
						       .chunk_bytes = 1 << 20,
						       .pause_us = 1,
						       .buffer_bytes = 1 << 20,
						       .drain_bytes = 1 << 20,
						       .drain_us = 10,
						       .connect_us = 1,
						       .holds = true,
						       .peeks = true};
	nat.loop = world->loop;
	nat.ethswitch = world->ethswitch;
	nat.gateway = &world->gateway;
	nat.sockets_owner = &world->host;
	return nat_new(&nat, &world->nat);
}

static int tear_down(void **state)
{
	(void)state;
	nat_free(world->nat);
	model_host_done(&world->host);
	ethswitch_detach(&world->stranger);
	ethswitch_detach(&world->guest.port);
	ethswitch_detach(&world->gateway);
	for (size_t i = 0; i < RECORD_FRAMES; i++)
		free(world->guest.frames[i].bytes);
	ethswitch_free(world->ethswitch);
	loop_free(world->loop);
	free(world);
	return 0;
}

/* ---- the guest's hand ---- */

struct hand {
	uint8_t flags;
	uint32_t sequence, ack;
	uint16_t window;
	uint32_t bytes; /* of payload: the pattern of stream 1 from `offset` on */
	uint64_t offset;
	struct tcp_options options;
	uint16_t urgent;
	uint16_t port; /* of the guest's, beyond GUEST_PORT */
};

static const struct nat_address guest_address = {.ip = {{[10] = 0xff, 0xff, 10, 0, 2, 15}}, .port = GUEST_PORT};
static const struct nat_address far_address = {.ip = {{[10] = 0xff, 0xff, 192, 0, 2, 1}}, .port = MODEL_PORT};

/* Into the batch that go() hands in. */
static void put(const struct hand *hand)
{
	uint8_t *frame = world->frames[world->batched], *tcp = frame + 34;
	struct nat nat = {.config.mac = {{2, 0, 0, 0, 0, 1}}};
	struct nat_head head = {.mac = {{2, 0, 0, 0, 0, 0xfe}},
				.from = guest_address.ip,
				.to = far_address.ip,
				.protocol = IP_PROTOCOL_TCP};
	struct tcp_header header = {.from_port = (uint16_t)(GUEST_PORT + hand->port),
				    .to_port = MODEL_PORT,
				    .sequence = hand->sequence,
				    .acknowledgement = hand->ack,
				    .flags = hand->flags,
				    .window = hand->window,
				    .urgent = hand->urgent};
	struct checksum pseudo;
	struct writer writer;
	uint32_t bytes;

	writer_init(&writer, tcp, TCP_HEADER_MAX);
	tcp_header_write(&writer, &header, &hand->options);
	bytes = (uint32_t)writer_used(&writer);
	model_pattern(1, hand->offset, tcp + bytes, hand->bytes);
	bytes += hand->bytes;
	nat_head_write(&nat, &head, bytes, frame);
	pseudo = nat_head_pseudo(&head, bytes);
	tcp_checksum_fill(&pseudo, tcp, bytes);
	frame_init(&world->batch[world->batched++], frame, 34 + bytes);
}

static void go(void)
{
	ethswitch_input(world->from, world->batch, world->batched);
	world->batched = 0;
	pass(100);
}

static void give(struct hand hand)
{
	put(&hand);
	go();
}

/* The next frame that the guest got. */
static bool take(struct tcp_header *ret_header, uint32_t *ret_payload, struct tcp_options *ret_options)
{
	const struct record *record = &world->guest.frames[world->seen];
	struct reader reader;

	if (world->seen == world->guest.count)
		return false;
	world->seen++;
	if (record->bytes[23] != IP_PROTOCOL_TCP) {
		*ret_header = (struct tcp_header){0};
		return true;
	}
	reader_init(&reader, record->bytes + 34, record->length - 34);
	assert_int_equal(tcp_header_read(&reader, record->length - 34, ret_header), DROP_NONE);
	assert_int_equal(tcp_options_read(ret_header, ret_options), DROP_NONE);
	*ret_payload = (uint32_t)reader.left;
	return true;
}

/* The next one is this: flags, its number and what it acknowledges as offsets in the streams. */
static void expect(uint8_t flags, uint32_t offset, uint32_t payload)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags & ~TCP_PSH, flags);
	assert_int_equal(header.sequence, world->far + 1 + offset);
	assert_int_equal(bytes, payload);
}

static void expect_nothing(void)
{
	assert_int_equal(world->seen, world->guest.count);
}

static uint32_t last_ack(void)
{
	struct tcp_options options;
	struct tcp_header header = {0};
	uint32_t bytes;

	while (take(&header, &bytes, &options))
		;
	return header.acknowledgement;
}

static const struct tcp_options syn_options = {
	.has_mss = true, .mss = MSS, .has_window_scale = true, .window_scale = 0, .sack_permitted = true};

/* The guest's SYN is `first`; both know each other afterwards. */
static void open_flow(uint32_t first, uint16_t window)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	give((struct hand){.flags = TCP_SYN, .sequence = first, .window = window, .options = syn_options});
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(header.acknowledgement, first + 1);
	assert_true(options.has_mss && options.mss == MSS && options.has_window_scale && options.sack_permitted);
	world->far = header.sequence;
	give((struct hand){.flags = TCP_ACK, .sequence = first + 1, .ack = world->far + 1, .window = window});
}

static struct model_socket *the_socket(void)
{
	assert_int_equal(world->host.count, 1);
	return &world->host.sockets[0];
}

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

/* ---- from the guest ---- */

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
	assert_true((uint32_t)header.window << 3 <= TCP_WINDOW_BYTES - 400);
	give((struct hand){.flags = TCP_ACK | TCP_FIN, .sequence = 1411, .ack = world->far + 1, .window = 60000});
	assert_int_equal(last_ack(), 1412);
	assert_false(the_socket()->shut);
	pass(10000);
	assert_int_equal(the_socket()->taken, 1400);
	assert_true(the_socket()->shut);
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

static void a_reset_of_the_guests_resets_the_socket(void **state)
{
	(void)state;
	open_flow(10, 60000);
	give((struct hand){.flags = TCP_RST, .sequence = 11});
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_true(the_socket()->closed_by_reset);
	expect_nothing();
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_syn_is_answered_when_the_host_is_connected_and_not_before),
		TEST(a_flood_of_syns_pushes_itself_out_and_no_open_flow),
		TEST(a_connect_that_fails_is_told_as_the_host_was_told),
		TEST(a_segment_of_no_flow_is_reset),
		TEST(segments_are_taken_by_their_place_in_the_window),
		TEST(what_comes_ahead_of_a_gap_is_told_by_sack_and_follows_when_it_is_closed),
		TEST(a_guest_without_sack_gets_plain_duplicates),
		TEST(segments_of_a_batch_are_one_send_and_one_acknowledgement),
		TEST(what_a_socket_does_not_take_is_acknowledged_and_kept),
		TEST(urgent_data_is_data),
		TEST(another_port_may_not_speak_for_a_flow),
		TEST(a_reset_of_the_guests_resets_the_socket),
		TEST(a_connection_whose_own_address_the_host_has_lost_is_reset),
		TEST(a_port_that_goes_resets_its_sockets),
		TEST(the_end_stands_behind_data_that_is_not_acknowledged),
		TEST(data_before_a_reset_reaches_the_guest_first),
		TEST(a_hole_that_sack_tells_of_is_sent_again_alone),
		TEST(a_shut_window_is_probed_until_it_opens),
		TEST(an_acknowledgement_of_what_was_never_sent_is_refused),
		TEST(a_port_is_used_again_during_time_wait),
		TEST(a_guest_that_is_silent_for_hours_is_asked_and_then_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
