/* SPDX-License-Identifier: MIT */
/* Theory of operation. A number is taken apart into a sign, an exponent and a significand of 64 bits whose first bit is
 * set: 1.xxx * 2^exponent; a subnormal is normalised like any other. Each operation makes an exact result, or one whose last bit
 * says that something below it is not zero (it is "jammed": never less than 9 bits below the last that is kept, so that every
 * rounding sees on which side of the middle it is); pack() alone rounds, and finds overflow and underflow.
 * Tininess is detected after rounding, as RISC-V asks (unprivileged specification 20.2, and IEEE 754 7.5). */
#include "semu/ieee.h"

#include <stddef.h>

__extension__ typedef unsigned __int128 ieee_wide; /* ISO C has no name for it */

const struct ieee_format ieee_single = {.fraction_bits = 23, .exponent_bits = 8};
const struct ieee_format ieee_double = {.fraction_bits = 52, .exponent_bits = 11};

enum kind { KIND_ZERO, KIND_NUMBER, KIND_INFINITY, KIND_QUIET, KIND_SIGNALLING };

struct parts {
	enum kind kind;
	bool negative;
	int exponent;
	uint64_t significand; /* its bit 63 is worth 2^exponent */
};

/* A sum's term: bit 126 is worth 2^exponent, and is set unless the term is zero. */
struct term {
	bool negative;
	int exponent;
	ieee_wide significand;
};

static const int EXPONENT_OF_ZERO = -100000; /* below that of any product */
static const uint64_t TOP = 1ULL << 63;

static uint64_t sign_of(const struct ieee_format *format, bool negative)
{
	return (uint64_t)negative << (format->fraction_bits + format->exponent_bits);
}

static int bias(const struct ieee_format *format)
{
	return (1 << (format->exponent_bits - 1)) - 1;
}

static uint64_t infinity(const struct ieee_format *format)
{
	return ((1ULL << format->exponent_bits) - 1) << format->fraction_bits;
}

uint64_t ieee_nan(const struct ieee_format *format)
{
	return infinity(format) | 1ULL << (format->fraction_bits - 1);
}

uint64_t ieee_negate(const struct ieee_format *format, uint64_t a)
{
	return a ^ sign_of(format, true);
}

static struct parts unpack(const struct ieee_format *format, uint64_t bits)
{
	const uint64_t fraction = bits & ((1ULL << format->fraction_bits) - 1);
	const uint64_t exponent = bits >> format->fraction_bits & ((1ULL << format->exponent_bits) - 1);
	const uint64_t significand = fraction << (63 - format->fraction_bits);
	struct parts parts = {.negative = bits & sign_of(format, true)};

	if (exponent == (1ULL << format->exponent_bits) - 1) {
		parts.kind = !fraction ? KIND_INFINITY : significand & TOP >> 1 ? KIND_QUIET : KIND_SIGNALLING;
	} else if (exponent) {
		parts.kind = KIND_NUMBER;
		parts.exponent = (int)exponent - bias(format);
		parts.significand = TOP | significand;
	} else if (fraction) {
		const int shift = __builtin_clzll(significand);

		parts.kind = KIND_NUMBER;
		parts.exponent = 1 - bias(format) - shift;
		parts.significand = significand << shift;
	}
	return parts;
}

static bool is_nan(struct parts a)
{
	return a.kind == KIND_QUIET || a.kind == KIND_SIGNALLING;
}

static uint64_t invalid(const struct ieee_format *format, struct ieee_mode *mode)
{
	mode->flags |= IEEE_INVALID;
	return ieee_nan(format);
}

/* The result when an operand is a NaN. */
static uint64_t nan_from(const struct ieee_format *format, struct parts a, struct parts b, struct ieee_mode *mode)
{
	if (a.kind == KIND_SIGNALLING || b.kind == KIND_SIGNALLING)
		mode->flags |= IEEE_INVALID;
	return ieee_nan(format);
}

