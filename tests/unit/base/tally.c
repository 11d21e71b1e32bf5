/* SPDX-License-Identifier: MIT */
/* Beside a count that is taken anew each time. */
#include "base/tally.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"

enum { THINGS = 64 };

static void everybody_holds_what_was_added_and_not_removed(void **state)
{
	struct tally_holder holders[THINGS];
	struct tally tally;

	(void)state;
	tally_init(&tally, holders, THINGS);
	assert_int_equal(tally_of(&tally, 0), 0);
	tally_add(&tally, 0);
	tally_add(&tally, UINT64_MAX);
	tally_add(&tally, 0);
	assert_int_equal(tally_of(&tally, 0), 2);
	assert_int_equal(tally_of(&tally, UINT64_MAX), 1);
	tally_remove(&tally, 0);
	tally_remove(&tally, 0);
	assert_int_equal(tally_of(&tally, 0), 0);
	assert_int_equal(tally_of(&tally, UINT64_MAX), 1);
}

/* Each thing has another holder at times, and at times all have the same. */
static void it_agrees_with_counting(void **state)
{
	struct tally_holder holders[THINGS];
	uint64_t of[THINGS];
	struct random random;
	struct tally tally;

	(void)state;
	random_init(&random, 1);
	tally_init(&tally, holders, THINGS);
	for (unsigned i = 0; i < THINGS; i++) {
		of[i] = i;
		tally_add(&tally, i);
	}
	assert_int_equal(tally.used, THINGS);
	for (unsigned turn = 0; turn < 5000; turn++) {
		unsigned thing = random_below(&random, THINGS);
		uint64_t who = random_below(&random, turn < 2500 ? 5 : THINGS);
		unsigned count = 0;

		tally_remove(&tally, of[thing]);
		of[thing] = who;
		tally_add(&tally, who);
		for (unsigned i = 0; i < THINGS; i++)
			count += of[i] == who;
		assert_int_equal(tally_of(&tally, who), count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_holds_what_was_added_and_not_removed),
		cmocka_unit_test(it_agrees_with_counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
