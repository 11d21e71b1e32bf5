/* SPDX-License-Identifier: MIT */
/* Several pairs of queues: a conversation stays in one, where the guest wants it, and a full one holds up no other. By
 * way of vhost-user, whose front end here has four. */
#include "unit/port/fixture.h"

#include <sys/eventfd.h>

#include "fabric/steer.h"
#include "kit/vhost_front.h"
#include "virtio/net.h"

enum { PAIRS = 4, DATAGRAM_BYTES = 1000 };

static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
static uint8_t got[2000];

struct bed {
	struct fixture *fixture;
	struct vhost_front front;
	struct port *port;
};

static void pump(void *owner)
{
	struct fixture *fixture = owner;

	for (int i = 0; i < 8; i++) {
		fixture_turn(fixture);
		while (ethswitch_run(fixture->ethswitch))
			;
	}
}

/* A datagram of the guest's (number 2) or to it, from its port. */
static void datagram(uint8_t *bytes, bool from_guest, uint16_t guest_port, uint8_t mark)
{
	uint8_t *ip = bytes + 14, *udp = ip + 20;

	memset(bytes, mark, DATAGRAM_BYTES);
	memcpy(bytes, (uint8_t[]){2, 0, 0, 0, 0, from_guest ? 1 : 2, 2, 0, 0, 0, 0, from_guest ? 2 : 1, 8, 0}, 14);
	memcpy(ip,
	       (uint8_t[]){0x45,
			   0,
			   (DATAGRAM_BYTES - 14) >> 8,
			   (DATAGRAM_BYTES - 14) & 255,
			   0,
			   0,
			   0,
			   0,
			   64,
			   17,
			   0,
			   0,
			   10,
			   0,
			   0,
			   from_guest ? 2 : 1,
			   10,
			   0,
			   0,
			   from_guest ? 1 : 2},
	       20);
	memcpy(udp, (uint8_t[]){0, 53, 0, 53, (DATAGRAM_BYTES - 34) >> 8, (DATAGRAM_BYTES - 34) & 255, 0, 0}, 8);
	udp[from_guest ? 0 : 2] = (uint8_t)(guest_port >> 8);
	udp[from_guest ? 1 : 3] = (uint8_t)guest_port;
}

static void guest_says(struct bed *bed, uint32_t pair, uint16_t port)
{
	uint8_t bytes[DATAGRAM_BYTES];

	datagram(bytes, true, port, 0);
	vhost_front_frame_in(&bed->front, pair, header, bytes, sizeof(bytes));
	pump(bed->fixture);
}

static void host_says(struct bed *bed, uint16_t port, uint8_t mark)
{
	uint8_t bytes[DATAGRAM_BYTES];
	struct frame frame;

	datagram(bytes, false, port, mark);
	frame_init(&frame, bytes, sizeof(bytes));
	ethswitch_input(&bed->fixture->probe.port, &frame, 1);
}

/* The same by way of room; what the port said. */
static int host_writes(struct bed *bed, uint16_t port, uint8_t mark, struct room *ret_room)
{
	uint8_t bytes[DATAGRAM_BYTES];
	const struct offload none = {0};
	struct destination to = {.mac = {{2, 0, 0, 0, 0, 2}}};
	int error;

	datagram(bytes, false, port, mark);
	to.flow = steer_head(bytes, sizeof(bytes));
	error = ethswitch_reserve(&bed->fixture->probe.port, &to, sizeof(bytes), sizeof(bytes), ret_room);
	if (error)
		return error;
	room_write(ret_room, 0, bytes, sizeof(bytes));
	ethswitch_commit(&bed->fixture->probe.port, ret_room, bytes, sizeof(bytes), &none);
	ethswitch_flush(bed->fixture->ethswitch);
	return 0;
}

/* The pair in which the next frame is, and its mark; -1: there is none. */
static int next_pair(struct bed *bed, uint8_t *ret_mark)
{
	for (uint32_t pair = 0; pair < PAIRS; pair++) {
		if (vhost_front_receive_in(&bed->front, pair, got, sizeof(got)) > 0) {
			*ret_mark = got[VIRTIO_NET_HEADER_BYTES + DATAGRAM_BYTES - 1];
			return (int)pair;
		}
	}
	return -1;
}

