/* SPDX-License-Identifier: MIT */
/* A host program's own descriptors in the network's loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/network/kit.h"

struct fixture {
	struct kit kit;
	struct gw_watch *watch;
	int fds[2];
	unsigned events, calls;
	bool end;
};

static void on_ready(void *owner, unsigned events)
{
	struct fixture *fixture = owner;

	fixture->calls++;
	fixture->events = events;
	if (fixture->end) {
		gw_watch_free(fixture->watch);
		fixture->watch = NULL;
	}
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	kit_new(&fixture->kit, "none");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fixture->fds), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	/* ends the watch, too */
	kit_done(&fixture->kit);
	close(fixture->fds[0]);
	close(fixture->fds[1]);
	free(fixture);
	return 0;
}

static void events_are_told_as_asked(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(gw_watch_new(fixture->kit.network, fixture->fds[0], 1, on_ready, fixture, &fixture->watch), 0);
	assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	assert_int_equal(fixture->calls, 0);
	assert_int_equal(write(fixture->fds[1], "x", 1), 1);
	assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	assert_int_equal(fixture->events, 1);
	assert_int_equal(gw_watch_change(fixture->watch, 3), 0);
	assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	assert_int_equal(fixture->events, 3);
	assert_int_equal(gw_watch_change(fixture->watch, 0), 0);
	fixture->calls = 0;
	assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	assert_int_equal(fixture->calls, 0);
}

static void the_far_end_that_closes_is_told(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(gw_watch_new(fixture->kit.network, fixture->fds[0], 1, on_ready, fixture, &fixture->watch), 0);
	close(fixture->fds[1]);
	fixture->fds[1] = -1;
	assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	assert_true(fixture->events & 4);
}

static void a_watch_may_end_within_its_callback(void **state)
{
	struct fixture *fixture = *state;

	fixture->end = true;
	assert_int_equal(gw_watch_new(fixture->kit.network, fixture->fds[0], 2, on_ready, fixture, &fixture->watch), 0);
	assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	assert_int_equal(fixture->calls, 1);
	gw_watch_free(NULL);
}

static void what_cannot_be_polled_is_refused(void **state)
{
	struct fixture *fixture = *state;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(gw_watch_new(fixture->kit.network, fd, 1, on_ready, fixture, &fixture->watch), -EPERM);
	close(fd);
	assert_int_equal(gw_watch_new(fixture->kit.network, -1, 1, on_ready, fixture, &fixture->watch), -EBADF);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(events_are_told_as_asked),
		with_fixture(the_far_end_that_closes_is_told),
		with_fixture(a_watch_may_end_within_its_callback),
		with_fixture(what_cannot_be_polled_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
