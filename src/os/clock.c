/* SPDX-License-Identifier: MIT */
/* Both systems have POSIX's clocks, so that this file needs no twin. */
#include "os/clock.h"

#include <time.h>

uint64_t clock_now_us(void *owner)
{
	struct timespec now;

	(void)owner;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_wall_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}