static uint64_t shift_jam(uint64_t value, unsigned by)
{
	if (by >= 64)
		return value != 0;
	return by ? value >> by | (value << (64 - by) != 0) : value;
}

static ieee_wide shift_jam_wide(ieee_wide value, unsigned by)
{
	if (by >= 128)
		return value != 0;
	return by ? value >> by | (value << (128 - by) != 0) : value;
}

/* What is cut off is rest, half is the middle: whether the magnitude that is left goes up by one. */
static bool rounds_up(enum ieee_rounding rounding, bool negative, bool odd, uint64_t rest, uint64_t half)
{
	switch (rounding) {
	case IEEE_NEAREST_EVEN:
		return rest > half || (rest == half && odd);
	case IEEE_DOWN:
		return negative && rest;
	case IEEE_UP:
		return !negative && rest;
	case IEEE_NEAREST_AWAY:
		return rest >= half;
	case IEEE_TO_ZERO:
	case IEEE_ROUNDINGS:
		break;
	}
	return false;
}

static uint64_t overflow(const struct ieee_format *format, bool negative, struct ieee_mode *mode)
{
	/* The greatest number, if the rounding does not lead away from it. */
	const bool stays = !rounds_up(mode->rounding, negative, true, 3, 2);

	mode->flags |= IEEE_OVERFLOW | IEEE_INEXACT;
	return sign_of(format, negative) | (infinity(format) - stays);
}

/* Cuts off the last bits, rounds, and says whether that was exact. The carry may make it one bit longer. */
static uint64_t round_off(uint64_t significand, unsigned drop, bool negative, enum ieee_rounding rounding,
			  bool *ret_exact)
{
	const uint64_t rest = significand & ((1ULL << drop) - 1), kept = significand >> drop;

	*ret_exact = !rest;
	return kept + rounds_up(rounding, negative, kept & 1, rest, 1ULL << (drop - 1));
}

/* Whether a result below the least normal number is tiny still when it is rounded as if exponents had no end. */
static bool stays_tiny(const struct ieee_format *format, bool negative, int below, uint64_t significand,
		       enum ieee_rounding rounding)
{
	bool exact;

	return below > 1 || !(round_off(significand, 63 - format->fraction_bits, negative, rounding, &exact) >>
			      (format->fraction_bits + 1));
}

static uint64_t pack(const struct ieee_format *format, bool negative, int exponent, uint64_t significand,
		     struct ieee_mode *mode)
{
	const int most = bias(format), below = 1 - bias(format) - exponent;
	bool tiny = false, exact;
	uint64_t bits;

	if (exponent > most)
		return overflow(format, negative, mode);
	if (below > 0) {
		tiny = stays_tiny(format, negative, below, significand, mode->rounding);
		significand = shift_jam(significand, (unsigned)below);
	}
	bits = round_off(significand, 63 - format->fraction_bits, negative, mode->rounding, &exact);
	/* The significand's first bit adds one to the exponent; that of a subnormal is not there, or came by the carry. */
	if (below <= 0)
		bits += (uint64_t)(exponent + most - 1) << format->fraction_bits;
	if (bits >= infinity(format))
		return overflow(format, negative, mode);
	if (!exact)
		mode->flags |= IEEE_INEXACT | (tiny ? IEEE_UNDERFLOW : 0U);
	return sign_of(format, negative) | bits;
}

static struct term term_of(struct parts a)
{
	return (struct term){
		.negative = a.negative,
		.exponent = a.kind == KIND_ZERO ? EXPONENT_OF_ZERO : a.exponent,
		.significand = a.kind == KIND_ZERO ? 0 : (ieee_wide)a.significand << 63,
	};
}

static struct term product(struct parts a, struct parts b)
{
	struct term term = {.negative = a.negative != b.negative, .exponent = EXPONENT_OF_ZERO};

	if (a.kind == KIND_ZERO || b.kind == KIND_ZERO)
		return term;
	term.exponent = a.exponent + b.exponent;
	term.significand = (ieee_wide)a.significand * b.significand;
	/* No bit is lost: each factor ends in zeros. */
	if (term.significand >> 127) {
		term.significand >>= 1;
		term.exponent++;
	}
	return term;
}

