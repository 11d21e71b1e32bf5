/* SPDX-License-Identifier: MIT */
/* The checksum against RFC 1071's own example, a plain sum of 16-bit words, and every way of cutting. */
#include "base/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static uint16_t plain_sum(const uint8_t *bytes, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static uint16_t one_piece(const uint8_t *bytes, size_t count)
{
	struct checksum checksum;

	checksum_init(&checksum);
	checksum_add(&checksum, bytes, count);
	return be16_value(checksum_partial(&checksum));
}

static void the_example_of_the_rfc_comes_out(void **state)
{
	const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}; /* RFC 1071 3 */
	struct checksum checksum;

	(void)state;
	checksum_init(&checksum);
	checksum_add(&checksum, bytes, sizeof(bytes));
	assert_int_equal(be16_value(checksum_partial(&checksum)), 0xddf2);
	assert_int_equal(be16_value(checksum_final(&checksum)), 0x220d);
}

static void every_length_and_place_agrees_with_a_plain_sum(void **state)
{
	uint8_t bytes[200];
	struct random random;

	(void)state;
	random_init(&random, 3);
	for (size_t round = 0; round < 20; round++) {
		random_fill(&random, bytes, sizeof(bytes));
		if (round == 0)
			memset(bytes, 0xff, sizeof(bytes));
		for (size_t at = 0; at < 9; at++) {
			for (size_t count = 0; count < 190; count++)
				assert_int_equal(one_piece(bytes + at, count), plain_sum(bytes + at, count));
		}
	}
}

static void pieces_of_any_size_sum_like_the_whole(void **state)
{
	static uint8_t bytes[5000];
	struct random random;

	(void)state;
	random_init(&random, 5);
	random_fill(&random, bytes, sizeof(bytes));
	for (size_t round = 0; round < 2000; round++) {
		struct checksum checksum;
		size_t at = 0;

		checksum_init(&checksum);
		while (at < sizeof(bytes)) {
			size_t piece = random_below(&random, round % 2 ? 9 : 700);

			if (piece > sizeof(bytes) - at)
				piece = sizeof(bytes) - at;
			checksum_add(&checksum, bytes + at, piece);
			at += piece;
		}
		assert_int_equal(be16_value(checksum_partial(&checksum)), plain_sum(bytes, sizeof(bytes)));
	}
}

static void numbers_are_added_as_their_bytes_in_network_order(void **state)
{
	const uint8_t bytes[] = {0x77, 0x12, 0x34, 0x89, 0xab, 0xcd, 0xef};
	struct checksum checksum;

	(void)state;
	checksum_init(&checksum);
	checksum_add(&checksum, bytes, 1);
	checksum_add_u16(&checksum, 0x1234);
	checksum_add_u32(&checksum, 0x89abcdef);
	assert_int_equal(be16_value(checksum_partial(&checksum)), plain_sum(bytes, sizeof(bytes)));
}

static void over_a_right_checksum_it_is_zero(void **state)
{
	uint8_t bytes[64] = {0x45, 1, 2, 3};
	struct checksum checksum;
	struct be16 field;

	(void)state;
	checksum_init(&checksum);
	checksum_add(&checksum, bytes, sizeof(bytes));
	field = checksum_final(&checksum);
	memcpy(bytes + 10, field.byte, sizeof(field.byte));
	checksum_init(&checksum);
	checksum_add(&checksum, bytes, sizeof(bytes));
	assert_int_equal(be16_value(checksum_final(&checksum)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_rfc_comes_out),
		cmocka_unit_test(every_length_and_place_agrees_with_a_plain_sum),
		cmocka_unit_test(pieces_of_any_size_sum_like_the_whole),
		cmocka_unit_test(numbers_are_added_as_their_bytes_in_network_order),
		cmocka_unit_test(over_a_right_checksum_it_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
