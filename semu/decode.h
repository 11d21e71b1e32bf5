/* SPDX-License-Identifier: MIT */
/* From an instruction of 32 bits to the operation that runs it. */
#ifndef SEMU_DECODE_H
#define SEMU_DECODE_H

#include <stdbool.h>
#include <stdint.h>

struct op;

/* Sets all of the operation but its length, offset and count. True: the block ends with it.
 * An instruction that does not exist becomes the operation that traps. */
bool decode_instruction(uint32_t word, struct op *ret_op);

#endif