/* Bit 126 is worth 2^exponent; any bit may be the first. Not of zero. */
static uint64_t pack_wide(const struct ieee_format *format, struct term term, struct ieee_mode *mode)
{
	const uint64_t high = (uint64_t)(term.significand >> 64);
	const int shift = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)term.significand);
	const ieee_wide normal = term.significand << shift;

	return pack(format, term.negative, term.exponent + 1 - shift,
		    (uint64_t)(normal >> 64) | ((uint64_t)normal != 0), mode);
}

/* Bits are lost only from a term far below the other, where no more than one bit can cancel. */
static uint64_t sum(const struct ieee_format *format, struct term a, struct term b, struct ieee_mode *mode)
{
	if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) {
		const struct term swap = a;

		a = b;
		b = swap;
	}
	b.significand = shift_jam_wide(b.significand, (unsigned)(a.exponent - b.exponent));
	if (a.negative == b.negative)
		a.significand += b.significand;
	else
		a.significand -= b.significand;
	if (!a.significand)
		return sign_of(format, a.negative == b.negative ? a.negative : mode->rounding == IEEE_DOWN);
	return pack_wide(format, a, mode);
}

static uint64_t add_infinity(const struct ieee_format *format, bool a_infinite, bool a_negative, struct parts b,
			     struct ieee_mode *mode)
{
	const bool negative = a_infinite ? a_negative : b.negative;

	if (a_infinite && b.kind == KIND_INFINITY && a_negative != b.negative)
		return invalid(format, mode);
	return sign_of(format, negative) | infinity(format);
}

uint64_t ieee_add(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	const struct parts left = unpack(format, a), right = unpack(format, b);

	if (is_nan(left) || is_nan(right))
		return nan_from(format, left, right, mode);
	if (left.kind == KIND_INFINITY || right.kind == KIND_INFINITY)
		return add_infinity(format, left.kind == KIND_INFINITY, left.negative, right, mode);
	return sum(format, term_of(left), term_of(right), mode);
}

static bool is_zero_times_infinity(struct parts a, struct parts b)
{
	return (a.kind == KIND_ZERO && b.kind == KIND_INFINITY) || (a.kind == KIND_INFINITY && b.kind == KIND_ZERO);
}

uint64_t ieee_multiply(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	const struct parts left = unpack(format, a), right = unpack(format, b);
	const bool negative = left.negative != right.negative;

	if (is_nan(left) || is_nan(right))
		return nan_from(format, left, right, mode);
	if (is_zero_times_infinity(left, right))
		return invalid(format, mode);
	if (left.kind == KIND_INFINITY || right.kind == KIND_INFINITY)
		return sign_of(format, negative) | infinity(format);
	if (left.kind == KIND_ZERO || right.kind == KIND_ZERO)
		return sign_of(format, negative);
	return pack_wide(format, product(left, right), mode);
}

uint64_t ieee_multiply_add(const struct ieee_format *format, uint64_t a, uint64_t b, uint64_t c, struct ieee_mode *mode)
{
	const struct parts left = unpack(format, a), right = unpack(format, b), addend = unpack(format, c);
	const bool infinite = left.kind == KIND_INFINITY || right.kind == KIND_INFINITY;

	/* Invalid even if c is a quiet NaN: unprivileged specification 20.6. */
	if (is_zero_times_infinity(left, right))
		return invalid(format, mode);
	if (is_nan(left) || is_nan(right) || is_nan(addend)) {
		nan_from(format, addend, addend, mode);
		return nan_from(format, left, right, mode);
	}
	if (infinite || addend.kind == KIND_INFINITY)
		return add_infinity(format, infinite, left.negative != right.negative, addend, mode);
	return sum(format, product(left, right), term_of(addend), mode);
}

