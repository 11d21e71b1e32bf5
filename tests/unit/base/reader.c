/* SPDX-License-Identifier: MIT */
/* The bounded reader: right values, and a failure that stays. */
#include "base/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void numbers_are_read_in_network_order(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(reader_u8(&reader), 0x01);
	assert_int_equal(reader_be16(&reader), 0x0203);
	assert_int_equal(reader_be32(&reader), 0x04050607);
	assert_int_equal(reader.left, 3);
	assert_false(reader.failed);
}

static void a_read_past_the_end_gives_zero_and_fails(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes, 3);
	assert_int_equal(reader_be32(&reader), 0);
	assert_true(reader.failed);
}

static void a_failed_reader_stays_failed_for_smaller_reads(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes, 3);
	assert_null(reader_skip(&reader, 4));
	assert_int_equal(reader_u8(&reader), 0);
	assert_int_equal(reader_be16(&reader), 0);
	assert_int_equal(reader.left, 0);
	assert_true(reader_cut(&reader, 0).failed);
}

static void a_failed_copy_leaves_zeros(void **state)
{
	uint8_t to[4] = {9, 9, 9, 9}, zeros[4] = {0};
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes, 3);
	reader_copy(&reader, to, sizeof(to));
	assert_memory_equal(to, zeros, sizeof(to));
	assert_true(reader.failed);
	reader_init(&reader, bytes, 4);
	reader_copy(&reader, to, sizeof(to));
	assert_memory_equal(to, bytes, sizeof(to));
	assert_false(reader.failed);
}

static void a_cut_is_bounded_by_itself_and_passed_by_its_parent(void **state)
{
	struct reader reader, cut;

	(void)state;
	reader_init(&reader, bytes, sizeof(bytes));
	cut = reader_cut(&reader, 2);
	assert_int_equal(reader_u8(&reader), 3);
	assert_int_equal(reader_be16(&cut), 0x0102);
	assert_false(cut.failed);
	assert_int_equal(reader_u8(&cut), 0);
	assert_true(cut.failed);
	assert_false(reader.failed);
	cut = reader_cut(&reader, sizeof(bytes));
	assert_true(cut.failed);
	assert_true(reader.failed);
}

static void huge_counts_do_not_wrap(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes, sizeof(bytes));
	reader_u8(&reader);
	assert_null(reader_skip(&reader, SIZE_MAX));
	assert_true(reader.failed);
}

static void a_reader_over_nothing_is_legal(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, NULL, 0);
	reader_copy(&reader, NULL, 0);
	reader_skip(&reader, 0);
	assert_false(reader.failed);
	reader_u8(&reader);
	assert_true(reader.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_in_network_order),
		cmocka_unit_test(a_read_past_the_end_gives_zero_and_fails),
		cmocka_unit_test(a_failed_reader_stays_failed_for_smaller_reads),
		cmocka_unit_test(a_failed_copy_leaves_zeros),
		cmocka_unit_test(a_cut_is_bounded_by_itself_and_passed_by_its_parent),
		cmocka_unit_test(huge_counts_do_not_wrap),
		cmocka_unit_test(a_reader_over_nothing_is_legal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
