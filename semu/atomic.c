/* SPDX-License-Identifier: MIT */
/* LR, SC and the read-modify-write operations, for one hart: what keeps another hart away is not here yet.
 * They work on aligned RAM only; on a device they are refused. */
#include <string.h>

#include "semu/op.h"
#include "semu/trap.h"

static bool reach(struct hart *hart, const struct op *op, unsigned bytes, enum mmu_access access, uint8_t **ret_host)
{
	const uint64_t at = hart->x[op->rs1];

	if (at & (bytes - 1)) {
		op_refuse(hart, op, access == MMU_READ ? TRAP_LOAD_MISALIGNED : TRAP_STORE_MISALIGNED, at);
		return false;
	}
	if (mmu_host(hart, at, access, ret_host))
		return true;
	op_fault(hart, op);
	return false;
}

/* The signed type makes every order right: a word is sign-extended, which keeps the unsigned order of words too. */
#define MODIFY(name, suffix, type, expression)                        \
	OP_FRAMED(atomic_##name##_##suffix)                           \
	{                                                             \
		uint64_t a, b, result;                                \
		type value;                                           \
		uint8_t *host;                                        \
                                                                      \
		if (!reach(hart, op, sizeof(type), MMU_WRITE, &host)) \
			return false;                                 \
		memcpy(&value, host, sizeof(type));                   \
		a = (uint64_t)value;                                  \
		b = (uint64_t)(type)hart->x[op->rs2];                 \
		(void)b;                                              \
		result = (expression);                                \
		memcpy(host, &result, sizeof(type));                  \
		hart->x[op->rd] = a;                                  \
		return true;                                          \
	}
#define MODIFY_BOTH(name, expression) MODIFY(name, w, int32_t, expression) MODIFY(name, d, int64_t, expression)

OP_ATOMICS(MODIFY_BOTH)

#define RESERVE(suffix, type)                                         \
	OP_FRAMED(atomic_lr_##suffix)                                 \
	{                                                             \
		uint8_t *host;                                        \
		type value;                                           \
                                                                      \
		if (!reach(hart, op, sizeof(type), MMU_READ, &host))  \
			return false;                                 \
		memcpy(&value, host, sizeof(type));                   \
		hart->reserved = hart->x[op->rs1];                    \
		hart->x[op->rd] = (uint64_t)value;                    \
		return true;                                          \
	}                                                             \
	OP_FRAMED(atomic_sc_##suffix)                                 \
	{                                                             \
		const type value = (type)hart->x[op->rs2];            \
		const bool kept = hart->reserved == hart->x[op->rs1]; \
		uint8_t *host;                                        \
                                                                      \
		hart->reserved = HART_NOT_RESERVED;                   \
		if (!reach(hart, op, sizeof(type), MMU_WRITE, &host)) \
			return false;                                 \
		if (kept)                                             \
			memcpy(host, &value, sizeof(type));           \
		hart->x[op->rd] = !kept;                              \
		return true;                                          \
	}

RESERVE(w, int32_t)
RESERVE(d, int64_t)
