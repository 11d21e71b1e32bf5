/* SPDX-License-Identifier: MIT */
/* fsync() in the background, and where there is nobody to do it. That nobody waits is replacement.c's and
 * network/lease_file.c's to show. */
#include "os/filesync.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_file(void)
{
	char path[] = "/tmp/gw-filesync.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, "bytes", 5), 5);
	return fd;
}

static bool is_ready(const struct filesync *sync, int timeout_ms)
{
	struct pollfd ready = {.fd = filesync_fd(sync), .events = POLLIN};

	return poll(&ready, 1, timeout_ms) == 1;
}

static void it_tells_when_it_is_done_and_how_it_went(void **state)
{
	struct filesync *sync;
	int fd = make_file();

	(void)state;
	assert_int_equal(filesync_new(&sync), 0);
	assert_int_equal(filesync_fd(sync), -1);
	for (int i = 0; i < 3; i++) {
		filesync_start(sync, fd);
		assert_true(is_ready(sync, 5000));
		assert_int_equal(filesync_result(sync), 0);
		assert_false(is_ready(sync, 0));
	}
	filesync_start(sync, fd);
	filesync_wait(sync);
	assert_int_equal(filesync_result(sync), 0);
	close(fd);
	filesync_start(sync, fd);
	assert_int_equal(filesync_result(sync), -EBADF);
	filesync_free(sync);
	filesync_free(NULL);
}

/* From now on this process has no asynchronous I/O; false: such filters are not to be had. */
static bool refuse_asynchronous(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { CHILD_WELL, CHILD_WRONG, CHILD_SKIPS };

static int sync_without_asynchronous(int fd)
{
	struct filesync *sync;
	int well, broken;

	if (!refuse_asynchronous())
		return CHILD_SKIPS;
	if (filesync_new(&sync) < 0)
		return CHILD_WRONG;
	filesync_start(sync, fd);
	well = filesync_result(sync);
	filesync_wait(sync);
	close(fd);
	filesync_start(sync, fd);
	broken = filesync_result(sync);
	filesync_free(sync);
	return well == 0 && broken == -EBADF ? CHILD_WELL : CHILD_WRONG;
}

static void without_asynchronous_io_it_is_over_when_it_has_begun(void **state)
{
	int fd = make_file(), status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(sync_without_asynchronous(fd));
	assert_int_equal(waitpid(child, &status, 0), child);
	close(fd);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_SKIPS)
		skip();
	assert_int_equal(WEXITSTATUS(status), CHILD_WELL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_tells_when_it_is_done_and_how_it_went),
		cmocka_unit_test(without_asynchronous_io_it_is_over_when_it_has_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
