/* SPDX-License-Identifier: MIT */
/* RV32 in terms of RV64. A narrow machine keeps each register as RV64 keeps the result of its 32-bit instructions: sign-extended.
 * Then most of RV32 is RV64 already: its add is addw, its loads, comparisons, branches and logic are the same, and neither
 * the interpreter nor its speed knows of two widths. That is why this is no second compilation of everything.
 *
 * What is left. An address may come out of an addition with something other than its sign above it; no TLB entry has such
 * a tag, so the slow way sees it and mends it (hart_word()). What makes an address of the pc, the high half of a product, and
 * instructions that must be aligned to four bytes, for want of C, have operations of their own. */
#ifndef SEMU_NARROW_H
#define SEMU_NARROW_H

#include <stdint.h>

#include "semu/decode.h"

/* As decode_instruction() does, for RV32IMA. */
enum decode_kind narrow_decode(uint32_t word, struct op *ret_op);

#endif
