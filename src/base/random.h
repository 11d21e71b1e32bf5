/* SPDX-License-Identifier: MIT */
/* Random numbers as a value that is handed in: a test gives a seed, the program one from the system. Good enough for
 * transaction identifiers and jitter; never a secret. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state[2];
};

void random_init(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
/* Uniform in 0 … bound - 1; bound > 0. */
uint32_t random_below(struct random *random, uint32_t bound);
void random_fill(struct random *random, void *to, size_t count);

#endif
