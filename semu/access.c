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

/* Two of the same width from the same register, which is how functions begin and end and how memory is copied: when both are on
 * one page, one look at the TLB does. When not, the first goes its own way, and the second after it. */
#define TWO_ADDRESSES(op)                         \
	const uint64_t base = hart->x[(op)->rs1]; \
	const uint64_t one = base + (op)[0].imm, two = base + (op)[1].imm

static inline bool same_page(uint64_t one, uint64_t two, unsigned bytes)
{
	return !((one ^ two) & (~(uint64_t)(MMU_PAGE - 1) | (bytes - 1)));
}

#define LOAD_TWO(name, type)                                                                    \
	void access_two_##name(struct hart *hart, const struct op *op)                          \
	{                                                                                       \
		TWO_ADDRESSES(op);                                                              \
		const struct mmu_entry *entry = &hart->tlb->read[mmu_index(one)];               \
		type first, second;                                                             \
                                                                                                \
		if (!mmu_hit(entry, one, sizeof(type)) || !same_page(one, two, sizeof(type))) { \
			access_##name(hart, op);                                                \
			return;                                                                 \
		}                                                                               \
		memcpy(&first, (const void *)(entry->add + (uintptr_t)one), sizeof(type));      \
		memcpy(&second, (const void *)(entry->add + (uintptr_t)two), sizeof(type));     \
		hart->x[op[0].rd] = (uint64_t)first;                                            \
		hart->x[op[1].rd] = (uint64_t)second;                                           \
		op_next(hart, op + 1);                                                          \
	}
#define STORE_TWO(name, type)                                                                   \
	void access_two_##name(struct hart *hart, const struct op *op)                          \
	{                                                                                       \
		TWO_ADDRESSES(op);                                                              \
		const struct mmu_entry *entry = &hart->tlb->write[mmu_index(one)];              \
		const type first = (type)hart->x[op[0].rs2], second = (type)hart->x[op[1].rs2]; \
                                                                                                \
		if (!mmu_hit(entry, one, sizeof(type)) || !same_page(one, two, sizeof(type))) { \
			access_##name(hart, op);                                                \
			return;                                                                 \
		}                                                                               \
		memcpy((void *)(entry->add + (uintptr_t)one), &first, sizeof(type));            \
		memcpy((void *)(entry->add + (uintptr_t)two), &second, sizeof(type));           \
		op_next(hart, op + 1);                                                          \
	}

OP_LOAD_TWO(LOAD_TWO)
OP_STORE_TWO(STORE_TWO)
