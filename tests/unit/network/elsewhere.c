/* SPDX-License-Identifier: MIT */
/* Another process that serves a network, and where its sockets are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guestwire/guestwire.h"
#include "os/rundir.h"

static void a_network_that_another_process_serves_is_found(void **state)
{
	char session[] = "/tmp/guestwire-test-XXXXXX", base[64], folder[80], lock[100], socket[100], byte;
	char path[GW_PATH_BYTES] = "x";
	struct gw_error error = {0};
	int ends[2];
	pid_t child;

	(void)state;
	assert_non_null(mkdtemp(session));
	snprintf(base, sizeof(base), "%s/guestwire", session);
	snprintf(folder, sizeof(folder), "%s/lab", base);
	snprintf(lock, sizeof(lock), "%s/lock", folder);
	snprintf(socket, sizeof(socket), "%s/stream", folder);
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(gw_network_find(session, "lab", "stream", path, &error), -ENOENT);
	assert_non_null(strstr(error.text, "no network lab runs; `guestwire up lab` starts one"));
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		struct flock all = rundir_lock();
		int fd = open(lock, O_RDWR | O_CREAT, 0600);

		if (fcntl(fd, F_SETLK, &all) == 0)
			(void)!write(ends[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(gw_network_find(session, "lab", "stream", path, &error), -ENOENT);
	assert_non_null(strstr(error.text, "network lab has no socket"));
	assert_string_equal(path, "x");
	close(open(socket, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(gw_network_find(session, "lab", "stream", path, &error), 0);
	assert_string_equal(path, socket);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(gw_network_find(session, "lab", "stream", path, NULL), -ENOENT);
	close(ends[0]);
	close(ends[1]);
	unlink(socket);
	unlink(lock);
	rmdir(folder);
	rmdir(base);
	rmdir(session);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const names[] = {"", "-x", "a/b", "..", "a b", "../../etc"};
	char path[GW_PATH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(gw_network_find("/tmp", names[i], "stream", path, NULL), -EINVAL);
		assert_int_equal(gw_network_find("/tmp", "lab", names[i], path, NULL), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_that_another_process_serves_is_found),
		cmocka_unit_test(what_is_no_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
