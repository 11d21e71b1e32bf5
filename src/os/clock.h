/* SPDX-License-Identifier: MIT */
/* The two clocks: one that only goes forward, for everything that lasts, and the wall's, for what a person or a file
 * keeps beyond this run. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

/* Monotonic. The owner is not used: the signature is what loop_new() takes. */
uint64_t clock_now_us(void *owner);
/* Seconds since 1970. It may jump. */
uint64_t clock_wall_s(void);

#endif
