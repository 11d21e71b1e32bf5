/* SPDX-License-Identifier: MIT */
/* The contract of the loop, the same for every back end: over epoll here, and over loop_kqueue.c on a stand-in of kqueue
 * as build/VARIANT/platform/loop_over_kqueue. Sockets of a pair are the descriptors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "os/clock.h"
#include "os/socket.h"

static char history[256];

static void remember(const char *what)
{
	assert_true(strlen(history) + strlen(what) + 2 < sizeof(history));
	if (history[0])
		strcat(history, " ");
	strcat(history, what);
}

struct end {
	struct loop *loop;
	struct watch watch;
	int far; /* the other end */
	unsigned told;
	int calls;
	struct end *unwatches; /* when told */
	struct end *watches;   /* afterwards */
	struct end *asks_less; /* of it nothing is asked any more */
};

static void end_on_ready(void *owner, unsigned events)
{
	struct end *end = owner;

	end->told |= events;
	end->calls++;
	if (end->unwatches) {
		loop_unwatch(end->loop, &end->unwatches->watch);
		end->unwatches = NULL;
	}
	if (end->watches) {
		assert_int_equal(loop_watch(end->loop, &end->watches->watch, LOOP_READ), 0);
		end->watches = NULL;
	}
	if (end->asks_less) {
		assert_int_equal(loop_watch(end->loop, &end->asks_less->watch, 0), 0);
		end->asks_less = NULL;
	}
}

static void end_init(struct end *end, struct loop *loop)
{
	int fds[2];

	assert_int_equal(socket_pair(SOCK_STREAM, fds), 0);
	*end = (struct end){.loop = loop, .far = fds[1]};
	watch_init(&end->watch, fds[0], end_on_ready, end);
}

static void end_done(struct end *end)
{
	loop_unwatch(end->loop, &end->watch);
	close(end->watch.fd);
	if (end->far >= 0)
		close(end->far);
}

static void end_feed(struct end *end)
{
	assert_int_equal(write(end->far, "x", 1), 1);
}

static struct loop *loop_make(void)
{
	struct loop *loop;

	assert_int_equal(loop_new(clock_now_us, NULL, &loop), 0);
	history[0] = 0;
	return loop;
}

static void a_descriptor_that_becomes_readable_is_told(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(end.calls, 0);
	end_feed(&end);
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_int_equal(end.told, LOOP_READ);
	/* by level: told again until it is read */
	assert_int_equal(loop_turn(loop, 0), 1);
	assert_int_equal(end.calls, 2);
	end_done(&end);
	loop_free(loop);
}

static void a_descriptor_that_is_writable_and_readable_is_told_in_one_call(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	end_feed(&end);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ | LOOP_WRITE), 0);
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_int_equal(end.told, LOOP_READ | LOOP_WRITE);
	assert_int_equal(end.calls, 1);
	end_done(&end);
	loop_free(loop);
}

static void what_is_asked_can_be_changed(void **state)
{
	static const struct {
		unsigned asked;
		unsigned told;
	} steps[] = {
		{LOOP_READ, LOOP_READ},
		{LOOP_WRITE, LOOP_WRITE},
		{0, 0},
		{LOOP_READ | LOOP_WRITE, LOOP_READ | LOOP_WRITE},
		{LOOP_READ | LOOP_WRITE | LOOP_EDGE, LOOP_READ | LOOP_WRITE},
		{LOOP_WRITE | LOOP_EDGE, LOOP_WRITE},
		{LOOP_READ | LOOP_EDGE, LOOP_READ},
		{LOOP_READ, LOOP_READ},
		{0, 0},
		{LOOP_READ, LOOP_READ},
	};
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	end_feed(&end);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		end.told = 0;
		assert_int_equal(loop_watch(loop, &end.watch, steps[i].asked), 0);
		assert_int_equal(loop_turn(loop, 0), steps[i].told != 0);
		assert_int_equal(end.told, steps[i].told);
	}
	end_done(&end);
	loop_free(loop);
}

