/* SPDX-License-Identifier: MIT */
/* Shares: whose is whose, who holds most, and guests beyond those that are told apart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "nat/share.h"

static struct shares shares;
static struct port ports[SHARES_MOST + 2];

static int set_up(void **state)
{
	(void)state;
	return shares_init(&shares);
}

static int tear_down(void **state)
{
	(void)state;
	shares_done(&shares);
	return 0;
}

static void a_guest_has_one_share_while_it_holds_something(void **state)
{
	struct share *one = share_join(&shares, &ports[0]), *other = share_join(&shares, &ports[1]);

	(void)state;
	assert_ptr_not_equal(one, other);
	assert_ptr_equal(share_join(&shares, &ports[0]), one);
	assert_int_equal(shares.count, 2);
	share_leave(&shares, one);
	assert_int_equal(shares.count, 2);
	share_leave(&shares, one);
	share_leave(&shares, other);
	assert_int_equal(shares.count, 0);
	assert_null(shares_heaviest(&shares, NULL));
}

static void the_heaviest_is_who_holds_most_now(void **state)
{
	struct share *all[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		all[i] = share_join(&shares, &ports[i]);
		all[i]->holds = i == 1 ? 5 : 3;
	}
	assert_ptr_equal(shares_heaviest(&shares, NULL), all[1]);
	all[1]->holds = 1;
	all[2]->holds = 4;
	assert_ptr_equal(shares_heaviest(&shares, NULL), all[2]);
	/* of a guest with one thing that is to be spared there is nothing to be had */
	assert_ptr_equal(shares_heaviest(&shares, all[2]), all[0]);
	assert_ptr_equal(share_join(&shares, &ports[2]), all[2]);
	assert_ptr_equal(shares_heaviest(&shares, all[2]), all[2]);
	share_leave(&shares, all[2]);
	for (size_t i = 0; i < 3; i++)
		share_leave(&shares, all[i]);
}

static void more_guests_than_are_told_apart_have_one_share(void **state)
{
	static struct share *all[SHARES_MOST + 2];

	(void)state;
	for (size_t i = 0; i < SHARES_MOST + 2; i++)
		all[i] = share_join(&shares, &ports[i]);
	assert_ptr_equal(all[SHARES_MOST], all[SHARES_MOST + 1]);
	assert_ptr_not_equal(all[0], all[SHARES_MOST - 1]);
	assert_int_equal(shares.count, SHARES_MOST + 1);
	for (size_t i = 0; i < SHARES_MOST + 2; i++)
		share_leave(&shares, all[i]);
	assert_int_equal(shares.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_guest_has_one_share_while_it_holds_something, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_heaviest_is_who_holds_most_now, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_guests_than_are_told_apart_have_one_share, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
