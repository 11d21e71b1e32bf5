/* SPDX-License-Identifier: MIT */
/* Loads and stores: one comparison with the TLB, then the host's memory; else the slow way of mmu.c. */
#include <string.h>

#include "semu/op.h"

/* Ends the block: a device may have raised an interrupt. RAM that the TLB did not know ends it as well, once. */
static void store_slowly(struct hart *hart, const struct op *op, uint64_t at, unsigned bytes, uint64_t value)
{
	if (!mmu_store(hart, at, bytes, value))
		op_fault(hart, op);
	else
		op_leave(hart, op, hart->pc + op->offset + op->length);
}

#define LOAD(name, type)                                                                          \
	void access_##name(struct hart *hart, const struct op *op)                                \
	{                                                                                         \
		const uint64_t at = hart->x[op->rs1] + op->imm;                                   \
		const struct mmu_entry *entry = mmu_slot(hart->tlb, MMU_READ, at);                \
		uint64_t wide;                                                                    \
		type value;                                                                       \
                                                                                                  \
		if (mmu_hit(entry, at, sizeof(type))) {                                           \
			memcpy(&value, (const void *)(entry->add + (uintptr_t)at), sizeof(type)); \
			hart->x[op->rd] = (uint64_t)value;                                        \
			op_next(hart, op);                                                        \
			return;                                                                   \
		}                                                                                 \
		if (!mmu_load(hart, at, sizeof(type), &wide)) {                                   \
			op_fault(hart, op);                                                       \
			return;                                                                   \
		}                                                                                 \
		hart->x[op->rd] = (uint64_t)(type)wide;                                           \
		op_next(hart, op);                                                                \
	}
#define STORE(name, type)                                                           \
	void access_##name(struct hart *hart, const struct op *op)                  \
	{                                                                           \
		const uint64_t at = hart->x[op->rs1] + op->imm;                     \
		const struct mmu_entry *entry = mmu_slot(hart->tlb, MMU_WRITE, at); \
		const type value = (type)hart->x[op->rs2];                          \
                                                                                    \
		if (!mmu_hit(entry, at, sizeof(type))) {                            \
			store_slowly(hart, op, at, sizeof(type), value);            \
			return;                                                     \
		}                                                                   \
		memcpy((void *)(entry->add + (uintptr_t)at), &value, sizeof(type)); \
		op_next(hart, op);                                                  \
	}

OP_LOADS(LOAD)
OP_STORES(STORE)
