/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071) over bytes that come in pieces of any size, odd ones too. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct checksum {
	uint64_t sum;
	bool odd; /* an odd number of bytes has been added: the next one is a low byte */
};

static inline void checksum_init(struct checksum *checksum)
{
	*checksum = (struct checksum){0};
}

void checksum_add(struct checksum *checksum, const void *bytes, size_t count);
void checksum_add_u16(struct checksum *checksum, uint16_t value);
void checksum_add_u32(struct checksum *checksum, uint32_t value);
/* The folded sum, not inverted: what a partial checksum field holds. */
struct be16 checksum_partial(const struct checksum *checksum);
/* The field's value: folded and inverted. Over bytes with a right checksum in them it is 0. */
struct be16 checksum_final(const struct checksum *checksum);

#endif
