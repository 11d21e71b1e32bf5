/* SPDX-License-Identifier: MIT */
/* Arithmetic in integers at its edges: each row an operation, a rounding, the operands, the result and its flags. The bulk
 * is compared with another implementation by tests/isa. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "semu/ieee.h"

enum { RNE = IEEE_NEAREST_EVEN, RTZ = IEEE_TO_ZERO, RDN = IEEE_DOWN, RUP = IEEE_UP, RMM = IEEE_NEAREST_AWAY };
enum { NX = IEEE_INEXACT, UF = IEEE_UNDERFLOW, OF = IEEE_OVERFLOW, DZ = IEEE_DIVIDED_BY_ZERO, NV = IEEE_INVALID };

#define ONE 0x3ff0000000000000ULL
#define TWO 0x4000000000000000ULL
#define THREE 0x4008000000000000ULL
#define MINUS 0x8000000000000000ULL
#define INFINITE 0x7ff0000000000000ULL
#define GREATEST 0x7fefffffffffffffULL
#define NORMAL 0x0010000000000000ULL /* the least normal number */
#define NOT_A_NUMBER 0x7ff8000000000000ULL
#define SIGNALLING 0x7ff0000000000001ULL
#define TINY 0x3c90000000000000ULL /* 2^-54 */

typedef uint64_t two_operands(const struct ieee_format *, uint64_t, uint64_t, struct ieee_mode *);

static uint64_t root(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	(void)b;
	return ieee_root(format, a, mode);
}

/* a * a + b */
static uint64_t square_add(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	return ieee_multiply_add(format, a, a, b, mode);
}

static uint64_t to_single(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	(void)b;
	return ieee_convert(format, &ieee_single, a, mode);
}

/* b: bits, and 1 if unsigned. */
static uint64_t to_integer(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	return ieee_to_integer(format, a, !(b & 1), (unsigned)b & ~1U, mode);
}

static uint64_t from_integer(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	return ieee_from_integer(format, a, !b, mode);
}

