/* SPDX-License-Identifier: MIT */
/* A bare program of test instructions, the same bytes for QEMU's user mode and for a hart of ours.
 *
 * It is made of units, each a few instructions and then a call of the routine that writes a record: all registers, fcsr,
 * and a window of memory. Units stand in bodies; a body first loads all registers from a table of operands, and at its
 * end writes its records, and then the zone of memory that loads and stores reach, to descriptor 1. The whole is run
 * again and again, each time with other operands, so that little code makes many results.
 *
 * x1 is the link, x3 the next record, x4 the next operands; x2, x8 and x9 point into the zone. The rest is the units'. */
#ifndef ISA_PROGRAM_H
#define ISA_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROGRAM_BASE = 0x10000000,
	PROGRAM_CODE_MOST = 0x100000, /* what JAL reaches */
	PROGRAM_UNITS_OF_BODY = 256,
	PROGRAM_BODIES = 32,
	PROGRAM_UNITS = PROGRAM_UNITS_OF_BODY * PROGRAM_BODIES,
	PROGRAM_ZONE_BYTES = 4096,
	PROGRAM_WINDOW_AT = 2048, /* of the zone */
	PROGRAM_WINDOW_BYTES = 64,
	PROGRAM_POINTER_8 = PROGRAM_WINDOW_AT + 32, /* where in the zone x8 points; x2 points at the window */
	PROGRAM_POINTER_9 = PROGRAM_WINDOW_AT + 24,
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
	size_t zone_at, operands_at, results_at;
	size_t units[PROGRAM_UNITS]; /* where each begins */
	size_t ends[PROGRAM_UNITS];
};

/* What is under test is one of i m a f d c. NULL: no memory. */
struct program *program_new(char extension, unsigned bits, uint64_t seed, uint64_t results);
void program_free(struct program *program);
/* An ELF file of it; 0 or negative errno. */
int program_write(const struct program *program, int fd);

size_t program_record_bytes(const struct program *program);
/* In a record: where register x, or f, or the window is. x0's place holds fcsr. */
size_t program_x_at(const struct program *program, unsigned number);
size_t program_f_at(const struct program *program, unsigned number);

/* For the makers of units (unit.h): random bits, a number below a limit, and code at the end. */
uint64_t program_random(struct program *program);
unsigned program_choose(struct program *program, unsigned limit);
void program_emit(struct program *program, uint32_t word);
void program_emit_short(struct program *program, uint16_t word);
/* The address of so many bytes from the base into a register. */
void program_emit_address(struct program *program, unsigned rd, size_t at);

#endif
