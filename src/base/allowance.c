/* SPDX-License-Identifier: MIT */
/* See allowance.h. */
#include "base/allowance.h"

void allowance_init(struct allowance *allowance, const struct hash_key *key, uint32_t most, uint32_t pause_us)
{
	*allowance = (struct allowance){.key = *key, .most = most, .pause_us = pause_us};
}

bool allowance_take(struct allowance *allowance, const void *place, size_t place_bytes, const void *name,
		    size_t name_bytes, uint64_t now_us)
{
	size_t row = hash_bytes(&allowance->key, place, place_bytes) % ALLOWANCE_PLACES;
	size_t column = hash_bytes(&allowance->key, name, name_bytes) % ALLOWANCE_NAMES;
	uint64_t *whole_us = &allowance->whole_us[row][column];
	uint64_t empty_us = (uint64_t)allowance->most * allowance->pause_us;

	if (*whole_us < now_us)
		*whole_us = now_us;
	if (*whole_us - now_us > empty_us - allowance->pause_us)
		return false;
	*whole_us += allowance->pause_us;
	return true;
}
