/* SPDX-License-Identifier: MIT */
/* The heap of timers, beside a plain array that is scanned: whatever is set, moved and cleared, both agree. */
#include "base/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

struct probe {
	struct timer timer;
	struct timers *timers;
	struct probe *other; /* cleared or moved by the callback */
	uint64_t set_again_us;
	uint64_t last_due_us;
	unsigned int calls;
};

static void probe_on_due(void *owner, uint64_t now_us)
{
	struct probe *probe = owner;

	(void)now_us;
	assert_false(probe->timer.set);
	probe->calls++;
	probe->last_due_us = probe->timer.due_us;
	if (probe->set_again_us)
		timer_set(probe->timers, &probe->timer, probe->set_again_us);
	if (probe->other)
		timer_clear(probe->timers, &probe->other->timer);
}

static void probe_init(struct probe *probe, struct timers *timers)
{
	*probe = (struct probe){.timers = timers};
	timer_init(&probe->timer, probe_on_due, probe);
}

static void with_nothing_set_nothing_is_due(void **state)
{
	struct timers timers;
	struct probe probe;

	(void)state;
	timers_init(&timers);
	probe_init(&probe, &timers);
	assert_true(timers_next(&timers) == TIMER_NEVER);
	timer_set(&timers, &probe.timer, 10);
	assert_int_equal(timers_next(&timers), 10);
	timers_run(&timers, 9);
	assert_int_equal(probe.calls, 0);
	timers_run(&timers, 10);
	assert_int_equal(probe.calls, 1);
	assert_true(timers_next(&timers) == TIMER_NEVER);
	timers_run(&timers, 100);
	assert_int_equal(probe.calls, 1);
}

static void clearing_twice_or_before_setting_is_legal(void **state)
{
	struct timers timers;
	struct probe probe;

	(void)state;
	timers_init(&timers);
	probe_init(&probe, &timers);
	timer_clear(&timers, &probe.timer);
	timer_set(&timers, &probe.timer, 1);
	timer_clear(&timers, &probe.timer);
	timer_clear(&timers, &probe.timer);
	assert_false(probe.timer.set);
	assert_true(timers_next(&timers) == TIMER_NEVER);
}

static void a_timer_set_again_for_now_waits_for_the_next_call(void **state)
{
	struct timers timers;
	struct probe probe;

	(void)state;
	timers_init(&timers);
	probe_init(&probe, &timers);
	probe.set_again_us = 1;
	timer_set(&timers, &probe.timer, 1);
	timers_run(&timers, 5);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(timers_next(&timers), 1);
	timers_run(&timers, 5);
	assert_int_equal(probe.calls, 2);
}

static void a_callback_may_clear_a_timer_that_is_due_too(void **state)
{
	struct timers timers;
	struct probe first, second, third;

	(void)state;
	timers_init(&timers);
	probe_init(&first, &timers);
	probe_init(&second, &timers);
	probe_init(&third, &timers);
	first.other = &second;
	timer_set(&timers, &third.timer, 3);
	timer_set(&timers, &second.timer, 2);
	timer_set(&timers, &first.timer, 1);
	timers_run(&timers, 10);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
	assert_false(second.timer.set);
	assert_int_equal(third.calls, 1);
}

static void mover_on_due(void *owner, uint64_t now_us)
{
	struct probe *probe = owner;

	(void)now_us;
	probe->calls++;
	timer_set(probe->timers, &probe->other->timer, 50);
}

static void a_callback_may_move_a_timer_that_is_due_too(void **state)
{
	struct timers timers;
	struct probe first, second;

	(void)state;
	timers_init(&timers);
	probe_init(&first, &timers);
	probe_init(&second, &timers);
	first.timer.on_due = mover_on_due;
	first.other = &second;
	timer_set(&timers, &first.timer, 1);
	timer_set(&timers, &second.timer, 2);
	timers_run(&timers, 10);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
	assert_int_equal(timers_next(&timers), 50);
	timers_run(&timers, 50);
	assert_int_equal(second.calls, 1);
}

enum {
	PROBES = 200,
	STEPS = 20000,
};

static uint64_t earliest(const struct probe *probes)
{
	uint64_t least = TIMER_NEVER;

	for (size_t i = 0; i < PROBES; i++) {
		if (probes[i].timer.set && probes[i].timer.due_us < least)
			least = probes[i].timer.due_us;
	}
	return least;
}

static void a_random_life_agrees_with_a_plain_scan(void **state)
{
	struct probe *probes = calloc(PROBES, sizeof(*probes));
	struct timers timers;
	struct random random;
	unsigned int calls = 0;
	uint64_t now_us = 0;

	(void)state;
	assert_non_null(probes);
	timers_init(&timers);
	random_init(&random, 7);
	for (size_t i = 0; i < PROBES; i++)
		probe_init(&probes[i], &timers);
	for (size_t step = 0; step < STEPS; step++) {
		struct probe *probe = &probes[random_below(&random, PROBES)];

		switch (random_below(&random, 4)) {
		case 0:
			timer_clear(&timers, &probe->timer);
			break;
		case 1:
			now_us += random_below(&random, 20);
			timers_run(&timers, now_us);
			assert_true(earliest(probes) > now_us);
			break;
		default:
			timer_set(&timers, &probe->timer, now_us + 1 + random_below(&random, 300));
		}
		assert_true(timers_next(&timers) == earliest(probes));
	}
	for (size_t i = 0; i < PROBES; i++)
		calls += probes[i].calls;
	assert_true(calls > STEPS / 10);
	free(probes);
}

static uint64_t last_us;

static void order_on_due(void *owner, uint64_t now_us)
{
	struct timer *timer = owner;

	(void)now_us;
	assert_true(timer->due_us >= last_us);
	last_us = timer->due_us;
}

static void all_that_are_due_are_called_earliest_first(void **state)
{
	struct timer *many = calloc(100000, sizeof(*many));
	struct timers timers;
	struct random random;

	(void)state;
	assert_non_null(many);
	timers_init(&timers);
	random_init(&random, 1);
	last_us = 0;
	for (size_t i = 0; i < 100000; i++) {
		timer_init(&many[i], order_on_due, &many[i]);
		timer_set(&timers, &many[i], random_below(&random, 1000000));
	}
	timers_run(&timers, 1000000);
	assert_true(timers_next(&timers) == TIMER_NEVER);
	assert_true(last_us > 990000);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_nothing_set_nothing_is_due),
		cmocka_unit_test(clearing_twice_or_before_setting_is_legal),
		cmocka_unit_test(a_timer_set_again_for_now_waits_for_the_next_call),
		cmocka_unit_test(a_callback_may_clear_a_timer_that_is_due_too),
		cmocka_unit_test(a_callback_may_move_a_timer_that_is_due_too),
		cmocka_unit_test(a_random_life_agrees_with_a_plain_scan),
		cmocka_unit_test(all_that_are_due_are_called_earliest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
