/* SPDX-License-Identifier: MIT */
/* Instructions from their fields. */
#ifndef ISA_WORD_H
#define ISA_WORD_H

#include <stdint.h>

enum {
	WORD_LOAD = 0x03,
	WORD_LOAD_FP = 0x07,
	WORD_IMMEDIATE = 0x13,
	WORD_AUIPC = 0x17,
	WORD_IMMEDIATE_32 = 0x1b,
	WORD_STORE = 0x23,
	WORD_STORE_FP = 0x27,
	WORD_ATOMIC = 0x2f,
	WORD_REGISTER = 0x33,
	WORD_LUI = 0x37,
	WORD_REGISTER_32 = 0x3b,
	WORD_FUSED = 0x43,
	WORD_FLOAT = 0x53,
	WORD_BRANCH = 0x63,
	WORD_JALR = 0x67,
	WORD_JAL = 0x6f,
	WORD_SYSTEM = 0x73,
	WORD_ECALL = 0x00000073,
};

static inline uint32_t word_r(uint32_t opcode, uint32_t funct3, uint32_t funct7, uint32_t rd, uint32_t rs1,
			      uint32_t rs2)
{
	return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static inline uint32_t word_i(uint32_t opcode, uint32_t funct3, uint32_t rd, uint32_t rs1, int32_t imm)
{
	return (uint32_t)imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static inline uint32_t word_s(uint32_t opcode, uint32_t funct3, uint32_t rs1, uint32_t rs2, int32_t imm)
{
	return word_r(opcode, funct3, (uint32_t)imm >> 5 & 127, (uint32_t)imm & 31, rs1, rs2);
}

static inline uint32_t word_b(uint32_t funct3, uint32_t rs1, uint32_t rs2, int32_t offset)
{
	const uint32_t at = (uint32_t)offset;

	return word_r(WORD_BRANCH, funct3, (at >> 12 & 1) << 6 | (at >> 5 & 63), (at & 0x1e) | (at >> 11 & 1), rs1,
		      rs2);
}

static inline uint32_t word_j(uint32_t rd, int32_t offset)
{
	const uint32_t at = (uint32_t)offset;

	return (at >> 20 & 1) << 31 | (at >> 1 & 0x3ff) << 21 | (at >> 11 & 1) << 20 | (at & 0xff000) | rd << 7 |
	       WORD_JAL;
}

/* c.j; c.beqz (0) or c.bnez (1), of x8 and so many more. */
static inline uint32_t word_cj(int32_t offset)
{
	const uint32_t at = (uint32_t)offset;

	return 0xa001 | (at >> 11 & 1) << 12 | (at >> 4 & 1) << 11 | (at >> 8 & 3) << 9 | (at >> 10 & 1) << 8 |
	       (at >> 6 & 1) << 7 | (at >> 7 & 1) << 6 | (at >> 1 & 7) << 3 | (at >> 5 & 1) << 2;
}

static inline uint32_t word_cb(uint32_t which, uint32_t rs, int32_t offset)
{
	const uint32_t at = (uint32_t)offset;

	return 0xc001 | which << 13 | (at >> 8 & 1) << 12 | (at >> 3 & 3) << 10 | rs << 7 | (at >> 6 & 3) << 5 |
	       (at >> 1 & 3) << 3 | (at >> 5 & 1) << 2;
}

#endif
