/* SPDX-License-Identifier: MIT */
/* The opcode map of RV64IMA with Zicsr and Zifencei; that of F and D is decode_float.c's. A hint is what it looks like: an operation that writes the sink. */
#include "semu/decode.h"

#include <stddef.h>

#include "semu/decode_float.h"
#include "semu/op.h"

static uint64_t extend(uint32_t word, unsigned high)
{
	return (uint64_t)((int64_t)((uint64_t)word << (63 - high)) >> (63 - high));
}

static uint64_t imm_s(uint32_t word)
{
	return (uint64_t)((int64_t)(int32_t)(word & 0xfe000000) >> 20) | (word >> 7 & 31);
}

static uint64_t imm_b(uint32_t word)
{
	return extend((word >> 31 & 1) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 63) << 5 | (word >> 8 & 15) << 1,
		      12);
}

static uint64_t imm_j(uint32_t word)
{
	return extend((word >> 31 & 1) << 20 | (word & 0xff000) | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1,
		      20);
}

/* shamt_bits: 6, or 5 in the 32-bit forms. What is above them says srl or sra, and is zero for sll. */
static hart_run_op *immediate(uint32_t word, uint64_t *imm)
{
	static hart_run_op *const runs[] = {integer_add_immediate,  integer_sll_immediate, integer_slt_immediate,
					    integer_sltu_immediate, integer_xor_immediate, integer_srl_immediate,
					    integer_or_immediate,   integer_and_immediate};
	const unsigned funct = word >> 12 & 7;

	if (funct != 1 && funct != 5)
		return runs[funct];
	*imm &= 63;
	if (word >> 26 == 0)
		return runs[funct];
	return word >> 26 == 0x10 && funct == 5 ? integer_sra_immediate : NULL;
}

static hart_run_op *immediate_32(uint32_t word, uint64_t *imm)
{
	const unsigned funct = word >> 12 & 7;

	if (funct == 0)
		return integer_addw_immediate;
	*imm &= 31;
	if (funct == 1 && word >> 25 == 0)
		return integer_sllw_immediate;
	if (funct == 5 && word >> 25 == 0)
		return integer_srlw_immediate;
	return funct == 5 && word >> 25 == 0x20 ? integer_sraw_immediate : NULL;
}

/* The operation of two registers: funct7 chooses the table, funct3 in it. */
static hart_run_op *registers_of(uint32_t word, hart_run_op *const plain[8], hart_run_op *const multiply[8],
				 hart_run_op *const other[8])
{
	const unsigned funct = word >> 12 & 7;

	switch (word >> 25) {
	case 0:
		return plain[funct];
	case 1:
		return multiply[funct];
	case 0x20:
		return other[funct];
	default:
		return NULL;
	}
}

static hart_run_op *registers(uint32_t word)
{
	static hart_run_op *const plain[] = {integer_add, integer_sll, integer_slt, integer_sltu,
					     integer_xor, integer_srl, integer_or,  integer_and};
	static hart_run_op *const multiply[] = {integer_mul, integer_mulh, integer_mulhsu, integer_mulhu,
						integer_div, integer_divu, integer_rem,    integer_remu};
	static hart_run_op *const other[] = {integer_sub, NULL, NULL, NULL, NULL, integer_sra, NULL, NULL};

	return registers_of(word, plain, multiply, other);
}

static hart_run_op *registers_32(uint32_t word)
{
	static hart_run_op *const plain[] = {integer_addw, integer_sllw, NULL, NULL, NULL, integer_srlw, NULL, NULL};
	static hart_run_op *const multiply[] = {integer_mulw, NULL,          NULL,         NULL,
						integer_divw, integer_divuw, integer_remw, integer_remuw};
	static hart_run_op *const other[] = {integer_subw, NULL, NULL, NULL, NULL, integer_sraw, NULL, NULL};

	return registers_of(word, plain, multiply, other);
}

