/* SPDX-License-Identifier: MIT */
/* What moves between the floating-point registers, the integer registers and the two formats: conversions, comparisons,
 * signs, classes, moves. Whether a C cast agrees is said at each. */
#include "semu/float.h"

/* ---- between integers and numbers; bits 20 and 21 choose signed word, unsigned word, signed, unsigned ---- */

OP_FRAMED(float_slow_to_integer)
{
	const struct ieee_format *format = float_format(op);
	const unsigned kind = float_word(op) >> 20 & 3;
	struct ieee_mode mode;
	uint64_t value;

	if (!float_rounding(hart, op, &mode))
		return false;
	value = ieee_to_integer(format, float_operand(hart, format, op->rs1), !(kind & 1), kind & 2 ? 64 : 32, &mode);
	float_raise(hart, mode.flags);
	hart->x[op->rd] = value;
	return true;
}

OP_FRAMED(float_slow_from_integer)
{
	const struct ieee_format *format = float_format(op);
	uint64_t value = hart->x[op->rs1];
	struct ieee_mode mode;

	if (!float_rounding(hart, op, &mode))
		return false;
	switch (float_word(op) >> 20 & 3) {
	case 0:
		value = (uint64_t)(int64_t)(int32_t)(uint32_t)value;
		break;
	case 1:
		value = (uint32_t)value;
		break;
	default:
		break;
	}
	value = ieee_from_integer(format, value, !(float_word(op) >> 20 & 1), &mode);
	float_raise(hart, mode.flags);
	float_result(hart, format, op, value);
	return true;
}

/* FCVT.W.D and FCVT.L.D towards zero, as C casts: what is in reach of a signed integer is exact or raises inexact. */
void float_truncate_d(struct hart *hart, const struct op *op)
{
	const double a = float_double(hart->f[op->rs1]);
	const double reach = float_word(op) >> 20 & 2 ? 0x1p63 : 0x1p31;
	int64_t value;

	/* A NaN is not in reach; the least integer itself may go the slow way. */
	if (hart->float_use < HART_FLOAT_DIRTY || !(a > -reach && a < reach)) {
		float_slow_to_integer(hart, op);
		return;
	}
	value = (int64_t)a;
	if ((double)value != a)
		float_raise(hart, IEEE_INEXACT);
	hart->x[op->rd] = (uint64_t)value;
	op_next(hart, op);
}

/* Exact whatever the rounding, which must be one nevertheless: it is looked at when it is not the usual. */
void float_from_word_d(struct hart *hart, const struct op *op)
{
	if (hart->float_use < HART_FLOAT_DIRTY || hart->fcsr >> FLOAT_RM_SHIFT) {
		float_slow_from_integer(hart, op);
		return;
	}
	hart->f[op->rd] = float_double_bits((int32_t)(uint32_t)hart->x[op->rs1]);
	op_next(hart, op);
}

/* The host rounds to nearest even; nothing but inexact can be raised. */
void float_from_long_d(struct hart *hart, const struct op *op)
{
	if (hart->float_use != HART_FLOAT_QUICK) {
		float_slow_from_integer(hart, op);
		return;
	}
	hart->f[op->rd] = float_double_bits((double)(int64_t)hart->x[op->rs1]);
	op_next(hart, op);
}

/* ---- between the formats ---- */

OP_FRAMED(float_slow_convert)
{
	const struct ieee_format *to = float_format(op);
	const struct ieee_format *from = to == &ieee_single ? &ieee_double : &ieee_single;
	struct ieee_mode mode;
	uint64_t value;

	if (!float_rounding(hart, op, &mode))
		return false;
	value = ieee_convert(from, to, float_operand(hart, from, op->rs1), &mode);
	float_raise(hart, mode.flags);
	float_result(hart, to, op, value);
	return true;
}

void float_widen(struct hart *hart, const struct op *op)
{
	const uint64_t a = hart->f[op->rs1];

	if (hart->float_use == HART_FLOAT_QUICK && float_is_boxed(a) && float_is_finite_single(a)) {
		hart->f[op->rd] = float_double_bits((double)float_single(a));
		op_next(hart, op);
		return;
	}
	float_slow_convert(hart, op);
}

void float_narrow(struct hart *hart, const struct op *op)
{
	uint32_t bits;

	if (hart->float_use == HART_FLOAT_QUICK) {
		bits = float_single_bits((float)float_double(hart->f[op->rs1]));
		if (float_is_normal_single(bits)) {
			hart->f[op->rd] = float_box(bits);
			op_next(hart, op);
			return;
		}
	}
	float_slow_convert(hart, op);
}

/* ---- comparisons ---- */

