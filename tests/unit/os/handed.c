/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/handed.h"

enum { PAGE = 4096 };

static int memory_file(size_t bytes, unsigned flags)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | flags);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void memory_is_mapped_where_it_was_said(void **state)
{
	struct handed_memory memory;
	int fd = memory_file(4 * PAGE, 0);

	(void)state;
	assert_int_equal(pwrite(fd, "here", 4, PAGE + 100), 4);
	/* an offset within a page */
	assert_int_equal(handed_map(fd, PAGE + 100, 2 * PAGE, &memory), 0);
	assert_memory_equal(memory.at, "here", 4);
	handed_unmap(&memory);
	handed_unmap(&memory);
	close(fd);
}

static void only_files_in_memory_that_are_long_enough_are_mapped(void **state)
{
	struct handed_memory memory;
	int ends[2], fd = memory_file(2 * PAGE, 0), disk = open("/proc/self/exe", O_RDONLY);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(handed_map(fd, 0, 2 * PAGE + 1, &memory), -EINVAL);
	assert_int_equal(handed_map(fd, PAGE, 2 * PAGE, &memory), -EINVAL);
	assert_int_equal(handed_map(fd, 0, 0, &memory), -EINVAL);
	assert_int_equal(handed_map(fd, UINT64_MAX - 1, 2, &memory), -EINVAL);
	assert_int_equal(handed_map(fd, 2, UINT64_MAX - 1, &memory), -EINVAL);
	assert_int_equal(handed_map(ends[0], 0, PAGE, &memory), -EINVAL);
	assert_int_equal(handed_map(disk, 0, PAGE, &memory), -EINVAL);
	assert_int_equal(handed_map(-1, 0, PAGE, &memory), -EINVAL);
	close(fd);
	close(disk);
	close(ends[0]);
	close(ends[1]);
}

static void memory_that_can_be_sealed_does_not_shrink(void **state)
{
	struct handed_memory memory;
	int fd = memory_file(2 * PAGE, MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(handed_map(fd, 0, 2 * PAGE, &memory), 0);
	assert_int_equal(ftruncate(fd, PAGE), -1);
	handed_unmap(&memory);
	close(fd);
}

static void memory_that_went_away_is_empty(void **state)
{
	struct handed_memory memory;
	int fd = memory_file(2 * PAGE, 0);

	(void)state;
	assert_int_equal(handed_map(fd, 0, 2 * PAGE, &memory), 0);
	memory.at[PAGE] = 7;
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(handed_empty(&memory), 0);
	assert_int_equal(memory.at[PAGE], 0);
	handed_unmap(&memory);
	close(fd);
}

/* Opened, or as where there is no asynchronous I/O: each test is run with both. */
static struct bell bell;

static int with_bell(void **state)
{
	(void)state;
	assert_int_equal(bell_open(&bell), 0);
	return 0;
}

static int without_bell(void **state)
{
	(void)state;
	bell_close(&bell);
	return 0;
}

static void events_pass_and_never_block(void **state)
{
	int fd = eventfd(0, 0);
	uint64_t most = UINT64_MAX - 1, count;
	struct handed_event out, none = {.fd = -1};

	(void)state;
	assert_int_equal(handed_event_in(&bell, fd), 0);
	assert_int_equal(handed_event_out(&bell, dup(fd), &out), 0);
	assert_false(out.socket);
	assert_true(handed_event_clear(fd));
	handed_event_signal(&bell, none);
	handed_event_signal(&bell, out);
	handed_event_signal(&bell, out);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 2);
	/* full, and blocking again by who handed it over */
	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	alarm(10);
	handed_event_signal(&bell, out);
	assert_true(handed_event_clear(fd));
	assert_true(handed_event_clear(fd));
	alarm(0);
	close(fd);
	close(out.fd);
}

static void a_stream_socket_is_for_writing_alone_and_never_blocks(void **state)
{
	int ends[2];
	struct handed_event out;
	uint64_t one;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(handed_event_in(&bell, ends[0]), -EINVAL);
	assert_int_equal(handed_event_out(&bell, ends[1], &out), 0);
	assert_true(out.socket);
	alarm(10);
	handed_event_signal(&bell, out);
	assert_int_equal(read(ends[0], &one, sizeof(one)), sizeof(one));
	assert_int_equal(one, 1);
	for (int i = 0; i < 100000; i++)
		handed_event_signal(&bell, out); /* full, long before */
	close(ends[0]);
	handed_event_signal(&bell, out); /* no signal to us */
	alarm(0);
	close(out.fd);
}

static void what_is_no_event_is_refused(void **state)
{
	int null = open("/dev/null", O_RDWR), file = memory_file(PAGE, 0), ends[2],
	    datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct handed_event event;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(handed_event_in(&bell, null), -EINVAL);
	assert_int_equal(handed_event_out(&bell, null, &event), -EINVAL);
	assert_int_equal(handed_event_in(&bell, file), -EINVAL);
	assert_int_equal(handed_event_out(&bell, file, &event), -EINVAL);
	assert_int_equal(handed_event_in(&bell, ends[0]), -EINVAL);
	assert_int_equal(handed_event_out(&bell, ends[1], &event), -EINVAL);
	assert_int_equal(handed_event_out(&bell, datagram, &event), -EINVAL);
	assert_int_equal(handed_event_in(&bell, -1), -EINVAL);
	close(null);
	close(file);
	close(datagram);
	close(ends[0]);
	close(ends[1]);
}

#define both(test) cmocka_unit_test(test), cmocka_unit_test_setup_teardown(test, with_bell, without_bell)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_mapped_where_it_was_said),
		cmocka_unit_test(only_files_in_memory_that_are_long_enough_are_mapped),
		cmocka_unit_test(memory_that_can_be_sealed_does_not_shrink),
		cmocka_unit_test(memory_that_went_away_is_empty),
		both(events_pass_and_never_block),
		both(a_stream_socket_is_for_writing_alone_and_never_blocks),
		both(what_is_no_event_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
