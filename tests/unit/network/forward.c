/* SPDX-License-Identifier: MIT */
/* Rules as a host program adds, lists and removes them. What comes through them is tests/system/test_forward.py's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "unit/network/kit.h"

struct told {
	struct kit kit;
	unsigned count;
};

static void remove_what_is_told(void *owner, const struct gw_forward_info *info)
{
	struct told *told = owner;

	told->count++;
	assert_int_equal(gw_forward_remove(told->kit.network, info->id), -EBUSY);
}

static void a_rule_is_not_removed_while_it_is_told(void **state)
{
	struct told told = {.count = 0};
	unsigned ids[2];

	(void)state;
	kit_new(&told.kit, "user");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(gw_forward_add(told.kit.network, "tcp:127.0.0.1:0-:80", &ids[i], NULL), 0);
	gw_network_each_forward(told.kit.network, remove_what_is_told, &told);
	assert_int_equal(told.count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(gw_forward_remove(told.kit.network, ids[i]), 0);
	assert_int_equal(gw_forward_remove(told.kit.network, ids[0]), -ENOENT);
	gw_network_each_forward(told.kit.network, remove_what_is_told, &told);
	assert_int_equal(told.count, 2);
	kit_done(&told.kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_not_removed_while_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
