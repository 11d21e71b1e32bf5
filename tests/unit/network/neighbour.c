/* SPDX-License-Identifier: MIT */
/* Who has an address: asked, told, believed for a while and forgotten, with a clock and a switch of the test's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "network/neighbour.h"

struct fixture {
	uint64_t now_us;
	struct loop *loop;
	struct ethswitch *ethswitch;
	struct port port;
	struct neighbours *neighbours;
	unsigned asked, told, found;
	bool may_have;
	struct neighbour_waiter waiters[NEIGHBOUR_WAITERS + 1];
	struct neighbour_waiter *cancels; /* by the first that is told */
};

static const struct mac guest_mac = {{2, 0, 0, 0, 0, 1}}, other_mac = {{2, 0, 0, 0, 0, 2}};
static const struct ip6 guest_ip = {{0xfd, [15] = 15}};

static uint64_t clock_us(void *owner)
{
	struct fixture *fixture = owner;

	if (fixture->ethswitch)
		ethswitch_set_now(fixture->ethswitch, fixture->now_us);
	return fixture->now_us;
}

static void on_ask(void *owner, struct ip6 address)
{
	(void)address;
	((struct fixture *)owner)->asked++;
}

static bool on_may_have(void *owner, struct mac mac, struct ip6 address)
{
	(void)mac;
	(void)address;
	return ((struct fixture *)owner)->may_have;
}

static void port_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	(void)frame;
}

static void port_flush(struct port *port)
{
	(void)port;
}

static const struct port_ops port_ops = {.queue = port_queue, .flush = port_flush};

/* The guest is heard at its port. */
static void speak(struct fixture *fixture, struct mac mac)
{
	uint8_t bytes[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x88, [13] = 0xb5};
	struct frame frame;

	memcpy(bytes + 6, &mac, sizeof(mac));
	frame_init(&frame, bytes, sizeof(bytes));
	ethswitch_input(&fixture->port, &frame, 1);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct ethswitch_config switch_config = {.mtu_bytes = 1500};
	struct neighbours_config config = {.ask = on_ask, .may_have = on_may_have, .owner = fixture};

	fixture->now_us = 1000 * 1000 * 1000;
	fixture->may_have = true;
	assert_int_equal(loop_new(clock_us, fixture, &fixture->loop), 0);
	assert_int_equal(ethswitch_new(&switch_config, &fixture->ethswitch), 0);
	port_init(&fixture->port, &port_ops, "vm1");
	ethswitch_attach(fixture->ethswitch, &fixture->port);
	ethswitch_set_now(fixture->ethswitch, fixture->now_us);
	config.loop = fixture->loop;
	config.ethswitch = fixture->ethswitch;
	assert_int_equal(neighbours_new(&config, &fixture->neighbours), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	neighbours_free(fixture->neighbours);
	ethswitch_detach(&fixture->port);
	ethswitch_free(fixture->ethswitch);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void pass(struct fixture *fixture, uint64_t us)
{
	fixture->now_us += us;
	assert_true(loop_turn(fixture->loop, 0) >= 0);
}

static void on_found(void *owner, const struct neighbour_place *place)
{
	struct fixture *fixture = owner;

	fixture->told++;
	fixture->found += place != NULL;
	if (place) {
		assert_ptr_equal(place->port, &fixture->port);
		assert_memory_equal(&place->mac, &guest_mac, sizeof(guest_mac));
	}
	if (fixture->cancels)
		neighbour_cancel(fixture->cancels);
}

static int find(struct fixture *fixture)
{
	struct neighbour_place place;

	return neighbour_find(fixture->neighbours, guest_ip, &place);
}

static void wait_for(struct fixture *fixture, size_t index)
{
	assert_int_equal(find(fixture), -EINPROGRESS);
	neighbour_wait(fixture->neighbours, guest_ip, &fixture->waiters[index], on_found, fixture);
}

static void hear(struct fixture *fixture)
{
	speak(fixture, guest_mac);
	neighbour_hear(fixture->neighbours, guest_ip, guest_mac);
	pass(fixture, 0);
}

static void who_is_not_known_is_asked_for_thrice_and_then_not_there(void **state)
{
	struct fixture *fixture = *state;

	wait_for(fixture, 0);
	assert_int_equal(fixture->asked, 1);
	for (unsigned tries = 1; tries < NEIGHBOUR_TRIES; tries++) {
		pass(fixture, NEIGHBOUR_PAUSE_US);
		assert_int_equal(fixture->asked, tries + 1);
	}
	assert_int_equal(fixture->told, 0);
	pass(fixture, NEIGHBOUR_PAUSE_US);
	assert_int_equal(fixture->told, 1);
	assert_int_equal(fixture->found, 0);
	/* nobody looks: nothing wakes */
	assert_int_equal(loop_timeout_us(fixture->loop), -1);
}

static void an_answer_reaches_all_who_wait(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < NEIGHBOUR_WAITERS; i++)
		wait_for(fixture, i);
	assert_int_equal(find(fixture), -EAGAIN);
	assert_int_equal(fixture->asked, 1);
	hear(fixture);
	assert_int_equal(fixture->found, NEIGHBOUR_WAITERS);
	assert_int_equal(find(fixture), 0);
	assert_int_equal(loop_timeout_us(fixture->loop), -1);
}

static void who_gave_up_waiting_is_not_told(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 3; i++)
		wait_for(fixture, i);
	neighbour_cancel(&fixture->waiters[0]);
	neighbour_cancel(&fixture->waiters[0]);
	fixture->cancels = &fixture->waiters[2];
	hear(fixture);
	assert_int_equal(fixture->told, 1);
}

