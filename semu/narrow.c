/* SPDX-License-Identifier: MIT */
/* From an instruction of RV32 to the one of RV64 that does the same, and what RV64 has none for. */
#include "semu/narrow.h"

#include <stdbool.h>
#include <stddef.h>

#include "semu/op.h"
#include "semu/trap.h"

enum {
	OPCODE_LOAD = 0x03,
	OPCODE_IMMEDIATE = 0x13,
	OPCODE_STORE = 0x23,
	OPCODE_ATOMIC = 0x2f,
	OPCODE_REGISTER = 0x33,
	OPCODE_BRANCH = 0x63,
	OPCODE_JAL = 0x6f,
	TO_WORD = 8,    /* what makes an opcode on registers that of its 32-bit form */
	UNALIGNED = 2,  /* of an address, where instructions are of four bytes */
	NO_SUCH = 0xff, /* no instruction */
};

/* Comparisons and logic are what they were: funct3 2, 3, 4, 6, 7. */
static bool is_width_free(unsigned funct)
{
	return funct != 0 && funct != 1 && funct != 5;
}

static uint32_t widen_registers(uint32_t word)
{
	const unsigned funct = word >> 12 & 7;

	if (word >> 25 == 1) /* M: mulh, mulhsu and mulhu have no 32-bit form */
		return funct >= 1 && funct <= 3 ? word : word + TO_WORD;
	return is_width_free(funct) ? word : word + TO_WORD;
}

static uint32_t widen(uint32_t word)
{
	const unsigned funct = word >> 12 & 7;

	switch (word & 0x7f) {
	case OPCODE_LOAD: /* no ld, no lwu */
		return funct == 3 || funct == 6 ? NO_SUCH : word;
	case OPCODE_STORE:
	case OPCODE_ATOMIC:
		return funct == 3 ? NO_SUCH : word;
	case OPCODE_IMMEDIATE:
		return is_width_free(funct) ? word : word + TO_WORD;
	case OPCODE_REGISTER:
		return widen_registers(word);
	case OPCODE_IMMEDIATE + TO_WORD:
	case OPCODE_REGISTER + TO_WORD:
	case 0x07: /* F and D */
	case 0x27:
	case 0x43:
	case 0x47:
	case 0x4b:
	case 0x4f:
	case 0x53:
		return NO_SUCH;
	default:
		return (word & 3) == 3 ? word : NO_SUCH;
	}
}

static hart_run_op *narrow_form(hart_run_op *run)
{
	static const struct {
		hart_run_op *wide, *narrow;
	} table[] = {
		{integer_mulh, narrow_mulh}, {integer_mulhsu, narrow_mulhsu}, {integer_mulhu, narrow_mulhu},
		{integer_pc, narrow_pc},     {jump_link, narrow_link},        {jump_register, narrow_register},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (run == table[i].wide)
			return table[i].narrow;
	}
	return run;
}

enum decode_kind narrow_decode(uint32_t word, struct op *ret_op)
{
	enum decode_kind kind = decode_instruction(widen(word), ret_op);

	if (ret_op->run == system_illegal)
		ret_op->imm = word;
	ret_op->run = narrow_form(ret_op->run);
	if ((kind != DECODE_BRANCH && kind != DECODE_JUMP) || !(ret_op->imm & UNALIGNED))
		return kind;
	ret_op->run = kind == DECODE_BRANCH ? narrow_unaligned_branch : narrow_unaligned_link;
	ret_op->rd = word >> 12 & 7;
	return kind == DECODE_BRANCH ? DECODE_PLAIN : DECODE_END;
}

/* ---- the operations ---- */

static uint64_t extend(uint64_t value)
{
	return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
}

void narrow_mulh(struct hart *hart, const struct op *op)
{
	const int64_t a = (int64_t)hart->x[op->rs1], b = (int64_t)hart->x[op->rs2];

	hart->x[op->rd] = (uint64_t)(a * b >> 32);
	op_next(hart, op);
}

void narrow_mulhsu(struct hart *hart, const struct op *op)
{
	const int64_t a = (int64_t)hart->x[op->rs1], b = (uint32_t)hart->x[op->rs2];

	hart->x[op->rd] = (uint64_t)(a * b >> 32);
	op_next(hart, op);
}

void narrow_mulhu(struct hart *hart, const struct op *op)
{
	const uint64_t a = (uint32_t)hart->x[op->rs1], b = (uint32_t)hart->x[op->rs2];

	hart->x[op->rd] = extend(a * b >> 32);
	op_next(hart, op);
}

void narrow_pc(struct hart *hart, const struct op *op)
{
	hart->x[op->rd] = extend(hart->pc + op->imm);
	op_next(hart, op);
}

void narrow_link(struct hart *hart, const struct op *op)
{
	hart->x[op->rd] = extend(hart->pc + (uint64_t)op->offset + op->length);
	op_jump(hart, op, extend(hart->pc + op->imm));
}

void narrow_register(struct hart *hart, const struct op *op)
{
	const uint64_t target = extend((hart->x[op->rs1] + op->imm) & ~1ULL);

	if (target & UNALIGNED) {
		op_refuse(hart, op, TRAP_FETCH_MISALIGNED, target);
		return;
	}
	hart->x[op->rd] = extend(hart->pc + (uint64_t)op->offset + op->length);
	op_jump(hart, op, target);
}

void narrow_unaligned_link(struct hart *hart, const struct op *op)
{
	op_refuse(hart, op, TRAP_FETCH_MISALIGNED, extend(hart->pc + (uint64_t)op->offset + op->imm));
}

/* rd is funct3: bit 0 inverts, bit 1 takes away the sign, bit 2 asks for the order. */
static bool is_taken(const struct hart *hart, const struct op *op)
{
	const uint64_t a = hart->x[op->rs1], b = hart->x[op->rs2];
	const bool order = op->rd & 2 ? a < b : (int64_t)a < (int64_t)b;

	return (op->rd & 4 ? order : a == b) != (op->rd & 1);
}

void narrow_unaligned_branch(struct hart *hart, const struct op *op)
{
	if (is_taken(hart, op))
		narrow_unaligned_link(hart, op);
	else
		op_next(hart, op);
}
