/* SPDX-License-Identifier: MIT */
/* Nanoseconds to ticks and back, without losing any: the product has 128 bits. */
#include "semu/clock.h"

#include <time.h>

static const uint64_t SECOND_NS = 1000000000;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void clock_init(struct clock *clock, uint32_t hz)
{
	*clock = (struct clock){.hz = hz, .start_ns = now_ns()};
}

uint64_t clock_ticks(const struct clock *clock)
{
	return (uint64_t)((unsigned __int128)(now_ns() - clock->start_ns) * clock->hz / SECOND_NS);
}

uint64_t clock_until_ns(const struct clock *clock, uint64_t ticks)
{
	const uint64_t passed = now_ns() - clock->start_ns;
	/* Rounded up, so that the tick has come when the time is over. */
	const unsigned __int128 at = ((unsigned __int128)ticks * SECOND_NS + clock->hz - 1) / clock->hz;

	if (at <= passed)
		return 0;
	return at > UINT64_MAX ? UINT64_MAX : (uint64_t)at - passed;
}
