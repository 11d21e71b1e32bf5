/* SPDX-License-Identifier: MIT */
/* Numbers in network order. */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void numbers_lie_in_memory_highest_byte_first(void **state)
{
	struct be16 two = be16_from(0x1234);
	struct be32 four = be32_from(0x89abcdef);

	(void)state;
	assert_memory_equal(&two, "\x12\x34", 2);
	assert_memory_equal(&four, "\x89\xab\xcd\xef", 4);
	assert_int_equal(be16_value(two), 0x1234);
	assert_true(be32_value(four) == 0x89abcdef);
}

static void they_have_no_padding_and_no_alignment(void **state)
{
	struct {
		uint8_t one;
		struct be32 four;
		struct be16 two;
	} wire;

	(void)state;
	assert_int_equal(sizeof(wire), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_lie_in_memory_highest_byte_first),
		cmocka_unit_test(they_have_no_padding_and_no_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
