/* SPDX-License-Identifier: MIT */
/* F and D: the operations of the floating-point registers, and the state that they share.
 *
 * Theory of operation. Each operation of the slow way (float_slow_*) takes its whole instruction from imm, and computes by ieee.c. The
 * common ones have a quick way, the host's own addition and so on, where no flag can change: the rounding is to nearest,
 * the inexact flag is up already, and the result is neither a NaN nor an infinity nor so small that it could have
 * underflowed. Most programs raise the inexact flag early and never lower it. The host's flags and modes are never
 * looked at nor changed, so that nothing here depends on how a compiler treats them. */
#ifndef SEMU_FLOAT_H
#define SEMU_FLOAT_H

#include <float.h>
#include <string.h>

#include "semu/hart.h"
#include "semu/ieee.h"
#include "semu/op.h"

enum {
	FLOAT_FLAGS = 31, /* of fcsr; frm is above them */
	FLOAT_RM_SHIFT = 5,
	FLOAT_RM_DYNAMIC = 7,
};

/* name, result, its operands, which results are beyond doubt, the slow way */
#define OP_FLOAT_QUICK(X)                                    \
	X(add, a + b, TWO, finite, slow_arithmetic)          \
	X(sub, a - b, TWO, finite, slow_arithmetic)          \
	X(mul, a *b, TWO, normal, slow_arithmetic)           \
	X(div, a / b, TWO, normal, slow_arithmetic)          \
	X(sqrt, ROOT(a), ONE, normal, slow_arithmetic)       \
	X(madd, FUSED(a, b, c), THREE, normal, slow_fused)   \
	X(msub, FUSED(a, b, -c), THREE, normal, slow_fused)  \
	X(nmsub, FUSED(-a, b, c), THREE, normal, slow_fused) \
	X(nmadd, FUSED(-a, b, -c), THREE, normal, slow_fused)

#define OP_DECLARE_FLOAT(name, expression, operands, check, slow) hart_run_op float_##name##_s, float_##name##_d;
OP_FLOAT_QUICK(OP_DECLARE_FLOAT)
hart_run_op float_slow_arithmetic, float_slow_fused, float_slow_to_integer, float_slow_from_integer, float_slow_convert;
hart_run_op float_sign, float_extreme, float_classify, float_slow_compare;
hart_run_op float_eq_s, float_lt_s, float_le_s, float_eq_d, float_lt_d, float_le_d;
hart_run_op float_truncate_d, float_from_word_d, float_from_long_d, float_widen, float_narrow;
hart_run_op float_move_to_integer, float_move_from_integer;
hart_run_op float_flw, float_fld, float_fsw, float_fsd;

/* Leaves the block for the illegal-instruction trap, with the instruction's own bits. */
void float_refuse(struct hart *hart, const struct op *op);
/* Before anything else: false, and refused, if the registers are off. */
bool float_allowed(struct hart *hart, const struct op *op);
/* The same, with the rounding of the instruction's rm field; refused if there is no such rounding. */
bool float_rounding(struct hart *hart, const struct op *op, struct ieee_mode *ret_mode);
/* They or fcsr are written. */
void float_soil(struct hart *hart);
/* Flags are raised. */
void float_raise(struct hart *hart, unsigned flags);
/* After sstatus or fcsr changed. */
void float_look(struct hart *hart);

static inline bool float_is_boxed(uint64_t bits)
{
	return bits >> 32 == UINT32_MAX;
}

static inline uint64_t float_box(uint64_t single)
{
	return single | (uint64_t)UINT32_MAX << 32;
}

/* What is not a boxed single is the NaN. */
static inline uint64_t float_unbox(uint64_t bits)
{
	return float_is_boxed(bits) ? (uint32_t)bits : ieee_nan(&ieee_single);
}

/* The instruction, which imm holds unless it is a load or a store. */
static inline uint32_t float_word(const struct op *op)
{
	return (uint32_t)op->imm;
}

static inline const struct ieee_format *float_format(const struct op *op)
{
	return float_word(op) >> 25 & 1 ? &ieee_double : &ieee_single;
}

static inline uint64_t float_operand(const struct hart *hart, const struct ieee_format *format, unsigned number)
{
	return format == &ieee_single ? float_unbox(hart->f[number]) : hart->f[number];
}

static inline void float_result(struct hart *hart, const struct ieee_format *format, const struct op *op,
				uint64_t value)
{
	if (hart->float_use < HART_FLOAT_DIRTY)
		float_soil(hart);
	hart->f[op->rd] = format == &ieee_single ? float_box(value) : value;
}

static inline double float_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint64_t float_double_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static inline float float_single(uint64_t bits)
{
	const uint32_t low = (uint32_t)bits;
	float value;

	memcpy(&value, &low, sizeof(value));
	return value;
}

static inline uint32_t float_single_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* Normal, and above the least exponent: what was rounded to this did not overflow, and did not underflow. */
static inline bool float_is_normal_double(uint64_t bits)
{
	return (bits >> 52 & 0x7ff) - 2 < 0x7fd;
}

static inline bool float_is_normal_single(uint64_t bits)
{
	return (bits >> 23 & 0xff) - 2 < 0xfd;
}

/* A sum that is tiny is exact, so that it never underflows. */
static inline bool float_is_finite_double(uint64_t bits)
{
	return (bits >> 52 & 0x7ff) != 0x7ff;
}

static inline bool float_is_finite_single(uint64_t bits)
{
	return (bits >> 23 & 0xff) != 0xff;
}

#endif