static void a_level_that_was_an_edge_is_told_again_and_again(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	end_feed(&end);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ | LOOP_EDGE), 0);
	assert_int_equal(loop_turn(loop, 0), 1);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ), 0);
	assert_int_equal(loop_turn(loop, 0), 1);
	assert_int_equal(loop_turn(loop, 0), 1);
	end_done(&end);
	loop_free(loop);
}

static void an_edge_is_told_once_for_each_change(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ | LOOP_EDGE), 0);
	end_feed(&end);
	assert_int_equal(loop_turn(loop, 0), 1);
	assert_int_equal(loop_turn(loop, 0), 0);
	end_feed(&end);
	assert_int_equal(loop_turn(loop, 0), 1);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(end.calls, 2);
	end_done(&end);
	loop_free(loop);
}

static void a_hangup_is_told_though_nothing_is_asked(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	assert_int_equal(loop_watch(loop, &end.watch, 0), 0);
	end_feed(&end);
	assert_int_equal(loop_turn(loop, 0), 0);
	close(end.far);
	end.far = -1;
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_int_equal(end.told, LOOP_HANGUP);
	end_done(&end);
	loop_free(loop);
}

static void a_hangup_comes_with_what_is_still_readable(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ), 0);
	end_feed(&end);
	close(end.far);
	end.far = -1;
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_int_equal(end.told, LOOP_READ | LOOP_HANGUP);
	end_done(&end);
	loop_free(loop);
}

static void a_watch_that_goes_during_the_turn_is_not_told(void **state)
{
	struct loop *loop = loop_make();
	struct end first;
	struct end second;

	(void)state;
	end_init(&first, loop);
	end_init(&second, loop);
	/* whichever is told first removes the other */
	first.unwatches = &second;
	second.unwatches = &first;
	assert_int_equal(loop_watch(loop, &first.watch, LOOP_READ), 0);
	assert_int_equal(loop_watch(loop, &second.watch, LOOP_READ), 0);
	end_feed(&first);
	end_feed(&second);
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_int_equal(first.calls + second.calls, 1);
	end_done(&first);
	end_done(&second);
	loop_free(loop);
}

static void what_is_not_asked_any_more_is_not_told_in_the_same_turn(void **state)
{
	struct loop *loop = loop_make();
	struct end first;
	struct end second;

	(void)state;
	end_init(&first, loop);
	end_init(&second, loop);
	first.asks_less = &second;
	second.asks_less = &first;
	assert_int_equal(loop_watch(loop, &first.watch, LOOP_READ), 0);
	assert_int_equal(loop_watch(loop, &second.watch, LOOP_READ), 0);
	end_feed(&first);
	end_feed(&second);
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_int_equal(first.calls + second.calls, 1);
	end_done(&first);
	end_done(&second);
	loop_free(loop);
}

static void a_stale_event_is_not_told_to_who_has_the_slot_now(void **state)
{
	struct loop *loop = loop_make();
	struct end first;
	struct end second;
	struct end third;

	(void)state;
	end_init(&first, loop);
	end_init(&second, loop);
	end_init(&third, loop);
	first.unwatches = &second;
	second.unwatches = &first;
	first.watches = second.watches = &third;
	assert_int_equal(loop_watch(loop, &first.watch, LOOP_READ), 0);
	assert_int_equal(loop_watch(loop, &second.watch, LOOP_READ), 0);
	end_feed(&first);
	end_feed(&second);
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_true(third.watch.watched);
	assert_true(third.watch.slot == first.watch.slot || third.watch.slot == second.watch.slot);
	assert_int_equal(third.calls, 0);
	end_done(&first);
	end_done(&second);
	end_done(&third);
	loop_free(loop);
}

static void a_watch_that_goes_twice_and_comes_back_is_told(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ | LOOP_WRITE), 0);
	loop_unwatch(loop, &end.watch);
	loop_unwatch(loop, &end.watch);
	end_feed(&end);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ), 0);
	assert_int_equal(loop_turn(loop, 0), 1);
	end_done(&end);
	loop_free(loop);
}

