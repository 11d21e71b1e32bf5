/* SPDX-License-Identifier: MIT */
/* The bounded writer: right bytes, and nothing after a failure. */
#include "base/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void numbers_are_written_in_network_order(void **state)
{
	const uint8_t right[] = {1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 9};
	uint8_t bytes[11];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	writer_u8(&writer, 1);
	writer_be16(&writer, 0x0203);
	writer_be32(&writer, 0x04050607);
	writer_fill(&writer, 8, 2);
	writer_copy(&writer, "\x09\x09", 2);
	assert_false(writer.failed);
	assert_int_equal(writer_used(&writer), sizeof(right));
	assert_memory_equal(bytes, right, sizeof(right));
}

static void nothing_is_written_past_the_end_or_after_a_failure(void **state)
{
	const uint8_t right[] = {7, 0xee, 0xee, 0xee};
	uint8_t bytes[4];
	struct writer writer;

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	writer_init(&writer, bytes, 3);
	writer_u8(&writer, 7);
	writer_be32(&writer, 1);
	writer_u8(&writer, 1);
	writer_fill(&writer, 1, 1);
	assert_null(writer_skip(&writer, 1));
	assert_true(writer.failed);
	assert_int_equal(writer_used(&writer), 1);
	assert_memory_equal(bytes, right, sizeof(right));
}

static void skipped_room_is_zeroed_and_can_be_filled_later(void **state)
{
	const uint8_t right[] = {0, 5, 1};
	uint8_t bytes[3], *room;
	struct writer writer;

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	writer_init(&writer, bytes, sizeof(bytes));
	room = writer_skip(&writer, 2);
	writer_u8(&writer, 1);
	assert_ptr_equal(room, bytes);
	room[1] = 5;
	assert_memory_equal(bytes, right, sizeof(right));
}

static void huge_counts_do_not_wrap(void **state)
{
	uint8_t bytes[2];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	writer_u8(&writer, 1);
	assert_null(writer_skip(&writer, SIZE_MAX));
	assert_true(writer.failed);
	assert_int_equal(writer_used(&writer), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_in_network_order),
		cmocka_unit_test(nothing_is_written_past_the_end_or_after_a_failure),
		cmocka_unit_test(skipped_room_is_zeroed_and_can_be_filled_later),
		cmocka_unit_test(huge_counts_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
