/* SPDX-License-Identifier: MIT */
/* A network of NAT, a guest that is the test's own hand, segment by segment, and host sockets that are models, on a clock of
 * its own. */
#ifndef UNIT_NAT_TCP_WORLD_H
#define UNIT_NAT_TCP_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit/model_tcp.h"
#include "nat/tcp.h"
#include "unit/fabric/record_port.h"

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

static inline uint64_t clock_us(void *owner)
{
	(void)owner;
	return world->now_us;
}

static inline void gateway_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	world->verdict = nat_input(world->nat, world->from, frame);
}

static inline void gateway_flush(struct port *port)
{
	(void)port;
	nat_flush(world->nat);
}

static inline void gateway_run(struct port *port)
{
	if (nat_run(world->nat))
		port_schedule(port);
}

static const struct port_ops gateway_ops = {.queue = gateway_queue, .flush = gateway_flush, .run = gateway_run};
static const struct port_ops guest_ops = {.queue = record_queue, .flush = record_flush};
static inline void stranger_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	(void)frame;
}

static inline void stranger_flush(struct port *port)
{
	(void)port;
}

static const struct port_ops stranger_ops = {.queue = stranger_queue, .flush = stranger_flush};

static inline void on_work(void *owner)
{
	(void)owner;
	loop_defer(world->loop, &world->work);
}

static inline void on_work_turn(void *owner)
{
	(void)owner;
	while (ethswitch_run(world->ethswitch))
		;
}

/* All that happens within this time; at its end the loop may still linger. */
static inline void pass(uint64_t time_us)
{
	uint64_t end_us = world->now_us + time_us;

	for (int turns_left = 16; turns_left > 0; turns_left -= world->now_us == end_us) {
		int64_t timeout_us = loop_timeout_us(world->loop);

		if (timeout_us < 0 || world->now_us + (uint64_t)timeout_us > end_us)
			break;
		world->now_us += (uint64_t)timeout_us;
		/* a turn takes time */
		if (timeout_us == 0 && world->now_us < end_us)
			world->now_us++;
		ethswitch_set_now(world->ethswitch, world->now_us);
		assert_true(loop_turn(world->loop, 0) >= 0);
	}
	world->now_us = end_us;
	ethswitch_set_now(world->ethswitch, end_us);
	assert_null(world->host.wrong);
}

/* `change` says what is other than usual of NAT. */
static inline int set_up_changed(uint32_t mtu_bytes, void (*change)(struct nat_config *nat))
{
	struct ethswitch_config config = {.mtu_bytes = mtu_bytes,
					  .gateway = {{2, 0, 0, 0, 0, 0xfe}},
					  .on_work = on_work};
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
	world->guest.port.accepts = (struct port_accepts){true, true, true, true, true, mtu_bytes + 14};
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
	if (change)
		change(&nat);
	return nat_new(&nat, &world->nat);
}

static inline int set_up_mtu(uint32_t mtu_bytes)
{
	return set_up_changed(mtu_bytes, NULL);
}

static inline int set_up(void **state)
{
	(void)state;
	return set_up_mtu(MTU);
}

static inline int tear_down(void **state)
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
static inline void put(const struct hand *hand)
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

static inline void go(void)
{
	ethswitch_input(world->from, world->batch, world->batched);
	world->batched = 0;
	pass(100);
}

static inline void give(struct hand hand)
{
	put(&hand);
	go();
}

/* The next frame that the guest got. */
static inline bool take(struct tcp_header *ret_header, uint32_t *ret_payload, struct tcp_options *ret_options)
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
static inline void expect(uint8_t flags, uint32_t offset, uint32_t payload)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes = 0;

	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags & ~TCP_PSH, flags);
	assert_int_equal(header.sequence, world->far + 1 + offset);
	assert_int_equal(bytes, payload);
}

static inline void expect_nothing(void)
{
	assert_int_equal(world->seen, world->guest.count);
}

static inline uint32_t last_ack(void)
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
static inline void open_flow(uint32_t first, uint16_t window)
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

static inline struct model_socket *the_socket(void)
{
	assert_int_equal(world->host.count, 1);
	return &world->host.sockets[0];
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
