/* SPDX-License-Identifier: MIT */
/* Operands, the choice of registers, and the units of I, M and A. */
#include "tests/isa/unit.h"

#include "tests/isa/word.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t unit_integer(struct program *program)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		UINT64_MAX,
		UINT64_MAX - 1,
		INT64_MAX,
		1ULL << 63,
		(1ULL << 63) + 1,
		INT32_MAX,
		1ULL << 31,
		0xffffffff80000000,
		UINT32_MAX,
		1ULL << 32,
		31,
		32,
		63,
		64,
		0x5555555555555555,
		0x00000000ffff8000,
	};
	const uint64_t random = program_random(program);
	const unsigned amount = program_choose(program, 64);

	switch (program_choose(program, 8)) {
	case 0:
	case 1:
		return edges[random % COUNT(edges)];
	case 2:
		return random >> amount;
	case 3:
		return ~(random >> amount);
	case 4:
		return (uint64_t)(int64_t)(int32_t)(uint32_t)random;
	case 5:
		return 1ULL << amount;
	case 6:
		return random % 64;
	default:
		return random;
	}
}

/* A fraction and an exponent where things happen: at both ends, about one, and about the widths of integers. */
static uint64_t number_of(struct program *program, unsigned fraction_bits, unsigned exponent_bits)
{
	const uint64_t random = program_random(program), last = (1ULL << exponent_bits) - 1;
	uint64_t fraction = program_random(program), exponent;

	switch (program_choose(program, 10)) {
	case 0:
	case 1:
		fraction = 0;
		break;
	case 2:
		fraction = UINT64_MAX;
		break;
	case 3:
		fraction = 1;
		break;
	case 4:
		fraction = 1ULL << random % fraction_bits;
		break;
	case 5:
		fraction = UINT64_MAX << random % fraction_bits;
		break;
	case 6:
		fraction &= UINT64_MAX << random % fraction_bits;
		break;
	default:
		break;
	}
	switch (program_choose(program, 10)) {
	case 0:
		exponent = 0;
		break;
	case 1:
		exponent = last;
		break;
	case 2:
		exponent = last - 1;
		break;
	case 3:
		exponent = 1 + random % 3;
		break;
	case 4:
	case 5:
		exponent = last / 2 - 4 + random % 8;
		break;
	case 6:
		exponent = last / 2 + 20 + random % 48;
		break;
	case 7:
		exponent = last / 4 + random % fraction_bits - fraction_bits / 2;
		break;
	default:
		exponent = random & last;
		break;
	}
	return (random >> 63) << (fraction_bits + exponent_bits) | exponent << fraction_bits |
	       (fraction & ((1ULL << fraction_bits) - 1));
}

uint64_t unit_number(struct program *program)
{
	const unsigned luck = program_choose(program, 16);
	const bool single = program->extension == 'f' ? luck > 1 : luck > 13;

	if (luck == 0)
		return program_random(program);
	return single ? number_of(program, 23, 8) | (uint64_t)UINT32_MAX << 32 : number_of(program, 52, 11);
}

unsigned unit_rd(struct program *program)
{
	static const uint8_t free_ones[] = {5,  6,  7,  28, 29, 30, 31, 10, 11, 12, 13, 14, 15,
					    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 0};

	return free_ones[program_choose(program, program_choose(program, 4) ? 7 : COUNT(free_ones))];
}

unsigned unit_rs(struct program *program)
{
	return program_choose(program, 32);
}

unsigned unit_pointer(struct program *program, unsigned bytes, int32_t *ret_offset)
{
	static const struct {
		uint8_t number;
		uint16_t at;
	} pointers[] = {{2, PROGRAM_WINDOW_AT}, {8, PROGRAM_POINTER_8}, {9, PROGRAM_POINTER_9}};
	const unsigned which = program_choose(program, 3);
	int32_t at, offset;

	do {
		if (program_choose(program, 4))
			at = PROGRAM_WINDOW_AT + (int32_t)program_choose(program, PROGRAM_WINDOW_BYTES - bytes + 1);
		else
			at = (int32_t)program_choose(program, PROGRAM_ZONE_BYTES - bytes + 1);
		if (program_choose(program, 2))
			at &= ~(int32_t)(bytes - 1);
		offset = at - pointers[which].at;
	} while (offset < -2048 || offset > 2047);
	*ret_offset = offset;
	return pointers[which].number;
}

