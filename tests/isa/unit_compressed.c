/* SPDX-License-Identifier: MIT */
/* The units of RV64C: random bits in each form, those taken again that are reserved, that would write a register which the
 * program keeps, or jump away. */
#include "tests/isa/unit.h"

#include "tests/isa/word.h"

enum { SP = 2 };

static unsigned low_rd(uint32_t word)
{
	return 8 + (word >> 2 & 7);
}

static unsigned low_rs(uint32_t word)
{
	return 8 + (word >> 7 & 7);
}

static unsigned full_rd(uint32_t word)
{
	return word >> 7 & 31;
}

static bool is_free(unsigned number)
{
	return number == 1 || (number >= 5 && number != 8 && number != 9);
}

static bool is_immediate_zero(uint32_t word)
{
	return !(word & 0x107c);
}

/* Base registers are x8 and x9, from which every offset is in the zone. */
static bool is_good_0(uint32_t word)
{
	const bool has_pointer = low_rs(word) < 10;

	switch (word >> 13) {
	case 0:
		return word & 0x1fe0 && is_free(low_rd(word));
	case 2:
	case 3:
		return has_pointer && is_free(low_rd(word));
	case 1:
	case 5:
	case 6:
	case 7:
		return has_pointer;
	default:
		return false;
	}
}

static bool is_good_arithmetic(uint32_t word)
{
	const bool reserved = (word >> 10 & 7) == 7 && word & 0x40;

	return is_free(low_rs(word)) && !reserved;
}

static bool is_good_1(uint32_t word)
{
	const unsigned rd = full_rd(word);

	switch (word >> 13) {
	case 0:
		return rd == 0 || rd == SP || is_free(rd);
	case 1:
		return rd == SP || is_free(rd);
	case 2:
		return rd == 0 || is_free(rd);
	case 3:
		return !is_immediate_zero(word) && (rd == 0 || rd == SP || is_free(rd));
	case 4:
		return is_good_arithmetic(word);
	default:
		return false;
	}
}

static bool is_good_2(uint32_t word)
{
	const unsigned rd = full_rd(word), rs2 = word >> 2 & 31;

	switch (word >> 13) {
	case 0:
		return rd == 0 || is_free(rd);
	case 2:
	case 3:
		return is_free(rd);
	case 4:
		return rs2 && (rd == 0 || is_free(rd));
	default:
		return true;
	}
}

static bool writes_pointer(uint32_t word)
{
	const uint32_t row = word >> 13;

	return (word & 3) == 1 && (row == 0 || row == 1 || row == 3) && full_rd(word) == SP;
}

static void make_plain(struct program *program)
{
	static bool (*const is_good[])(uint32_t) = {is_good_0, is_good_1, is_good_2};
	uint32_t quadrant, word;

	do {
		quadrant = program_choose(program, 3);
		word = quadrant | (uint32_t)program_choose(program, 1 << 14) << 2;
	} while (!is_good[quadrant](word));
	unit_emit(program, word);
	if (writes_pointer(word))
		program_emit_pointer(program);
}

static void make_branch(struct program *program)
{
	const uint32_t row = program_choose(program, 3);
	const int32_t offset = unit_begin_jump(program, 2, row == 2 ? 2046 : 254);

	unit_emit_jump(program, row == 2 ? word_cj(offset) : word_cb(row, program_choose(program, 8), offset));
	unit_end_jump(program, 2, offset);
}

/* c.jr or c.jalr, to what an AUIPC and an ADDI make, with or without the bit that is dropped. */
static void make_jump(struct program *program)
{
	const unsigned bytes = program->in_sequence ? 10 : 18, base = 10 + program_choose(program, 22);
	const int32_t offset = unit_begin_jump(program, bytes, 2046);

	unit_emit_setup(program, base << 7 | WORD_AUIPC);
	unit_emit_setup(program, word_i(WORD_IMMEDIATE, 0, base, base, offset + (int32_t)program_choose(program, 2)));
	unit_emit_jump(program, (program_choose(program, 2) ? 0x8002 : 0x9002) | base << 7);
	unit_end_jump(program, bytes, offset);
}

void unit_make_compressed(struct program *program)
{
	switch (program_choose(program, 12)) {
	case 0:
		make_branch(program);
		break;
	case 1:
		make_jump(program);
		break;
	default:
		make_plain(program);
		break;
	}
}
