/* SPDX-License-Identifier: MIT */
/* The opcodes of F and D. */
#ifndef SEMU_DECODE_FLOAT_H
#define SEMU_DECODE_FLOAT_H

#include <stdbool.h>
#include <stdint.h>

#include "semu/decode.h"

/* Whether the major opcode is one of F's and D's. */
bool decode_is_float(uint32_t word);
/* As decode_instruction() does. None of them ends a block but one that does not exist. */
enum decode_kind decode_float(uint32_t word, struct op *ret_op);

#endif
