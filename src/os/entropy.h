/* SPDX-License-Identifier: MIT */
/* Random bytes from the system: keys of hash tables and the seed of base/random.h. */
#ifndef OS_ENTROPY_H
#define OS_ENTROPY_H

#include <stddef.h>

/* 0 or negative errno; then `to` holds nothing that may be used. */
int entropy_fill(void *to, size_t count);

#endif
