/* SPDX-License-Identifier: MIT */
/* A bounded writer, the reader's twin: past the end nothing is written and `failed` stays set. */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct writer {
	uint8_t *start;
	uint8_t *next;
	size_t left;
	bool failed;
};

void writer_init(struct writer *writer, void *bytes, size_t count);
void writer_u8(struct writer *writer, uint8_t value);
void writer_be16(struct writer *writer, uint16_t value);
void writer_be32(struct writer *writer, uint32_t value);
void writer_copy(struct writer *writer, const void *from, size_t count);
void writer_fill(struct writer *writer, uint8_t value, size_t count);
/* Room for `count` bytes to be filled in later, or NULL. It is zeroed. */
uint8_t *writer_skip(struct writer *writer, size_t count);
size_t writer_used(const struct writer *writer);

#endif
