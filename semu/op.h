/* SPDX-License-Identifier: MIT */
/* Every operation a block can hold, by the file that has it, and how one ends. */
#ifndef SEMU_OP_H
#define SEMU_OP_H

#include "semu/code.h"
#include "semu/hart.h"

hart_run_op jump_unlinked;

/* hart_raise() and the like: the turn goes on after a look at the world. */
void hart_attend(struct hart *hart);

/* On to the next operation. As the last act of a function it becomes a jump. */
static inline void op_next(struct hart *hart, const struct op *op)
{
	op++;
	/* gcc would load op[1].run and add in a second register: two instructions more in each operation. */
	__asm__("" : "+r"(op));
	op->run(hart, op);
}

/* What leaves a block for another place of its page has a link: the address of the operation to go on with; or, with
 * OP_UNLINKED set, that of the page in which it is still to be found, or of no page, when the place is in another one. */
#define OP_UNLINKED ((uintptr_t)1)

/* Whether a block may jump to the next one, because the compiler makes tail calls jumps. With the sanitizers it does not, and
 * each block returns to hart_run(). */
#if defined(__has_feature)
#define OP_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define OP_SANITIZED 1
#else
#define OP_SANITIZED 0
#endif
#if defined(__OPTIMIZE__) && !OP_SANITIZED
#define OP_CHAINS 1
#else
#define OP_CHAINS 0
#endif

/* Leaves the block with this instruction done, to look at the world before the next one. */
static inline void op_leave(struct hart *hart, const struct op *op, uint64_t pc)
{
	hart->left -= op->count;
	hart->pc = pc;
}

/* Leaves the block with this instruction done, for any place. */
static inline void op_jump(struct hart *hart, const struct op *op, uint64_t pc)
{
	const struct mmu_code *slot = &hart->tlb->fetch[mmu_index(pc)];
	const struct op *next;

	op_leave(hart, op, pc);
	if (!OP_CHAINS || slot->tag != (pc & ~(uint64_t)(MMU_PAGE - 1)) || hart->left <= 0)
		return;
	next = slot->page->entries[pc % MMU_PAGE / 2];
	if (next)
		next->run(hart, next);
}

/* Leaves the block with this instruction done, for where imm leads. */
static inline void op_follow(struct hart *hart, const struct op *op)
{
	const uintptr_t link = op->link;

	op_leave(hart, op, hart->pc + op->imm);
	if (!OP_CHAINS || hart->left <= 0)
		return;
	if (link & OP_UNLINKED)
		jump_unlinked(hart, op);
	else
		((const struct op *)link)->run(hart, (const struct op *)link);
}

/* Defines an operation that keeps something in memory of its own, a variable whose address it hands out: compilers make
 * no jump of a call while there is such a frame. Its body is a function that returns whether to go on. */
