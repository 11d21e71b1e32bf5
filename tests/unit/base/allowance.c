/* SPDX-License-Identifier: MIT */
/* So many at once and so many a second, for each and not for all. */
#include "base/allowance.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

enum { MOST = 10, PAUSE_US = 1000 };

static unsigned take_all(struct allowance *allowance, uint64_t place, uint32_t name, uint64_t now_us)
{
	unsigned count = 0;

	while (count < 1000 && allowance_take(allowance, &place, sizeof(place), &name, sizeof(name), now_us))
		count++;
	return count;
}

static void so_many_are_given_at_once_and_one_more_each_pause(void **state)
{
	static const struct hash_key key = {{1, 2}};
	struct allowance allowance;

	(void)state;
	allowance_init(&allowance, &key, MOST, PAUSE_US);
	assert_int_equal(take_all(&allowance, 1, 1, 50), MOST);
	assert_int_equal(take_all(&allowance, 1, 1, 50 + PAUSE_US - 1), 0);
	assert_int_equal(take_all(&allowance, 1, 1, 50 + PAUSE_US), 1);
	assert_int_equal(take_all(&allowance, 1, 1, 50 + 4 * PAUSE_US), 3);
	/* and never more than at first, however long nobody asked */
	assert_int_equal(take_all(&allowance, 1, 1, 50 + 1000 * PAUSE_US), MOST);
}

static void who_asks_much_takes_nothing_from_others(void **state)
{
	static const struct hash_key key = {{3, 4}};
	struct allowance allowance;
	unsigned spared = 0;

	(void)state;
	allowance_init(&allowance, &key, MOST, PAUSE_US);
	assert_int_equal(take_all(&allowance, 1, 0, 50), MOST);
	for (uint32_t name = 1; name <= 6; name++)
		spared += take_all(&allowance, 1, name, 50) == MOST;
	/* some share by chance */
	assert_in_range(spared, 3, 6);
}

static void who_makes_up_names_gets_what_his_place_holds_and_nothing_of_others(void **state)
{
	static const struct hash_key key = {{5, 6}};
	struct allowance allowance;
	unsigned taken = 0, spared = 0;

	(void)state;
	allowance_init(&allowance, &key, MOST, PAUSE_US);
	for (uint32_t name = 0; name < 10000; name++)
		taken += take_all(&allowance, 1, name, 50);
	assert_int_equal(taken, ALLOWANCE_NAMES * MOST);
	/* some share by chance */
	for (uint64_t place = 2; place <= 21; place++)
		spared += take_all(&allowance, place, 7, 50) == MOST;
	assert_in_range(spared, 14, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_are_given_at_once_and_one_more_each_pause),
		cmocka_unit_test(who_asks_much_takes_nothing_from_others),
		cmocka_unit_test(who_makes_up_names_gets_what_his_place_holds_and_nothing_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
