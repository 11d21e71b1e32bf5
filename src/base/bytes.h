/* SPDX-License-Identifier: MIT */
/* Numbers in network order, as types of their own: a forgotten swap does not compile. They are arrays of bytes, so
 * their alignment is 1 and a wire structure made of them has no padding and may stand at any address. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdint.h>

struct be16 {
	uint8_t byte[2];
};

struct be32 {
	uint8_t byte[4];
};

static inline struct be16 be16_from(uint16_t value)
{
	return (struct be16){{(uint8_t)(value >> 8), (uint8_t)value}};
}

static inline uint16_t be16_value(struct be16 number)
{
	return (uint16_t)(number.byte[0] << 8 | number.byte[1]);
}

static inline struct be32 be32_from(uint32_t value)
{
	return (struct be32){{(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value}};
}

static inline uint32_t be32_value(struct be32 number)
{
	return (uint32_t)number.byte[0] << 24 | (uint32_t)number.byte[1] << 16 | (uint32_t)number.byte[2] << 8 |
	       (uint32_t)number.byte[3];
}

#endif