static void many_descriptors_are_served_in_bounded_batches(void **state)
{
	enum {
		ENDS = 150,
	};
	struct loop *loop = loop_make();
	struct end *ends = calloc(ENDS, sizeof(*ends));
	int served;
	int turns = 0;

	(void)state;
	assert_non_null(ends);
	for (int i = 0; i < ENDS; i++) {
		end_init(&ends[i], loop);
		assert_int_equal(loop_watch(loop, &ends[i].watch, LOOP_READ | LOOP_EDGE), 0);
		end_feed(&ends[i]);
	}
	for (served = 0; served < ENDS; turns++) {
		int now = loop_turn(loop, 0);

		assert_in_range(now, 1, 64);
		served += now;
	}
	assert_int_equal(served, ENDS);
	assert_int_equal(turns, 3);
	for (int i = 0; i < ENDS; i++) {
		assert_int_equal(ends[i].calls, 1);
		end_done(&ends[i]);
	}
	free(ends);
	loop_free(loop);
}

static void a_descriptor_that_cannot_be_polled_is_refused(void **state)
{
	struct loop *loop = loop_make();
	FILE *file = tmpfile();
	struct watch watch;

	(void)state;
	assert_non_null(file);
	watch_init(&watch, fileno(file), end_on_ready, NULL);
	assert_int_equal(loop_watch(loop, &watch, LOOP_READ), -EPERM);
	assert_false(watch.watched);
	watch_init(&watch, -1, end_on_ready, NULL);
	assert_int_equal(loop_watch(loop, &watch, LOOP_READ), -EBADF);
	fclose(file);
	loop_free(loop);
}

static void remember_timer(void *owner, uint64_t now_us)
{
	(void)now_us;
	remember(owner);
}

static void remember_task(void *owner)
{
	remember(owner);
}

static uint64_t fixed_clock(void *owner)
{
	return *(uint64_t *)owner;
}

static void timers_run_in_order_and_before_tasks(void **state)
{
	uint64_t now_us = 1000;
	struct loop *loop;
	struct timer timers[3];
	struct task task;

	(void)state;
	history[0] = 0;
	assert_int_equal(loop_new(fixed_clock, &now_us, &loop), 0);
	timer_init(&timers[0], remember_timer, (void *)(uintptr_t) "late");
	timer_init(&timers[1], remember_timer, (void *)(uintptr_t) "early");
	timer_init(&timers[2], remember_timer, (void *)(uintptr_t) "future");
	task_init(&task, remember_task, (void *)(uintptr_t) "task");
	timer_set(loop_timers(loop), &timers[0], 1500);
	timer_set(loop_timers(loop), &timers[1], 1200);
	timer_set(loop_timers(loop), &timers[2], 1501);
	loop_defer(loop, &task);
	now_us = 1500;
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_string_equal(history, "early late task");
	assert_int_equal(loop_timeout_us(loop), 1);
	timer_clear(loop_timers(loop), &timers[2]);
	loop_free(loop);
}

static void the_callers_own_clock_is_the_loops_time(void **state)
{
	uint64_t now_us = 77;
	struct loop *loop;
	struct timer timer;

	(void)state;
	assert_int_equal(loop_new(fixed_clock, &now_us, &loop), 0);
	assert_int_equal(loop_now_us(loop), 77);
	assert_int_equal(loop_timeout_us(loop), -1);
	timer_init(&timer, remember_timer, (void *)(uintptr_t) "timer");
	timer_set(loop_timers(loop), &timer, 100);
	assert_int_equal(loop_timeout_us(loop), 23);
	now_us = 90;
	/* the turn's time stands still, the timeout does not */
	assert_int_equal(loop_now_us(loop), 77);
	assert_int_equal(loop_timeout_us(loop), 10);
	now_us = 500;
	assert_int_equal(loop_timeout_us(loop), 0);
	history[0] = 0;
	loop_turn(loop, 0);
	assert_int_equal(loop_now_us(loop), 500);
	assert_string_equal(history, "timer");
	loop_free(loop);
}

static void a_wait_for_a_timer_is_never_early(void **state)
{
	struct loop *loop = loop_make();
	struct timer timer;

	(void)state;
	timer_init(&timer, remember_timer, (void *)(uintptr_t) "due");
	for (uint64_t wait_us = 1; wait_us < 6000; wait_us = wait_us * 3 + 1) {
		uint64_t due_us = clock_now_us(NULL) + wait_us;
		int turns = 0;

		history[0] = 0;
		timer_set(loop_timers(loop), &timer, due_us);
		while (!history[0] && turns < 3) {
			loop_turn(loop, -1);
			turns++;
		}
		assert_string_equal(history, "due");
		assert_true(loop_now_us(loop) >= due_us);
		/* a wait that ends early would need a second turn */
		assert_int_equal(turns, 1);
	}
	loop_free(loop);
}

