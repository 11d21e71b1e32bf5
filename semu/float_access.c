/* SPDX-License-Identifier: MIT */
/* Loads and stores of floating-point registers. A single is boxed when it is loaded, and stored as the low bits whatever is
 * above them. */
#include <string.h>

#include "semu/float.h"

static __attribute__((noinline)) bool load(struct hart *hart, const struct op *op, unsigned bytes)
{
	uint64_t value;

	if (!float_allowed(hart, op))
		return false;
	if (!mmu_load(hart, hart->x[op->rs1] + op->imm, bytes, &value)) {
		op_fault(hart, op);
		return false;
	}
	if (hart->float_use < HART_FLOAT_DIRTY)
		float_soil(hart);
	hart->f[op->rd] = bytes == 4 ? float_box((uint32_t)value) : value;
	return true;
}

static __attribute__((noinline)) void load_slowly(struct hart *hart, const struct op *op, unsigned bytes)
{
	if (load(hart, op, bytes))
		op_next(hart, op);
}

static __attribute__((noinline)) void store_slowly(struct hart *hart, const struct op *op, unsigned bytes,
						   uint64_t value)
{
	if (!float_allowed(hart, op))
		return;
	if (!mmu_store(hart, hart->x[op->rs1] + op->imm, bytes, value))
		op_fault(hart, op);
	else
		op_next(hart, op);
}

#define LOAD(name, type, box)                                                                  \
	void float_##name(struct hart *hart, const struct op *op)                              \
	{                                                                                      \
		const uint64_t at = hart->x[op->rs1] + op->imm;                                \
		const struct mmu_entry *entry = &hart->tlb->read[mmu_index(at)];               \
		type value;                                                                    \
                                                                                               \
		if (hart->float_use < HART_FLOAT_DIRTY || !mmu_hit(entry, at, sizeof(type))) { \
			load_slowly(hart, op, sizeof(type));                                   \
			return;                                                                \
		}                                                                              \
		memcpy(&value, (const void *)(entry->add + (uintptr_t)at), sizeof(type));      \
		hart->f[op->rd] = box(value);                                                  \
		op_next(hart, op);                                                             \
	}
#define STORE(name, type)                                                                     \
	void float_##name(struct hart *hart, const struct op *op)                             \
	{                                                                                     \
		const uint64_t at = hart->x[op->rs1] + op->imm;                               \
		const struct mmu_entry *entry = &hart->tlb->write[mmu_index(at)];             \
		const type value = (type)hart->f[op->rs2];                                    \
                                                                                              \
		if (hart->float_use == HART_FLOAT_OFF || !mmu_hit(entry, at, sizeof(type))) { \
			store_slowly(hart, op, sizeof(type), value);                          \
			return;                                                               \
		}                                                                             \
		memcpy((void *)(entry->add + (uintptr_t)at), &value, sizeof(type));           \
		op_next(hart, op);                                                            \
	}

LOAD(flw, uint32_t, float_box)
LOAD(fld, uint64_t, )
STORE(fsw, uint32_t)
STORE(fsd, uint64_t)
