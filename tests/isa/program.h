/* SPDX-License-Identifier: MIT */
/* A bare program of test instructions, the same bytes for QEMU's user mode and for a hart of ours.
 *
 * It is made of steps, each followed by a call of the routine that writes a record: all registers, fcsr, and a window of
 * memory. Most steps are one instruction, and these are what a count of results means: whatever an instruction does to a
 * register is seen before the next one can write over it. Where it went is seen too, by the link of the call: a branch finds
 * a call at either end, a jump at its target and around it. What such an instruction needs before it, an address or a
 * rounding mode, is a step of its own that is not counted. Only jumps from where a branch arrived to the next step, and x2
 * set again, have no record.
 * A quarter of the units are sequences, of several instructions and one record, as the hart runs blocks of instructions, joins
 * pairs of them and links jumps, all of which a call between them would hide. They come on top of the count.
 * LR, its record, SC and its record: what the routine stores is elsewhere and by the same hart, which breaks a
 * reservation neither in QEMU (it compares address and value) nor here (the address). Each LR is followed by an SC, so
 * that none outlasts its unit.
 *
 * Steps stand in bodies; a body first loads all registers from a table of operands, and at its end writes its records, and
 * then the zone of memory that loads and stores reach, to descriptor 1. The whole is run again and again, each time with
 * other operands, so that little code makes many results.
 *
 * x3 is the next record, x4 the link; x2, x8 and x9 point into the zone. The rest is the units'. */
#ifndef ISA_PROGRAM_H
#define ISA_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROGRAM_BASE = 0x10000000,
	PROGRAM_CODE_MOST = 0x100000, /* what JAL reaches */
	PROGRAM_STEPS_OF_BODY = 256,
	PROGRAM_STEPS_OF_UNIT = 4, /* at most: what a body may overrun */
	PROGRAM_BODIES = 32,
	PROGRAM_STEPS_MOST = (PROGRAM_STEPS_OF_BODY + PROGRAM_STEPS_OF_UNIT) * PROGRAM_BODIES,
	PROGRAM_ZONE_BYTES = 4096,
	PROGRAM_WINDOW_AT = 2048, /* of the zone */
	PROGRAM_WINDOW_BYTES = 64,
	PROGRAM_POINTER_8 = PROGRAM_WINDOW_AT + 32, /* where in the zone x8 points; x2 points at the window */
	PROGRAM_POINTER_9 = PROGRAM_WINDOW_AT + 24,
};

/* What a record stands behind: one instruction under test, one that it needs, or several. */
enum program_kind { PROGRAM_SINGLE, PROGRAM_SETUP, PROGRAM_SEQUENCE, PROGRAM_KINDS };

struct program_step {
	size_t at, end; /* of its instructions */
};

struct program {
	char extension; /* i m a f d c */
	unsigned bits;  /* 64 or 32 */
	bool has_float; /* its records have f registers and fcsr */
	uint64_t random;
	unsigned sets;  /* of operands: the bodies that are run in all */
	uint8_t *image; /* as it is loaded at PROGRAM_BASE */
	size_t image_bytes, memory_bytes;
	size_t code_bytes;
	size_t entry;
	size_t zone_at, next_at, results_at, operands_at; /* next_at: where the next operands' address is kept */
	bool in_sequence;                                 /* while a unit is made */
	unsigned last_rd;                                 /* what the instruction before it wrote */
	struct program_step steps[PROGRAM_STEPS_MOST];
	unsigned step_count;
	unsigned bodies[PROGRAM_BODIES]; /* the first step of each */
	uint64_t kinds[PROGRAM_KINDS];   /* how many records of each kind a run of all bodies makes */
};

/* What is under test is one of i m a f d c; results are those of single instructions, or a few more. NULL: no memory. */
struct program *program_new(char extension, unsigned bits, uint64_t seed, uint64_t results);
void program_free(struct program *program);
/* An ELF file of it; 0 or negative errno. */
int program_write(const struct program *program, int fd);

size_t program_record_bytes(const struct program *program);
/* In a record: where register x, or f, or the window is. x0's place holds fcsr and then half of x0. */
size_t program_x_at(const struct program *program, unsigned number);
size_t program_f_at(const struct program *program, unsigned number);

/* For the makers of units (unit.h): random bits, a number below a limit, and code at the end, of 2 bytes if it is compressed. */
uint64_t program_random(struct program *program);
unsigned program_choose(struct program *program, unsigned limit);
void program_emit(struct program *program, uint32_t word);
/* The address of so many bytes from the base into a register. */
void program_emit_address(struct program *program, unsigned rd, size_t at);
/* x2, that some change. */
void program_emit_pointer(struct program *program);
/* A call of the routine; and that what was emitted since is the next step, behind which stands one, whichever way it goes. */
void program_emit_record(struct program *program);
void program_add_step(struct program *program, enum program_kind kind, size_t at);

#endif