static void a_turn_waits_no_longer_than_it_may(void **state)
{
	struct loop *loop = loop_make();
	struct timer timer;
	uint64_t start_us = clock_now_us(NULL);

	(void)state;
	timer_init(&timer, remember_timer, (void *)(uintptr_t) "due");
	timer_set(loop_timers(loop), &timer, start_us + 3600 * (uint64_t)1000000);
	assert_int_equal(loop_turn(loop, 3000), 0);
	assert_in_range(clock_now_us(NULL) - start_us, 3000, 3000000);
	assert_string_equal(history, "");
	timer_clear(loop_timers(loop), &timer);
	loop_free(loop);
}

struct repeat {
	struct loop *loop;
	struct task task;
	struct task *cancels;
	const char *name;
	int left;
};

static void repeat_on_turn(void *owner)
{
	struct repeat *repeat = owner;

	remember(repeat->name);
	if (repeat->cancels)
		loop_cancel(repeat->loop, repeat->cancels);
	if (repeat->left-- > 0)
		loop_defer(repeat->loop, &repeat->task);
}

static void repeat_init(struct repeat *repeat, struct loop *loop, const char *name, int times)
{
	*repeat = (struct repeat){.loop = loop, .name = name, .left = times};
	task_init(&repeat->task, repeat_on_turn, repeat);
}

static void tasks_run_once_in_the_order_of_their_asking(void **state)
{
	struct loop *loop = loop_make();
	struct repeat first;
	struct repeat second;
	struct repeat third;

	(void)state;
	repeat_init(&first, loop, "first", 0);
	repeat_init(&second, loop, "second", 0);
	repeat_init(&third, loop, "third", 0);
	first.cancels = &third.task;
	loop_defer(loop, &first.task);
	loop_defer(loop, &second.task);
	loop_defer(loop, &first.task);
	loop_defer(loop, &third.task);
	/* with a task waiting the loop does not sleep, however long it may */
	assert_int_equal(loop_timeout_us(loop), 0);
	assert_int_equal(loop_turn(loop, -1), 0);
	assert_string_equal(history, "first second");
	assert_int_equal(loop_timeout_us(loop), -1);
	loop_cancel(loop, &first.task);
	loop_free(loop);
}

static void a_task_that_defers_itself_waits_for_the_next_turn(void **state)
{
	struct loop *loop = loop_make();
	struct repeat again;
	struct repeat other;

	(void)state;
	repeat_init(&again, loop, "again", 2);
	repeat_init(&other, loop, "other", 0);
	loop_defer(loop, &again.task);
	loop_defer(loop, &other.task);
	loop_turn(loop, -1);
	assert_string_equal(history, "again other");
	loop_turn(loop, -1);
	assert_string_equal(history, "again other again");
	loop_turn(loop, -1);
	assert_string_equal(history, "again other again again");
	assert_int_equal(loop_timeout_us(loop), -1);
	loop_free(loop);
}

static void a_quiet_task_waits_for_a_turn_without_events_but_not_for_ever(void **state)
{
	enum { BUSY = 100 };
	struct loop *loop = loop_make();
	struct repeat quiet;
	struct end end;
	int turns = 0;

	(void)state;
	end_init(&end, loop);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ), 0);
	repeat_init(&quiet, loop, "quiet", 0);
	loop_defer_quiet(loop, &quiet.task);
	loop_defer_quiet(loop, &quiet.task);
	assert_int_equal(loop_timeout_us(loop), 0);
	end_feed(&end);
	assert_int_equal(loop_turn(loop, -1), 1);
	assert_string_equal(history, "");
	loop_unwatch(loop, &end.watch);
	assert_int_equal(loop_turn(loop, -1), 0);
	assert_string_equal(history, "quiet");
	assert_int_equal(loop_timeout_us(loop), -1);

	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ), 0);
	loop_defer_quiet(loop, &quiet.task);
	for (history[0] = 0; !history[0] && turns < BUSY; turns++)
		assert_int_equal(loop_turn(loop, -1), 1); /* the byte was not read: told each time */
	assert_in_range(turns, 2, BUSY - 1);
	loop_defer_quiet(loop, &quiet.task);
	loop_cancel(loop, &quiet.task);
	end_done(&end);
	loop_free(loop);
}

