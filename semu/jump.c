/* SPDX-License-Identifier: MIT */
/* Branches and jumps: how a block is left for another. */
#include <string.h>

#include "semu/op.h"

#define BRANCH(name, condition)                                            \
	void jump_##name(struct hart *hart, const struct op *op)           \
	{                                                                  \
		const uint64_t a = hart->x[op->rs1], b = hart->x[op->rs2]; \
                                                                           \
		if (condition)                                             \
			op_follow(hart, op);                               \
		else                                                       \
			op_next(hart, op);                                 \
	}

OP_BRANCHES(BRANCH)

/* To another page: one that stays in the page was followed when the block was decoded. */
void jump_link(struct hart *hart, const struct op *op)
{
	hart->x[op->rd] = hart->pc + (uint64_t)op->offset + op->length;
	op_jump(hart, op, hart->pc + op->imm);
}

void jump_register(struct hart *hart, const struct op *op)
{
	const uint64_t target = (hart->x[op->rs1] + op->imm) & ~1ULL;

	hart->x[op->rd] = hart->pc + (uint64_t)op->offset + op->length;
	op_jump(hart, op, target);
}

/* No instruction: the block goes on in another one. */
void jump_on(struct hart *hart, const struct op *op)
{
	op_follow(hart, op);
}

/* The block has been left, its pc is written. A link is made as soon as the block that it leads to is there. */
void jump_unlinked(struct hart *hart, const struct op *op)
{
	struct code_page *page = (struct code_page *)(op->link & ~OP_UNLINKED);
	const struct mmu_code *slot = &hart->tlb->fetch[mmu_index(hart->pc)];
	struct op *next = NULL;

	if (page)
		next = page->entries[hart->pc % MMU_PAGE / 2];
	else if (slot->tag == (hart->pc & ~(uint64_t)(MMU_PAGE - 1)))
		next = slot->page->entries[hart->pc % MMU_PAGE / 2];
	if (!next)
		return;
	if (page)
		((struct op *)op)->link = (uintptr_t)next;
	next->run(hart, next);
}

/* No instruction: before one that straddles two pages, whether its second half is what it was when it was decoded. If not,
 * code_find() decodes it anew. */
void jump_straddle(struct hart *hart, const struct op *op)
{
	const struct mmu_code *slot = &hart->tlb->fetch[mmu_index(hart->pc + 2)];
	uint16_t high;

	if (slot->tag != hart->pc + 2)
		return;
	memcpy(&high, slot->page->bytes, sizeof(high));
	if (high == op->imm)
		op_next(hart, op);
}