static hart_run_op *atomic(uint32_t word)
{
	static hart_run_op *const runs[32][2] = {
		[0] = {atomic_amoadd_w, atomic_amoadd_d},
		[1] = {atomic_amoswap_w, atomic_amoswap_d},
		[2] = {atomic_lr_w, atomic_lr_d},
		[3] = {atomic_sc_w, atomic_sc_d},
		[4] = {atomic_amoxor_w, atomic_amoxor_d},
		[8] = {atomic_amoor_w, atomic_amoor_d},
		[12] = {atomic_amoand_w, atomic_amoand_d},
		[16] = {atomic_amomin_w, atomic_amomin_d},
		[20] = {atomic_amomax_w, atomic_amomax_d},
		[24] = {atomic_amominu_w, atomic_amominu_d},
		[28] = {atomic_amomaxu_w, atomic_amomaxu_d},
	};
	const unsigned funct = word >> 12 & 7, which = word >> 27;

	if ((funct != 2 && funct != 3) || (which == 2 && (word >> 20 & 31)))
		return NULL;
	return runs[which][funct - 2];
}

static hart_run_op *of_system(uint32_t word)
{
	if (word >> 12 & 3)
		return system_csr;
	switch (word) {
	case 0x00000073:
		return system_ecall;
	case 0x00100073:
		return system_ebreak;
	case 0x10200073:
		return system_sret;
	case 0x10500073:
		return system_wfi;
	default:
		return (word & 0xfe007fff) == 0x12000073 ? system_sfence : NULL;
	}
}

enum { PAUSE = 0x0100000f }; /* Zihintpause: a FENCE that orders nothing */

static hart_run_op *fence(uint32_t word)
{
	if (word == PAUSE)
		return system_pause;
	if ((word >> 12 & 7) == 0)
		return system_nothing;
	return (word >> 12 & 7) == 1 ? system_fence_i : NULL;
}

static hart_run_op *choose(uint32_t word, uint64_t *imm)
{
	static hart_run_op *const loads[] = {access_lb,  access_lh,  access_lw,  access_ld,
					     access_lbu, access_lhu, access_lwu, NULL};
	static hart_run_op *const stores[] = {access_sb, access_sh, access_sw, access_sd, NULL, NULL, NULL, NULL};
	static hart_run_op *const branches[] = {jump_beq, jump_bne, NULL,      NULL,
						jump_blt, jump_bge, jump_bltu, jump_bgeu};
	const unsigned funct = word >> 12 & 7;

	*imm = extend(word >> 20, 11);
	switch (word & 0x7f) {
	case 0x03:
		return loads[funct];
	case 0x0f:
		return fence(word);
	case 0x13:
		return immediate(word, imm);
	case 0x17:
		*imm = extend(word & 0xfffff000, 31);
		return integer_pc;
	case 0x1b:
		return immediate_32(word, imm);
	case 0x23:
		*imm = imm_s(word);
		return stores[funct];
	case 0x2f:
		return atomic(word);
	case 0x33:
		return registers(word);
	case 0x37:
		*imm = extend(word & 0xfffff000, 31);
		return integer_constant;
	case 0x3b:
		return registers_32(word);
	case 0x63:
		*imm = imm_b(word);
		return branches[funct];
	case 0x67:
		return funct ? NULL : jump_register;
	case 0x6f:
		*imm = imm_j(word);
		return jump_link;
	case 0x73:
		*imm = word;
		return of_system(word);
	default:
		return NULL;
	}
}

static enum decode_kind kind_of(uint32_t word, hart_run_op *run)
{
	if (!run || run == system_fence_i || run == system_pause)
		return DECODE_END;
	switch (word & 0x7f) {
	case 0x17:
		return DECODE_PC;
	case 0x63:
		return DECODE_BRANCH;
	case 0x6f:
		return DECODE_JUMP;
	case 0x67:
	case 0x73:
		return DECODE_END;
	default:
		return DECODE_PLAIN;
	}
}

enum decode_kind decode_instruction(uint32_t word, struct op *ret_op)
{
	const unsigned rd = word >> 7 & 31;
	uint64_t imm;
	hart_run_op *run;

	if (decode_is_float(word))
		return decode_float(word, ret_op);
	run = choose(word, &imm);
	*ret_op = (struct op){
		.run = run ? run : system_illegal,
		.imm = run ? imm : word,
		.rd = (uint8_t)(rd ? rd : HART_SINK),
		.rs1 = (uint8_t)(word >> 15 & 31),
		.rs2 = (uint8_t)(word >> 20 & 31),
	};
	return kind_of(word, run);
}
