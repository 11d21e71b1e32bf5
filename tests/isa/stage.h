/* SPDX-License-Identifier: MIT */
/* A bare machine's memory, for supervisor and user mode: the same for qemu-system-riscv64, or -riscv32, -bios none and for a
 * hart of ours.
 *
 * A runner in supervisor mode takes one case after another: it puts the case's instruction into a slot, sets the registers
 * of control, and goes there by SRET. After the instruction stands an EBREAK, so that every case ends in the trap handler, which
 * writes a record: all registers, scause, sepc, stval, sstatus. The end is an environment call from supervisor mode.
 * QEMU gets there by a machine mode of a few instructions, which delegates all that it can.
 * Cases and records have 64 bits for each number; a machine of 32 bits uses the low half. Its Sv32 has the same slots and pages
 * at the same addresses, and large pages of 4 MiB instead of 2 MiB at others. */
#ifndef ISA_STAGE_H
#define ISA_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAGE_RAM 0x80000000ULL
#define STAGE_NOTHING 0x28000000ULL /* no RAM and no device */

enum {
	STAGE_BYTES = 64 << 20,
	STAGE_SUPERVISOR = 0x1000, /* where a hart of ours starts */
	STAGE_STATE = 0x2000,
	STAGE_SLOT = 0x3000,
	STAGE_ROOT = 0x4000,
	STAGE_MIDDLE = 0x5000, /* of 0x40000000 */
	STAGE_SLOTS = 0x6000,  /* the table that maps the slot for both modes, and the pages of Sv32 */
	STAGE_PAGES = 0x7000,  /* the table of pages of all kinds of Sv39 */
	STAGE_DATA = 0x10000,  /* 16 pages that they lead to */
	STAGE_CASES = 0x400000,
	STAGE_CASES_MOST = 130000,
	STAGE_RECORDS = 0x1000000,
	STAGE_RECORD_BYTES = 288,
	STAGE_LARGE = 0x3800000, /* 4 MiB, of large pages */
	STAGE_LARGE_BYTES = 4 << 20,
	STAGE_LARGE_PAGES = 348, /* of all kinds */
};

/* Where the slot and the pages are when translated. */
#define STAGE_USER_SLOT 0x40000000ULL
#define STAGE_SUPERVISOR_SLOT 0x40001000ULL
#define STAGE_PAGES_AT 0x40200000ULL

struct stage_case {
	uint64_t words; /* the instruction, and what follows it */
	uint64_t satp, sstatus, pc, sie, sip;
	uint64_t address; /* in x10, and in every other register but x11 */
	uint64_t value;   /* in x11 */
};

struct stage {
	unsigned bits; /* 64 or 32 */
	uint8_t *ram;
	size_t cases;
	uint64_t random;
};

/* Fills the RAM, of zeros, with everything but the cases. */
void stage_init(struct stage *stage, unsigned bits, uint8_t *ram, uint64_t seed);
void stage_add(struct stage *stage, const struct stage_case *one);
/* After the last. */
void stage_finish(struct stage *stage);
uint64_t stage_random(struct stage *stage);
/* With translation. */
uint64_t stage_satp(const struct stage *stage);
/* Where a large page is when translated, and its bytes; where the first ones of RAM are, for user mode. */
uint64_t stage_large_at(const struct stage *stage, uint64_t number);
uint64_t stage_large_bytes(const struct stage *stage);
uint64_t stage_open_at(const struct stage *stage);

/* cases.c: adds all of them. */
void cases_add(struct stage *stage);

#endif
