/* SPDX-License-Identifier: MIT */
/* Ticks and nanoseconds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "semu/clock.h"

static void what_has_been_needs_no_waiting(void **state)
{
	struct clock clock;

	(void)state;
	clock_init(&clock, 65000000);
	assert_int_equal(clock_until_ns(&clock, 0), 0);
	assert_int_equal(clock_until_ns(&clock, clock_ticks(&clock)), 0);
}

static void what_is_to_come_is_as_far_off_as_it_says(void **state)
{
	struct clock clock;
	uint64_t ns;

	(void)state;
	clock_init(&clock, 10000000);
	ns = clock_until_ns(&clock, 10 * 10000000ULL);
	assert_in_range(ns, 5000000000, 10000000000);
	assert_true(clock_until_ns(&clock, UINT64_MAX) > UINT64_MAX / 2);
	clock.hz = 1;
	assert_int_equal(clock_until_ns(&clock, UINT64_MAX), UINT64_MAX);
}

/* When the time is over, the tick has come: nobody wakes for nothing. */
static void a_wait_is_rounded_up(void **state)
{
	static const uint32_t rates[] = {1, 3, 7, 32768, 10000000, 65000000, 1000000007};

	(void)state;
	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct clock clock;
		uint64_t now;

		clock_init(&clock, rates[i]);
		clock.start_ns -= 3600000000000; /* an hour ago */
		now = clock_ticks(&clock);
		assert_in_range(now, 3600ULL * rates[i], 3660ULL * rates[i]);
		assert_int_equal(clock_until_ns(&clock, now), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_been_needs_no_waiting),
		cmocka_unit_test(what_is_to_come_is_as_far_off_as_it_says),
		cmocka_unit_test(a_wait_is_rounded_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