static void what_is_old_is_used_and_asked_for_again(void **state)
{
	struct fixture *fixture = *state;

	wait_for(fixture, 0);
	hear(fixture);
	pass(fixture, NEIGHBOUR_REACHABLE_US);
	assert_int_equal(find(fixture), 0);
	assert_int_equal(fixture->asked, 1);
	pass(fixture, 1);
	speak(fixture, guest_mac);
	assert_int_equal(find(fixture), 0);
	assert_int_equal(find(fixture), 0);
	assert_int_equal(fixture->asked, 2);
	hear(fixture);
	pass(fixture, NEIGHBOUR_PAUSE_US);
	assert_int_equal(fixture->asked, 2);
	/* and forgotten when nobody answers */
	pass(fixture, NEIGHBOUR_REACHABLE_US);
	assert_int_equal(find(fixture), 0);
	for (unsigned tries = 0; tries < NEIGHBOUR_TRIES; tries++)
		pass(fixture, NEIGHBOUR_PAUSE_US);
	assert_int_equal(find(fixture), -EINPROGRESS);
}

static void a_guest_that_left_the_switch_is_asked_for_anew(void **state)
{
	struct fixture *fixture = *state;

	wait_for(fixture, 0);
	hear(fixture);
	ethswitch_detach(&fixture->port);
	assert_int_equal(find(fixture), -EINPROGRESS);
	assert_int_equal(fixture->asked, 2);
	ethswitch_attach(fixture->ethswitch, &fixture->port);
	hear(fixture);
	assert_int_equal(find(fixture), 0);
}

static void what_was_not_asked_for_or_may_not_be_is_not_kept(void **state)
{
	struct fixture *fixture = *state;

	hear(fixture);
	assert_int_equal(find(fixture), -EINPROGRESS);
	fixture->may_have = false;
	hear(fixture);
	assert_int_equal(find(fixture), -EINPROGRESS);
	/* one that the switch does not know is nowhere */
	fixture->may_have = true;
	neighbour_hear(fixture->neighbours, guest_ip, other_mac);
	assert_int_equal(find(fixture), -EINPROGRESS);
}

static void the_table_is_bounded_and_the_oldest_makes_way(void **state)
{
	struct fixture *fixture = *state;
	struct ip6 ip = {{0xfd}};
	struct neighbour_place place;

	wait_for(fixture, 0);
	for (unsigned i = 0; i < 3 * NEIGHBOURS_MAX; i++) {
		ip.byte[1] = (uint8_t)(i >> 8);
		ip.byte[2] = (uint8_t)i;
		assert_int_equal(neighbour_find(fixture->neighbours, ip, &place), -EINPROGRESS);
	}
	/* who is waited for stays */
	hear(fixture);
	assert_int_equal(fixture->found, 1);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(who_is_not_known_is_asked_for_thrice_and_then_not_there),
		ROW(an_answer_reaches_all_who_wait),
		ROW(who_gave_up_waiting_is_not_told),
		ROW(what_is_old_is_used_and_asked_for_again),
		ROW(a_guest_that_left_the_switch_is_asked_for_anew),
		ROW(what_was_not_asked_for_or_may_not_be_is_not_kept),
		ROW(the_table_is_bounded_and_the_oldest_makes_way),
	};
#undef ROW

	return cmocka_run_group_tests(tests, NULL, NULL);
}
