/* SPDX-License-Identifier: MIT */
/* Arithmetic on integer registers: I and M. None of these can fault. */
#include "semu/op.h"

static inline uint64_t extend(uint64_t value)
{
	return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
}

static inline uint64_t high_unsigned(uint64_t a, uint64_t b)
{
	return (uint64_t)((unsigned __int128)a * b >> 64);
}

static inline uint64_t high_signed(uint64_t a, uint64_t b)
{
	return (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64);
}

/* Division never traps: unprivileged specification, table 7.1. */
static inline uint64_t divide(uint64_t a, uint64_t b)
{
	if (!b)
		return UINT64_MAX;
	return b == UINT64_MAX ? 0 - a : (uint64_t)((int64_t)a / (int64_t)b);
}

static inline uint64_t remain(uint64_t a, uint64_t b)
{
	if (!b)
		return a;
	return b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

#define REGISTERS(name, expression)                                        \
	void integer_##name(struct hart *hart, const struct op *op)        \
	{                                                                  \
		const uint64_t a = hart->x[op->rs1], b = hart->x[op->rs2]; \
                                                                           \
		hart->x[op->rd] = (expression);                            \
		op_next(hart, op);                                         \
	}
#define IMMEDIATE(name, expression)                                             \
	void integer_##name##_immediate(struct hart *hart, const struct op *op) \
	{                                                                       \
		const uint64_t a = hart->x[op->rs1], b = op->imm;               \
                                                                                \
		hart->x[op->rd] = (expression);                                 \
		op_next(hart, op);                                              \
	}

OP_INTEGER(REGISTERS)
OP_INTEGER(IMMEDIATE)
OP_REGISTERS(REGISTERS)

void integer_constant(struct hart *hart, const struct op *op)
{
	hart->x[op->rd] = op->imm;
	op_next(hart, op);
}

void integer_pc(struct hart *hart, const struct op *op)
{
	hart->x[op->rd] = hart->pc + op->imm;
	op_next(hart, op);
}