static void make_registers(struct program *program, const uint8_t (*functs)[2], unsigned count, uint32_t opcode)
{
	const uint8_t *funct = functs[program_choose(program, count)];

	program_emit(program, word_r(opcode, funct[0], funct[1], unit_rd(program), unit_rs(program), unit_rs(program)));
}

static void make_immediate(struct program *program)
{
	const bool is_32 = program->bits == 64 && program_choose(program, 3) == 0;
	const unsigned shift_most = is_32 || program->bits == 32 ? 31 : 63;
	const uint32_t funct = is_32 ? (uint32_t[]){0, 1, 5}[program_choose(program, 3)] : program_choose(program, 8);
	int32_t imm = (int32_t)program_choose(program, 4096) - 2048;

	if (funct == 1 || funct == 5)
		imm &= (int32_t)shift_most;
	if (funct == 5 && program_choose(program, 2))
		imm |= 0x400;
	program_emit(program, word_i(is_32 ? WORD_IMMEDIATE_32 : WORD_IMMEDIATE, funct, unit_rd(program),
				     unit_rs(program), imm));
}

static void make_access(struct program *program)
{
	static const uint8_t widths_64[] = {0, 1, 2, 3, 4, 5, 6}, widths_32[] = {0, 1, 2, 4, 5};
	const bool is_store = program_choose(program, 3) == 0;
	uint32_t funct = program->bits == 64 ? widths_64[program_choose(program, COUNT(widths_64))]
					     : widths_32[program_choose(program, COUNT(widths_32))];
	int32_t offset;
	unsigned base;

	if (is_store)
		funct &= 3;
	base = unit_pointer(program, 1U << (funct & 3), &offset);
	if (is_store)
		program_emit(program, word_s(WORD_STORE, funct, base, unit_rs(program), offset));
	else
		program_emit(program, word_i(WORD_LOAD, funct, unit_rd(program), base, offset));
}

static void make_upper(struct program *program)
{
	const uint32_t imm = (uint32_t)program_random(program) & 0xfffff000;

	program_emit(program, imm | unit_rd(program) << 7 | (program_choose(program, 2) ? WORD_LUI : WORD_AUIPC));
}

static uint32_t mark(struct program *program, uint32_t rd)
{
	return word_i(WORD_IMMEDIATE, 0, rd, 0, (int32_t)program_choose(program, 2048));
}

/* Forward over a mark; or forward to a branch back to the mark. */
static void make_branch(struct program *program)
{
	static const uint8_t functs[] = {0, 1, 4, 5, 6, 7};
	const uint32_t funct = functs[program_choose(program, COUNT(functs))], rd = unit_rd(program);
	const unsigned a = unit_rs(program), b = unit_rs(program);

	if (program_choose(program, 2)) {
		program_emit(program, word_b(funct, a, b, 8));
		program_emit(program, mark(program, rd));
		return;
	}
	program_emit(program, word_j(0, 12));
	program_emit(program, mark(program, rd));
	program_emit(program, word_j(0, 8));
	program_emit(program, word_b(funct, a, b, -8));
}

/* JAL, or JALR to 12 or 13 bytes from an AUIPC. Its target may be its link. */
static void make_jump(struct program *program)
{
	const uint32_t rd = unit_rd(program), base = 5 + program_choose(program, 3);

	if (program_choose(program, 2)) {
		program_emit(program, word_j(rd, 8));
		program_emit(program, mark(program, unit_rd(program)));
		return;
	}
	program_emit(program, base << 7 | WORD_AUIPC);
	program_emit(program, word_i(WORD_JALR, 0, rd, base, 12 + (int32_t)program_choose(program, 2)));
	program_emit(program, mark(program, unit_rd(program)));
}

