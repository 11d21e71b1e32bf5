/* SPDX-License-Identifier: MIT */
/* Pairs are made by the preprocessor: each first operation of a list with each second one of another. A pair does what its two
 * operations do, in their order, with one jump fewer; where the second reads what the first wrote, that stays in a register
 * of the host, and where it also overwrites it, it is not written first. A pair never faults in its first half. */
#include "semu/fuse.h"

#include <string.h>

#include "semu/op.h"

void fuse_move(struct hart *hart, const struct op *op)
{
	hart->x[op->rd] = hart->x[op->rs1];
	op_next(hart, op);
}

/* ---- the lists: name, what it computes of a and b, where b comes from. Ordered as the enums are ---- */

#define OPERAND_REGISTER(op) hart->x[(op)->rs2]
#define OPERAND_IMMEDIATE(op) (op)->imm
#define WORD(value) ((uint64_t)(int64_t)(int32_t)(uint32_t)(value))

/* Each is called with what it was given, then the pair's first half. */
#define FIRSTS(X)                                                                   \
	X(integer_add, a + b, OPERAND_REGISTER)                                     \
	X(integer_sub, a - b, OPERAND_REGISTER)                                     \
	X(integer_or, a | b, OPERAND_REGISTER)                                      \
	X(integer_xor, a ^ b, OPERAND_REGISTER)                                     \
	X(integer_and, a &b, OPERAND_REGISTER)                                      \
	X(integer_sltu, a < b, OPERAND_REGISTER)                                    \
	X(integer_mul, a *b, OPERAND_REGISTER)                                      \
	X(integer_addw, WORD(a + b), OPERAND_REGISTER)                              \
	X(integer_add_immediate, a + b, OPERAND_IMMEDIATE)                          \
	X(integer_and_immediate, a &b, OPERAND_IMMEDIATE)                           \
	X(integer_sll_immediate, a << (b & 63), OPERAND_IMMEDIATE)                  \
	X(integer_srl_immediate, a >> (b & 63), OPERAND_IMMEDIATE)                  \
	X(integer_sllw_immediate, WORD(a << (b & 31)), OPERAND_IMMEDIATE)           \
	X(integer_srlw_immediate, WORD((uint32_t)a >> (b & 31)), OPERAND_IMMEDIATE) \
	X(integer_addw_immediate, WORD(a + b), OPERAND_IMMEDIATE)                   \
	X(fuse_move, a, OPERAND_IMMEDIATE)

#define SECONDS_OF_REGISTERS(X, ...)                          \
	X(integer_add, a + b, OPERAND_REGISTER, __VA_ARGS__)  \
	X(integer_sub, a - b, OPERAND_REGISTER, __VA_ARGS__)  \
	X(integer_or, a | b, OPERAND_REGISTER, __VA_ARGS__)   \
	X(integer_xor, a ^ b, OPERAND_REGISTER, __VA_ARGS__)  \
	X(integer_and, a &b, OPERAND_REGISTER, __VA_ARGS__)   \
	X(integer_sltu, a < b, OPERAND_REGISTER, __VA_ARGS__) \
	X(integer_mul, a *b, OPERAND_REGISTER, __VA_ARGS__)   \
	X(integer_addw, WORD(a + b), OPERAND_REGISTER, __VA_ARGS__)

#define SECONDS_OF_IMMEDIATE(X, ...)                                                             \
	X(integer_add_immediate, a + b, OPERAND_IMMEDIATE, __VA_ARGS__)                          \
	X(integer_and_immediate, a &b, OPERAND_IMMEDIATE, __VA_ARGS__)                           \
	X(integer_sll_immediate, a << (b & 63), OPERAND_IMMEDIATE, __VA_ARGS__)                  \
	X(integer_srl_immediate, a >> (b & 63), OPERAND_IMMEDIATE, __VA_ARGS__)                  \
	X(integer_sllw_immediate, WORD(a << (b & 31)), OPERAND_IMMEDIATE, __VA_ARGS__)           \
	X(integer_srlw_immediate, WORD((uint32_t)a >> (b & 31)), OPERAND_IMMEDIATE, __VA_ARGS__) \
	X(integer_addw_immediate, WORD(a + b), OPERAND_IMMEDIATE, __VA_ARGS__)                   \
	X(fuse_move, a, OPERAND_IMMEDIATE, __VA_ARGS__)

#define SECONDS_THAT_BRANCH(X, ...)                                          \
	X(jump_beq, a == b, OPERAND_REGISTER, __VA_ARGS__)                   \
	X(jump_bne, a != b, OPERAND_REGISTER, __VA_ARGS__)                   \
	X(jump_blt, (int64_t)a < (int64_t)b, OPERAND_REGISTER, __VA_ARGS__)  \
	X(jump_bge, (int64_t)a >= (int64_t)b, OPERAND_REGISTER, __VA_ARGS__) \
	X(jump_bltu, a < b, OPERAND_REGISTER, __VA_ARGS__)                   \
	X(jump_bgeu, a >= b, OPERAND_REGISTER, __VA_ARGS__)

/* ---- the pairs ---- */

#define HALF(expression, va, vb)                   \
	({                                         \
		const uint64_t a = (va), b = (vb); \
		(void)b;                           \
		(uint64_t)(expression);            \
	})

#define PAIR(second, expression, operand, first, first_expression, first_operand)                     \
	static void first##_then_##second(struct hart *hart, const struct op *op)                     \
	{                                                                                             \
		hart->x[op->rd] = HALF(first_expression, hart->x[op->rs1], first_operand(op));        \
		hart->x[op[1].rd] = HALF(expression, hart->x[op[1].rs1], operand(op + 1));            \
		op_next(hart, op + 1);                                                                \
	}                                                                                             \
	static void first##_into_##second(struct hart *hart, const struct op *op)                     \
	{                                                                                             \
		const uint64_t between = HALF(first_expression, hart->x[op->rs1], first_operand(op)); \
                                                                                                      \
		hart->x[op[1].rd] = HALF(expression, between, operand(op + 1));                       \
		op_next(hart, op + 1);                                                                \
	}
