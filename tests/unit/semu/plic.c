/* SPDX-License-Identifier: MIT */
/* Interrupt lines as a driver sees them: raised, claimed, completed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "semu/plic.h"

enum { PENDING = 0x1000, ENABLE = 0x2000, THRESHOLD = 0x200000, CLAIM = 0x200004, STEP = 0x1000 };

struct desk {
	struct plic plic;
	bool up[2];
	unsigned changes;
};

static void on_context(void *owner, unsigned context, bool up)
{
	struct desk *desk = owner;

	assert_int_not_equal(desk->up[context], up);
	desk->up[context] = up;
	desk->changes++;
}

static void put(struct desk *desk, uint64_t offset, uint64_t value)
{
	assert_true(plic_store(&desk->plic, offset, 4, value));
}

static uint64_t get(struct desk *desk, uint64_t offset)
{
	uint64_t value;

	assert_true(plic_load(&desk->plic, offset, 4, &value));
	return value;
}

static int set_up(void **state)
{
	static struct desk desk;

	desk = (struct desk){0};
	plic_init(&desk.plic, 2, on_context, &desk);
	for (unsigned line = 1; line < PLIC_LINES; line++)
		put(&desk, 4 * line, 1);
	put(&desk, ENABLE, 0xffffffff);
	*state = &desk;
	return 0;
}

static void a_level_is_heard_until_it_goes_down(void **state)
{
	struct desk *desk = *state;

	plic_raise(&desk->plic, 3, true);
	assert_true(desk->up[0]);
	assert_false(desk->up[1]);
	assert_int_equal(get(desk, PENDING), 1 << 3);
	assert_int_equal(get(desk, CLAIM), 3);
	assert_false(desk->up[0]);
	assert_int_equal(get(desk, CLAIM), 0);
	put(desk, CLAIM, 3);
	assert_true(desk->up[0]);
	assert_int_equal(get(desk, CLAIM), 3);
	plic_raise(&desk->plic, 3, false);
	put(desk, CLAIM, 3);
	assert_false(desk->up[0]);
}

static void the_highest_priority_comes_first_then_the_lowest_line(void **state)
{
	struct desk *desk = *state;

	put(desk, 4 * 9, 2);
	plic_raise(&desk->plic, 7, true);
	plic_raise(&desk->plic, 9, true);
	plic_raise(&desk->plic, 4, true);
	assert_int_equal(get(desk, CLAIM), 9);
	assert_int_equal(get(desk, CLAIM), 4);
	assert_int_equal(get(desk, CLAIM), 7);
	assert_int_equal(get(desk, CLAIM), 0);
}

static void priorities_enables_and_thresholds_hold_lines_back(void **state)
{
	struct desk *desk = *state;

	put(desk, 4 * 5, 0);
	plic_raise(&desk->plic, 5, true);
	assert_false(desk->up[0]);
	put(desk, 4 * 5, 3);
	assert_true(desk->up[0]);
	put(desk, THRESHOLD, 3);
	assert_false(desk->up[0]);
	put(desk, THRESHOLD, 2);
	assert_true(desk->up[0]);
	put(desk, ENABLE, 0);
	assert_false(desk->up[0]);
	put(desk, ENABLE + 0x80, 1 << 5);
	assert_true(desk->up[1]);
	assert_int_equal(get(desk, CLAIM), 0);
	assert_int_equal(get(desk, CLAIM + STEP), 5);
}

static void a_completion_of_what_was_not_claimed_is_ignored(void **state)
{
	struct desk *desk = *state;

	plic_raise(&desk->plic, 1, true);
	put(desk, CLAIM, 1);
	put(desk, CLAIM, 0);
	put(desk, CLAIM, 77);
	put(desk, CLAIM, UINT32_MAX);
	assert_int_equal(get(desk, CLAIM), 1);
	put(desk, CLAIM + STEP, 1); /* not enabled there */
	assert_int_equal(get(desk, CLAIM), 0);
}

static void registers_that_are_not_there_read_zero(void **state)
{
	static const uint64_t places[] = {
		0,        0x1004, ENABLE + 4, ENABLE + 2 * 0x80, THRESHOLD + 2 * STEP, CLAIM + 2 * STEP, THRESHOLD + 8,
		0x3fffffc};
	struct desk *desk = *state;
	uint64_t value;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		put(desk, places[i], UINT32_MAX);
		assert_int_equal(get(desk, places[i]), 0);
	}
	assert_int_equal(get(desk, ENABLE), 0xfffffffe);
	assert_false(plic_load(&desk->plic, ENABLE, 8, &value));
	assert_false(plic_store(&desk->plic, ENABLE, 1, 0));
}

static void after_a_reset_only_the_lines_are_left(void **state)
{
	struct desk *desk = *state;

	plic_raise(&desk->plic, 2, true);
	assert_int_equal(get(desk, CLAIM), 2);
	plic_raise(&desk->plic, 6, true);
	plic_reset(&desk->plic);
	assert_false(desk->up[0]);
	assert_int_equal(get(desk, ENABLE), 0);
	put(desk, ENABLE, 0xff);
	put(desk, 4 * 2, 1);
	assert_true(desk->up[0]);
	assert_int_equal(get(desk, CLAIM), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_level_is_heard_until_it_goes_down, set_up),
		cmocka_unit_test_setup(the_highest_priority_comes_first_then_the_lowest_line, set_up),
		cmocka_unit_test_setup(priorities_enables_and_thresholds_hold_lines_back, set_up),
		cmocka_unit_test_setup(a_completion_of_what_was_not_claimed_is_ignored, set_up),
		cmocka_unit_test_setup(registers_that_are_not_there_read_zero, set_up),
		cmocka_unit_test_setup(after_a_reset_only_the_lines_are_left, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
