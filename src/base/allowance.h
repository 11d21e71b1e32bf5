/* SPDX-License-Identifier: MIT */
/* How much each of many who ask is given in a time: a leaky bucket for each, kept as the time when it will be whole
 * again. Who asks is told apart by the place where he is, and there by his name, both by a keyed hash, so that
 * one can neither take what is another's nor choose with whom to share; some share by chance. Who makes up names for
 * himself gets no more than the buckets of his place. */
#ifndef BASE_ALLOWANCE_H
#define BASE_ALLOWANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum allowance_limits {
	ALLOWANCE_PLACES = 64,
	ALLOWANCE_NAMES = 16, /* at each */
};

struct allowance {
	struct hash_key key;
	uint32_t most;     /* so many at once … */
	uint32_t pause_us; /* … and one more each pause */
	uint64_t whole_us[ALLOWANCE_PLACES][ALLOWANCE_NAMES];
};

void allowance_init(struct allowance *allowance, const struct hash_key *key, uint32_t most, uint32_t pause_us);
/* One for who has this name at this place; false: there is none left now. A name of no bytes: all that are there. */
bool allowance_take(struct allowance *allowance, const void *place, size_t place_bytes, const void *name,
		    size_t name_bytes, uint64_t now_us);

#endif
