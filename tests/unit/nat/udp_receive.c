/* SPDX-License-Identifier: MIT */
/* What the sockets receive, as frames to guests: several as one, cut, in turns; over a script of sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "unit/nat/world.h"

static void datagrams_that_came_together_are_one_frame(void **state)
{
	struct world *world = *state;
	struct udp_header header;
	const uint8_t *payload;

	world->guest->port.accepts = (struct port_accepts){.csum = true, .uso = true, .frame_bytes = 1514};
	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 5050, 1000, 3);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 1);
	assert_int_equal(guest_got(world, 0).offload.gso, GSO_UDP);
	assert_int_equal(guest_got(world, 0).offload.segment_bytes, 1000);
	payload = guest_got_udp(world, 0, &header);
	assert_int_equal(header.bytes, UDP_HEADER_BYTES + 5050);
	assert_counts_up(payload, 5050, 3);
}

static void datagrams_of_one_size_that_waited_are_one_frame(void **state)
{
	struct world *world = *state;
	struct udp_header header;
	const uint8_t *payload;

	world->guest->port.accepts = (struct port_accepts){.csum = true, .uso = true, .frame_bytes = 1514};
	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 1000, 0, 3);
	script_will_receive(world, FAR, 53, 1000, 0, (uint8_t)(3 + 1000));
	script_will_receive(world, FAR, 53, 30, 0, (uint8_t)(3 + 2000));
	script_will_receive(world, FAR, 53, 1000, 0, 9);
	script_ready(world, world->script.last_fd);
	/* two rooms are lent at first: the turn after it has four */
	assert_int_equal(world->guest->count, 3);
	assert_int_equal(guest_got(world, 0).offload.segment_bytes, 1000);
	payload = guest_got_udp(world, 0, &header);
	assert_int_equal(header.bytes, UDP_HEADER_BYTES + 2000);
	assert_counts_up(payload, 2000, 3);
	payload = guest_got_udp(world, 1, &header);
	assert_int_equal(header.bytes, UDP_HEADER_BYTES + 30);
	assert_int_equal(guest_got(world, 1).offload.gso, GSO_NONE);
	assert_counts_up(payload, 30, (uint8_t)(3 + 2000));
	assert_counts_up(guest_got_udp(world, 2, &header), 1000, 9);
}

/* Another size, sender or mark; more than segments may be. */
static void what_differs_is_a_frame_of_its_own(void **state)
{
	struct world *world = *state;
	struct udp_header header;

	world->guest->port.accepts = (struct port_accepts){.csum = true, .uso = true, .frame_bytes = 1514};
	guest_says(world, plain, 4000, 53, 10);
	guest_says(world, plain, 4000, 54, 10);
	for (int i = 0; i < 2; i++) {
		script_will_receive(world, FAR, 53, 100, 0, 0);
		script_will_receive(world, FAR, 53, 101, 0, 0);
	}
	script_will_receive(world, FAR, 54, 101, 0, 0);
	script_will_receive(world, FAR, 54, 101, 0, 0);
	world->script.receipts[world->script.receipt_count - 1].service = 1;
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(guest_got(world, i).offload.gso, GSO_NONE);
		assert_counts_up(guest_got_udp(world, i, &header), i % 2 || i > 3 ? 101 : 100, 0);
	}
}

static void a_socket_is_prepared_for_a_stream_with_the_second_answer(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	for (size_t i = 0; i < 3; i++) {
		script_will_receive(world, FAR, 53, 100, 0, 3);
		script_ready(world, world->script.last_fd);
		assert_int_equal(world->script.streams, i > 0);
	}
}

static void they_are_cut_for_a_guest_without_uso(void **state)
{
	struct world *world = *state;
	struct udp_header header;

	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 2500, 1000, 3);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 3);
	assert_counts_up(guest_got_udp(world, 0, &header), 1000, 3);
	assert_counts_up(guest_got_udp(world, 2, &header), 500, (uint8_t)(3 + 2000));
	assert_int_equal(header.bytes, UDP_HEADER_BYTES + 500);
}

static void each_datagram_has_a_number_of_its_own(void **state)
{
	static const uint32_t bytes[] = {10, 4000, 10, 4000, 3000};
	struct world *world = *state;
	uint32_t ids[8], count = 0;

	guest_says(world, plain, 4000, 53, 10);
	for (size_t i = 0; i < 5; i++) {
		/* the last is three */
		script_will_receive(world, FAR, 53, bytes[i], i == 4 ? 1000 : 0, 3);
		script_ready(world, world->script.last_fd);
	}
	for (size_t i = 0; i < world->guest->count; i++) {
		struct guest_got got = guest_got(world, i);

		if (got.offset > 0)
			assert_int_equal(got.id, ids[count - 1]);
		else
			ids[count++] = got.id;
	}
	assert_int_equal(count, 7);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(ids[i], ids[j]);
	}
}

static void what_is_larger_than_any_datagram_may_be_is_dropped_by_name(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 150000, 0, 3);
	script_will_receive(world, FAR, 53, 10, 0, 3);
	script_ready(world, world->script.last_fd);
	assert_int_equal(guest_drops(world, DROP_DATAGRAM_TRUNCATED), 1);
	assert_int_equal(world->guest->count, 1);
	assert_int_equal(ethswitch_frames(world->ethswitch)->taken, 0);
}

