/* SPDX-License-Identifier: MIT */
/* IEEE 754 arithmetic in integers, for single and double: every rounding, every flag, RISC-V's one NaN.
 * It asks nothing of the host's floating point. Numbers are bits in a uint64_t; a single has the low 32. */
#ifndef SEMU_IEEE_H
#define SEMU_IEEE_H

#include <stdbool.h>
#include <stdint.h>

/* In the numbers of the rm field. */
enum ieee_rounding { IEEE_NEAREST_EVEN, IEEE_TO_ZERO, IEEE_DOWN, IEEE_UP, IEEE_NEAREST_AWAY, IEEE_ROUNDINGS };

/* In the bits of fflags. */
enum {
	IEEE_INEXACT = 1,
	IEEE_UNDERFLOW = 2,
	IEEE_OVERFLOW = 4,
	IEEE_DIVIDED_BY_ZERO = 8,
	IEEE_INVALID = 16,
};

struct ieee_format {
	unsigned fraction_bits, exponent_bits;
};

extern const struct ieee_format ieee_single, ieee_double;

struct ieee_mode {
	enum ieee_rounding rounding;
	unsigned flags; /* each operation adds its own */
};

uint64_t ieee_nan(const struct ieee_format *format);
uint64_t ieee_negate(const struct ieee_format *format, uint64_t a);
uint64_t ieee_add(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
uint64_t ieee_multiply(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
uint64_t ieee_divide(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
uint64_t ieee_root(const struct ieee_format *format, uint64_t a, struct ieee_mode *mode);
/* a * b + c, rounded once. */
uint64_t ieee_multiply_add(const struct ieee_format *format, uint64_t a, uint64_t b, uint64_t c,
			   struct ieee_mode *mode);
/* minimumNumber and maximumNumber of IEEE 754-2019. */
uint64_t ieee_minimum(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
uint64_t ieee_maximum(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
/* Quiet, the other two signalling. */
bool ieee_equal(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
bool ieee_less(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
bool ieee_less_or_equal(const struct ieee_format *format, uint64_t a, uint64_t b, struct ieee_mode *mode);
/* FCLASS's one bit of ten. */
unsigned ieee_classify(const struct ieee_format *format, uint64_t a);
uint64_t ieee_convert(const struct ieee_format *from, const struct ieee_format *to, uint64_t a, struct ieee_mode *mode);
/* Of 32 or 64 bits; what does not fit becomes the nearest that does, and a NaN the greatest. Sign-extended from 32. */
uint64_t ieee_to_integer(const struct ieee_format *format, uint64_t a, bool is_signed, unsigned bits,
			 struct ieee_mode *mode);
uint64_t ieee_from_integer(const struct ieee_format *format, uint64_t value, bool is_signed, struct ieee_mode *mode);

#endif