#define PAIR_OF_REGISTERS(second, expression, operand, first, first_expression, first_operand)        \
	PAIR(second, expression, operand, first, first_expression, first_operand)                     \
	static void first##_beside_##second(struct hart *hart, const struct op *op)                   \
	{                                                                                             \
		const uint64_t between = HALF(first_expression, hart->x[op->rs1], first_operand(op)); \
                                                                                                      \
		hart->x[op[1].rd] = HALF(expression, hart->x[op[1].rs1], between);                    \
		op_next(hart, op + 1);                                                                \
	}
#define PAIR_THAT_BRANCHES(second, condition, operand, first, first_expression, first_operand) \
	static void first##_then_##second(struct hart *hart, const struct op *op)              \
	{                                                                                      \
		hart->x[op->rd] = HALF(first_expression, hart->x[op->rs1], first_operand(op)); \
		op++;                                                                          \
		if (HALF(condition, hart->x[op->rs1], operand(op)))                            \
			op_follow(hart, op);                                                   \
		else                                                                           \
			op_next(hart, op);                                                     \
	}

#define PAIRS(first, expression, operand)                                   \
	SECONDS_OF_REGISTERS(PAIR_OF_REGISTERS, first, expression, operand) \
	SECONDS_OF_IMMEDIATE(PAIR, first, expression, operand)              \
	SECONDS_THAT_BRANCH(PAIR_THAT_BRANCHES, first, expression, operand)
FIRSTS(PAIRS)

/* ---- finding them ---- */

struct pair {
	hart_run_op *second;
	hart_run_op *then;          /* whatever the registers */
	hart_run_op *into, *beside; /* the second's rs1 or rs2, but not both, is the first's rd, and so is its rd */
};

struct first {
	hart_run_op *first;
	const struct pair *pairs;
	unsigned count;
};

#define ENTRY(second, e, o, first, ...) {second, first##_then_##second, first##_into_##second, NULL},
#define ENTRY_OF_REGISTERS(second, e, o, first, ...) \
	{second, first##_then_##second, first##_into_##second, first##_beside_##second},
#define ENTRY_THAT_BRANCHES(second, e, o, first, ...) {second, first##_then_##second, NULL, NULL},
#define TABLE(first, expression, operand)                                            \
	static const struct pair pairs_of_##first[] = {                              \
		SECONDS_OF_REGISTERS(ENTRY_OF_REGISTERS, first, expression, operand) \
			SECONDS_OF_IMMEDIATE(ENTRY, first, expression, operand)      \
				SECONDS_THAT_BRANCH(ENTRY_THAT_BRANCHES, first, expression, operand)};
FIRSTS(TABLE)

#define FIRST(first, expression, operand) \
	{first, pairs_of_##first, sizeof(pairs_of_##first) / sizeof(pairs_of_##first[0])},
static const struct first firsts[] = {FIRSTS(FIRST)};

/* ret and jr. */
void fuse_return(struct hart *hart, const struct op *op)
{
	op_jump(hart, op, (hart->x[op->rs1] + op->imm) & ~1ULL);
}

/* mv, li and ret, as the assembler writes them. */
static void simplify(struct op *op)
{
	if (op->run == jump_register && op->rd == HART_SINK)
		op->run = fuse_return;
	if (op->run == integer_add_immediate && !op->rs1) {
		op->run = integer_constant;
	} else if (op->run == integer_add_immediate && !op->imm) {
		op->run = fuse_move;
	} else if (op->run == integer_add && (!op->rs1 || !op->rs2)) {
		op->run = fuse_move;
		op->rs1 |= op->rs2;
	}
}

static hart_run_op *choose(const struct pair *pair, const struct op *op)
{
	const struct op *next = op + 1;

	if (next->rd != op->rd || (next->rs1 == op->rd && next->rs2 == op->rd))
		return pair->then;
	if (pair->into && next->rs1 == op->rd)
		return pair->into;
	return pair->beside && next->rs2 == op->rd ? pair->beside : pair->then;
}

/* A load that overwrites the other's base is not one of a pair. */
static hart_run_op *two_of(const struct op *op)
{
#define TWO(name, type) {access_##name, access_two_##name},
	static hart_run_op *const loads[][2] = {OP_LOAD_TWO(TWO)}, *const stores[][2] = {OP_STORE_TWO(TWO)};

	if (op[0].run != op[1].run || op[0].rs1 != op[1].rs1)
		return NULL;
	for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (op->run == loads[i][0] && op->rd != op->rs1)
			return loads[i][1];
		if (op->run == stores[i][0])
			return stores[i][1];
	}
	return NULL;
}

static hart_run_op *pair_of(const struct op *op)
{
	for (unsigned i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		if (firsts[i].first != op->run)
			continue;
		for (unsigned k = 0; k < firsts[i].count; k++) {
			if (firsts[i].pairs[k].second == op[1].run)
				return choose(&firsts[i].pairs[k], op);
		}
	}
	return two_of(op);
}

void fuse_block(struct op *ops, unsigned count)
{
	hart_run_op *run;

	for (unsigned i = 0; i < count; i++)
		simplify(&ops[i]);
	for (unsigned i = 0; i + 1 < count; i++) {
		run = pair_of(&ops[i]);
		if (run)
			ops[i++].run = run;
	}
}
