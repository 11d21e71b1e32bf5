/* SPDX-License-Identifier: MIT */
/* SipHash-1-3, so that a guest cannot choose its place in a table of ours. The key is handed in. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t half[2];
};

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t count);

#endif
