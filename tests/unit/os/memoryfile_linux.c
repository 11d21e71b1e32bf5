/* SPDX-License-Identifier: MIT */
#include "os/memoryfile.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void where_files_live_in_memory_is_known(void **state)
{
	(void)state;
	assert_true(memoryfile_is_at("/dev/shm"));
	assert_true(memoryfile_is_at("/dev/shm/gw-none-such"));
	assert_false(memoryfile_is_at("/proc"));
	assert_false(memoryfile_is_at("/proc/self/stat"));
	assert_false(memoryfile_is_at("/dev/shm/gw-none-such/file"));
	assert_false(memoryfile_is_at(""));
}

static void a_name_alone_is_in_the_current_folder(void **state)
{
	(void)state;
	assert_int_equal(memoryfile_is_at("gw-none-such"), memoryfile_is_at("."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_files_live_in_memory_is_known),
		cmocka_unit_test(a_name_alone_is_in_the_current_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
