/* SPDX-License-Identifier: MIT */
/* What is tested: makers of random legal instructions for each extension, and operands that lie at edges. */
#ifndef ISA_UNIT_H
#define ISA_UNIT_H

#include <stdint.h>

#include "tests/isa/program.h"

/* Emits one unit of the program's extension, with its records. */
void unit_make(struct program *program);
/* For an integer register; for an f register. */
uint64_t unit_integer(struct program *program);
uint64_t unit_number(struct program *program);

/* The makers: one instruction, or a few that only make sense together. */
void unit_make_integer(struct program *program);
void unit_make_multiply(struct program *program);
void unit_make_atomic(struct program *program);
void unit_make_float(struct program *program);
void unit_make_compressed(struct program *program);

/* An instruction under test, and what one needs: each a step with a record behind it, but in a sequence. */
void unit_emit(struct program *program, uint32_t word);
void unit_emit_setup(struct program *program, uint32_t word);

/* What surrounds a jump: a stretch of so many bytes, which ends with unit_emit_jump(), goes to `offset` from its beginning or
 * not. That is up to `reach` bytes away. Whichever way it goes, one record tells (in a sequence a register). */
int32_t unit_begin_jump(struct program *program, unsigned bytes, int32_t reach);
void unit_emit_jump(struct program *program, uint32_t word);
void unit_end_jump(struct program *program, unsigned bytes, int32_t offset);

/* A register to write: one that the program does not keep for itself, most often of a few, so that operands last. */
unsigned unit_rd(struct program *program);
/* Any register to read. */
unsigned unit_rs(struct program *program);
/* Where bytes of the zone are from one of the pointers: its register and the distance, which fits 12 bits. */
unsigned unit_pointer(struct program *program, unsigned bytes, int32_t *ret_offset);

#endif
