/* SPDX-License-Identifier: MIT */
/* A hart: one RV64GC or RV32IMA processor with user and supervisor mode and Sv39 or Sv32, run by interpreting decoded blocks.
 * Machine mode is the host's: an environment call from supervisor mode goes to a callback.
 *
 * Theory of operation. Code is decoded once into blocks (code.h): arrays of operations, each with its function, registers
 * and immediate. An operation ends by calling the next one as its last act, which the compiler makes a jump; what leaves a
 * block jumps to the first operation of the next one, by its link or through the TLB, without coming back here. The program
 * counter is written only when a block is left: an operation that needs it adds its own offset to that of the block. Each
 * leaving takes the block's instructions off `left`; when that is used up the jumps end and hart_run() looks at
 * interrupts and the budget. What has to be seen sooner sets `left` to zero, so that nothing else is asked per block.
 * Frequent pairs of operations are one (fuse.h), RV32 is RV64 with registers kept sign-extended (narrow.h).
 * x0 stays zero without a test: what writes it is decoded to write register HART_SINK.
 *
 * What the owner may count on. Everything happens on one thread: the owner gives each hart a turn by hart_run(), and a hart
 * calls its machine's functions from within its turn; they may call anything below, for any hart, but hart_run(). While a
 * turn lasts, its hart's pc and instret are those of the block it is in; between turns they are exact, and all of a
 * hart may be read and written (hart_choose_tlb() afterwards if mode or sstatus were).
 * Harts share RAM. A turn's end breaks the hart's reservation, so that a conditional store never succeeds over
 * another hart's store; a turn of a hundred instructions or more lets every LR/SC loop get on. What a hart or a device
 * stores into code is run by a hart after that hart's FENCE.I, or hart_forget_code() (SBI's remote one), at the latest. */
#ifndef SEMU_HART_H
#define SEMU_HART_H

#include <stdbool.h>
#include <stdint.h>

#include "semu/mmu.h"

enum {
	HART_SINK = 32,
};

enum hart_mode { HART_USER, HART_SUPERVISOR };

/* What sstatus.FS and fcsr come to for an operation on floating-point registers, so that one comparison tells: reading
 * needs CLEAN or more, writing DIRTY or more; QUICK is DIRTY with a fcsr that lets the host compute (float.h). */
enum hart_float_use { HART_FLOAT_OFF, HART_FLOAT_CLEAN, HART_FLOAT_DIRTY, HART_FLOAT_QUICK };

struct code;
struct hart;
struct op;
typedef void hart_run_op(struct hart *hart, const struct op *op);

struct op {
	hart_run_op *run;
	uint64_t imm;   /* of what adds it to the pc: from the block's first byte */
	uintptr_t link; /* see OP_UNLINKED */
	uint8_t rd, rs1, rs2;
	uint8_t length; /* of the instruction in bytes */
	int16_t offset; /* from the block's first byte */
	uint8_t count;  /* instructions of the block up to this one, itself included */
};

/* What the machine does for its harts. The owner is handed back to each. */
struct hart_machine {
	void *owner;
	uint8_t *ram; /* aligned to 4096 */
	uint64_t ram_start;
	uint64_t ram_bytes; /* a multiple of 4096 */
	unsigned word;      /* 64: RV64GC; 32: RV32IMA (narrow.h) */
	struct code *code;
	bool (*load)(void *owner, uint64_t at, unsigned bytes,
		     uint64_t *ret_value);                                       /* a device; false: nothing there */
	bool (*store)(void *owner, uint64_t at, unsigned bytes, uint64_t value); /* likewise */
	void (*environment_call)(void *owner, struct hart *hart);                /* SBI; the pc is past the ecall */
	uint64_t (*time)(void *owner);                                           /* the timebase's ticks */
};

struct hart {
	uint64_t x[33];
	uint64_t pc;         /* of the block's first byte while a block runs */
	int64_t left;        /* instructions until the jumps from block to block end */
	struct mmu_tlb *tlb; /* the one that mode and SUM choose */
	uint64_t instret;    /* when `left` was `granted` */
	int64_t granted;
	uint64_t traps; /* entered: a trap counts against the budget, else a handler that cannot run would never end */
	enum hart_mode mode;
	bool waiting; /* in WFI; cleared by an interrupt that sie enables */
	bool stopping;
	enum hart_float_use float_use;
	uint8_t fcsr;
	uint64_t
		timer; /* when SIP_TIMER becomes pending, in ticks: stimecmp; UINT64_MAX: never. The owner may sleep until it */
	uint64_t sstatus, sie, sip, stvec, sscratch, sepc, scause, stval, satp, scounteren, senvcfg;
	uint64_t fault_cause, fault_value; /* of the access that was refused last */
	uint64_t reserved;                 /* LR's address, or HART_NOT_RESERVED */
	uint64_t f[32];
	uint64_t code_generation;
	struct mmu_tlb tlbs[3];   /* user, supervisor, supervisor with SUM */
	struct mmu_span large[2]; /* among what the TLBs hold: below 2^63, and above */
	const struct hart_machine *machine;
};

#define HART_NOT_RESERVED UINT64_MAX

/* A number as a register of this machine holds it: a word of 32 bits is sign-extended. */
static inline uint64_t hart_word(const struct hart *hart, uint64_t value)
{
	return hart->machine->word == 32 ? (uint64_t)(int64_t)(int32_t)(uint32_t)value : value;
}

/* Where an instruction may start: without C at every fourth byte. */
static inline uint64_t hart_aligned(const struct hart *hart, uint64_t at)
{
	return at & ~(hart->machine->word == 32 ? 3ULL : 1ULL);
}

/* The machine stays the caller's and must outlive the hart. Starts in supervisor mode, at pc. */
void hart_init(struct hart *hart, const struct hart_machine *machine, uint64_t pc);
/* What SBI's hart_start asks for: supervisor mode at pc with a0 the hart's number, a1 the opaque value, no translation and no
 * interrupt enabled. Bits of sip that the owner raised stay. */
void hart_start(struct hart *hart, uint64_t pc, uint64_t number, uint64_t opaque);
/* A turn: until so many more instructions are done (a block may overrun), or the hart waits, or hart_stop(). */
void hart_run(struct hart *hart, uint64_t instructions);
/* Ends the turn that is under way after the block it is in, or the next one at once. */
void hart_stop(struct hart *hart);
/* SIP_SOFTWARE, SIP_EXTERNAL: becomes pending, and is taken at the end of the block under way; or is pending no more.
 * SIP_TIMER follows the timer and nothing else. */
void hart_raise(struct hart *hart, uint64_t bits);
void hart_lower(struct hart *hart, uint64_t bits);
/* What SBI's set_timer and a write of stimecmp do. The clock is looked at when a turn begins. */
void hart_set_timer(struct hart *hart, uint64_t when);
/* Code in memory changed: FENCE.I. */
void hart_forget_code(struct hart *hart);
/* Page tables changed: SFENCE.VMA for so many bytes from an address; from 0, UINT64_MAX bytes are all. */
void hart_forget_pages(struct hart *hart, uint64_t at, uint64_t bytes);
/* After mode or sstatus changed: the translations that hold now, and what may be done with floating point. */
void hart_choose_tlb(struct hart *hart);

#endif
