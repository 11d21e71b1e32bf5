/* SPDX-License-Identifier: MIT */
/* Rules as a host program adds, lists and removes them. What comes through them is tests/system/test_forward.py's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

static void keep_the_last(void *owner, const struct gw_forward_info *info)
{
	char *listening = owner;

	assert_false(info->everywhere);
	assert_non_null(strstr(info->listening, "%lo:"));
	strcpy(listening, info->listening);
}

static void a_rule_of_one_interface_says_which(void **state)
{
	struct gw_error error = {0};
	char listening[128] = "", spec[160];
	struct kit kit;
	int result;

	(void)state;
	kit_new(&kit, "user");
	result = gw_forward_add(kit.network, "tcp:%lo:0-:80", NULL, &error);
	if (result == -EPERM) {
		kit_done(&kit);
		skip(); /* Linux before 5.7 */
	}
	assert_int_equal(result, 0);
	gw_network_each_forward(kit.network, keep_the_last, listening);
	assert_true(strncmp(listening, "[::]%lo:", 8) == 0 || strncmp(listening, "0.0.0.0%lo:", 11) == 0);
	snprintf(spec, sizeof(spec), "tcp:127.0.0.1%%lo:%s-:80", strrchr(listening, ':') + 1);
	assert_int_equal(gw_forward_add(kit.network, spec, NULL, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "is forward "));
	assert_int_equal(gw_forward_add(kit.network, "tcp:%no-such:0-:80", NULL, &error), -ENODEV);
	assert_non_null(strstr(error.text, "there is no interface no-such"));
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_not_removed_while_it_is_told),
		cmocka_unit_test(a_rule_of_one_interface_says_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