static int pair_of(struct bed *bed, uint16_t port)
{
	uint8_t mark;
	int pair;

	host_says(bed, port, 7);
	pair = next_pair(bed, &mark);
	assert_int_equal(mark, 7);
	assert_int_equal(next_pair(bed, &mark), -1);
	return pair;
}

static void switch_pair(struct bed *bed, uint32_t pair, bool on)
{
	for (uint32_t ring = 2 * pair; ring < 2 * pair + 2; ring++) {
		struct vhost_state state = {ring, on};
		union vhost_payload answer;

		vhost_front_send(&bed->front, VHOST_SET_VRING_ENABLE, VHOST_VERSION | VHOST_NEED_REPLY, &state,
				 sizeof(state), NULL, 0);
		assert_int_equal(vhost_front_answer(&bed->front, &answer), 8);
	}
	pump(bed->fixture);
}

static void bed_init(struct bed *bed)
{
	uint8_t mark;

	bed->fixture = fixture_new();
	fixture_open(bed->fixture, "vhost-user,path=%s,queue=100000", bed->fixture->path);
	vhost_front_init(&bed->front, fixture_connect(bed->fixture->path, SOCK_STREAM), pump, bed->fixture);
	bed->front.rings = 2 * PAIRS;
	pump(bed->fixture);
	bed->port = bed->fixture->ports[0];
	vhost_front_start(&bed->front, VIRTNET_FEATURE(VERSION_1) | VIRTNET_FEATURE(MRG_RXBUF) | VIRTNET_FEATURE(MQ));
	guest_says(bed, 0, 1); /* so that the switch knows it */
	while (next_pair(bed, &mark) >= 0)
		;
}

static void bed_done(struct bed *bed)
{
	vhost_front_done(&bed->front);
	pump(bed->fixture);
	fixture_free(bed->fixture);
}

static void an_answer_comes_in_the_pair_of_the_question(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (uint32_t i = 0; i < 12; i++) {
		struct room room;
		uint8_t mark;

		guest_says(&bed, i % PAIRS, (uint16_t)(4000 + i));
		assert_int_equal(pair_of(&bed, (uint16_t)(4000 + i)), i % PAIRS);
		assert_int_equal(host_writes(&bed, (uint16_t)(4000 + i), 9, &room), 0);
		assert_int_equal(next_pair(&bed, &mark), i % PAIRS);
		assert_int_equal(mark, 9);
	}
	assert_int_equal(fixture_drops(bed.port), 0);
	bed_done(&bed);
}

static void what_was_never_asked_is_spread_and_stays_where_it_is(void **state)
{
	unsigned counts[PAIRS] = {0};
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (uint16_t port = 5000; port < 5100; port++) {
		int pair = pair_of(&bed, port);
		struct room room;
		uint8_t mark;

		counts[pair]++;
		assert_int_equal(pair_of(&bed, port), pair);
		assert_int_equal(host_writes(&bed, port, 9, &room), 0);
		assert_int_equal(next_pair(&bed, &mark), pair);
	}
	for (int i = 0; i < PAIRS; i++)
		assert_in_range(counts[i], 10, 50);
	bed_done(&bed);
}

static void a_full_pair_holds_up_only_its_own(void **state)
{
	struct bed bed;
	struct room room;
	uint8_t mark;
	int wrote = 0;

	(void)state;
	bed_init(&bed);
	guest_says(&bed, 1, 4001);
	guest_says(&bed, 3, 4003);
	while (host_writes(&bed, 4001, 1, &room) == 0)
		wrote++;
	assert_int_equal(room.queue, 1);
	assert_ptr_equal(room.port, bed.port);
	for (int i = 0; i < 20; i++)
		host_says(&bed, 4001, 2);
	assert_int_equal(fixture_look(bed.port).queued_bytes > 0, 1);
	assert_int_equal(host_writes(&bed, 4003, 3, &room), 0);
	host_says(&bed, 4003, 3);
	for (int i = 0; i < 2; i++) {
		assert_true(vhost_front_receive_in(&bed.front, 3, got, sizeof(got)) > 0);
		assert_int_equal(got[VIRTIO_NET_HEADER_BYTES + DATAGRAM_BYTES - 1], 3);
	}
	/* in order: what found room, then what waited */
	for (int i = 0; i < wrote + 20; i++) {
		pump(bed.fixture);
		assert_int_equal(next_pair(&bed, &mark), 1);
		assert_int_equal(mark, i < wrote ? 1 : 2);
	}
	assert_int_equal(fixture_look(bed.port).queued_bytes, 0);
	assert_int_equal(fixture_drops(bed.port), 0);
	bed_done(&bed);
}

