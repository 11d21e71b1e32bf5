/* SPDX-License-Identifier: MIT */
/* From an instruction of 32 bits to the operation that runs it. */
#ifndef SEMU_DECODE_H
#define SEMU_DECODE_H

#include <stdint.h>

struct op;

enum decode_kind {
	DECODE_PLAIN,
	DECODE_BRANCH, /* its imm is from its own address, as is that of the next two */
	DECODE_JUMP,   /* goes there always */
	DECODE_PC,     /* adds its address to its imm */
	DECODE_END,    /* what comes after it is found when it has run */
};

/* Sets all of the operation but its link, length, offset and count.
 * An instruction that does not exist becomes the operation that traps. */
enum decode_kind decode_instruction(uint32_t word, struct op *ret_op);

#endif
