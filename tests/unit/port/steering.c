/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "port/steering.h"

static struct steering steering;

static void expect(uint32_t flow, int pair)
{
	uint32_t found = 99;

	assert_int_equal(steering_find(&steering, flow, &found), pair >= 0);
	if (pair >= 0)
		assert_int_equal(found, pair);
}

static int start(void **state)
{
	(void)state;
	steering = (struct steering){0};
	return 0;
}

static void a_conversation_is_where_it_was_heard_last(void **state)
{
	(void)state;
	expect(77, -1);
	steering_hear(&steering, 77, 3, 10);
	expect(77, 3);
	steering_hear(&steering, 77, 1, 20);
	expect(77, 1);
	expect(77 + STEERING_PLACES, -1);
}

static void what_is_no_conversation_is_nowhere(void **state)
{
	(void)state;
	steering_hear(&steering, 0, 3, 10);
	expect(0, -1);
}

static void a_place_is_its_own_until_it_falls_silent(void **state)
{
	const uint32_t other = 77 + STEERING_PLACES;

	(void)state;
	steering_hear(&steering, 77, 3, 10);
	steering_hear(&steering, other, 1, STEERING_IDLE_US + 9);
	expect(77, 3);
	expect(other, -1);
	steering_hear(&steering, other, 1, STEERING_IDLE_US + 10);
	expect(77, -1);
	expect(other, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_conversation_is_where_it_was_heard_last, start),
		cmocka_unit_test_setup(what_is_no_conversation_is_nowhere, start),
		cmocka_unit_test_setup(a_place_is_its_own_until_it_falls_silent, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
