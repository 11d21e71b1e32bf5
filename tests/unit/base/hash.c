/* SPDX-License-Identifier: MIT */
/* SipHash-1-3 against values of two other implementations of it. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of the bytes 0, 1, 2, …, with the key 0 0, as CPython 3.11 hashes them (PYTHONHASHSEED=0). */
static void it_agrees_with_another_implementation(void **state)
{
	static const struct {
		size_t count;
		uint64_t hash;
	} rows[] = {
		{1, 0x68a914128e01e473},  {7, 0x2f098ab0c751325a},  {8, 0xead411e67ebe2eea},  {9, 0x75927f9d95124362},
		{15, 0xf30eb725bb91c9ea}, {16, 0x8972188433a5c5b7}, {63, 0x385d3e39e5f37359}, {64, 0x75e05fd5bbc870c6},
	};
	const struct hash_key key = {{0, 0}};
	uint8_t bytes[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(hash_bytes(&key, bytes, rows[i].count) == rows[i].hash);
}

/* The low halves that Linux's lib/test_siphash lists for its SipHash-1-3, with the key 00 01 … 0f. */
static void the_key_goes_in_as_the_kernel_does_it(void **state)
{
	static const uint32_t low[] = {0x050fc4dc, 0x7d57ca93, 0x4dc7d44d, 0xe7ddf7fb, 0x88d38328,
				       0x49533b67, 0xc59f22a7, 0x9bb11140, 0x8d299a8e, 0x6c063de4};
	const struct hash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++)
		assert_int_equal((uint32_t)hash_bytes(&key, bytes, i), low[i]);
}

static void another_key_gives_another_hash(void **state)
{
	const struct hash_key one = {{1, 2}}, other = {{1, 3}};

	(void)state;
	assert_true(hash_bytes(&one, "guest", 5) != hash_bytes(&other, "guest", 5));
	assert_true(hash_bytes(&one, "guest", 5) == hash_bytes(&one, "guest", 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_agrees_with_another_implementation),
		cmocka_unit_test(the_key_goes_in_as_the_kernel_does_it),
		cmocka_unit_test(another_key_gives_another_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
