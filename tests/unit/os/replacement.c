/* SPDX-License-Identifier: MIT */
/* Replacements that are whole. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/replacement.h"
#include "unit/os/slow.h"

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

/* At once, however long that takes. */
static int replace(const char *at, const void *bytes, size_t count, mode_t mode, struct error *ret_error)
{
	struct replacement *replacement;
	int result;

	assert_int_equal(replacement_new(&replacement), 0);
	result = replacement_start(replacement, at, bytes, count, mode, ret_error);
	if (result == -EINPROGRESS)
		result = replacement_finish(replacement, ret_error);
	replacement_free(replacement);
	return result;
}

static void a_file_is_replaced_as_a_whole(void **state)
{
	(void)state;
	umask(077);
	assert_int_equal(replace(path, "old", 3, 0644, NULL), 0);
	assert_holds("old", 0644);
	assert_int_equal(replace(path, "newer", 5, 0600, NULL), 0);
	assert_holds("newer", 0600);
	assert_int_equal(replace(path, "", 0, 0600, NULL), 0);
	assert_holds("", 0600);
}

static void a_replacement_that_fails_leaves_the_old_file(void **state)
{
	char inside[96];
	struct error error = {0};

	(void)state;
	assert_int_equal(replace("/nonexistent/f", "x", 1, 0600, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/f"));
	/* a directory cannot be replaced by a file */
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(inside, sizeof(inside), "%s/kept", path);
	assert_int_equal(replace(inside, "x", 1, 0600, NULL), 0);
	assert_int_equal(replace(path, "x", 1, 0600, &error), -EISDIR);
	assert_int_equal(access(inside, F_OK), 0);
	unlink(inside);
	rmdir(path);
}

static bool is_ready(const struct replacement *replacement)
{
	struct pollfd ready = {.fd = replacement_fd(replacement), .events = POLLIN};

	return poll(&ready, 1, 0) == 1;
}

/* Until the disk has been asked so often; it does not answer yet. */
static void await_asked(struct slow *slow, unsigned times)
{
	for (int i = 0; i < 5000 && slow_asked(slow) < times; i++)
		usleep(1000);
	assert_int_equal(slow_asked(slow), times);
}

static void await_ready(const struct replacement *replacement)
{
	struct pollfd ready = {.fd = replacement_fd(replacement), .events = POLLIN};

	assert_int_equal(poll(&ready, 1, 5000), 1);
}

/* A disk that is quick has synced before it is asked. */
static int start_and_finish(struct replacement *replacement, const char *bytes, struct error *ret_error)
{
	int result = replacement_start(replacement, path, bytes, strlen(bytes), 0600, ret_error);

	return result == -EINPROGRESS ? replacement_finish(replacement, ret_error) : result;
}

static void nobody_waits_for_a_slow_disk(void **state)
{
	struct replacement *replacement;
	struct slow slow;

	(void)state;
	if (slow_open(&slow) < 0)
		skip();
	snprintf(path, sizeof(path), "%s/f", slow.folder);
	assert_int_equal(replacement_new(&replacement), 0);
	slow_hold(&slow);
	assert_int_equal(replacement_start(replacement, path, "old", 3, 0600, NULL), -EINPROGRESS);
	await_asked(&slow, 1);
	assert_false(is_ready(replacement));
	assert_int_equal(replacement_go_on(replacement, NULL), -EINPROGRESS);
	/* nothing is there to be seen before the bytes are safe */
	assert_int_equal(access(path, F_OK), -1);
	slow_let_go(&slow);
	await_ready(replacement);
	slow_hold(&slow);
	assert_int_equal(replacement_go_on(replacement, NULL), -EINPROGRESS);
	assert_holds("old", 0600);
	await_asked(&slow, 2);
	slow_let_go(&slow);
	await_ready(replacement);
	assert_int_equal(replacement_go_on(replacement, NULL), 0);
	assert_int_equal(replacement_go_on(replacement, NULL), 0);
	assert_false(is_ready(replacement));
	/* the next, by who waits for it */
	assert_int_equal(start_and_finish(replacement, "newer", NULL), 0);
	assert_holds("newer", 0600);
	replacement_free(replacement);
	slow_close(&slow);
}

static void what_is_given_up_in_the_middle_leaves_nothing_behind(void **state)
{
	bool given_up = false;
	struct slow slow;

	(void)state;
	if (slow_open(&slow) < 0)
		skip();
	snprintf(path, sizeof(path), "%s/f", slow.folder);
	assert_int_equal(replace(path, "same", 4, 0600, NULL), 0);
	for (int i = 0; i < 1000 && !given_up; i++) {
		struct replacement *replacement;
		int result;

		assert_int_equal(replacement_new(&replacement), 0);
		result = replacement_start(replacement, path, "same", 4, 0600, NULL);
		given_up = result == -EINPROGRESS;
		assert_true(result == 0 || given_up);
		replacement_free(replacement);
		assert_holds("same", 0600);
		assert_int_equal(slow_files(&slow), 1);
	}
	assert_true(given_up);
	slow_close(&slow);
}

static void a_disk_that_loses_the_bytes_keeps_the_old_file(void **state)
{
	struct replacement *replacement;
	struct error error = {0};
	struct slow slow;

	(void)state;
	if (slow_open(&slow) < 0)
		skip();
	snprintf(path, sizeof(path), "%s/f", slow.folder);
	assert_int_equal(replace(path, "old", 3, 0600, NULL), 0);
	assert_int_equal(replacement_new(&replacement), 0);
	slow_fail(&slow, EIO);
	assert_int_equal(start_and_finish(replacement, "newer", &error), -EIO);
	assert_non_null(strstr(error.text, "cannot write it: Input/output error"));
	assert_holds("old", 0600);
	assert_int_equal(slow_files(&slow), 1);
	replacement_free(replacement);
	slow_close(&slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_replaced_as_a_whole, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_replacement_that_fails_leaves_the_old_file, make_directory,
						remove_directory),
		cmocka_unit_test(nobody_waits_for_a_slow_disk),
		cmocka_unit_test(a_disk_that_loses_the_bytes_keeps_the_old_file),
		cmocka_unit_test(what_is_given_up_in_the_middle_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
