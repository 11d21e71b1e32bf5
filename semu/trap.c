/* SPDX-License-Identifier: MIT */
/* Into supervisor mode by an exception or an interrupt, and out of it by SRET. */
#include "semu/trap.h"

#include "semu/hart.h"

static void enter_at(struct hart *hart, uint64_t cause, uint64_t value, uint64_t handler)
{
	const uint64_t enabled = hart->sstatus & SSTATUS_SIE;

	hart->traps++;
	hart->sepc = hart->pc;
	hart->scause = cause;
	hart->stval = value;
	hart->sstatus &= ~(SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP);
	if (enabled)
		hart->sstatus |= SSTATUS_SPIE;
	if (hart->mode == HART_SUPERVISOR)
		hart->sstatus |= SSTATUS_SPP;
	hart->mode = HART_SUPERVISOR;
	hart->pc = handler;
	hart->reserved = HART_NOT_RESERVED;
	hart_choose_tlb(hart);
}

void trap_enter(struct hart *hart, uint64_t cause, uint64_t value)
{
	enter_at(hart, cause, value, hart->stvec & ~3ULL);
}

void trap_interrupt(struct hart *hart)
{
	static const uint64_t order[] = {9, 1, 5}; /* external, software, timer: privileged specification 4.1.3 */
	const uint64_t pending = hart->sip & hart->sie;
	const uint64_t is_interrupt = hart->machine->word == 32 ? ~0ULL << 31 : 1ULL << 63; /* the top bit of scause */

	if (!pending)
		return;
	hart->waiting = false;
	if (hart->mode == HART_SUPERVISOR && !(hart->sstatus & SSTATUS_SIE))
		return;
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!(pending >> order[i] & 1))
			continue;
		enter_at(hart, is_interrupt | order[i], 0,
			 (hart->stvec & ~3ULL) + (hart->stvec & 1 ? 4 * order[i] : 0));
		return;
	}
}

void trap_leave(struct hart *hart)
{
	hart->mode = hart->sstatus & SSTATUS_SPP ? HART_SUPERVISOR : HART_USER;
	hart->sstatus &= ~(SSTATUS_SIE | SSTATUS_SPP);
	if (hart->sstatus & SSTATUS_SPIE)
		hart->sstatus |= SSTATUS_SIE;
	hart->sstatus |= SSTATUS_SPIE;
	hart->pc = hart->sepc;
	hart_choose_tlb(hart);
}
