/* SPDX-License-Identifier: MIT */
/* The pairing heap of timers. Setting is O(1), taking the earliest O(log n) on average. Nothing here recurses, because
 * the depth of a pairing heap is bounded by its size alone.
 *
 * What surprises: timers_run() first cuts everything that is due out of the heap into a list, so that a callback that sets
 * its own timer for now cannot keep it from ending; a callback may still clear or move a timer that is on that list. */
#include "base/timer.h"

#include <assert.h>
#include <stddef.h>

/* Joins two heaps that are each alone: no siblings, no parent. */
static struct timer *timer_meld(struct timer *one, struct timer *other)
{
	struct timer *late;

	if (!one)
		return other;
	if (!other)
		return one;
	if (other->due_us < one->due_us) {
		late = one;
		one = other;
	} else {
		late = other;
	}
	late->next = one->child;
	late->previous = one;
	if (late->next)
		late->next->previous = late;
	one->child = late;
	return one;
}

/* Melds pairs from left to right and keeps them on a stack, made of `next`; then melds the stack. */
static struct timer *timer_meld_siblings(struct timer *first)
{
	struct timer *stack = NULL, *all = NULL;

	while (first) {
		struct timer *second = first->next, *rest = second ? second->next : NULL, *pair;

		first->next = first->previous = NULL;
		if (second)
			second->next = second->previous = NULL;
		pair = timer_meld(first, second);
		pair->next = stack;
		stack = pair;
		first = rest;
	}
	while (stack) {
		struct timer *next = stack->next;

		stack->next = NULL;
		all = timer_meld(all, stack);
		stack = next;
	}
	return all;
}

/* Takes a timer out from under its parent, with its children. */
static void timer_cut(struct timer *timer)
{
	if (timer->previous->child == timer)
		timer->previous->child = timer->next;
	else
		timer->previous->next = timer->next;
	if (timer->next)
		timer->next->previous = timer->previous;
	timer->next = timer->previous = NULL;
}

static void timers_remove(struct timers *timers, struct timer *timer)
{
	struct timer *children = timer_meld_siblings(timer->child);

	timer->child = NULL;
	if (timers->first == timer) {
		timers->first = children;
	} else {
		timer_cut(timer);
		timers->first = timer_meld(timers->first, children);
	}
}

void timers_init(struct timers *timers)
{
	timers->first = NULL;
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->first ? timers->first->due_us : TIMER_NEVER;
}

void timer_init(struct timer *timer, void (*on_due)(void *owner, uint64_t now_us), void *owner)
{
	*timer = (struct timer){.on_due = on_due, .owner = owner};
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t due_us)
{
	timer_clear(timers, timer);
	timer->due_us = due_us;
	timer->set = true;
	timers->first = timer_meld(timers->first, timer);
}

void timer_clear(struct timers *timers, struct timer *timer)
{
	if (!timer->set)
		return;
	timers_remove(timers, timer);
	timer->set = false;
}

/* Moves all that is due out of the heap, earliest first, under `due`: a parent that is in no heap, so that timer_cut()
 * takes a timer from there as from anywhere. */
static void timers_take_due(struct timers *timers, uint64_t now_us, struct timer *due)
{
	struct timer *last = NULL;

	while (timers->first && timers->first->due_us <= now_us) {
		struct timer *timer = timers->first;

		timers_remove(timers, timer);
		timer->previous = last ? last : due;
		if (last)
			last->next = timer;
		else
			due->child = timer;
		last = timer;
	}
}

void timers_run(struct timers *timers, uint64_t now_us)
{
	struct timer due = {0};

	timers_take_due(timers, now_us, &due);
	while (due.child) {
		struct timer *timer = due.child;

		assert(timer->set);
		timer_cut(timer);
		timer->set = false;
		timer->on_due(timer->owner, now_us);
	}
}
