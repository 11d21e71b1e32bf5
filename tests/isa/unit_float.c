/* SPDX-License-Identifier: MIT */
/* The units of F and D: what is not the double is the single. Some choose their flags and rounding first. */
#include "tests/isa/unit.h"

#include "tests/isa/word.h"

enum { CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3 };

static uint32_t number(struct program *program)
{
	return program_choose(program, 32);
}

/* As for integers: a few are written more often. */
static uint32_t target(struct program *program)
{
	return program_choose(program, program_choose(program, 4) ? 6 : 32);
}

/* Dynamic, to nearest even, or one of the others. */
static uint32_t rounding(struct program *program)
{
	static const uint8_t choices[] = {7, 7, 7, 7, 7, 0, 0, 1, 2, 3, 4};

	return choices[program_choose(program, sizeof(choices))];
}

static uint32_t format(const struct program *program)
{
	return program->extension == 'd';
}

static uint32_t computing(struct program *program, uint32_t which, uint32_t rd, uint32_t rs1, uint32_t rs2)
{
	return word_r(WORD_FLOAT, rounding(program), which << 2 | format(program), rd, rs1, rs2);
}

/* An arithmetic one; with inexact up or not, as the quick and the slow ways of a host differ in that. */
static uint32_t state_immediate(struct program *program, uint32_t funct, uint32_t rd, uint32_t csr, uint32_t limit)
{
	return word_i(WORD_SYSTEM, funct, rd, program_choose(program, limit), (int32_t)csr);
}

/* With inexact up or not, as the quick and the slow ways of a host differ in that. frm never becomes what no rounding is. */
static void choose_state(struct program *program)
{
	switch (program_choose(program, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		unit_emit_setup(program, word_i(WORD_SYSTEM, 5, 0, 0, CSR_FFLAGS));
		break;
	case 5:
	case 6:
	case 7:
		unit_emit_setup(program, word_i(WORD_SYSTEM, 5, 0, 1, CSR_FFLAGS));
		break;
	case 8:
	case 9:
	case 10:
		unit_emit_setup(program, word_i(WORD_SYSTEM, 5, 0, 0, CSR_FRM));
		break;
	case 11:
		unit_emit_setup(program, state_immediate(program, 5, unit_rd(program), CSR_FRM, 5));
		break;
	case 12:
		unit_emit_setup(program, state_immediate(program, 6, unit_rd(program), CSR_FFLAGS, 32));
		break;
	case 13:
		unit_emit_setup(program, state_immediate(program, 7, unit_rd(program), CSR_FCSR, 32));
		break;
	case 14:
		unit_emit_setup(program, word_i(WORD_SYSTEM, 1 + program_choose(program, 2), unit_rd(program),
						unit_rs(program), CSR_FFLAGS));
		break;
	default:
		unit_emit_setup(program, word_i(WORD_SYSTEM, 3, unit_rd(program), unit_rs(program), CSR_FCSR));
		break;
	}
}

static void make_arithmetic(struct program *program)
{
	static const uint8_t functs[] = {0, 1, 2, 3, 11};
	const uint32_t which = functs[program_choose(program, sizeof(functs))];

	unit_emit(program,
		  computing(program, which, target(program), number(program), which == 11 ? 0 : number(program)));
}

static uint32_t fused(struct program *program, uint32_t rd, uint32_t rs1, uint32_t rs2, uint32_t rs3)
{
	const uint32_t which = program_choose(program, 4);

	return word_r(WORD_FUSED | which << 2, rounding(program), rs3 << 2 | format(program), rd, rs1, rs2);
}

/* Of any three; or of what a multiplication has just rounded, where nearly all cancels. */
static void make_fused(struct program *program)
{
	const uint32_t a = number(program), b = number(program), rd = target(program);

	if (program_choose(program, 3)) {
		unit_emit(program, fused(program, rd, a, b, number(program)));
		return;
	}
	unit_emit(program, computing(program, 2, rd, a, b));
	unit_emit(program, fused(program, target(program), a, b, rd));
}

/* What needs no rounding: signs, extremes, comparisons, classes, moves. */
static void make_other(struct program *program)
{
	static const struct {
		uint8_t which, functs, to_integer, one_operand;
	} table[] = {{0x04, 3, 0, 0}, {0x05, 2, 0, 0}, {0x14, 3, 1, 0}, {0x1c, 2, 1, 1}, {0x1e, 1, 0, 1}};
	const unsigned row = program_choose(program, sizeof(table) / sizeof(table[0]));
	const uint32_t funct = program_choose(program, table[row].functs);
	const uint32_t rd = table[row].to_integer ? unit_rd(program) : target(program);

	unit_emit(program, word_r(WORD_FLOAT, funct, (uint32_t)table[row].which << 2 | format(program), rd,
				  number(program), table[row].one_operand ? 0 : number(program)));
}

static void make_conversion(struct program *program)
{
	const uint32_t kind = program_choose(program, 4);

	switch (program_choose(program, program->extension == 'd' ? 5 : 4)) {
	case 0:
	case 1:
		unit_emit(program, computing(program, 0x18, unit_rd(program), number(program), kind));
		break;
	case 2:
	case 3:
		unit_emit(program, computing(program, 0x1a, target(program), unit_rs(program), kind));
		break;
	default:
		/* fcvt.s.d or fcvt.d.s */
		unit_emit(program, word_r(WORD_FLOAT, rounding(program), kind & 1 ? 0x20 : 0x21, target(program),
					  number(program), kind & 1));
		break;
	}
}

static void make_access(struct program *program)
{
	const uint32_t width = program->extension == 'd' ? 3 : 2;
	int32_t offset;
	const unsigned base = unit_pointer(program, 1U << width, &offset);

	if (program_choose(program, 2))
		unit_emit(program, word_i(WORD_LOAD_FP, width, target(program), base, offset));
	else
		unit_emit(program, word_s(WORD_STORE_FP, width, base, number(program), offset));
}

void unit_make_float(struct program *program)
{
	if (program_choose(program, 2))
		choose_state(program);
	switch (program_choose(program, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		make_arithmetic(program);
		break;
	case 5:
	case 6:
	case 7:
		make_fused(program);
		break;
	case 8:
	case 9:
	case 10:
		make_conversion(program);
		break;
	case 11:
		make_access(program);
		break;
	default:
		make_other(program);
		break;
	}
}
