/* SPDX-License-Identifier: MIT */
/* What ends a block because it may change how the next one runs: traps, registers of control, fences. */
#include "semu/csr.h"
#include "semu/op.h"
#include "semu/trap.h"

void op_refuse(struct hart *hart, const struct op *op, uint64_t cause, uint64_t value)
{
	hart->left -= op->count - 1;
	hart->pc += (uint64_t)op->offset;
	trap_enter(hart, cause, value);
}

void op_fault(struct hart *hart, const struct op *op)
{
	op_refuse(hart, op, hart->fault_cause, hart->fault_value);
}

void system_illegal(struct hart *hart, const struct op *op)
{
	op_refuse(hart, op, TRAP_ILLEGAL, op->imm);
}

static void leave_after(struct hart *hart, const struct op *op)
{
	op_leave(hart, op, hart->pc + (uint64_t)op->offset + op->length);
}

/* One hart sees its own accesses in order: FENCE has nothing to do. */
void system_nothing(struct hart *hart, const struct op *op)
{
	op_next(hart, op);
}

/* A spinning hart waits for another one, whose turn it had better be. */
void system_pause(struct hart *hart, const struct op *op)
{
	leave_after(hart, op);
	hart_stop(hart);
}

void system_fence_i(struct hart *hart, const struct op *op)
{
	hart_forget_code(hart);
	leave_after(hart, op);
}

void system_ecall(struct hart *hart, const struct op *op)
{
	if (hart->mode == HART_USER) {
		op_refuse(hart, op, TRAP_USER_ECALL, 0);
		return;
	}
	leave_after(hart, op);
	hart->machine->environment_call(hart->machine->owner, hart);
}

void system_ebreak(struct hart *hart, const struct op *op)
{
	op_refuse(hart, op, TRAP_BREAKPOINT, hart->pc + (uint64_t)op->offset);
}

void system_sret(struct hart *hart, const struct op *op)
{
	if (hart->mode == HART_USER) {
		system_illegal(hart, op);
		return;
	}
	leave_after(hart, op);
	trap_leave(hart);
}

void system_wfi(struct hart *hart, const struct op *op)
{
	if (hart->mode == HART_USER) {
		system_illegal(hart, op);
		return;
	}
	leave_after(hart, op);
	hart->waiting = !(hart->sip & hart->sie);
}

void system_sfence(struct hart *hart, const struct op *op)
{
	if (hart->mode == HART_USER) {
		system_illegal(hart, op);
		return;
	}
	if (op->rs1)
		mmu_flush_span(hart, hart->x[op->rs1], 1);
	else
		mmu_flush(hart);
	leave_after(hart, op);
}

/* imm is the instruction itself: bits 12-13 say write, set or clear; bit 14 that rs1 is the operand, not its register.
 * False: illegal. */
static bool csr_exchange(struct hart *hart, const struct op *op, uint64_t *ret_old)
{
	const unsigned number = (unsigned)(op->imm >> 20), how = op->imm >> 12 & 3, source = op->imm >> 15 & 31;
	const uint64_t operand = op->imm & 1U << 14 ? source : hart->x[source];
	uint64_t old = 0, value = operand;

	/* CSRRW to x0 does not read. */
	if ((how != 1 || op->rd != HART_SINK) && !csr_read(hart, number, &old))
		return false;
	if (how == 2)
		value = old | operand;
	else if (how == 3)
		value = old & ~operand;
	if ((how == 1 || source) && !csr_write(hart, number, value))
		return false;
	*ret_old = old;
	return true;
}

void system_csr(struct hart *hart, const struct op *op)
{
	uint64_t old;
	bool legal;

	/* instret is read with what this block has done so far. */
	hart->left -= op->count - 1;
	hart_attend(hart);
	hart->left += op->count - 1;
	legal = csr_exchange(hart, op, &old);
	if (!legal) {
		system_illegal(hart, op);
		return;
	}
	hart->x[op->rd] = old;
	leave_after(hart, op);
}
