/* SPDX-License-Identifier: MIT */
/* Random numbers: repeatable, bounded, even. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_seed_gives_the_same_numbers_again(void **state)
{
	struct random one, other, third;

	(void)state;
	random_init(&one, 42);
	random_init(&other, 42);
	random_init(&third, 43);
	for (size_t i = 0; i < 100; i++) {
		uint64_t number = random_u64(&one);

		assert_true(number == random_u64(&other));
		assert_true(number != random_u64(&third));
	}
}

/* SplitMix64 of the seed 0 begins so in its author's own program; the two are the generator's first state. */
static void the_state_comes_from_the_seed_as_published(void **state)
{
	struct random random;

	(void)state;
	random_init(&random, 0);
	assert_true(random.state[0] == 0xe220a8397b1dcdaf);
	assert_true(random.state[1] == 0x6e789e6aa1b965f4);
}

static void numbers_below_a_bound_are_below_it_and_even(void **state)
{
	unsigned int seen[7] = {0};
	struct random random;

	(void)state;
	random_init(&random, 1);
	for (size_t i = 0; i < 70000; i++) {
		uint32_t number = random_below(&random, 7);

		assert_true(number < 7);
		seen[number]++;
	}
	for (size_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 9500, 10500);
	assert_int_equal(random_below(&random, 1), 0);
}

static void a_fill_reaches_exactly_its_end(void **state)
{
	uint8_t bytes[32], seen[32] = {0};
	struct random random;

	(void)state;
	random_init(&random, 1);
	for (size_t round = 0; round < 64; round++) {
		memset(bytes, 0, sizeof(bytes));
		random_fill(&random, bytes, 29);
		assert_int_equal(bytes[29] | bytes[30] | bytes[31], 0);
		for (size_t i = 0; i < sizeof(bytes); i++)
			seen[i] |= bytes[i];
	}
	for (size_t i = 0; i < 29; i++)
		assert_int_equal(seen[i], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_numbers_again),
		cmocka_unit_test(the_state_comes_from_the_seed_as_published),
		cmocka_unit_test(numbers_below_a_bound_are_below_it_and_even),
		cmocka_unit_test(a_fill_reaches_exactly_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
