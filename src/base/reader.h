/* SPDX-License-Identifier: MIT */
/* A bounded reader over bytes that nobody has checked yet. It fails once and stays failed: past the end every read
 * gives zero and sets `failed`, so a parser reads all its fields and asks once, before it believes any of them. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct reader {
	const uint8_t *next;
	size_t left;
	bool failed;
};

void reader_init(struct reader *reader, const void *bytes, size_t count);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_be16(struct reader *reader);
uint32_t reader_be32(struct reader *reader);
/* Copies `count` bytes out; on failure `to` is all zero. */
void reader_copy(struct reader *reader, void *to, size_t count);
/* A pointer to the next `count` bytes, or NULL. They stay the reader's owner's. */
const uint8_t *reader_skip(struct reader *reader, size_t count);
/* A reader over the next `count` bytes, which this one passes. Failed when there are not that many. */
struct reader reader_cut(struct reader *reader, size_t count);

#endif
