/* SPDX-License-Identifier: MIT */
/* The opcode map of F and D. A rounding that is neither dynamic nor to nearest even is known here to go the slow way;
 * one that does not exist is illegal whatever the instruction would do with it. */
#include "semu/decode_float.h"

#include <stddef.h>

#include "semu/float.h"

enum {
	OPCODE_LOAD = 0x07,
	OPCODE_STORE = 0x27,
	OPCODE_MADD = 0x43,
	OPCODE_MSUB = 0x47,
	OPCODE_NMSUB = 0x4b,
	OPCODE_NMADD = 0x4f,
	OPCODE_OTHER = 0x53,
};

static bool is_legal_rounding(uint32_t word)
{
	const uint32_t rm = word >> 12 & 7;

	return rm < IEEE_ROUNDINGS || rm == FLOAT_RM_DYNAMIC;
}

/* The function for this format, if the rounding may be the quick one. */
static hart_run_op *rounding(uint32_t word, hart_run_op *single, hart_run_op *other, hart_run_op *slow)
{
	const uint32_t rm = word >> 12 & 7;

	if (!is_legal_rounding(word))
		return NULL;
	if (rm != IEEE_NEAREST_EVEN && rm != FLOAT_RM_DYNAMIC)
		return slow;
	return word >> 25 & 1 ? other : single;
}

static hart_run_op *fused(uint32_t word)
{
	switch (word & 0x7f) {
	case OPCODE_MADD:
		return rounding(word, float_madd_s, float_madd_d, float_slow_fused);
	case OPCODE_MSUB:
		return rounding(word, float_msub_s, float_msub_d, float_slow_fused);
	case OPCODE_NMSUB:
		return rounding(word, float_nmsub_s, float_nmsub_d, float_slow_fused);
	default:
		return rounding(word, float_nmadd_s, float_nmadd_d, float_slow_fused);
	}
}

static hart_run_op *compare(uint32_t word)
{
	static hart_run_op *const runs[2][3] = {{float_le_s, float_lt_s, float_eq_s},
						{float_le_d, float_lt_d, float_eq_d}};
	const uint32_t which = word >> 12 & 7;

	return which < 3 ? runs[word >> 25 & 1][which] : NULL;
}

static hart_run_op *to_integer(uint32_t word)
{
	const uint32_t rm = word >> 12 & 7, kind = word >> 20 & 31;

	if (kind > 3 || !is_legal_rounding(word))
		return NULL;
	return rm == IEEE_TO_ZERO && !(kind & 1) && word >> 25 & 1 ? float_truncate_d : float_slow_to_integer;
}

static hart_run_op *from_integer(uint32_t word)
{
	switch (word >> 20 & 31) {
	case 0:
		return rounding(word, float_slow_from_integer, float_from_word_d, float_slow_from_integer);
	case 2:
		return rounding(word, float_slow_from_integer, float_from_long_d, float_slow_from_integer);
	case 1:
	case 3:
		return is_legal_rounding(word) ? float_slow_from_integer : NULL;
	default:
		return NULL;
	}
}

/* From the other format: rs2 names it. */
static hart_run_op *convert(uint32_t word)
{
	if ((word >> 20 & 31) != !(word >> 25 & 1))
		return NULL;
	return rounding(word, float_narrow, float_widen, float_slow_convert);
}

static hart_run_op *bits_to_integer(uint32_t word)
{
	const uint32_t which = word >> 12 & 7;

	if (word >> 20 & 31 || which > 1)
		return NULL;
	return which ? float_classify : float_move_to_integer;
}

static hart_run_op *other(uint32_t word)
{
	const uint32_t which = word >> 12 & 7;

	switch (word >> 27) {
	case 0x00:
		return rounding(word, float_add_s, float_add_d, float_slow_arithmetic);
	case 0x01:
		return rounding(word, float_sub_s, float_sub_d, float_slow_arithmetic);
	case 0x02:
		return rounding(word, float_mul_s, float_mul_d, float_slow_arithmetic);
	case 0x03:
		return rounding(word, float_div_s, float_div_d, float_slow_arithmetic);
	case 0x04:
		return which < 3 ? float_sign : NULL;
	case 0x05:
		return which < 2 ? float_extreme : NULL;
	case 0x08:
		return convert(word);
	case 0x0b:
		return word >> 20 & 31 ? NULL : rounding(word, float_sqrt_s, float_sqrt_d, float_slow_arithmetic);
	case 0x14:
		return compare(word);
	case 0x18:
		return to_integer(word);
	case 0x1a:
		return from_integer(word);
	case 0x1c:
		return bits_to_integer(word);
	case 0x1e:
		return word >> 20 & 31 || which ? NULL : float_move_from_integer;
	default:
		return NULL;
	}
}

static hart_run_op *choose(uint32_t word)
{
	const uint32_t width = word >> 12 & 7;

	switch (word & 0x7f) {
	case OPCODE_LOAD:
		return width == 2 ? float_flw : width == 3 ? float_fld : NULL;
	case OPCODE_STORE:
		return width == 2 ? float_fsw : width == 3 ? float_fsd : NULL;
	default:
		break;
	}
	/* Half and quad are not here. */
	if (word >> 26 & 1)
		return NULL;
	return (word & 0x7f) == OPCODE_OTHER ? other(word) : fused(word);
}

static uint64_t immediate(uint32_t word)
{
	const uint64_t high = (uint64_t)((int64_t)(int32_t)word >> 20);

	switch (word & 0x7f) {
	case OPCODE_LOAD:
		return high;
	case OPCODE_STORE:
		return (high & ~31ULL) | (word >> 7 & 31);
	default:
		return word;
	}
}

bool decode_is_float(uint32_t word)
{
	switch (word & 0x7f) {
	case OPCODE_LOAD:
	case OPCODE_STORE:
	case OPCODE_MADD:
	case OPCODE_MSUB:
	case OPCODE_NMSUB:
	case OPCODE_NMADD:
	case OPCODE_OTHER:
		return true;
	default:
		return false;
	}
}

/* Comparisons, conversions to integers, FMV.X and FCLASS. */
static bool writes_integer(uint32_t word)
{
	const uint32_t which = word >> 27;

	return (word & 0x7f) == OPCODE_OTHER && (which == 0x14 || which == 0x18 || which == 0x1c);
}

enum decode_kind decode_float(uint32_t word, struct op *ret_op)
{
	const unsigned rd = word >> 7 & 31;
	hart_run_op *run = choose(word);

	*ret_op = (struct op){
		.run = run ? run : system_illegal,
		.imm = run ? immediate(word) : word,
		.rd = (uint8_t)(!rd && writes_integer(word) ? HART_SINK : rd),
		.rs1 = (uint8_t)(word >> 15 & 31),
		.rs2 = (uint8_t)(word >> 20 & 31),
	};
	return run ? DECODE_PLAIN : DECODE_END;
}
