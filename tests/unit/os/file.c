/* SPDX-License-Identifier: MIT */
/* Locks that name their holder, across processes, and replacements that are whole. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* A process that holds the lock until it is killed. */
static pid_t other_holder(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (file_lock(path, NULL) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void a_lock_names_its_holder_and_goes_with_it(void **state)
{
	struct error error = {0};
	char number[32];
	pid_t holder = other_holder();
	pid_t pid = 0;
	int fd;

	(void)state;
	assert_int_equal(file_lock(path, &error), -EADDRINUSE);
	snprintf(number, sizeof(number), "(pid %ld)", (long)holder);
	assert_non_null(strstr(error.text, number));
	assert_int_equal(file_lock_holder(path, &pid), 0);
	assert_int_equal(pid, holder);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	/* the file is still there, the lock is not */
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(file_lock_holder(path, &pid), -ENOENT);
	fd = file_lock(path, &error);
	assert_true(fd >= 0);
	assert_int_equal(file_lock_holder(path, &pid), 0);
	assert_int_equal(pid, getpid());
	file_unlock(fd, path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(file_lock_holder(path, &pid), -ENOENT);
}

static void unlocking_leaves_a_file_that_somebody_else_put_there(void **state)
{
	int fd = file_lock(path, NULL);
	int other;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	other = open(path, O_CREAT | O_WRONLY, 0600);
	file_unlock(fd, path);
	assert_int_equal(access(path, F_OK), 0);
	close(other);
}

static void a_lock_in_no_directory_says_so(void **state)
{
	struct error error = {0};

	(void)state;
	assert_int_equal(file_lock("/nonexistent/lock", &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/lock"));
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
		cmocka_unit_test_setup_teardown(a_lock_names_its_holder_and_goes_with_it, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(unlocking_leaves_a_file_that_somebody_else_put_there, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(a_lock_in_no_directory_says_so, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_file_is_replaced_as_a_whole, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_replacement_that_fails_leaves_the_old_file, make_directory,
						remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
