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

static void seconds_may_have_fractions(void **state)
{
	static const struct {
		const char *text;
		int ms; /* -1: refused */
	} rows[] = {{"0", 0},    {"0.5", 500}, {".25", 250},  {"1.", 1000}, {"90", 90000},   {"1000000", 1000000000},
		    {"", -1},    {".", -1},    {"1.2.3", -1}, {"-1", -1},   {"1000001", -1}, {"1e3", -1},
		    {"0x1", -1}, {" 1", -1},   {"1s", -1},    {"nan", -1},  {"inf", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int ms = -1;

		assert_int_equal(quantity_read_seconds(rows[i].text, &ms), rows[i].ms >= 0);
		assert_int_equal(ms, rows[i].ms);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_the_unit_that_keeps_them_short),
		cmocka_unit_test(seconds_are_a_clock_without_days),
		cmocka_unit_test(seconds_may_have_fractions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
