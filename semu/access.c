/* SPDX-License-Identifier: MIT */
/* Loads and stores: one comparison with the TLB, then the host's memory; else the slow way of mmu.c. */
#include <string.h>

#include "semu/op.h"

/* The fast way has no stack frame: what needs one is a function of its own. */
#define LOAD(name, type)                                                                  \
	static hart_run_op slow_##name;                                                   \
	OP_FRAMED(slow_##name)                                                            \
	{                                                                                 \
		uint64_t wide;                                                            \
                                                                                          \
		if (!mmu_load(hart, hart->x[op->rs1] + op->imm, sizeof(type), &wide)) {   \
			op_fault(hart, op);                                               \
			return false;                                                     \
		}                                                                         \
		hart->x[op->rd] = (uint64_t)(type)wide;                                   \
		return true;                                                              \
	}                                                                                 \
	void access_##name(struct hart *hart, const struct op *op)                        \
	{                                                                                 \
		const uint64_t at = hart->x[op->rs1] + op->imm;                           \
		const struct mmu_entry *entry = &hart->tlb->read[mmu_index(at)];          \
		type value;                                                               \
                                                                                          \
		if (!mmu_hit(entry, at, sizeof(type))) {                                  \
			slow_##name(hart, op);                                            \
			return;                                                           \
		}                                                                         \
		memcpy(&value, (const void *)(entry->add + (uintptr_t)at), sizeof(type)); \
		hart->x[op->rd] = (uint64_t)value;                                        \
		op_next(hart, op);                                                        \
	}
#define STORE(name, type)                                                                         \
	static __attribute__((noinline)) void slow_##name(struct hart *hart, const struct op *op) \
	{                                                                                         \
		const uint64_t at = hart->x[op->rs1] + op->imm;                                   \
                                                                                                  \
		if (!mmu_store(hart, at, sizeof(type), (type)hart->x[op->rs2])) {                 \
			op_fault(hart, op);                                                       \
			return;                                                                   \
		}                                                                                 \
		op_next(hart, op);                                                                \
	}                                                                                         \
	void access_##name(struct hart *hart, const struct op *op)                                \
	{                                                                                         \
		const uint64_t at = hart->x[op->rs1] + op->imm;                                   \
		const struct mmu_entry *entry = &hart->tlb->write[mmu_index(at)];                 \
		const type value = (type)hart->x[op->rs2];                                        \
                                                                                                  \
		if (!mmu_hit(entry, at, sizeof(type))) {                                          \
			slow_##name(hart, op);                                                    \
			return;                                                                   \
		}                                                                                 \
		memcpy((void *)(entry->add + (uintptr_t)at), &value, sizeof(type));               \
		op_next(hart, op);                                                                \
	}

OP_LOADS(LOAD)
OP_STORES(STORE)
