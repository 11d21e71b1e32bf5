/* SPDX-License-Identifier: MIT */
/* Copying and cutting, against a buffer in one piece, at every offset. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtio/pieces.h"

enum {
	PIECES = 5,
	BYTES = 12,
};

static char text[BYTES + 1];
static struct iovec pieces[PIECES];

/* "abcdefghijkl" in pieces of 1, 4, 0, 2 and 5. */
static void cut_up(void)
{
	static const size_t lengths[PIECES] = {1, 4, 0, 2, 5};
	size_t at = 0;

	memcpy(text, "abcdefghijkl", sizeof(text));
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = (struct iovec){text + at, lengths[i]};
		at += lengths[i];
	}
	assert_int_equal(at, BYTES);
}

static void bytes_are_read_and_written_at_any_offset(void **state)
{
	(void)state;
	for (size_t offset = 0; offset <= BYTES + 1; offset++) {
		for (size_t count = 0; count <= BYTES + 1; count++) {
			size_t there = offset >= BYTES ? 0 : count < BYTES - offset ? count : BYTES - offset;
			char copy[BYTES + 2] = "";
			char wanted[BYTES + 1];

			cut_up();
			assert_int_equal(pieces_read(pieces, PIECES, offset, copy, count), there);
			if (there > 0)
				assert_memory_equal(copy, text + offset, there);
			memcpy(wanted, text, sizeof(wanted));
			memset(wanted + (there > 0 ? offset : 0), '-', there);
			memset(copy, '-', sizeof(copy));
			assert_int_equal(pieces_write(pieces, PIECES, offset, copy, count), there);
			assert_string_equal(text, wanted);
		}
	}
}

static void a_start_is_skipped_and_an_end_is_cut(void **state)
{
	(void)state;
	for (size_t from = 0; from <= BYTES; from++) {
		for (size_t to = from; to <= BYTES; to++) {
			char copy[BYTES] = "";
			uint32_t count;

			cut_up();
			count = pieces_cut(pieces, PIECES, to);
			assert_int_equal(pieces_bytes(pieces, count), to);
			count = pieces_skip(pieces, count, from);
			assert_int_equal(pieces_bytes(pieces, count), to - from);
			assert_int_equal(pieces_read(pieces, count, 0, copy, BYTES), to - from);
			if (to > from)
				assert_memory_equal(copy, text + from, to - from);
			assert_true(count == 0 || pieces[0].iov_len > 0);
		}
	}
	cut_up();
	assert_int_equal(pieces_skip(pieces, PIECES, BYTES + 1), 0);
	assert_int_equal(pieces_cut(pieces, PIECES, BYTES + 1), PIECES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_read_and_written_at_any_offset),
		cmocka_unit_test(a_start_is_skipped_and_an_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
