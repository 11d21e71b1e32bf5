/* SPDX-License-Identifier: MIT */
/* When a line about the limit of open files is worth its place, and that the limit is raised. */
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
		{1024, 131072, "may have 1024 files open"},
		{1024, 131072, "ulimit -Hn 16448,"},
		{16447, 131072, "ulimit -Hn 16448,"},
		{16448, 131072, NULL},
		{UINT64_MAX, 131072, NULL},
		{1024, 960, NULL},
		{1023, 960, "ulimit -Hn 1024,"},
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
		cmocka_unit_test(the_limit_is_raised_as_far_as_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
