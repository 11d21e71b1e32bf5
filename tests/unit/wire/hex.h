/* SPDX-License-Identifier: MIT */
/* Bytes for the tables of the parsers' tests, written as people read them: pairs of hex digits, blanks between them as
 * one likes, and `*N` behind a pair for N of it ("00*6"). In memory of exactly their size, so that a sanitizer sees a
 * read of one byte too many. */
#ifndef TESTS_UNIT_WIRE_HEX_H
#define TESTS_UNIT_WIRE_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

enum { HEX_BYTES_MAX = 4096 };

struct hex {
	uint8_t *bytes; /* hex_done() frees them */
	size_t count;
};

static inline struct hex hex_read(const char *text)
{
	static uint8_t room[HEX_BYTES_MAX];
	struct hex hex = {0};

	while (*text) {
		char pair[3] = {text[0], text[1], 0};
		long times = 1;

		if (*text == ' ') {
			text++;
			continue;
		}
		text += 2;
		if (*text == '*')
			times = strtol(text + 1, (char **)&text, 10);
		assert(times >= 0 && hex.count + (size_t)times <= sizeof(room));
		memset(room + hex.count, (int)strtol(pair, NULL, 16), (size_t)times);
		hex.count += (size_t)times;
	}
	hex.bytes = malloc(hex.count ? hex.count : 1);
	assert(hex.bytes);
	memcpy(hex.bytes, room, hex.count);
	return hex;
}

static inline struct reader hex_reader(const struct hex *hex)
{
	struct reader reader;

	reader_init(&reader, hex->bytes, hex->count);
	return reader;
}

static inline void hex_done(struct hex *hex)
{
	free(hex->bytes);
}

#endif
