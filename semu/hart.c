/* SPDX-License-Identifier: MIT */
/* The life of a hart: finding or decoding the block at the pc, and running blocks until the budget is used. */
#include "semu/hart.h"

#include <string.h>

#include "semu/compressed.h"
#include "semu/decode.h"
#include "semu/float.h"
#include "semu/op.h"
#include "semu/trap.h"

void hart_forget_code(struct hart *hart)
{
	for (unsigned i = 0; i < HART_BLOCKS; i++)
		hart->blocks[i].physical = HART_NO_BLOCK;
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
	hart_forget_code(hart);
	mmu_flush(hart);
	hart_choose_tlb(hart);
}

void hart_start(struct hart *hart, uint64_t pc, uint64_t number, uint64_t opaque)
{
	hart->mode = HART_SUPERVISOR;
	hart->waiting = false;
	hart->sstatus = hart->sie = hart->satp = 0;
	hart->pc = pc;
	hart->x[10] = number;
	hart->x[11] = opaque;
	mmu_flush(hart);
	hart_forget_code(hart);
	hart_choose_tlb(hart);
}

void hart_stop(struct hart *hart)
{
	hart->stopping = true;
}

void hart_raise(struct hart *hart, uint64_t bits)
{
	hart->sip |= bits;
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
	(void)at;
	(void)bytes;
	mmu_flush(hart);
}

static bool decode_word(uint32_t word, unsigned offset, unsigned count, struct op *ret_op)
{
	const bool is_short = (word & 3) != 3;
	const uint32_t full = is_short ? compressed_expand((uint16_t)word) : word;
	const bool ends = decode_instruction(full, ret_op);

	if (ret_op->run == system_illegal)
		ret_op->imm = is_short ? (uint16_t)word : word;
	ret_op->length = is_short ? 2 : 4;
	ret_op->offset = (uint16_t)offset;
	ret_op->count = (uint16_t)count;
	return ends;
}

static void end_block(struct op *op, unsigned offset, unsigned count)
{
	*op = (struct op){.run = jump_on, .offset = (uint16_t)offset, .count = (uint16_t)count};
}

/* Its second half may be mapped elsewhere the next time, so that it is never kept. */
static struct block *decode_crossing(struct hart *hart, const uint8_t *host)
{
	struct block *block = &hart->crossing;
	uint16_t low, high;
	uint8_t *rest;

	memcpy(&low, host, sizeof(low));
	if (!mmu_host(hart, hart->pc + 2, MMU_FETCH, &rest)) {
		block->ops[0] = (struct op){.run = system_fetch_fault, .count = 1};
		return block;
	}
	memcpy(&high, rest, sizeof(high));
	if (!decode_word((uint32_t)high << 16 | low, 0, 1, &block->ops[0]))
		end_block(&block->ops[1], 4, 1);
	return block;
}

/* host is the first byte; left, what is left of its page. */
static void decode_block(struct block *block, const uint8_t *host, unsigned left)
{
	unsigned offset = 0, count = 0;

	while (count < HART_BLOCK_OPS && left - offset >= 2) {
		struct op *op = &block->ops[count];
		uint32_t word = 0;

		memcpy(&word, host + offset, 2);
		if ((word & 3) == 3) {
			if (left - offset < 4)
				break;
			memcpy(&word, host + offset, 4);
		}
		count++;
		if (decode_word(word, offset, count, op))
			return;
		offset += op->length;
	}
	end_block(&block->ops[count], offset, count);
}

/* NULL: the fetch was refused, and the trap entered. */
static struct block *block_find(struct hart *hart)
{
	const unsigned left = MMU_PAGE - hart->pc % MMU_PAGE;
	struct block *block;
	uint64_t physical;
	uint8_t *host;

	if (!mmu_host(hart, hart->pc, MMU_FETCH, &host)) {
		trap_enter(hart, hart->fault_cause, hart->fault_value);
		return NULL;
	}
	if (left == 2 && (*host & 3) == 3)
		return decode_crossing(hart, host);
	physical = (uint64_t)(host - hart->machine->ram);
	block = &hart->blocks[physical / 2 % HART_BLOCKS];
	if (block->physical != physical) {
		decode_block(block, host, left);
		block->physical = physical;
	}
	return block;
}

void hart_run(struct hart *hart, uint64_t instructions)
{
	const uint64_t start = hart->instret + hart->traps;

	look_at_timer(hart);
	while (!hart->stopping && hart->instret + hart->traps - start < instructions) {
		const struct block *block;

		if (hart->sip & hart->sie)
			trap_interrupt(hart);
		if (hart->waiting)
			break;
		block = block_find(hart);
		if (block)
			block->ops[0].run(hart, block->ops);
	}
	hart->stopping = false;
	hart->reserved = HART_NOT_RESERVED;
}
