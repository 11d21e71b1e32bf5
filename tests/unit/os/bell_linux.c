/* SPDX-License-Identifier: MIT */
/* Eventfds rung with and without asynchronous I/O, and one whose owner does to it what he can. */
#include "os/bell.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static struct bell bell;

static int opened(void **state)
{
	(void)state;
	assert_int_equal(bell_open(&bell), 0);
	assert_int_equal(bell_open(&bell), 0);
	return 0;
}

static int closed(void **state)
{
	(void)state;
	bell_close(&bell);
	bell_close(&bell);
	return 0;
}

static void each_ring_adds_one(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t count;

	(void)state;
	assert_int_equal(bell_check(&bell, fd), 0);
	assert_int_equal(read(fd, &count, sizeof(count)), -1); /* it was not signalled for that */
	for (uint64_t rings = 1; rings < 1000; rings += 37) {
		for (uint64_t i = 0; i < rings; i++)
			bell_ring(&bell, fd);
		assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
		assert_int_equal(count, rings);
	}
	close(fd);
}

static void only_an_eventfd_is_one(void **state)
{
	const int others[] = {open("/dev/null", O_RDWR), epoll_create1(0), timerfd_create(CLOCK_MONOTONIC, 0), -1};
	int ends[2];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(bell_check(&bell, others[i]), -EINVAL);
		close(others[i]);
	}
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(bell_check(&bell, ends[1]), -EINVAL);
	close(ends[0]);
	close(ends[1]);
}

static void a_full_one_is_not_waited_for(void **state)
{
	uint64_t most = UINT64_MAX - 1;
	int fd = eventfd(0, 0);

	(void)state;
	assert_int_equal(bell_check(&bell, fd), 0);
	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	alarm(10);
	for (int i = 0; i < 100; i++)
		bell_ring(&bell, fd);
	alarm(0);
	close(fd);
}

/* Who handed an event over makes it blocking again, leaves room for one, and has the kernel take that (asynchronous I/O
 * tells eventfds without waiting) while we are about to. What is in it is taken back when we were seen to go on. */
struct spoiler {
	int fd;
	aio_context_t context;
	atomic_uint rounds, signals;
	atomic_bool over, waited_for;
};

static void spoiler_add_one(const struct spoiler *spoiler)
{
	struct iocb add = {.aio_lio_opcode = IOCB_CMD_PREAD,
			   .aio_fildes = (uint32_t)spoiler->fd,
			   .aio_rw_flags = RWF_NOWAIT,
			   .aio_flags = IOCB_FLAG_RESFD,
			   .aio_resfd = (uint32_t)spoiler->fd};
	struct iocb *all[] = {&add};
	struct io_event event;

	assert_int_equal(syscall(SYS_io_submit, spoiler->context, 1, all), 1);
	assert_int_equal(syscall(SYS_io_getevents, spoiler->context, 1, 1, &event, NULL), 1);
}

static void spoiler_leave_room_for_one(const struct spoiler *spoiler)
{
	uint64_t most = UINT64_MAX - 2, count;

	(void)fcntl(spoiler->fd, F_SETFL, O_NONBLOCK);
	do
		(void)!read(spoiler->fd, &count, sizeof(count));
	while (write(spoiler->fd, &most, sizeof(most)) < 0);
	(void)fcntl(spoiler->fd, F_SETFL, 0);
}

static bool spoiler_sees_us_go_on(const struct spoiler *spoiler)
{
	unsigned before = atomic_load(&spoiler->signals);

	for (int i = 0; i < 5000; i++) {
		for (int j = 0; j < 1000; j++) {
			if (atomic_load(&spoiler->signals) - before >= 2 || atomic_load(&spoiler->over))
				return true;
		}
		usleep(1000);
	}
	return false;
}

static void *spoiler_run(void *owner)
{
	struct spoiler *spoiler = owner;
	volatile unsigned wait = 0;

	while (!atomic_load(&spoiler->over)) {
		spoiler_leave_room_for_one(spoiler);
		for (wait = atomic_load(&spoiler->rounds) * 37 % 256; wait > 0; wait--)
			;
		spoiler_add_one(spoiler);
		if (!spoiler_sees_us_go_on(spoiler))
			atomic_store(&spoiler->waited_for, true);
		atomic_fetch_add(&spoiler->rounds, 1);
	}
	spoiler_leave_room_for_one(spoiler);
	return NULL;
}

static void an_event_that_is_spoiled_while_it_is_rung_is_not_waited_for(void **state)
{
	enum { ROUNDS = 500, SECONDS = 3 };
	struct spoiler spoiler = {.fd = eventfd(0, 0)};
	time_t end = time(NULL) + SECONDS;
	pthread_t thread;

	(void)state;
	if (syscall(SYS_io_setup, 8, &spoiler.context) < 0)
		skip();
	assert_int_equal(bell_check(&bell, spoiler.fd), 0);
	assert_int_equal(pthread_create(&thread, NULL, spoiler_run, &spoiler), 0);
	while (atomic_load(&spoiler.rounds) < ROUNDS && time(NULL) < end && !atomic_load(&spoiler.waited_for)) {
		bell_ring(&bell, spoiler.fd);
		atomic_fetch_add(&spoiler.signals, 1);
	}
	atomic_store(&spoiler.over, true);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&spoiler.rounds) > 0);
	assert_false(atomic_load(&spoiler.waited_for));
	syscall(SYS_io_destroy, spoiler.context);
	close(spoiler.fd);
}

#define both(test) cmocka_unit_test(test), cmocka_unit_test_setup_teardown(test, opened, closed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(each_ring_adds_one),
		both(only_an_eventfd_is_one),
		both(a_full_one_is_not_waited_for),
		/* without asynchronous I/O it may be */
		cmocka_unit_test_setup_teardown(an_event_that_is_spoiled_while_it_is_rung_is_not_waited_for, opened,
						closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
