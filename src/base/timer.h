/* SPDX-License-Identifier: MIT */
/* Timers, without a clock: time comes in as a number. A pairing heap of links that stand inside the timers' owners: no
 * allocation, the earliest in O(1), 128 K of them without a scan. There is no tick: with nothing due nothing wakes. */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
	uint64_t due_us;
	void (*on_due)(void *owner, uint64_t now_us);
	void *owner;
	bool set;
	struct timer *child;    /* first child, due no earlier */
	struct timer *next;     /* next sibling */
	struct timer *previous; /* previous sibling, or the parent of the first child */
};

struct timers {
	struct timer *first;
};

#define TIMER_NEVER UINT64_MAX

void timers_init(struct timers *timers);
/* When the earliest is due, or TIMER_NEVER. */
uint64_t timers_next(const struct timers *timers);
/* Calls each timer that is due, once; one that a callback sets again for now waits for the next call. */
void timers_run(struct timers *timers, uint64_t now_us);

void timer_init(struct timer *timer, void (*on_due)(void *owner, uint64_t now_us), void *owner);
/* Sets, or moves, the timer. */
void timer_set(struct timers *timers, struct timer *timer, uint64_t due_us);
void timer_clear(struct timers *timers, struct timer *timer);

#endif
