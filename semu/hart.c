/* SPDX-License-Identifier: MIT */
/* The life of a hart: finding or decoding the block at the pc, and running blocks until the budget is used. */
#include "semu/hart.h"

#include "semu/code.h"
#include "semu/float.h"
#include "semu/op.h"
#include "semu/trap.h"

void hart_forget_code(struct hart *hart)
{
	hart->machine->code->fences++;
	mmu_flush_code(hart);
}

void hart_choose_tlb(struct hart *hart)
{
	if (hart->mode == HART_USER)
		hart->tlb = &hart->tlbs[0];
	else
		hart->tlb = &hart->tlbs[hart->sstatus & SSTATUS_SUM ? 2 : 1];
	float_look(hart);
}

void hart_init(struct hart *hart, const struct hart_machine *machine, uint64_t pc)
{
	*hart = (struct hart){.machine = machine,
			      .pc = pc,
			      .mode = HART_SUPERVISOR,
			      .reserved = HART_NOT_RESERVED,
			      .timer = UINT64_MAX};
	hart->pc = hart_aligned(hart, hart_word(hart, pc));
	mmu_flush(hart);
	hart_choose_tlb(hart);
}

void hart_start(struct hart *hart, uint64_t pc, uint64_t number, uint64_t opaque)
{
	hart->mode = HART_SUPERVISOR;
	hart->waiting = false;
	hart->sstatus = hart->sie = hart->satp = 0;
	hart->scounteren = 7; /* as OpenSBI leaves it, and Linux finds it: user mode reads the time without a call */
	hart->pc = hart_aligned(hart, hart_word(hart, pc));
	hart->x[10] = number;
	hart->x[11] = opaque;
	mmu_flush(hart);
	hart_forget_code(hart);
	hart_choose_tlb(hart);
}

/* Brings instret up to date, and the jumps from block to block to an end if `left` is 0 now. */
static void settle(struct hart *hart, int64_t left)
{
	hart->instret += (uint64_t)(hart->granted - hart->left);
	hart->left = hart->granted = left;
}

void hart_attend(struct hart *hart)
{
	settle(hart, 0);
}

void hart_stop(struct hart *hart)
{
	hart->stopping = true;
	hart_attend(hart);
}

void hart_raise(struct hart *hart, uint64_t bits)
{
	hart->sip |= bits;
	hart_attend(hart);
}

void hart_lower(struct hart *hart, uint64_t bits)
{
	hart->sip &= ~bits;
}

static void look_at_timer(struct hart *hart)
{
	const struct hart_machine *machine = hart->machine;

	if (hart->timer != UINT64_MAX && machine->time(machine->owner) >= hart->timer)
		hart_raise(hart, SIP_TIMER);
	else
		hart_lower(hart, SIP_TIMER);
}

void hart_set_timer(struct hart *hart, uint64_t when)
{
	hart->timer = when;
	look_at_timer(hart);
}

void hart_forget_pages(struct hart *hart, uint64_t at, uint64_t bytes)
{
	mmu_flush_span(hart, at, bytes);
}

void hart_run(struct hart *hart, uint64_t instructions)
{
	const uint64_t end = hart->instret + hart->traps + instructions;

	look_at_timer(hart);
	while (!hart->stopping && (int64_t)(end - hart->instret - hart->traps) > 0) {
		const struct op *op;

		if (hart->sip & hart->sie)
			trap_interrupt(hart);
		if (hart->waiting)
			break;
		op = code_find(hart);
		settle(hart, (int64_t)(end - hart->instret - hart->traps));
		if (op)
			op->run(hart, op);
		hart->pc = hart_word(hart, hart->pc);
		settle(hart, 0);
	}
	hart->stopping = false;
	hart->reserved = HART_NOT_RESERVED;
}
