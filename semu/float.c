/* SPDX-License-Identifier: MIT */
/* The state of the floating-point registers, and arithmetic on them: the quick way and the slow one (see float.h). */
#include "semu/float.h"

#include <math.h>

#include "semu/trap.h"

void float_look(struct hart *hart)
{
	const uint64_t fs = hart->sstatus & SSTATUS_FS;
	/* Nearest even, and inexact already. A host that computes in more bits than it stores has no quick way. */
	const bool quick = FLT_EVAL_METHOD == 0 && !(hart->fcsr >> FLOAT_RM_SHIFT) && hart->fcsr & IEEE_INEXACT;

	if (fs != SSTATUS_FS)
		hart->float_use = fs ? HART_FLOAT_CLEAN : HART_FLOAT_OFF;
	else
		hart->float_use = quick ? HART_FLOAT_QUICK : HART_FLOAT_DIRTY;
}

void float_refuse(struct hart *hart, const struct op *op)
{
	const uint64_t at = hart->pc + (uint64_t)op->offset;
	uint64_t word = 0;
	uint8_t *host;

	/* It was fetched to get here. Halves: it may straddle two pages. */
	for (unsigned i = 0; i < op->length; i += 2)
		if (mmu_host(hart, at + i, MMU_FETCH, &host))
			word |= (uint64_t)(host[0] | host[1] << 8) << (8 * i);
	op_refuse(hart, op, TRAP_ILLEGAL, word);
}

bool float_allowed(struct hart *hart, const struct op *op)
{
	if (hart->float_use != HART_FLOAT_OFF)
		return true;
	float_refuse(hart, op);
	return false;
}

void float_soil(struct hart *hart)
{
	hart->sstatus |= SSTATUS_FS;
	float_look(hart);
}

bool float_rounding(struct hart *hart, const struct op *op, struct ieee_mode *ret_mode)
{
	unsigned rm = float_word(op) >> 12 & 7;

	if (!float_allowed(hart, op))
		return false;
	if (rm == FLOAT_RM_DYNAMIC)
		rm = hart->fcsr >> FLOAT_RM_SHIFT;
	if (rm >= IEEE_ROUNDINGS) {
		float_refuse(hart, op);
		return false;
	}
	*ret_mode = (struct ieee_mode){.rounding = (enum ieee_rounding)rm};
	return true;
}

void float_raise(struct hart *hart, unsigned flags)
{
	if (!(flags & ~(unsigned)hart->fcsr))
		return;
	hart->fcsr |= (uint8_t)flags;
	float_soil(hart);
}

/* FADD, FSUB, FMUL, FDIV, FSQRT: bits 27 and up are 0, 1, 2, 3 and 11. */
OP_FRAMED(float_slow_arithmetic)
{
	const struct ieee_format *format = float_format(op);
	const uint64_t a = float_operand(hart, format, op->rs1), b = float_operand(hart, format, op->rs2);
	struct ieee_mode mode;
	uint64_t value;

	if (!float_rounding(hart, op, &mode))
		return false;
	switch (float_word(op) >> 27) {
	case 0:
		value = ieee_add(format, a, b, &mode);
		break;
	case 1:
		value = ieee_add(format, a, ieee_negate(format, b), &mode);
		break;
	case 2:
		value = ieee_multiply(format, a, b, &mode);
		break;
	case 3:
		value = ieee_divide(format, a, b, &mode);
		break;
	default:
		value = ieee_root(format, a, &mode);
		break;
	}
	float_raise(hart, mode.flags);
	float_result(hart, format, op, value);
	return true;
}

/* FMADD, FMSUB, FNMSUB, FNMADD: bit 3 negates the product, bit 2 the addend. */
OP_FRAMED(float_slow_fused)
{
	const struct ieee_format *format = float_format(op);
	const bool negate = float_word(op) & 8, negate_c = float_word(op) & 4;
	uint64_t a = float_operand(hart, format, op->rs1), c = float_operand(hart, format, float_word(op) >> 27);
	const uint64_t b = float_operand(hart, format, op->rs2);
	struct ieee_mode mode;

	if (!float_rounding(hart, op, &mode))
		return false;
	if (negate)
		a = ieee_negate(format, a);
	if (negate_c)
		c = ieee_negate(format, c);
	c = ieee_multiply_add(format, a, b, c, &mode);
	float_raise(hart, mode.flags);
	float_result(hart, format, op, c);
	return true;
}

#define ROOT(x) _Generic((x), float : sqrtf, double : sqrt)(x)
#define FUSED(x, y, z) _Generic((x), float : fmaf, double : fma)(x, y, z)
#define ONE f[op->rs1]
#define TWO ONE &f[op->rs2]
#define THREE TWO &f[float_word(op) >> 27]

#define QUICK_DOUBLE(name, expression, operands, check, slow)           \
	void float_##name##_d(struct hart *hart, const struct op *op)   \
	{                                                               \
		const uint64_t *f = hart->f;                            \
		const double a = float_double(f[op->rs1]);              \
		const double b = float_double(f[op->rs2]);              \
		const double c = float_double(f[float_word(op) >> 27]); \
		uint64_t bits;                                          \
                                                                        \
		(void)b;                                                \
		(void)c;                                                \
		if (hart->float_use == HART_FLOAT_QUICK) {              \
			bits = float_double_bits(expression);           \
			if (float_is_##check##_double(bits)) {          \
				hart->f[op->rd] = bits;                 \
				op_next(hart, op);                      \
				return;                                 \
			}                                               \
		}                                                       \
		float_##slow(hart, op);                                 \
	}
#define QUICK_SINGLE(name, expression, operands, check, slow)                          \
	void float_##name##_s(struct hart *hart, const struct op *op)                  \
	{                                                                              \
		const uint64_t *f = hart->f;                                           \
		const float a = float_single(f[op->rs1]);                              \
		const float b = float_single(f[op->rs2]);                              \
		const float c = float_single(f[float_word(op) >> 27]);                 \
		uint32_t bits;                                                         \
                                                                                       \
		(void)b;                                                               \
		(void)c;                                                               \
		if (hart->float_use == HART_FLOAT_QUICK && float_is_boxed(operands)) { \
			bits = float_single_bits(expression);                          \
			if (float_is_##check##_single(bits)) {                         \
				hart->f[op->rd] = float_box(bits);                     \
				op_next(hart, op);                                     \
				return;                                                \
			}                                                              \
		}                                                                      \
		float_##slow(hart, op);                                                \
	}

OP_FLOAT_QUICK(QUICK_DOUBLE)
OP_FLOAT_QUICK(QUICK_SINGLE)
