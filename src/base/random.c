/* SPDX-License-Identifier: MIT */
/* xoroshiro128++ (Blackman and Vigna, 2019), its state spread from the seed by SplitMix64, so that neighbouring seeds
 * give streams that have nothing in common, and no seed gives the all-zero state. */
#include "base/random.h"

#include <assert.h>
#include <string.h>

static uint64_t random_rotate(uint64_t word, unsigned int by)
{
	return word << by | word >> (64 - by);
}

static uint64_t random_spread(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void random_init(struct random *random, uint64_t seed)
{
	random->state[0] = random_spread(&seed);
	random->state[1] = random_spread(&seed);
}

uint64_t random_u64(struct random *random)
{
	uint64_t a = random->state[0], b = random->state[1];
	uint64_t result = random_rotate(a + b, 17) + a;

	b ^= a;
	random->state[0] = random_rotate(a, 49) ^ b ^ b << 21;
	random->state[1] = random_rotate(b, 28);
	return result;
}

/* The high half of a product, and the few numbers that would make some results likelier are drawn again. */
uint32_t random_below(struct random *random, uint32_t bound)
{
	uint32_t uneven;
	uint64_t product;

	assert(bound > 0);
	uneven = -bound % bound;
	do
		product = (random_u64(random) >> 32) * bound;
	while ((uint32_t)product < uneven);
	return (uint32_t)(product >> 32);
}

void random_fill(struct random *random, void *to, size_t count)
{
	uint8_t *at = to;

	while (count > 0) {
		uint64_t word = random_u64(random);
		size_t piece = count < sizeof(word) ? count : sizeof(word);

		memcpy(at, &word, piece);
		at += piece;
		count -= piece;
	}
}