#define OP_FRAMED(name)                                                                        \
	static __attribute__((noinline)) bool framed_##name(struct hart *, const struct op *); \
	__attribute__((noinline)) void name(struct hart *hart, const struct op *op)            \
	{                                                                                      \
		if (framed_##name(hart, op))                                                   \
			op_next(hart, op);                                                     \
	}                                                                                      \
	static bool framed_##name(struct hart *hart, const struct op *op)

/* Leaves the block for the trap that the refused access or the illegal instruction brings. */
void op_fault(struct hart *hart, const struct op *op);
void op_refuse(struct hart *hart, const struct op *op, uint64_t cause, uint64_t value);

/* b is the second register or the immediate: each is an operation of its own. w is for the 32-bit forms. */
#define OP_INTEGER(X)                              \
	X(add, a + b)                              \
	X(sll, a << (b & 63))                      \
	X(slt, (int64_t)a < (int64_t)b)            \
	X(sltu, a < b)                             \
	X(xor, a ^ b)                              \
	X(srl, a >> (b & 63))                      \
	X(sra, (uint64_t)((int64_t)a >> (b & 63))) \
	X(or, a | b)                               \
	X(and, a &b)                               \
	X(addw, extend(a + b))                     \
	X(sllw, extend(a << (b & 31)))             \
	X(srlw, extend((uint32_t)a >> (b & 31)))   \
	X(sraw, (uint64_t)((int64_t)(int32_t)a >> (b & 31)))

#define OP_REGISTERS(X)                                                        \
	X(sub, a - b)                                                          \
	X(subw, extend(a - b))                                                 \
	X(mul, a *b)                                                           \
	X(mulh, high_signed(a, b))                                             \
	X(mulhsu, high_unsigned(a, b) - ((int64_t)a < 0 ? b : 0))              \
	X(mulhu, high_unsigned(a, b))                                          \
	X(div, divide(a, b))                                                   \
	X(divu, b ? a / b : UINT64_MAX)                                        \
	X(rem, remain(a, b))                                                   \
	X(remu, b ? a % b : a)                                                 \
	X(mulw, extend(a *b))                                                  \
	X(divw, extend(divide(extend(a), extend(b))))                          \
	X(divuw, (uint32_t)b ? extend((uint32_t)a / (uint32_t)b) : UINT64_MAX) \
	X(remw, extend(remain(extend(a), extend(b))))                          \
	X(remuw, (uint32_t)b ? extend((uint32_t)a % (uint32_t)b) : extend(a))

#define OP_LOADS(X)      \
	X(lb, int8_t)    \
	X(lh, int16_t)   \
	X(lw, int32_t)   \
	X(ld, int64_t)   \
	X(lbu, uint8_t)  \
	X(lhu, uint16_t) \
	X(lwu, uint32_t)

#define OP_STORES(X)    \
	X(sb, uint8_t)  \
	X(sh, uint16_t) \
	X(sw, uint32_t) \
	X(sd, uint64_t)

#define OP_LOAD_TWO(X) \
	X(lw, int32_t) \
	X(ld, int64_t)

#define OP_STORE_TWO(X) \
	X(sw, uint32_t) \
	X(sd, uint64_t)

#define OP_BRANCHES(X)                   \
	X(beq, a == b)                   \
	X(bne, a != b)                   \
	X(blt, (int64_t)a < (int64_t)b)  \
	X(bge, (int64_t)a >= (int64_t)b) \
	X(bltu, a < b)                   \
	X(bgeu, a >= b)

/* a is what memory held, b the register. */
#define OP_ATOMICS(X)                              \
	X(amoadd, a + b)                           \
	X(amoswap, b)                              \
	X(amoxor, a ^ b)                           \
	X(amoor, a | b)                            \
	X(amoand, a &b)                            \
	X(amomin, (int64_t)a < (int64_t)b ? a : b) \
	X(amomax, (int64_t)a > (int64_t)b ? a : b) \
	X(amominu, a < b ? a : b)                  \
	X(amomaxu, a > b ? a : b)

#define OP_DECLARE_BOTH(name, expression) hart_run_op integer_##name, integer_##name##_immediate;
#define OP_DECLARE_INTEGER(name, expression) hart_run_op integer_##name;
#define OP_DECLARE_ACCESS(name, type) hart_run_op access_##name;
#define OP_DECLARE_TWO(name, type) hart_run_op access_two_##name;
#define OP_DECLARE_JUMP(name, expression) hart_run_op jump_##name;
#define OP_DECLARE_ATOMIC(name, expression) hart_run_op atomic_##name##_w, atomic_##name##_d;
OP_INTEGER(OP_DECLARE_BOTH)
OP_REGISTERS(OP_DECLARE_INTEGER)
OP_LOADS(OP_DECLARE_ACCESS)
OP_STORES(OP_DECLARE_ACCESS)
OP_LOAD_TWO(OP_DECLARE_TWO)
OP_STORE_TWO(OP_DECLARE_TWO)
OP_BRANCHES(OP_DECLARE_JUMP)
OP_ATOMICS(OP_DECLARE_ATOMIC)
hart_run_op integer_constant, integer_pc;
hart_run_op jump_link, jump_register, jump_on, jump_straddle;
hart_run_op atomic_lr_w, atomic_lr_d, atomic_sc_w, atomic_sc_d;
hart_run_op system_nothing, system_pause, system_fence_i, system_ecall, system_ebreak, system_sret, system_wfi,
	system_sfence, system_csr;
hart_run_op system_illegal;
hart_run_op fuse_move, fuse_return;
hart_run_op narrow_mulh, narrow_mulhsu, narrow_mulhu, narrow_pc, narrow_link, narrow_register, narrow_unaligned_link,
	narrow_unaligned_branch;

#endif
