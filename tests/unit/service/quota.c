/* SPDX-License-Identifier: MIT */
/* What ports may hold of one pool. */
#include "service/quota.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

enum { ROOM = 256 };

static void begin(struct quota *quota, uint32_t most)
{
	assert_int_equal(quota_init(quota, ROOM), 0);
	quota->most = most;
}

/* One more, if it may have it and there is one. */
static enum quota_verdict take(struct quota *quota, uint64_t place, bool alone)
{
	enum quota_verdict verdict = quota_ask(quota, place, alone);

	if (verdict == QUOTA_NONE || quota->held == quota->most)
		return QUOTA_NONE;
	quota_add(quota, place, verdict == QUOTA_LENT);
	return verdict;
}

static uint32_t take_all(struct quota *quota, uint64_t place)
{
	uint32_t count = 0;

	while (take(quota, place, false) == QUOTA_OWN)
		count++;
	return count;
}

static void one_that_takes_all_it_can_leaves_a_fifth_and_the_next_a_fifth_of_that(void **state)
{
	struct quota quota;

	(void)state;
	begin(&quota, 200);
	assert_int_equal(take_all(&quota, 1), 160);
	assert_true(quota_is_full(&quota, 1, false));
	assert_false(quota_is_full(&quota, 2, false));
	assert_int_equal(take_all(&quota, 2), 32);
	assert_int_equal(take_all(&quota, 3), 7);
	/* the last one is for who has next to nothing */
	assert_int_equal(take_all(&quota, 1), 0);
	assert_int_equal(take_all(&quota, 4), 1);
	assert_int_equal(quota.held, 200);
	/* and then it is not its share that is in anybody's way, but of those that hold more */
	assert_false(quota_is_full(&quota, 5, false));
	assert_false(quota_is_full(&quota, 4, false));
	assert_true(quota_is_full(&quota, 1, false));
	quota_done(&quota);
}

static void what_is_given_back_is_there_again(void **state)
{
	struct quota quota;

	(void)state;
	begin(&quota, 100);
	assert_int_equal(take_all(&quota, 1), 80);
	for (int i = 0; i < 10; i++)
		quota_remove(&quota, 1, false);
	assert_int_equal(take_all(&quota, 1), 10);
	quota_restart(&quota);
	assert_int_equal(take_all(&quota, 2), 80);
	quota_done(&quota);
}

static void of_a_few_addresses_one_port_may_have_all(void **state)
{
	(void)state;
	for (uint32_t most = 1; most <= 10; most++) {
		struct quota quota;

		begin(&quota, most);
		assert_int_equal(take_all(&quota, 1), (most * QUOTA_TIMES + 4) / 5);
		quota_done(&quota);
	}
}

static void ports_with_a_machine_each_use_every_address(void **state)
{
	struct quota quota;

	(void)state;
	begin(&quota, 200);
	for (uint64_t place = 1; place <= 200; place++)
		assert_int_equal(take(&quota, place, false), QUOTA_OWN);
	assert_int_equal(take(&quota, 201, false), QUOTA_NONE);
	assert_false(quota_is_full(&quota, 201, false));
	quota_done(&quota);
}

static void the_only_port_has_the_rest_until_another_needs_it(void **state)
{
	struct quota quota;

	(void)state;
	begin(&quota, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(take(&quota, 1, true), i < 8 ? QUOTA_OWN : QUOTA_LENT);
	assert_int_equal(take(&quota, 1, true), QUOTA_NONE);
	assert_false(quota_is_full(&quota, 1, true));
	/* Another is there, but asks for nothing. */
	assert_int_equal(quota_ask_again(&quota, 1), QUOTA_LENT);
	/* It does now, again and again: one is given up for it. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(&quota, 2, false), QUOTA_NONE);
	assert_false(quota_is_full(&quota, 2, false));
	assert_int_equal(quota_ask_again(&quota, 1), QUOTA_NONE);
	assert_int_equal(quota_ask_again(&quota, 1), QUOTA_LENT);
	quota_remove(&quota, 1, true);
	assert_int_equal(take(&quota, 2, false), QUOTA_OWN);
	/* The first does not get it back by asking. */
	assert_int_equal(take(&quota, 1, false), QUOTA_NONE);
	assert_int_equal(quota_ask_again(&quota, 1), QUOTA_LENT);
	/* The second gets no more of what is lent than its own quota. */
	assert_int_equal(take(&quota, 2, false), QUOTA_NONE);
	assert_int_equal(quota_ask_again(&quota, 1), QUOTA_NONE);
	quota_remove(&quota, 1, true);
	assert_int_equal(take(&quota, 2, false), QUOTA_OWN);
	assert_int_equal(take(&quota, 2, false), QUOTA_NONE);
	assert_int_equal(quota.held, 10);
	assert_int_equal(quota.lent, 0);
	quota_done(&quota);
}

static void what_was_lent_is_its_own_when_it_holds_less(void **state)
{
	struct quota quota;

	(void)state;
	begin(&quota, 10);
	for (int i = 0; i < 10; i++)
		take(&quota, 1, true);
	quota_remove(&quota, 1, false);
	assert_int_equal(quota_ask_again(&quota, 1), QUOTA_OWN);
	quota_done(&quota);
}

static void who_is_at_no_port_is_not_limited(void **state)
{
	struct quota quota;

	(void)state;
	begin(&quota, 100);
	assert_int_equal(take_all(&quota, 0), 100);
	assert_int_equal(quota_ask(&quota, 0, false), QUOTA_OWN);
	assert_false(quota_is_full(&quota, 0, false));
	quota_done(&quota);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_takes_all_it_can_leaves_a_fifth_and_the_next_a_fifth_of_that),
		cmocka_unit_test(what_is_given_back_is_there_again),
		cmocka_unit_test(of_a_few_addresses_one_port_may_have_all),
		cmocka_unit_test(ports_with_a_machine_each_use_every_address),
		cmocka_unit_test(the_only_port_has_the_rest_until_another_needs_it),
		cmocka_unit_test(what_was_lent_is_its_own_when_it_holds_less),
		cmocka_unit_test(who_is_at_no_port_is_not_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
