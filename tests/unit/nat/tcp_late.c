/* SPDX-License-Identifier: MIT */
/* NAT's TCP: what a guest's question is acknowledged by. */
#include "unit/nat/tcp_world.h"

/* The guest says `bytes` more, from `at` on, and so much time goes by. */
static void say_for(uint32_t at, uint32_t bytes, uint64_t time_us)
{
	put(&(struct hand){.flags = TCP_ACK,
			   .sequence = 11 + at,
			   .ack = world->far + 1,
			   .window = 60000,
			   .bytes = bytes,
			   .offset = at});
	assert_true(loop_turn(world->loop, 0) >= 0); /* which looks at the clock */
	ethswitch_input(world->from, world->batch, world->batched);
	world->batched = 0;
	pass(time_us);
}

static void an_answer_in_time_carries_the_acknowledgement(void **state)
{
	(void)state;
	world->host.scripts[0].holds = false;
	world->host.scripts[0].down = 10;
	world->host.scripts[0].pause_us = 1000 * 1000 * 1000;
	open_flow(10, 60000);
	say_for(0, 20, 5);
	expect_nothing();
	timer_set(loop_timers(world->loop), &the_socket()->remote, world->now_us + LINGER_US / 2);
	pass(LINGER_US);
	expect(TCP_ACK, 0, 10);
	expect(TCP_ACK | TCP_FIN, 10, 0);
	pass(10000);
	expect_nothing();
}

static void without_an_answer_the_acknowledgement_comes_a_little_late(void **state)
{
	(void)state;
	open_flow(10, 60000);
	say_for(0, 20, LINGER_US / 2);
	expect_nothing();
	pass(LINGER_US);
	assert_int_equal(last_ack(), 31);
	say_for(20, 20, 1);
	assert_int_equal(last_ack(), 51);
}

static void who_goes_on_before_an_answer_is_acknowledged_at_once(void **state)
{
	(void)state;
	open_flow(10, 60000);
	say_for(0, 20, LINGER_US / 2);
	expect_nothing();
	say_for(20, 20, 1);
	assert_int_equal(last_ack(), 51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_in_time_carries_the_acknowledgement),
		TEST(without_an_answer_the_acknowledgement_comes_a_little_late),
		TEST(who_goes_on_before_an_answer_is_acknowledged_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
