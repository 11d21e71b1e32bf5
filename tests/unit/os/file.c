/* SPDX-License-Identifier: MIT */
/* Replacements that are whole. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/file.h"

static char directory[64];
static char path[80];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/gw-file.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/f", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	/* fails, and the test with it, when something was left behind */
	return rmdir(directory);
}

static void assert_holds(const char *text, mode_t mode)
{
	char bytes[64] = "";
	struct stat made;
	int fd = open(path, O_RDONLY);

	assert_true(read(fd, bytes, sizeof(bytes) - 1) >= 0);
	assert_string_equal(bytes, text);
	assert_int_equal(fstat(fd, &made), 0);
	assert_int_equal(made.st_mode & 0777, mode);
	close(fd);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
	(void)state;
	umask(077);
	assert_int_equal(file_replace(path, "old", 3, 0644, NULL), 0);
	assert_holds("old", 0644);
	assert_int_equal(file_replace(path, "newer", 5, 0600, NULL), 0);
	assert_holds("newer", 0600);
	assert_int_equal(file_replace(path, "", 0, 0600, NULL), 0);
	assert_holds("", 0600);
}

static void a_replacement_that_fails_leaves_the_old_file(void **state)
{
	char inside[96];
	struct error error = {0};

	(void)state;
	assert_int_equal(file_replace("/nonexistent/f", "x", 1, 0600, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/f"));
	/* a directory cannot be replaced by a file */
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(inside, sizeof(inside), "%s/kept", path);
	assert_int_equal(file_replace(inside, "x", 1, 0600, NULL), 0);
	assert_int_equal(file_replace(path, "x", 1, 0600, &error), -EISDIR);
	assert_int_equal(access(inside, F_OK), 0);
	unlink(inside);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_replaced_as_a_whole, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_replacement_that_fails_leaves_the_old_file, make_directory,
						remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
