/* SPDX-License-Identifier: MIT */
/* Operands, the choice of registers, steps and sequences, and the units of I, M and A. */
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
	static const uint8_t free_ones[] = {5,  6,  7,  28, 29, 30, 31, 1,  10, 11, 12, 13, 14, 15,
					    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 0};

	if (!program->in_sequence || program_choose(program, 4))
		program->last_rd =
			free_ones[program_choose(program, program_choose(program, 4) ? 7 : COUNT(free_ones))];
	return program->last_rd;
}

unsigned unit_rs(struct program *program)
{
	if (program->in_sequence && program_choose(program, 3) == 0)
		return program->last_rd;
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

/* ---- steps ---- */

static void emit_step(struct program *program, enum program_kind kind, uint32_t word)
{
	const size_t at = program->code_bytes;

	program_emit(program, word);
	if (!program->in_sequence)
		program_add_step(program, kind, at);
}

void unit_emit(struct program *program, uint32_t word)
{
	emit_step(program, PROGRAM_SINGLE, word);
	if (!program->in_sequence)
		program_emit_record(program);
}

void unit_emit_setup(struct program *program, uint32_t word)
{
	emit_step(program, PROGRAM_SETUP, word);
	if (!program->in_sequence)
		program_emit_record(program);
}

void unit_emit_jump(struct program *program, uint32_t word)
{
	emit_step(program, PROGRAM_SINGLE, word);
}

/* So many words each of which shows that it was reached. */
static void emit_places(struct program *program, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (program->in_sequence)
			program_emit(program, word_i(WORD_IMMEDIATE, 0, unit_rd(program), 0,
						     (int32_t)program_choose(program, 2048)));
		else
			program_emit_record(program);
}

static unsigned places_between(struct program *program, unsigned most)
{
	unsigned count = 0;

	if (program_choose(program, 2))
		return 0;
	do
		count = program_choose(program, 1U << program_choose(program, 11));
	while (count > most);
	return count;
}

/* Forward: stretch, place, jump to the end, places between, place. Backward: jump to the stretch, place, jump to the end, places
 * between, stretch, place. */
int32_t unit_begin_jump(struct program *program, unsigned bytes, int32_t reach)
{
	const unsigned between = places_between(program, ((unsigned)reach - bytes - 8) / 4);
	const int32_t far = 8 + 4 * (int32_t)between;

	if (program_choose(program, 2))
		return far + (int32_t)bytes;
	program_emit(program, word_j(0, far + 4));
	emit_places(program, 1);
	program_emit(program, word_j(0, far + (int32_t)bytes));
	emit_places(program, between);
	return -far;
}

void unit_end_jump(struct program *program, unsigned bytes, int32_t offset)
{
	emit_places(program, 1);
	if (offset < 0)
		return;
	program_emit(program, word_j(0, offset - (int32_t)bytes));
	emit_places(program, ((unsigned)offset - bytes) / 4 - 1);
}

/* ---- I ---- */

static void make_registers(struct program *program, const uint8_t (*functs)[2], unsigned count, uint32_t opcode)
{
	const uint8_t *funct = functs[program_choose(program, count)];

	const uint32_t rs1 = unit_rs(program), rs2 = unit_rs(program);

	unit_emit(program, word_r(opcode, funct[0], funct[1], unit_rd(program), rs1, rs2));
}

static void make_immediate(struct program *program)
{
	const bool is_32 = program->bits == 64 && program_choose(program, 3) == 0;
	const unsigned shift_most = is_32 || program->bits == 32 ? 31 : 63;
	const uint32_t funct = is_32 ? (uint32_t[]){0, 1, 5}[program_choose(program, 3)] : program_choose(program, 8);
	const uint32_t rs1 = unit_rs(program);
	int32_t imm = (int32_t)program_choose(program, 4096) - 2048;

	if (funct == 1 || funct == 5)
		imm &= (int32_t)shift_most;
	if (funct == 5 && program_choose(program, 2))
		imm |= 0x400;
	unit_emit(program, word_i(is_32 ? WORD_IMMEDIATE_32 : WORD_IMMEDIATE, funct, unit_rd(program), rs1, imm));
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
		unit_emit(program, word_s(WORD_STORE, funct, base, unit_rs(program), offset));
	else
		unit_emit(program, word_i(WORD_LOAD, funct, unit_rd(program), base, offset));
}

static void make_upper(struct program *program)
{
	const uint32_t imm = (uint32_t)program_random(program) & 0xfffff000;

	unit_emit(program, imm | unit_rd(program) << 7 | (program_choose(program, 2) ? WORD_LUI : WORD_AUIPC));
}

static void make_branch(struct program *program)
{
	static const uint8_t functs[] = {0, 1, 4, 5, 6, 7};
	const uint32_t funct = functs[program_choose(program, COUNT(functs))];
	const unsigned a = unit_rs(program), b = program_choose(program, 8) ? unit_rs(program) : a;
	const int32_t offset = unit_begin_jump(program, 4, 4094);

	unit_emit_jump(program, word_b(funct, a, b, offset));
	unit_end_jump(program, 4, offset);
}

static void make_jal(struct program *program)
{
	const int32_t offset = unit_begin_jump(program, 4, 8192);

	unit_emit_jump(program, word_j(unit_rd(program), offset));
	unit_end_jump(program, 4, offset);
}

/* From an AUIPC, with or without the bit that is dropped. Its target may be its link. */
static void make_jalr(struct program *program)
{
	const unsigned bytes = program->in_sequence ? 8 : 12, base = 5 + program_choose(program, 3);
	const int32_t offset = unit_begin_jump(program, bytes, 2046);

	unit_emit_setup(program, base << 7 | WORD_AUIPC);
	unit_emit_jump(program,
		       word_i(WORD_JALR, 0, unit_rd(program), base, offset + (int32_t)program_choose(program, 2)));
	unit_end_jump(program, bytes, offset);
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
		if (program_choose(program, 2))
			make_jal(program);
		else
			make_jalr(program);
		break;
	default:
		make_access(program);
		break;
	}
}

