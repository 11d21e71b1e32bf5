/* SPDX-License-Identifier: MIT */
/* How many conversations a limit of open files allows, when a line about it is worth its place, and that it is raised. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>

#include "daemon/files.h"

static void few_files_for_the_flows_are_told_once(void **state)
{
	static const struct {
		uint64_t files;
		size_t flows;
		const char *says; /* NULL: nothing */
	} rows[] = {
		{1024, 832, "may have 1024 files open"},
		{1024, 832, "with more than 832 of them"},
		{1024, 832, "ulimit -Hn 18800,"},
		{1024, 831, NULL}, /* flows=831 */
		{18790, 16378, "ulimit -Hn 18800,"},
		{18800, 16386, NULL},
		{UINT64_MAX, 131072, NULL},
		{20, 16, "may have 20 files"},
		{20, 0, NULL}, /* no way out */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[300] = "";

		assert_int_equal(files_low(rows[i].files, rows[i].flows, text, sizeof(text)), rows[i].says != NULL);
		if (rows[i].says && !strstr(text, rows[i].says))
			fail_msg("'%s' lacks '%s'", text, rows[i].says);
	}
}

static void some_files_are_kept_for_what_is_no_conversation(void **state)
{
	static const struct {
		uint64_t files;
		size_t flows;
	} rows[] = {
		{0, 16}, {20, 16}, {91, 16}, {92, 17}, {1024, 832}, {18800, 16386}, {1048576, 917440},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(files_flows(rows[i].files), rows[i].flows);
	assert_true(files_flows(UINT64_MAX) > 131072);
}

static void the_limit_is_raised_as_far_as_it_goes(void **state)
{
	struct rlimit files;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_true(files_raise() == (files.rlim_max == RLIM_INFINITY ? UINT64_MAX : files.rlim_max));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(files.rlim_cur, files.rlim_max);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_files_for_the_flows_are_told_once),
		cmocka_unit_test(some_files_are_kept_for_what_is_no_conversation),
		cmocka_unit_test(the_limit_is_raised_as_far_as_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