static uint64_t divide_numbers(const struct ieee_format *format, struct parts a, struct parts b, struct ieee_mode *mode)
{
	const ieee_wide dividend = (ieee_wide)a.significand << 63;
	uint64_t quotient = (uint64_t)(dividend / b.significand);
	const bool exact = (ieee_wide)quotient * b.significand == dividend;
	int exponent = a.exponent - b.exponent;

	if (!(quotient & TOP)) {
		quotient <<= 1;
		exponent--;
	}
	return pack(format, a.negative != b.negative, exponent, quotient | !exact, mode);
}

uint64_t ieee_divide(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	const struct parts left = unpack(format, a), right = unpack(format, b);
	const uint64_t sign = sign_of(format, left.negative != right.negative);

	if (is_nan(left) || is_nan(right))
		return nan_from(format, left, right, mode);
	if (left.kind == right.kind && left.kind != KIND_NUMBER)
		return invalid(format, mode);
	if (left.kind == KIND_INFINITY)
		return sign | infinity(format);
	if (left.kind == KIND_ZERO || right.kind == KIND_INFINITY)
		return sign;
	if (right.kind == KIND_ZERO) {
		mode->flags |= IEEE_DIVIDED_BY_ZERO;
		return sign | infinity(format);
	}
	return divide_numbers(format, left, right, mode);
}

/* Bit by bit: the square of root never exceeds the radicand. */
static uint64_t integer_root(ieee_wide radicand)
{
	uint64_t root = 0;

	for (uint64_t bit = TOP; bit; bit >>= 1) {
		const uint64_t more = root | bit;

		if ((ieee_wide)more * more <= radicand)
			root = more;
	}
	return root;
}

uint64_t ieee_root(const struct ieee_format *format, uint64_t a, struct ieee_mode *mode)
{
	const struct parts parts = unpack(format, a);
	const bool odd = parts.exponent & 1;
	ieee_wide radicand;
	uint64_t root;

	if (is_nan(parts))
		return nan_from(format, parts, parts, mode);
	if (parts.kind == KIND_ZERO)
		return a;
	if (parts.negative)
		return invalid(format, mode);
	if (parts.kind == KIND_INFINITY)
		return a;
	radicand = (ieee_wide)parts.significand << (odd ? 64 : 63);
	root = integer_root(radicand);
	return pack(format, false, (parts.exponent - odd) / 2, root | ((ieee_wide)root * root != radicand), mode);
}

/* Bits in an order that compares as the numbers do, but for the two zeros: the negative one is the lesser. */
static int64_t ordered(const struct ieee_format *format, uint64_t a)
{
	const uint64_t magnitude = a & (sign_of(format, true) - 1);

	return a & sign_of(format, true) ? -(int64_t)magnitude - 1 : (int64_t)magnitude;
}

/* Of the two, the one that is wanted; a number rather than a NaN. */
static uint64_t extreme(const struct ieee_format *format, uint64_t a, uint64_t b, bool greater, struct ieee_mode *mode)
{
	const struct parts left = unpack(format, a), right = unpack(format, b);

	if (is_nan(left) || is_nan(right)) {
		const uint64_t neither = nan_from(format, left, right, mode);

		return !is_nan(left) ? a : !is_nan(right) ? b : neither;
	}
	return (ordered(format, a) > ordered(format, b)) == greater ? a : b;
}

uint64_t ieee_minimum(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	return extreme(format, a, b, false, mode);
}

uint64_t ieee_maximum(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	return extreme(format, a, b, true, mode);
}

/* False: one is a NaN. Of two zeros neither is the lesser. */
static bool compare(const struct ieee_format *format, uint64_t a, uint64_t b, bool signalling, struct ieee_mode *mode,
		    int *ret_order)
{
	const struct parts left = unpack(format, a), right = unpack(format, b);
	const int64_t first = ordered(format, a), second = ordered(format, b);

	if (is_nan(left) || is_nan(right)) {
		nan_from(format, left, right, mode);
		if (signalling)
			mode->flags |= IEEE_INVALID;
		return false;
	}
	*ret_order = (first > second) - (first < second);
	if (left.kind == KIND_ZERO && right.kind == KIND_ZERO)
		*ret_order = 0;
	return true;
}