static void *wake_from_a_thread(void *owner)
{
	usleep(5000);
	loop_wake(owner);
	return NULL;
}

static void another_thread_ends_the_wait(void **state)
{
	struct loop *loop = loop_make();
	pthread_t thread;
	uint64_t start_us = clock_now_us(NULL);

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wake_from_a_thread, loop), 0);
	assert_int_equal(loop_turn(loop, 10000000), 0);
	assert_in_range(clock_now_us(NULL) - start_us, 4000, 5000000);
	pthread_join(thread, NULL);
	loop_free(loop);
}

static void a_wake_is_kept_for_the_next_turn_and_only_for_one(void **state)
{
	struct loop *loop = loop_make();
	uint64_t start_us;

	(void)state;
	for (int i = 0; i < 3; i++) {
		loop_wake(loop);
		loop_wake(loop);
		assert_int_equal(loop_turn(loop, -1), 0);
		start_us = clock_now_us(NULL);
		assert_int_equal(loop_turn(loop, 2000), 0);
		assert_true(clock_now_us(NULL) - start_us >= 2000);
	}
	loop_free(loop);
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
}

static void a_host_program_can_poll_the_loops_descriptor(void **state)
{
	struct loop *loop = loop_make();
	struct end end;

	(void)state;
	end_init(&end, loop);
	assert_int_equal(loop_watch(loop, &end.watch, LOOP_READ | LOOP_EDGE), 0);
	assert_false(is_readable(loop_fd(loop)));
	end_feed(&end);
	assert_true(is_readable(loop_fd(loop)));
	assert_int_equal(loop_turn(loop, 0), 1);
	assert_false(is_readable(loop_fd(loop)));
	loop_wake(loop);
	assert_true(is_readable(loop_fd(loop)));
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_false(is_readable(loop_fd(loop)));
	end_done(&end);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_that_becomes_readable_is_told),
		cmocka_unit_test(a_descriptor_that_is_writable_and_readable_is_told_in_one_call),
		cmocka_unit_test(what_is_asked_can_be_changed),
		cmocka_unit_test(a_level_that_was_an_edge_is_told_again_and_again),
		cmocka_unit_test(an_edge_is_told_once_for_each_change),
		cmocka_unit_test(a_hangup_is_told_though_nothing_is_asked),
		cmocka_unit_test(a_hangup_comes_with_what_is_still_readable),
		cmocka_unit_test(a_watch_that_goes_during_the_turn_is_not_told),
		cmocka_unit_test(what_is_not_asked_any_more_is_not_told_in_the_same_turn),
		cmocka_unit_test(a_stale_event_is_not_told_to_who_has_the_slot_now),
		cmocka_unit_test(a_watch_that_goes_twice_and_comes_back_is_told),
		cmocka_unit_test(many_descriptors_are_served_in_bounded_batches),
		cmocka_unit_test(a_descriptor_that_cannot_be_polled_is_refused),
		cmocka_unit_test(timers_run_in_order_and_before_tasks),
		cmocka_unit_test(the_callers_own_clock_is_the_loops_time),
		cmocka_unit_test(a_wait_for_a_timer_is_never_early),
		cmocka_unit_test(a_turn_waits_no_longer_than_it_may),
		cmocka_unit_test(tasks_run_once_in_the_order_of_their_asking),
		cmocka_unit_test(a_task_that_defers_itself_waits_for_the_next_turn),
		cmocka_unit_test(a_quiet_task_waits_for_a_turn_without_events_but_not_for_ever),
		cmocka_unit_test(another_thread_ends_the_wait),
		cmocka_unit_test(a_wake_is_kept_for_the_next_turn_and_only_for_one),
		cmocka_unit_test(a_host_program_can_poll_the_loops_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
