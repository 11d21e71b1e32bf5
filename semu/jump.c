/* SPDX-License-Identifier: MIT */
/* Branches and jumps: each ends its block. */
#include "semu/op.h"

#define BRANCH(name, condition)                                                                   \
	void jump_##name(struct hart *hart, const struct op *op)                                  \
	{                                                                                         \
		const uint64_t a = hart->x[op->rs1], b = hart->x[op->rs2];                        \
                                                                                                  \
		op_leave(hart, op, hart->pc + op->offset + ((condition) ? op->imm : op->length)); \
	}

OP_BRANCHES(BRANCH)

void jump_link(struct hart *hart, const struct op *op)
{
	const uint64_t pc = hart->pc + op->offset;

	hart->x[op->rd] = pc + op->length;
	op_leave(hart, op, pc + op->imm);
}

void jump_register(struct hart *hart, const struct op *op)
{
	const uint64_t target = (hart->x[op->rs1] + op->imm) & ~1ULL;

	hart->x[op->rd] = hart->pc + op->offset + op->length;
	op_leave(hart, op, target);
}

/* No instruction: a block that is full, or at its page's end, goes on with the next one. */
void jump_on(struct hart *hart, const struct op *op)
{
	op_leave(hart, op, hart->pc + op->offset);
}
