/* SPDX-License-Identifier: MIT */
/* See allowance.h. */
#include "base/allowance.h"

void allowance_init(struct allowance *allowance, const struct hash_key *key, uint32_t most, uint32_t pause_us)
{
	*allowance = (struct allowance){.key = *key, .most = most, .pause_us = pause_us};
}

bool allowance_take(struct allowance *allowance, const void *name, size_t bytes, uint64_t now_us)
{
	uint64_t *whole_us = &allowance->whole_us[hash_bytes(&allowance->key, name, bytes) % ALLOWANCE_BUCKETS];
	uint64_t empty_us = (uint64_t)allowance->most * allowance->pause_us;

	if (*whole_us < now_us)
		*whole_us = now_us;
	if (*whole_us - now_us > empty_us - allowance->pause_us)
		return false;
	*whole_us += allowance->pause_us;
	return true;
}
