/* SPDX-License-Identifier: MIT */
/* From 16 bits to the 32-bit instruction of the same meaning (unprivileged specification, chapter 16, RV64C). */
#include "semu/compressed.h"

enum {
	OPCODE_LOAD = 0x03,
	OPCODE_LOAD_FP = 0x07,
	OPCODE_IMMEDIATE = 0x13,
	OPCODE_IMMEDIATE_32 = 0x1b,
	OPCODE_STORE = 0x23,
	OPCODE_STORE_FP = 0x27,
	OPCODE_REGISTER = 0x33,
	OPCODE_LUI = 0x37,
	OPCODE_REGISTER_32 = 0x3b,
	OPCODE_BRANCH = 0x63,
	OPCODE_JALR = 0x67,
	OPCODE_JAL = 0x6f,
	EBREAK = 0x00100073,
	SP = 2,
};

/* Bits high to low of the word, moved to start at bit `to`. */
static uint32_t bits(uint32_t word, unsigned high, unsigned low, unsigned to)
{
	return (word >> low & ((1U << (high - low + 1)) - 1)) << to;
}

/* The six-bit signed immediate of CI, bit 12 its sign. */
static uint32_t signed_six(uint32_t word)
{
	return bits(word, 6, 2, 0) | (word & 1U << 12 ? ~31U : 0);
}

static uint32_t type_i(uint32_t imm, uint32_t rs1, uint32_t funct, uint32_t rd, uint32_t opcode)
{
	return imm << 20 | rs1 << 15 | funct << 12 | rd << 7 | opcode;
}

static uint32_t type_s(uint32_t imm, uint32_t rs2, uint32_t rs1, uint32_t funct, uint32_t opcode)
{
	return bits(imm, 11, 5, 25) | rs2 << 20 | rs1 << 15 | funct << 12 | bits(imm, 4, 0, 7) | opcode;
}

static uint32_t type_r(uint32_t funct7, uint32_t rs2, uint32_t rs1, uint32_t funct, uint32_t rd, uint32_t opcode)
{
	return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct << 12 | rd << 7 | opcode;
}

static uint32_t expand_0(uint32_t word)
{
	const uint32_t rd = bits(word, 4, 2, 0) + 8, rs1 = bits(word, 9, 7, 0) + 8;
	const uint32_t four = bits(word, 12, 10, 3) | bits(word, 6, 6, 2) | bits(word, 5, 5, 6);
	const uint32_t eight = bits(word, 12, 10, 3) | bits(word, 6, 5, 6);
	const uint32_t frame = bits(word, 12, 11, 4) | bits(word, 10, 7, 6) | bits(word, 6, 6, 2) | bits(word, 5, 5, 3);

	switch (word >> 13) {
	case 0:
		return frame ? type_i(frame, SP, 0, rd, OPCODE_IMMEDIATE) : 0;
	case 1:
		return type_i(eight, rs1, 3, rd, OPCODE_LOAD_FP);
	case 2:
		return type_i(four, rs1, 2, rd, OPCODE_LOAD);
	case 3:
		return type_i(eight, rs1, 3, rd, OPCODE_LOAD);
	case 5:
		return type_s(eight, rd, rs1, 3, OPCODE_STORE_FP);
	case 6:
		return type_s(four, rd, rs1, 2, OPCODE_STORE);
	case 7:
		return type_s(eight, rd, rs1, 3, OPCODE_STORE);
	default:
		return 0;
	}
}

static uint32_t expand_arithmetic(uint32_t word)
{
	static const uint8_t functs[] = {0, 4, 6, 7}; /* sub xor or and */
	const uint32_t rd = bits(word, 9, 7, 0) + 8, rs2 = bits(word, 4, 2, 0) + 8, which = bits(word, 6, 5, 0);
	const uint32_t amount = bits(word, 12, 12, 5) | bits(word, 6, 2, 0);

	switch (bits(word, 11, 10, 0)) {
	case 0:
		return type_i(amount, rd, 5, rd, OPCODE_IMMEDIATE);
	case 1:
		return type_i(0x400 | amount, rd, 5, rd, OPCODE_IMMEDIATE);
	case 2:
		return type_i(signed_six(word) & 0xfff, rd, 7, rd, OPCODE_IMMEDIATE);
	default:
		break;
	}
	if (!(word & 1U << 12))
		return type_r(which ? 0 : 0x20, rs2, rd, functs[which], rd, OPCODE_REGISTER);
	return which < 2 ? type_r(which ? 0 : 0x20, rs2, rd, 0, rd, OPCODE_REGISTER_32) : 0;
}

