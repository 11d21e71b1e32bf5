/* SPDX-License-Identifier: MIT */
#include "os/limbo.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/os/silent.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void what_closes_at_once_is_closed(void **state)
{
	int ends[2], sockets[2], disk = open("/", O_TMPFILE | O_RDWR, 0600);
	struct limbo limbo = {0};

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	const int all[] = {eventfd(0, 0),
			   memfd_create("m", 0),
			   open("/dev/null", O_RDWR),
			   open("/proc/self/stat", O_PATH),
			   ends[0],
			   ends[1],
			   sockets[0],
			   sockets[1]};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		limbo_close(&limbo, all[i]);
		assert_false(is_open(all[i]));
	}
	assert_int_equal(limbo.kept, 0);
	if (disk >= 0)
		limbo_close(&limbo, disk); /* closed, unless the root is no disk */
}

static void what_may_never_close_is_kept(void **state)
{
	int network = socket(AF_INET, SOCK_STREAM, 0), copy;
	struct limbo limbo = {0};
	struct silent silent;
	int fd = silent_open(&silent);

	(void)state;
	limbo_close(&limbo, network);
	assert_int_equal(limbo.kept, 1);
	assert_true(is_open(network));
	close(network);
	if (fd < 0)
		skip();
	copy = dup(fd);
	limbo_close(&limbo, fd);
	assert_int_equal(limbo.kept, 2);
	assert_int_equal(silent.closes, 0);
	assert_int_equal(silent.unanswered, 0);
	close(copy);
	assert_int_equal(silent.closes, 1); /* so it would have been */
	silent_close(&silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_closes_at_once_is_closed),
		cmocka_unit_test(what_may_never_close_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
