/* SPDX-License-Identifier: MIT */
#include "nat/linger.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

struct bench {
	uint64_t now_us;
	struct loop *loop;
	struct lingering linger;
	struct conversation conversation;
	unsigned turns;
	uint64_t last_us;
};

static uint64_t bench_clock(void *owner)
{
	return ((struct bench *)owner)->now_us;
}

static void bench_on_turn(void *owner, uint64_t now_us)
{
	struct bench *bench = owner;

	bench->turns++;
	bench->last_us = now_us;
}

static int set_up(void **state)
{
	static struct bench bench;

	bench = (struct bench){.now_us = 1000};
	assert_int_equal(loop_new(bench_clock, &bench, &bench.loop), 0);
	linger_init(&bench.linger, bench.loop, bench_on_turn, &bench);
	*state = &bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	linger_done(&bench->linger);
	loop_free(bench->loop);
	return 0;
}

static void wait_us(struct bench *bench, uint64_t time_us)
{
	bench->now_us += time_us;
	assert_true(loop_turn(bench->loop, 0) >= 0);
}

static bool sleeps(const struct bench *bench)
{
	return loop_timeout_us(bench->loop) != 0;
}

/* So many questions and answers, each this long after what went before. */
static void converse(struct bench *bench, unsigned count, uint64_t answer_us, uint64_t question_us)
{
	for (unsigned i = 0; i < count; i++) {
		wait_us(bench, question_us);
		(void)linger_asked(&bench->linger, &bench->conversation);
		wait_us(bench, answer_us);
		linger_answered(&bench->linger, &bench->conversation);
	}
	wait_us(bench, LINGER_US);
	assert_true(sleeps(bench));
}

static void quick_answers_are_waited_for(void **state)
{
	struct bench *bench = *state;

	converse(bench, LINGER_TURNS, LINGER_QUICK_US, 1000);
	assert_true(linger_asked(&bench->linger, &bench->conversation));
	assert_false(sleeps(bench));
	wait_us(bench, LINGER_US - 1);
	assert_false(sleeps(bench));
	wait_us(bench, 1);
	assert_true(sleeps(bench));
	assert_int_equal(bench->last_us, bench->now_us);
}

static void slow_answers_are_not(void **state)
{
	struct bench *bench = *state;

	converse(bench, LINGER_TURNS, LINGER_QUICK_US + 1, 10);
	assert_false(linger_asked(&bench->linger, &bench->conversation));
	wait_us(bench, 1);
	assert_true(sleeps(bench));
}

static void one_slow_answer_begins_the_count_anew(void **state)
{
	struct bench *bench = *state;

	converse(bench, LINGER_TURNS, 10, 1000);
	converse(bench, 1, 1000, 1000);
	converse(bench, LINGER_TURNS - 1, 10, 1000);
	assert_false(linger_asked(&bench->linger, &bench->conversation));
}

static void a_guest_that_asks_without_waiting_is_not_waited_for(void **state)
{
	struct bench *bench = *state;

	converse(bench, LINGER_TURNS, 10, 10);
	assert_true(linger_asked(&bench->linger, &bench->conversation));
	assert_false(linger_asked(&bench->linger, &bench->conversation));
}

static void quick_questions_are_waited_for(void **state)
{
	struct bench *bench = *state;

	/* the answers take too long to be waited for themselves */
	for (unsigned i = 0; i <= LINGER_TURNS; i++) {
		wait_us(bench, 10);
		(void)linger_asked(&bench->linger, &bench->conversation);
		wait_us(bench, 1000);
		assert_true(sleeps(bench));
		linger_answered(&bench->linger, &bench->conversation);
		assert_int_equal(sleeps(bench), i < LINGER_TURNS);
	}
}

/* A flow of its own for each question, as long after it was opened. */
static bool is_waited_for_after(struct bench *bench, unsigned flows, uint64_t question_us)
{
	for (unsigned i = 0; i < flows; i++) {
		struct conversation conversation = {.at_us = 0};

		wait_us(bench, 1000);
		linger_opened(&bench->linger, &conversation);
		wait_us(bench, question_us);
		(void)linger_asked(&bench->linger, &conversation);
	}
	wait_us(bench, 1000);
	linger_opened(&bench->linger, &bench->conversation);
	return !sleeps(bench);
}

static void a_new_flow_is_waited_for_where_those_before_it_asked_quickly(void **state)
{
	struct bench *bench = *state;

	assert_false(is_waited_for_after(bench, LINGER_TURNS - 1, 10));
	assert_true(is_waited_for_after(bench, 1, 10));
	assert_true(is_waited_for_after(bench, 1, LINGER_QUICK_US));
	assert_false(is_waited_for_after(bench, 1, LINGER_QUICK_US + 1));
	assert_false(is_waited_for_after(bench, LINGER_TURNS - 1, 10));
}

static void a_clock_that_stands_does_not_keep_the_loop_awake(void **state)
{
	struct bench *bench = *state;

	converse(bench, LINGER_TURNS, 10, 1000);
	assert_true(linger_asked(&bench->linger, &bench->conversation));
	for (int i = 0; i <= LINGER_LOOKS_MOST; i++)
		wait_us(bench, 0);
	assert_true(sleeps(bench));
	/* what waited may go */
	assert_true(bench->last_us >= bench->now_us + LINGER_US);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quick_answers_are_waited_for),
		TEST(slow_answers_are_not),
		TEST(one_slow_answer_begins_the_count_anew),
		TEST(a_guest_that_asks_without_waiting_is_not_waited_for),
		TEST(a_new_flow_is_waited_for_where_those_before_it_asked_quickly),
		TEST(quick_questions_are_waited_for),
		TEST(a_clock_that_stands_does_not_keep_the_loop_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