void unit_make_integer(struct program *program)
{
	static const uint8_t functs[][2] = {{0, 0}, {0, 0x20}, {1, 0},    {2, 0}, {3, 0},
					    {4, 0}, {5, 0},    {5, 0x20}, {6, 0}, {7, 0}};
	static const uint8_t functs_32[][2] = {{0, 0}, {0, 0x20}, {1, 0}, {5, 0}, {5, 0x20}};

	switch (program_choose(program, 16)) {
	case 0:
	case 1:
	case 2:
		make_registers(program, functs, COUNT(functs), WORD_REGISTER);
		break;
	case 3:
	case 4:
		if (program->bits == 64) {
			make_registers(program, functs_32, COUNT(functs_32), WORD_REGISTER_32);
			break;
		}
		make_registers(program, functs, COUNT(functs), WORD_REGISTER);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		make_immediate(program);
		break;
	case 9:
		make_upper(program);
		break;
	case 10:
	case 11:
		make_branch(program);
		break;
	case 12:
		make_jump(program);
		break;
	default:
		make_access(program);
		break;
	}
}

void unit_make_multiply(struct program *program)
{
	static const uint8_t functs[][2] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}};
	static const uint8_t functs_32[][2] = {{0, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}};

	if (program->bits == 64 && program_choose(program, 3) == 0)
		make_registers(program, functs_32, COUNT(functs_32), WORD_REGISTER_32);
	else
		make_registers(program, functs, COUNT(functs), WORD_REGISTER);
}

static uint32_t atomic_word(struct program *program, uint32_t which, uint32_t width, uint32_t rd, uint32_t rs1,
			    uint32_t rs2)
{
	return word_r(WORD_ATOMIC, width, which << 2 | program_choose(program, 4), rd, rs1, rs2);
}

/* A reservation never outlasts its unit: both sides begin each without one. */
static void make_conditional(struct program *program, uint32_t width, uint32_t base)
{
	const bool reserves = program_choose(program, 8), elsewhere = program_choose(program, 6) == 0;
	const bool twice = program_choose(program, 4) == 0;

	if (reserves)
		program_emit(program, atomic_word(program, 2, width, unit_rd(program), base, 0));
	program_emit(program, atomic_word(program, 3, width, unit_rd(program), elsewhere ? 8 + (base == 8) : base,
					  unit_rs(program)));
	if (twice)
		program_emit(program, atomic_word(program, 3, width, unit_rd(program), base, unit_rs(program)));
}

void unit_make_atomic(struct program *program)
{
	static const uint8_t modify[] = {0, 1, 4, 8, 12, 16, 20, 24, 28};
	static const uint8_t pointers[] = {2, 8, 9};
	const uint32_t width = program->bits == 64 && program_choose(program, 2) ? 3 : 2;
	uint32_t base = pointers[program_choose(program, 3)], rd = unit_rd(program);

	if (program_choose(program, 4) == 0) {
		make_conditional(program, width, base);
		return;
	}
	/* The upper half of a double word too. */
	if (width == 2 && program_choose(program, 3) == 0) {
		program_emit(program, word_i(WORD_IMMEDIATE, 0, 31, base, 4));
		base = 31;
	}
	program_emit(program, atomic_word(program, modify[program_choose(program, COUNT(modify))], width, rd, base,
					  unit_rs(program)));
}

void unit_make(struct program *program)
{
	switch (program->extension) {
	case 'm':
		unit_make_multiply(program);
		break;
	case 'a':
		unit_make_atomic(program);
		break;
	case 'f':
	case 'd':
		unit_make_float(program);
		break;
	case 'c':
		unit_make_compressed(program);
		break;
	default:
		unit_make_integer(program);
		break;
	}
}