static void check_fragments(struct world *world, const char *far, uint32_t bytes, size_t fragments)
{
	static uint8_t whole[66000];
	size_t end = 0;
	struct checksum pseudo;
	struct guest_got got;
	struct guest_packet packet;

	script_will_receive(world, far, 53, bytes, 0, 3);
	world->guest->count = 0;
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, fragments);
	for (size_t i = 0; i < fragments; i++) {
		got = guest_got(world, i);
		assert_int_equal(got.offset, end);
		assert_int_equal(got.more, i + 1 < fragments);
		memcpy(whole + end, got.transport, got.bytes);
		end += got.bytes;
	}
	assert_int_equal(end, UDP_HEADER_BYTES + bytes);
	packet = guest_packet_of(&got);
	pseudo = packet_sum(&packet, end);
	assert_int_equal(udp_checksum_verify(&pseudo, whole, end, true), DROP_NONE);
	assert_counts_up(whole + UDP_HEADER_BYTES, bytes, 3);
}

static void a_datagram_larger_than_the_link_is_cut_into_fragments(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	check_fragments(world, FAR, 1473, 2);
	check_fragments(world, FAR, 4000, 3);
	check_fragments(world, FAR, 65507, 45);
	guest_says(world, plain6, 4000, 53, 10);
	check_fragments(world, FAR6, 1453, 2);
	check_fragments(world, FAR6, 65527, 46);
}

static void dscp_and_ecn_come_to_the_guest(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 10, 0, 1);
	world->script.receipts[0].service = 0xbb;
	script_ready(world, world->script.last_fd);
	assert_int_equal(guest_got(world, 0).service, 0xbb);
	assert_false(guest_got(world, 0).dont_fragment);
}

static void many_datagrams_come_in_turns(void **state)
{
	struct world *world = *state;
	struct udp_header header;

	guest_says(world, plain, 4000, 53, 10);
	for (int i = 0; i < 200; i++)
		script_will_receive(world, FAR, 53, 1400, 0, (uint8_t)i);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 200);
	for (size_t i = 0; i < 200; i++)
		assert_counts_up(guest_got_udp(world, i, &header), 1400, (uint8_t)i);
	assert_int_equal(ethswitch_frames(world->ethswitch)->taken, 0);
}

/* Both are ready, and each has much to be read: neither is done before the other has begun. */
static void who_receives_much_gives_way_to_others(void **state)
{
	struct world *world = *state;
	struct udp_header header;
	size_t changes = 0;
	uint64_t one = 1;
	uint16_t last;
	int first;

	guest_says(world, plain, 4000, 53, 10);
	first = world->script.last_fd;
	guest_says(world, plain, 4001, 53, 10);
	for (int i = 0; i < 250; i++)
		script_will_receive(world, FAR, 53, 1400, 0, (uint8_t)i);
	assert_int_equal(write(first, &one, sizeof(one)), sizeof(one));
	script_ready(world, world->script.last_fd);
	assert_int_equal(read(first, &one, sizeof(one)), sizeof(one));
	assert_int_equal(world->guest->count, 250);
	guest_got_udp(world, 0, &header);
	last = header.to_port;
	for (size_t i = 0; i < 250; i++) {
		guest_got_udp(world, i, &header);
		changes += header.to_port != last;
		last = header.to_port;
	}
	/* 64 KiB a turn are 46 of these, and the rooms that were lent by then */
	assert_in_range(changes, 2, 6);
}

/* A port whose guest has little room left: it lends `lent_most` bytes, and then as much as is wanted. */
static uint8_t lent[FRAME_BYTES_MAX];
static const struct iovec lent_piece = {lent, sizeof(lent)};
static uint32_t lent_most, committed[4];
static unsigned commits;

static int lend(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	(void)port;
	(void)flow;
	assert_true(least <= lent_most);
	*ret_room = (struct room){.pieces = &lent_piece, .piece_count = 1};
	ret_room->bytes = wanted < lent_most ? wanted : lent_most;
	return 0;
}

static void take_back(struct port *port, struct room *room, const struct frame *frame)
{
	(void)room;
	assert_in_range(commits, 0, 3);
	committed[commits++] = frame->length;
	port->counters.to_guest.frames++;
}

static void take_back_empty(struct port *port, struct room *room)
{
	(void)port;
	(void)room;
	lent_most = FRAME_BYTES_MAX;
}

static const struct port_ops lending_ops = {
	.queue = record_queue, .flush = record_flush, .reserve = lend, .commit = take_back, .cancel = take_back_empty};

static void what_the_lent_room_does_not_hold_is_cut_and_not_lost(void **state)
{
	static const uint32_t rooms[] = {FRAME_HEAD_BYTES, 3000, 4241};

	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		struct world *world = *state;

		world->guest->port.accepts = (struct port_accepts){true, true, true, true, true, 1514};
		guest_says(world, plain, 4000, 53, 10);
		world->guest->port.ops = &lending_ops;
		lent_most = rooms[i];
		commits = 0;
		script_will_receive(world, FAR, 53, 4200, 1400, 3);
		script_ready(world, world->script.last_fd);
		assert_int_equal(guest_drops(world, DROP_DATAGRAM_TRUNCATED), 0);
		assert_int_equal(commits, 3);
		for (unsigned j = 0; j < commits; j++)
			assert_int_equal(committed[j], 14 + 20 + UDP_HEADER_BYTES + 1400);
	}
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scripted(datagrams_that_came_together_are_one_frame),
		scripted(datagrams_of_one_size_that_waited_are_one_frame),
		scripted(what_differs_is_a_frame_of_its_own),
		scripted(a_socket_is_prepared_for_a_stream_with_the_second_answer),
		scripted(they_are_cut_for_a_guest_without_uso),
		scripted(each_datagram_has_a_number_of_its_own),
		scripted(what_is_larger_than_any_datagram_may_be_is_dropped_by_name),
		scripted(a_datagram_larger_than_the_link_is_cut_into_fragments),
		scripted(dscp_and_ecn_come_to_the_guest),
		scripted(what_the_lent_room_does_not_hold_is_cut_and_not_lost),
		scripted(many_datagrams_come_in_turns),
		scripted(who_receives_much_gives_way_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
