/* SPDX-License-Identifier: MIT */
/* Clocks and entropy: small, and everything hangs on them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/entropy.h"

static void the_monotonic_clock_goes_forward_in_microseconds(void **state)
{
	uint64_t start_us = clock_now_us(NULL);
	uint64_t end_us;

	(void)state;
	usleep(2000);
	end_us = clock_now_us(NULL);
	assert_in_range(end_us - start_us, 2000, 10000000);
}

static void the_walls_clock_counts_seconds_since_1970(void **state)
{
	uint64_t now_s = clock_wall_s();

	(void)state;
	assert_in_range((uint64_t)time(NULL) - now_s + 1, 0, 2);
}

static void entropy_fills_all_of_it_and_differs(void **state)
{
	static uint8_t first[1000];
	static uint8_t second[1000];
	unsigned zeros = 0;

	(void)state;
	assert_int_equal(entropy_fill(first, sizeof(first)), 0);
	assert_int_equal(entropy_fill(second, sizeof(second)), 0);
	assert_memory_not_equal(first, second, sizeof(first));
	for (size_t i = 0; i < sizeof(first); i++)
		zeros += first[i] == 0;
	/* 4 expected; a part that was not filled would be many */
	assert_true(zeros < 40);
	assert_int_equal(entropy_fill(first, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monotonic_clock_goes_forward_in_microseconds),
		cmocka_unit_test(the_walls_clock_counts_seconds_since_1970),
		cmocka_unit_test(entropy_fills_all_of_it_and_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
