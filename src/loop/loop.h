/* SPDX-License-Identifier: MIT */
/* Readiness, timers and deferred work of one thread. The back end (epoll, kqueue) is chosen by file name and knows
 * nothing of timers. A host program polls loop_fd() for reading with loop_timeout_us(), then calls loop_turn(0); or it
 * lets loop_turn(-1) wait itself.
 *
 * Turn: wait -> now -> ready descriptors (a bounded batch) -> timers due -> deferred tasks (those there at the start). */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timer.h"

struct loop;

enum loop_events {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	LOOP_HANGUP = 4, /* told, never asked: the far end closed or the descriptor failed */
	LOOP_EDGE = 8,   /* asked: told once per change, for sockets that are peeked at */
};

/* Stands inside its owner, who keeps it alive from loop_watch() to loop_unwatch(). */
struct watch {
	int fd;
	unsigned events; /* what is asked now */
	void (*on_ready)(void *owner, unsigned events);
	void *owner;
	bool watched;
	uint32_t slot; /* the loop's own: a stale event of a reused slot is recognised by it */
};

struct task {
	struct list link;
	void (*on_turn)(void *owner);
	void *owner;
};

/* `now_us` is the monotonic clock, or the embedder's; it is read once a turn. 0 or negative errno. */
int loop_new(uint64_t (*now_us)(void *owner), void *owner, struct loop **ret_loop);
void loop_free(struct loop *loop);

void watch_init(struct watch *watch, int fd, void (*on_ready)(void *owner, unsigned events), void *owner);
/* Starts watching, or changes what is asked; with events 0 the descriptor stays known and is told only LOOP_HANGUP.
 * A change tells anew what is ready by then, to a watch by edge too; asking for the same again does nothing.
 * By kqueue, and by edge, LOOP_HANGUP also comes when the far end has only stopped sending: read what is left and
 * believe read()'s 0. By edge it comes with urgent data as well, before which a read of less than there is ends.
 * 0 or negative errno (-EPERM: a descriptor that cannot be polled). */
int loop_watch(struct loop *loop, struct watch *watch, unsigned events);
/* Before the descriptor is closed. No call follows, even for an event already collected. May be called twice. */
void loop_unwatch(struct loop *loop, struct watch *watch);
/* The same, and the caller closes the descriptor next, of which there is no duplicate: the system forgets it then. */
void loop_forget(struct loop *loop, struct watch *watch);

struct timers *loop_timers(struct loop *loop);
/* The time at the start of this turn. */
uint64_t loop_now_us(const struct loop *loop);

void task_init(struct task *task, void (*on_turn)(void *owner), void *owner);
/* Runs the task at the end of this turn, or of the next when the tasks of this one have begun; once, however often it
 * is asked for. With a task waiting the loop does not sleep. */
void loop_defer(struct loop *loop, struct task *task);
/* The same for what nobody waits for: in a turn that brought no event, or after LOOP_PATIENCE turns that all did. */
void loop_defer_quiet(struct loop *loop, struct task *task);
void loop_cancel(struct loop *loop, struct task *task);

/* Ready for reading when a descriptor is; timers and tasks show in the timeout only. */
int loop_fd(const struct loop *loop);
/* 0: at once; -1: no timer is set. Rounded up, and never early. */
int64_t loop_timeout_us(const struct loop *loop);
/* One turn. Waits at most `timeout_us` (-1: until something happens), 0 never sleeps. How many descriptors were served,
 * or negative errno; a signal is no error and returns 0. */
int loop_turn(struct loop *loop, int64_t timeout_us);
/* The only call that other threads and signal handlers may make: ends the wait of the current or next turn. */
void loop_wake(struct loop *loop);

#endif
