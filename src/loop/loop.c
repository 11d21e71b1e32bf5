/* SPDX-License-Identifier: MIT */
/* Slots, timers, tasks and time; which descriptors are ready is the back end's. A key is a slot's number and its
 * generation, so that an event collected before its watch went is recognised, whoever has the slot by then. */
#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>

#include "loop/backend.h"

enum loop_limits {
	LOOP_BATCH = 64, /* events a turn: timers and tasks wait no longer than for these */
	LOOP_SLOTS_FIRST = 16,
	LOOP_PATIENCE = 16, /* busy turns that a quiet task waits for */
};

struct slot {
	struct watch *watch; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

struct loop {
	struct backend *backend;
	uint64_t (*clock)(void *owner);
	void *clock_owner;
	uint64_t now_us;
	struct timers timers;
	struct list tasks;
	struct list quiet;   /* tasks that wait for a turn without events … */
	uint32_t busy_turns; /* … since as many */
	struct slot *slots;
	uint32_t slot_count;
	uint32_t free_slot; /* slot_count: none */
};

int loop_new(uint64_t (*now_us)(void *owner), void *owner, struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int result;

	if (!loop)
		return -ENOMEM;
	result = backend_new(&loop->backend);
	if (result < 0) {
		free(loop);
		return result;
	}
	loop->clock = now_us;
	loop->clock_owner = owner;
	loop->now_us = now_us(owner);
	timers_init(&loop->timers);
	list_init(&loop->tasks);
	list_init(&loop->quiet);
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	backend_free(loop->backend);
	free(loop->slots);
	free(loop);
}

static uint64_t slot_key(const struct loop *loop, uint32_t number)
{
	return (uint64_t)loop->slots[number].generation << 32 | number;
}

/* Slots grow with the descriptors, never with the traffic. */
static int slots_grow(struct loop *loop)
{
	uint32_t count = loop->slot_count > 0 ? loop->slot_count * 2 : LOOP_SLOTS_FIRST;
	struct slot *slots = realloc(loop->slots, count * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = loop->slot_count; i < count; i++)
		slots[i] = (struct slot){.next_free = i + 1};
	loop->slots = slots;
	loop->slot_count = count;
	return 0;
}

static void slot_release(struct loop *loop, uint32_t number)
{
	struct slot *slot = &loop->slots[number];

	slot->watch = NULL;
	slot->generation++;
	slot->next_free = loop->free_slot;
	loop->free_slot = number;
}

void watch_init(struct watch *watch, int fd, void (*on_ready)(void *owner, unsigned events), void *owner)
{
	*watch = (struct watch){.fd = fd, .on_ready = on_ready, .owner = owner};
}

static int loop_watch_new(struct loop *loop, struct watch *watch, unsigned events)
{
	uint32_t number = loop->free_slot;
	int result;

	/* The first of the new slots has the number that meant none. */
	if (number == loop->slot_count && slots_grow(loop) < 0)
		return -ENOMEM;
	result = backend_add(loop->backend, watch->fd, events, slot_key(loop, number));
	if (result < 0)
		return result;
	loop->free_slot = loop->slots[number].next_free;
	loop->slots[number].watch = watch;
	watch->slot = number;
	watch->events = events;
	watch->watched = true;
	return 0;
}

int loop_watch(struct loop *loop, struct watch *watch, unsigned events)
{
	int result = 0;

	events &= LOOP_READ | LOOP_WRITE | LOOP_EDGE;
	if (!watch->watched)
		return loop_watch_new(loop, watch, events);
	if (events != watch->events)
		result = backend_change(loop->backend, watch->fd, watch->events, events, slot_key(loop, watch->slot));
	if (result == 0)
		watch->events = events;
	return result;
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
	if (watch->watched)
		backend_remove(loop->backend, watch->fd, watch->events);
	loop_forget(loop, watch);
}

void loop_forget(struct loop *loop, struct watch *watch)
{
	if (!watch->watched)
		return;
	slot_release(loop, watch->slot);
	watch->watched = false;
	watch->events = 0;
}

struct timers *loop_timers(struct loop *loop)
{
	return &loop->timers;
}

uint64_t loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

void task_init(struct task *task, void (*on_turn)(void *owner), void *owner)
{
	list_init(&task->link);
	task->on_turn = on_turn;
	task->owner = owner;
}

void loop_defer(struct loop *loop, struct task *task)
{
	if (list_empty(&task->link))
		list_append(&loop->tasks, &task->link);
}

void loop_defer_quiet(struct loop *loop, struct task *task)
{
	if (!list_empty(&task->link))
		return;
	if (list_empty(&loop->quiet))
		loop->busy_turns = 0;
	list_append(&loop->quiet, &task->link);
}

void loop_cancel(struct loop *loop, struct task *task)
{
	(void)loop;
	list_remove(&task->link);
}

int loop_fd(const struct loop *loop)
{
	return backend_fd(loop->backend);
}

int64_t loop_timeout_us(const struct loop *loop)
{
	uint64_t due_us = timers_next(&loop->timers);
	uint64_t now_us;

	if (!list_empty(&loop->tasks) || !list_empty(&loop->quiet))
		return 0;
	if (due_us == TIMER_NEVER)
		return -1;
	/* The turn's own time may be long past when a host program asks. */
	now_us = loop->clock(loop->clock_owner);
	if (due_us <= now_us)
		return 0;
	return due_us - now_us > INT64_MAX ? INT64_MAX : (int64_t)(due_us - now_us);
}

static int64_t earlier_timeout(int64_t left, int64_t right)
{
	if (left < 0)
		return right;
	if (right < 0)
		return left;
	return left < right ? left : right;
}

/* Whether there was somebody to tell. */
static bool loop_tell(struct loop *loop, const struct backend_event *event)
{
	const struct slot *slot = &loop->slots[(uint32_t)event->key];
	struct watch *watch = slot->watch;
	unsigned events;

	/* Stale: the watch went, or stopped asking, after the event was collected. Slots never shrink. */
	if (!watch || slot->generation != event->key >> 32)
		return false;
	events = event->events & (watch->events | LOOP_HANGUP);
	if (events == 0)
		return false;
	watch->on_ready(watch->owner, events);
	return true;
}

static void loop_run_tasks(struct list *tasks)
{
	struct list now;
	struct list *link;

	/* Those of this turn move to a list of their own; what they ask for lands on the loop's, for the next. */
	list_init(&now);
	list_append_all(&now, tasks);
	while ((link = list_take(&now))) {
		struct task *task = container_of(link, struct task, link);

		task->on_turn(task->owner);
	}
}

static void loop_run_quiet(struct loop *loop, bool busy)
{
	if (busy && ++loop->busy_turns < LOOP_PATIENCE)
		return;
	loop->busy_turns = 0;
	loop_run_tasks(&loop->quiet);
}

int loop_turn(struct loop *loop, int64_t timeout_us)
{
	struct backend_event events[LOOP_BATCH];
	int served = 0;
	int count;

	if (timeout_us != 0)
		timeout_us = earlier_timeout(timeout_us, loop_timeout_us(loop));
	count = backend_wait(loop->backend, events, LOOP_BATCH, timeout_us);
	loop->now_us = loop->clock(loop->clock_owner);
	for (int i = 0; i < count; i++)
		served += events[i].key != BACKEND_WAKE && loop_tell(loop, &events[i]);
	timers_run(&loop->timers, loop->now_us);
	loop_run_tasks(&loop->tasks);
	loop_run_quiet(loop, count > 0);
	return count < 0 ? count : served;
}

void loop_wake(struct loop *loop)
{
	backend_wake(loop->backend);
}