/* ---- M ---- */

void unit_make_multiply(struct program *program)
{
	static const uint8_t functs[][2] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}};
	static const uint8_t functs_32[][2] = {{0, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}};

	if (program->bits == 64 && program_choose(program, 3) == 0)
		make_registers(program, functs_32, COUNT(functs_32), WORD_REGISTER_32);
	else
		make_registers(program, functs, COUNT(functs), WORD_REGISTER);
}

/* ---- A ---- */

static void emit_atomic(struct program *program, uint32_t which, uint32_t width, uint32_t base, uint32_t rs2)
{
	unit_emit(program,
		  word_r(WORD_ATOMIC, width, which << 2 | program_choose(program, 4), unit_rd(program), base, rs2));
}

/* The second one of two, or one without a reservation, or elsewhere, fails. */
static void make_conditional(struct program *program, uint32_t width, uint32_t base)
{
	const bool reserves = program_choose(program, 8), elsewhere = program_choose(program, 6) == 0;
	const bool twice = program_choose(program, 4) == 0;

	if (reserves)
		emit_atomic(program, 2, width, base, 0);
	emit_atomic(program, 3, width, elsewhere ? 8 + (base == 8) : base, unit_rs(program));
	if (twice)
		emit_atomic(program, 3, width, base, unit_rs(program));
}

void unit_make_atomic(struct program *program)
{
	static const uint8_t modify[] = {0, 1, 4, 8, 12, 16, 20, 24, 28};
	static const uint8_t pointers[] = {2, 8, 9};
	const uint32_t width = program->bits == 64 && program_choose(program, 2) ? 3 : 2;
	uint32_t base = pointers[program_choose(program, 3)];

	if (program_choose(program, 4) == 0) {
		make_conditional(program, width, base);
		return;
	}
	/* The upper half of a double word too. */
	if (width == 2 && program_choose(program, 3) == 0) {
		unit_emit_setup(program, word_i(WORD_IMMEDIATE, 0, 31, base, 4));
		base = 31;
	}
	emit_atomic(program, modify[program_choose(program, COUNT(modify))], width, base, unit_rs(program));
}

/* ---- units ---- */

static void make_one(struct program *program, char extension)
{
	switch (extension) {
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

/* Of the extension, among them some of I: the pairs that a hart joins are mostly those. */
static void make_sequence(struct program *program)
{
	const unsigned count = 2 + program_choose(program, 4);
	const size_t at = program->code_bytes;

	program->in_sequence = true;
	for (unsigned i = 0; i < count; i++)
		make_one(program, program_choose(program, 3) ? program->extension : 'i');
	program->in_sequence = false;
	program_add_step(program, PROGRAM_SEQUENCE, at);
	program_emit_record(program);
}

void unit_make(struct program *program)
{
	if (program_choose(program, 4))
		make_one(program, program->extension);
	else
		make_sequence(program);
}