static uint32_t expand_upper(uint32_t word, uint32_t rd)
{
	const uint32_t frame = bits(word, 6, 6, 4) | bits(word, 2, 2, 5) | bits(word, 5, 5, 6) | bits(word, 4, 3, 7) |
			       (word & 1U << 12 ? 0xe00U : 0);

	if (!signed_six(word))
		return 0;
	if (rd == SP)
		return type_i(frame, SP, 0, SP, OPCODE_IMMEDIATE);
	return signed_six(word) << 12 | rd << 7 | OPCODE_LUI;
}

static uint32_t expand_jump(uint32_t word)
{
	const uint32_t sign = word & 1U << 12 ? 0xffU << 12 | 1U << 31 : 0;
	const uint32_t middle = bits(word, 11, 11, 4) | bits(word, 10, 9, 8) | bits(word, 8, 8, 10) |
				bits(word, 7, 7, 6) | bits(word, 6, 6, 7) | bits(word, 5, 3, 1) | bits(word, 2, 2, 5);

	/* The sign is bit 11 of the offset and all above it. */
	return sign | bits(middle, 10, 1, 21) | (word & 1U << 12 ? 1U << 20 : 0) | OPCODE_JAL;
}

static uint32_t expand_branch(uint32_t word, uint32_t funct)
{
	const uint32_t rs1 = bits(word, 9, 7, 0) + 8;
	const uint32_t sign = word & 1U << 12 ? 1U << 31 | 7U << 28 | 1U << 7 : 0;
	const uint32_t low = bits(word, 11, 10, 3) | bits(word, 6, 5, 6) | bits(word, 4, 3, 1) | bits(word, 2, 2, 5);

	return sign | bits(low, 7, 5, 25) | rs1 << 15 | funct << 12 | bits(low, 4, 1, 8) | OPCODE_BRANCH;
}

static uint32_t expand_1(uint32_t word)
{
	const uint32_t rd = bits(word, 11, 7, 0), imm = signed_six(word) & 0xfff;

	switch (word >> 13) {
	case 0:
		return type_i(imm, rd, 0, rd, OPCODE_IMMEDIATE);
	case 1:
		return rd ? type_i(imm, rd, 0, rd, OPCODE_IMMEDIATE_32) : 0;
	case 2:
		return type_i(imm, 0, 0, rd, OPCODE_IMMEDIATE);
	case 3:
		return expand_upper(word, rd);
	case 4:
		return expand_arithmetic(word);
	case 5:
		return expand_jump(word);
	case 6:
		return expand_branch(word, 0);
	default:
		return expand_branch(word, 1);
	}
}

static uint32_t expand_register(uint32_t word, uint32_t rd, uint32_t rs2)
{
	if (!(word & 1U << 12)) {
		if (rs2)
			return type_r(0, rs2, 0, 0, rd, OPCODE_REGISTER);
		return rd ? type_i(0, rd, 0, 0, OPCODE_JALR) : 0;
	}
	if (rs2)
		return type_r(0, rs2, rd, 0, rd, OPCODE_REGISTER);
	return rd ? type_i(0, rd, 0, 1, OPCODE_JALR) : EBREAK;
}

static uint32_t expand_2(uint32_t word)
{
	const uint32_t rd = bits(word, 11, 7, 0), rs2 = bits(word, 6, 2, 0);
	const uint32_t load_four = bits(word, 12, 12, 5) | bits(word, 6, 4, 2) | bits(word, 3, 2, 6);
	const uint32_t load_eight = bits(word, 12, 12, 5) | bits(word, 6, 5, 3) | bits(word, 4, 2, 6);
	const uint32_t store_four = bits(word, 12, 9, 2) | bits(word, 8, 7, 6);
	const uint32_t store_eight = bits(word, 12, 10, 3) | bits(word, 9, 7, 6);

	switch (word >> 13) {
	case 0:
		return type_i(bits(word, 12, 12, 5) | rs2, rd, 1, rd, OPCODE_IMMEDIATE);
	case 1:
		return type_i(load_eight, SP, 3, rd, OPCODE_LOAD_FP);
	case 2:
		return rd ? type_i(load_four, SP, 2, rd, OPCODE_LOAD) : 0;
	case 3:
		return rd ? type_i(load_eight, SP, 3, rd, OPCODE_LOAD) : 0;
	case 4:
		return expand_register(word, rd, rs2);
	case 5:
		return type_s(store_eight, rs2, SP, 3, OPCODE_STORE_FP);
	case 6:
		return type_s(store_four, rs2, SP, 2, OPCODE_STORE);
	default:
		return type_s(store_eight, rs2, SP, 3, OPCODE_STORE);
	}
}

uint32_t compressed_expand(uint16_t word)
{
	switch (word & 3) {
	case 0:
		return expand_0(word);
	case 1:
		return expand_1(word);
	case 2:
		return expand_2(word);
	default:
		return 0;
	}
}