/* FLE, FLT, FEQ are 0, 1, 2 in the place of the rounding. */
OP_FRAMED(float_slow_compare)
{
	const struct ieee_format *format = float_format(op);
	const uint64_t a = float_operand(hart, format, op->rs1), b = float_operand(hart, format, op->rs2);
	struct ieee_mode mode = {.flags = 0};
	bool holds;

	if (!float_allowed(hart, op))
		return false;
	switch (float_word(op) >> 12 & 7) {
	case 0:
		holds = ieee_less_or_equal(format, a, b, &mode);
		break;
	case 1:
		holds = ieee_less(format, a, b, &mode);
		break;
	default:
		holds = ieee_equal(format, a, b, &mode);
		break;
	}
	float_raise(hart, mode.flags);
	hart->x[op->rd] = holds;
	return true;
}

/* Numbers raise nothing. The host compares them as IEEE does; a NaN, equal to nothing, goes the slow way. */
#define COMPARE(name, operator)                                                                        \
	void float_##name##_d(struct hart *hart, const struct op *op)                                  \
	{                                                                                              \
		const double a = float_double(hart->f[op->rs1]);                                       \
		const double b = float_double(hart->f[op->rs2]);                                       \
                                                                                                       \
		if (hart->float_use == HART_FLOAT_OFF || a != a || b != b) {                           \
			float_slow_compare(hart, op);                                                  \
			return;                                                                        \
		}                                                                                      \
		hart->x[op->rd] = a operator b;                                                        \
		op_next(hart, op);                                                                     \
	}                                                                                              \
	void float_##name##_s(struct hart *hart, const struct op *op)                                  \
	{                                                                                              \
		const uint64_t boxes = hart->f[op->rs1] & hart->f[op->rs2];                            \
		const float a = float_single(hart->f[op->rs1]);                                        \
		const float b = float_single(hart->f[op->rs2]);                                        \
                                                                                                       \
		if (hart->float_use == HART_FLOAT_OFF || !float_is_boxed(boxes) || a != a || b != b) { \
			float_slow_compare(hart, op);                                                  \
			return;                                                                        \
		}                                                                                      \
		hart->x[op->rd] = a operator b;                                                        \
		op_next(hart, op);                                                                     \
	}

COMPARE(eq, ==)
COMPARE(lt, <)
COMPARE(le, <=)

/* FMIN and FMAX are 0 and 1 in the place of the rounding. */
OP_FRAMED(float_extreme)
{
	const struct ieee_format *format = float_format(op);
	const uint64_t a = float_operand(hart, format, op->rs1), b = float_operand(hart, format, op->rs2);
	struct ieee_mode mode = {.flags = 0};
	uint64_t value;

	if (!float_allowed(hart, op))
		return false;
	value = float_word(op) >> 12 & 1 ? ieee_maximum(format, a, b, &mode) : ieee_minimum(format, a, b, &mode);
	float_raise(hart, mode.flags);
	float_result(hart, format, op, value);
	return true;
}

/* ---- bits ---- */

/* FSGNJ, FSGNJN, FSGNJX are 0, 1, 2 in the place of the rounding. */
void float_sign(struct hart *hart, const struct op *op)
{
	const struct ieee_format *format = float_format(op);
	const uint64_t a = float_operand(hart, format, op->rs1), b = float_operand(hart, format, op->rs2);
	const uint64_t sign = ieee_negate(format, 0);
	const unsigned which = float_word(op) >> 12 & 3;
	uint64_t chosen = b;

	if (!float_allowed(hart, op))
		return;
	if (which == 1)
		chosen = ~b;
	else if (which == 2)
		chosen = a ^ b;
	float_result(hart, format, op, (a & ~sign) | (chosen & sign));
	op_next(hart, op);
}

void float_classify(struct hart *hart, const struct op *op)
{
	const struct ieee_format *format = float_format(op);

	if (!float_allowed(hart, op))
		return;
	hart->x[op->rd] = ieee_classify(format, float_operand(hart, format, op->rs1));
	op_next(hart, op);
}

/* FMV.X.W moves the bits whether they are boxed or not. */
void float_move_to_integer(struct hart *hart, const struct op *op)
{
	const uint64_t bits = hart->f[op->rs1];

	if (!float_allowed(hart, op))
		return;
	hart->x[op->rd] = float_format(op) == &ieee_single ? (uint64_t)(int64_t)(int32_t)(uint32_t)bits : bits;
	op_next(hart, op);
}

void float_move_from_integer(struct hart *hart, const struct op *op)
{
	const struct ieee_format *format = float_format(op);
	const uint64_t bits = hart->x[op->rs1];

	if (!float_allowed(hart, op))
		return;
	float_result(hart, format, op, format == &ieee_single ? (uint32_t)bits : bits);
	op_next(hart, op);
}