/* Else its frames would overtake each other in our own memory. */
static void a_conversation_moves_when_nothing_of_it_waits(void **state)
{
	struct bed bed;
	struct room room;
	uint8_t mark;

	(void)state;
	bed_init(&bed);
	guest_says(&bed, 1, 4001);
	while (host_writes(&bed, 4001, 1, &room) == 0)
		;
	host_says(&bed, 4001, 2);
	guest_says(&bed, 2, 4001);
	host_says(&bed, 4001, 3);
	while (next_pair(&bed, &mark) == 1)
		pump(bed.fixture);
	assert_int_equal(mark, 3);
	guest_says(&bed, 2, 4001);
	assert_int_equal(pair_of(&bed, 4001), 2);
	bed_done(&bed);
}

static unsigned called;

static void on_room(void *owner, struct port *port)
{
	(void)owner;
	(void)port;
	called++;
}

static void pairs_that_are_switched_off_leave_theirs_to_others(void **state)
{
	struct port_waiter waiter = {.link = {NULL, NULL}};
	struct bed bed;
	struct room room;
	uint8_t mark;

	(void)state;
	called = 0;
	bed_init(&bed);
	guest_says(&bed, 2, 4002);
	while (host_writes(&bed, 4002, 1, &room) == 0)
		;
	host_says(&bed, 4002, 2);
	port_wait(room.port, room.queue, &waiter, on_room, NULL);
	for (uint32_t pair = 1; pair < PAIRS; pair++)
		switch_pair(&bed, pair, false);
	/* who waited was called, and what waited was dropped by name */
	assert_int_equal(called, 1);
	assert_int_equal(bed.port->counters.drops.count[DROP_RING_OFF], 1);
	assert_int_equal(fixture_look(bed.port).queued_bytes, 0);
	assert_int_equal(host_writes(&bed, 4002, 3, &room), 0);
	assert_true(vhost_front_receive_in(&bed.front, 0, got, sizeof(got)) > 0);
	assert_int_equal(got[VIRTIO_NET_HEADER_BYTES + DATAGRAM_BYTES - 1], 3);
	while (next_pair(&bed, &mark) >= 0)
		;
	switch_pair(&bed, 3, true);
	guest_says(&bed, 3, 4002);
	assert_int_equal(pair_of(&bed, 4002), 3);
	bed_done(&bed);
}

static void a_turn_is_shared_by_the_pairs_in_turn(void **state)
{
	uint8_t bytes[VIRTIO_NET_HEADER_BYTES + DATAGRAM_BYTES] = {0};
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (uint32_t pair = 0; pair < PAIRS; pair++) {
		struct ring_driver *driver = &bed.front.drivers[2 * pair + 1];

		datagram(bytes + VIRTIO_NET_HEADER_BYTES, true, (uint16_t)(4000 + pair), 0);
		for (int i = 0; i < 60; i++)
			assert_true(ring_driver_offer_frame(driver, bytes, sizeof(bytes), 2) >= 0);
		ring_driver_publish(driver);
		eventfd_write(bed.front.kick[2 * pair + 1], 1);
	}
	bed.fixture->probe.frames = 0;
	bed.fixture->by_hand = true;
	for (int i = 0; i < 3; i++)
		fixture_turn(bed.fixture);
	for (size_t before = 0; before < 4 * 60; before = bed.fixture->probe.frames) {
		ethswitch_run(bed.fixture->ethswitch);
		assert_in_range(bed.fixture->probe.frames - before, 1, PORT_TURN_FRAMES);
	}
	bed_done(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_in_the_pair_of_the_question),
		cmocka_unit_test(what_was_never_asked_is_spread_and_stays_where_it_is),
		cmocka_unit_test(a_full_pair_holds_up_only_its_own),
		cmocka_unit_test(a_conversation_moves_when_nothing_of_it_waits),
		cmocka_unit_test(pairs_that_are_switched_off_leave_theirs_to_others),
		cmocka_unit_test(a_turn_is_shared_by_the_pairs_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
