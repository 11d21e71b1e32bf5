/* SPDX-License-Identifier: MIT */
/* Amounts, and how they are written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

#include "cli/quantity.h"

static void bytes_have_the_unit_that_keeps_them_short(void **state)
{
	static const struct {
		long long bytes;
		const char *text;
	} rows[] = {{0, "0B"},      {1023, "1023B"},       {1024, "1.0K"},      {1536, "1.5K"},
		    {10240, "10K"}, {1024 * 1024, "1.0M"}, {5LL << 30, "5.0G"}, {LLONG_MAX, "8192P"}};
	char text[QUANTITY_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(quantity_bytes(rows[i].bytes, text), rows[i].text);
}

static void seconds_are_a_clock_without_days(void **state)
{
	static const struct {
		long long seconds;
		const char *text;
	} rows[] = {{0, "0:00:00"},      {59, "0:00:59"},       {3600, "1:00:00"},
		    {86399, "23:59:59"}, {360000, "100:00:00"}, {-1, "for ever"}};
	char text[QUANTITY_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(quantity_seconds(rows[i].seconds, text), rows[i].text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_the_unit_that_keeps_them_short),
		cmocka_unit_test(seconds_are_a_clock_without_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
