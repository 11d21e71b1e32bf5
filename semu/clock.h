/* SPDX-License-Identifier: MIT */
/* The guest's time: ticks of its timebase, counted by the host's monotonic clock from the moment the machine was made. */
#ifndef SEMU_CLOCK_H
#define SEMU_CLOCK_H

#include <stdint.h>

enum { CLOCK_HZ = 10000000 }; /* where no device tree says otherwise */

struct clock {
	uint32_t hz;
	uint64_t start_ns;
};

void clock_init(struct clock *clock, uint32_t hz);
uint64_t clock_ticks(const struct clock *clock);
/* How long until the timebase is there: 0 when it has been, UINT64_MAX for what will never be. */
uint64_t clock_until_ns(const struct clock *clock, uint64_t ticks);

#endif