static const struct {
	const char *what;
	two_operands *run;
	int rounding;
	uint64_t a, b, result;
	unsigned flags;
} table[] = {
	{"a half of the last bit goes to even", ieee_add, RNE, ONE, TINY + (1ULL << 52), ONE, NX},
	{"a half of the last bit goes away", ieee_add, RMM, ONE, TINY + (1ULL << 52), ONE + 1, NX},
	{"a half of the last bit goes up", ieee_add, RUP, ONE, TINY + (1ULL << 52), ONE + 1, NX},
	{"a half of the last bit is cut off", ieee_add, RTZ, ONE, TINY + (1ULL << 52), ONE, NX},
	{"down, away from zero", ieee_add, RDN, ONE | MINUS, TINY | MINUS, (ONE | MINUS) + 1, NX},
	{"x - x is zero", ieee_add, RNE, ONE, ONE | MINUS, 0, 0},
	{"x - x is minus zero downwards", ieee_add, RDN, ONE, ONE | MINUS, MINUS, 0},
	{"minus zeros stay", ieee_add, RNE, MINUS, MINUS, MINUS, 0},
	{"infinity less infinity", ieee_add, RNE, INFINITE, INFINITE | MINUS, NOT_A_NUMBER, NV},
	{"a quiet NaN is quiet", ieee_add, RNE, NOT_A_NUMBER | MINUS | 5, ONE, NOT_A_NUMBER, 0},
	{"a signalling NaN is not", ieee_add, RNE, ONE, SIGNALLING, NOT_A_NUMBER, NV},
	{"the greatest overflows", ieee_add, RNE, GREATEST, GREATEST, INFINITE, OF | NX},
	{"the greatest stays towards zero", ieee_add, RTZ, GREATEST, GREATEST, GREATEST, OF | NX},
	{"the greatest stays downwards", ieee_add, RDN, GREATEST, GREATEST, GREATEST, OF | NX},
	{"the least goes down", ieee_add, RDN, GREATEST | MINUS, GREATEST | MINUS, INFINITE | MINUS, OF | NX},
	{"subnormals add up without a flag", ieee_add, RNE, NORMAL - 1, 1, NORMAL, 0},
	{"zero times infinity", ieee_multiply, RNE, MINUS, INFINITE, NOT_A_NUMBER, NV},
	{"tiny after rounding", ieee_multiply, RNE, NORMAL, ONE - 1, NORMAL, NX | UF},
	{"not tiny after rounding", ieee_multiply, RUP, NORMAL + 1, ONE - 1, NORMAL + 1, NX},
	{"half of a subnormal is exact", ieee_multiply, RNE, 2, ONE - (1ULL << 52), 1, 0},
	{"half of the least goes to even", ieee_multiply, RNE, 1, ONE - (1ULL << 52), 0, NX | UF},
	{"half of the least goes away", ieee_multiply, RMM, 1, ONE - (1ULL << 52), 1, NX | UF},
	{"a third", ieee_divide, RNE, ONE, THREE, 0x3fd5555555555555, NX},
	{"a third upwards", ieee_divide, RUP, ONE, THREE, 0x3fd5555555555556, NX},
	{"by zero", ieee_divide, RNE, ONE | MINUS, 0, INFINITE | MINUS, DZ},
	{"zero by zero", ieee_divide, RNE, 0, 0, NOT_A_NUMBER, NV},
	{"the root of two", root, RNE, TWO, 0, 0x3ff6a09e667f3bcd, NX},
	{"the root of two down", root, RDN, TWO, 0, 0x3ff6a09e667f3bcc, NX},
	{"the root of four", root, RNE, TWO + (1ULL << 52), 0, TWO, 0},
	{"the root of the least", root, RNE, 1, 0, 0x1e60000000000000, 0},
	{"the root of minus zero", root, RNE, MINUS, 0, MINUS, 0},
	{"the root of minus one", root, RNE, ONE | MINUS, 0, NOT_A_NUMBER, NV},
	{"fused: what multiplication loses", square_add, RNE, ONE + 1, (ONE | MINUS) + 2, 0x3970000000000000, 0},
	{"least: a number, not the NaN", ieee_minimum, RNE, NOT_A_NUMBER, TWO, TWO, 0},
	{"least: of a signalling NaN too", ieee_minimum, RNE, TWO, SIGNALLING, TWO, NV},
	{"least: two NaNs", ieee_minimum, RNE, NOT_A_NUMBER | 1, NOT_A_NUMBER | MINUS, NOT_A_NUMBER, 0},
	{"least: minus zero", ieee_minimum, RNE, 0, MINUS, MINUS, 0},
	{"greatest: zero", ieee_maximum, RNE, MINUS, 0, 0, 0},
	{"greatest: of two negative ones", ieee_maximum, RNE, TWO | MINUS, ONE | MINUS, ONE | MINUS, 0},
	{"narrow: overflow", to_single, RNE, GREATEST, 0, 0x7f800000, OF | NX},
	{"narrow: a single's subnormal", to_single, RNE, 0x3690000000000000, 0, 0, NX | UF},
	{"narrow: and up", to_single, RUP, 0x3690000000000000, 0, 1, NX | UF},
	{"narrow: a NaN", to_single, RNE, NOT_A_NUMBER | MINUS | 1, 0, 0x7fc00000, 0},
	{"to an integer: two and a half", to_integer, RNE, 0x4004000000000000, 64, 2, NX},
	{"to an integer: two and a half away", to_integer, RMM, 0x4004000000000000, 64, 3, NX},
	{"to an integer: minus a half to unsigned", to_integer, RNE, 0xbfe0000000000000, 65, 0, NX},
	{"to an integer: minus a half down to unsigned", to_integer, RDN, 0xbfe0000000000000, 65, 0, NV},
	{"to an integer: 2^31", to_integer, RNE, 0x41e0000000000000, 32, 0x7fffffff, NV},
	{"to an integer: -2^31", to_integer, RNE, 0xc1e0000000000000, 32, 0xffffffff80000000, 0},
	{"to an integer: -2^31 - 1/2 down", to_integer, RDN, 0xc1e0000000100000, 32, 0xffffffff80000000, NV},
	{"to an integer: 2^32 - 1 is sign-extended", to_integer, RNE, 0x41efffffffe00000, 33, UINT64_MAX, 0},
	{"to an integer: a NaN is the greatest", to_integer, RNE, NOT_A_NUMBER | MINUS, 64, INT64_MAX, NV},
	{"to an integer: minus infinity", to_integer, RNE, INFINITE | MINUS, 64, 1ULL << 63, NV},
	{"to an integer: 2^64", to_integer, RNE, 0x43f0000000000000, 65, UINT64_MAX, NV},
	{"from an integer: the greatest", from_integer, RNE, UINT64_MAX, 1, 0x43f0000000000000, NX},
	{"from an integer: towards zero", from_integer, RTZ, UINT64_MAX, 1, 0x43efffffffffffff, NX},
	{"from an integer: the least", from_integer, RNE, 1ULL << 63, 0, 0xc3e0000000000000, 0},
};