bool ieee_equal(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	int order;

	return compare(format, a, b, false, mode, &order) && order == 0;
}

bool ieee_less(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	int order;

	return compare(format, a, b, true, mode, &order) && order < 0;
}

bool ieee_less_or_equal(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode)
{
	int order;

	return compare(format, a, b, true, mode, &order) && order <= 0;
}

/* Bits 0 to 7 go from negative to positive infinity, 8 and 9 are the NaNs: unprivileged specification, table 20.5. */
unsigned ieee_classify(const struct ieee_format *format, uint64_t a)
{
	const struct parts parts = unpack(format, a);
	unsigned from_infinity = 0;

	switch (parts.kind) {
	case KIND_SIGNALLING:
		return 1U << 8;
	case KIND_QUIET:
		return 1U << 9;
	case KIND_INFINITY:
		break;
	case KIND_NUMBER:
		from_infinity = parts.exponent < 1 - bias(format) ? 2 : 1;
		break;
	case KIND_ZERO:
		from_infinity = 3;
		break;
	}
	return 1U << (parts.negative ? from_infinity : 7 - from_infinity);
}

uint64_t ieee_convert(const struct ieee_format *from, const struct ieee_format *to, uint64_t a, struct ieee_mode *mode)
{
	const struct parts parts = unpack(from, a);

	if (is_nan(parts))
		return nan_from(to, parts, parts, mode);
	if (parts.kind == KIND_INFINITY)
		return sign_of(to, parts.negative) | infinity(to);
	if (parts.kind == KIND_ZERO)
		return sign_of(to, parts.negative);
	return pack(to, parts.negative, parts.exponent, parts.significand, mode);
}

/* The greatest integer of that kind, or the least. */
static uint64_t saturate(bool negative, bool is_signed, unsigned bits, struct ieee_mode *mode)
{
	uint64_t value = UINT64_MAX >> (64 - bits);

	mode->flags |= IEEE_INVALID;
	if (is_signed)
		value >>= 1;
	if (negative)
		value = is_signed ? ~value : 0;
	return bits == 32 ? (uint64_t)(int64_t)(int32_t)(uint32_t)value : value;
}

uint64_t ieee_to_integer(const struct ieee_format *format, uint64_t a, bool is_signed, unsigned bits,
			 struct ieee_mode *mode)
{
	const struct parts parts = unpack(format, a);
	const bool negative = parts.negative && !is_nan(parts);
	ieee_wide fixed, whole, most;
	uint64_t rest;

	if (parts.kind == KIND_ZERO)
		return 0;
	if (parts.kind != KIND_NUMBER || parts.exponent > 63)
		return saturate(negative, is_signed, bits, mode);
	fixed = shift_jam_wide((ieee_wide)parts.significand << 64, (unsigned)(63 - parts.exponent));
	rest = (uint64_t)fixed;
	whole = fixed >> 64;
	whole += rounds_up(mode->rounding, negative, whole & 1, rest, TOP);
	most = is_signed ? ((ieee_wide)1 << (bits - 1)) - !negative : negative ? 0 : ((ieee_wide)1 << bits) - 1;
	if (whole > most)
		return saturate(negative, is_signed, bits, mode);
	if (rest)
		mode->flags |= IEEE_INEXACT;
	whole = negative ? 0 - whole : whole;
	return bits == 32 ? (uint64_t)(int64_t)(int32_t)(uint32_t)whole : (uint64_t)whole;
}

uint64_t ieee_from_integer(const struct ieee_format *format, uint64_t value, bool is_signed, struct ieee_mode *mode)
{
	const bool negative = is_signed && value & TOP;
	const uint64_t magnitude = negative ? 0 - value : value;
	int shift;

	if (!magnitude)
		return 0;
	shift = __builtin_clzll(magnitude);
	return pack(format, negative, 63 - shift, magnitude << shift, mode);
}