static void each_result_and_its_flags_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ieee_mode mode = {.rounding = (enum ieee_rounding)table[i].rounding};
		const uint64_t result = table[i].run(&ieee_double, table[i].a, table[i].b, &mode);

		if (result != table[i].result || mode.flags != table[i].flags)
			fail_msg("%s: 0x%016llx with flags 0x%02x, not 0x%016llx with 0x%02x", table[i].what,
				 (unsigned long long)result, mode.flags, (unsigned long long)table[i].result,
				 table[i].flags);
	}
}

static void fused_zero_times_infinity_is_invalid_even_with_a_quiet_nan(void **state)
{
	struct ieee_mode mode = {.rounding = IEEE_NEAREST_EVEN};

	(void)state;
	assert_int_equal(ieee_multiply_add(&ieee_double, 0, INFINITE, NOT_A_NUMBER, &mode), NOT_A_NUMBER);
	assert_int_equal(mode.flags, NV);
}

static void only_equality_is_quiet(void **state)
{
	struct ieee_mode mode = {.rounding = IEEE_NEAREST_EVEN};

	(void)state;
	assert_true(ieee_equal(&ieee_double, 0, MINUS, &mode));
	assert_false(ieee_less(&ieee_double, MINUS, 0, &mode));
	assert_true(ieee_less_or_equal(&ieee_double, 0, MINUS, &mode));
	assert_true(ieee_less(&ieee_double, TWO | MINUS, ONE | MINUS, &mode));
	assert_false(ieee_equal(&ieee_double, NOT_A_NUMBER, NOT_A_NUMBER, &mode));
	assert_int_equal(mode.flags, 0);
	assert_false(ieee_less_or_equal(&ieee_double, NOT_A_NUMBER, ONE, &mode));
	assert_int_equal(mode.flags, NV);
	mode.flags = 0;
	assert_false(ieee_equal(&ieee_double, ONE, SIGNALLING, &mode));
	assert_int_equal(mode.flags, NV);
}

static void each_class_has_its_bit(void **state)
{
	static const uint32_t singles[] = {0xff800000, 0xff7fffff, 0x807fffff, 0x80000000, 0x00000000,
					   0x00000001, 0x00800000, 0x7f800000, 0x7f800001, 0x7fc00000};

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ieee_classify(&ieee_single, singles[i]), 1U << i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_result_and_its_flags_are_exact),
		cmocka_unit_test(fused_zero_times_infinity_is_invalid_even_with_a_quiet_nan),
		cmocka_unit_test(only_equality_is_quiet),
		cmocka_unit_test(each_class_has_its_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
