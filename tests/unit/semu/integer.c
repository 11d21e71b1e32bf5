/* SPDX-License-Identifier: MIT */
/* Every operation of I and M on registers, with operands at the edges. The results were computed apart, with numbers that
 * have no width, from the words of the specification. */
#include "tests/unit/semu/board.h"

static const uint64_t operands[][2] = {
	{7, 0},
	{1ULL << 63, UINT64_MAX},
	{0xfedcba9876543210, 0x0f1e2d3c4b5a6978},
	{0x80000000, 0xffffffff},
};

/* a2 = a0 OP a1, or a0 OP immediate. */
static const struct {
	const char *text;
	uint32_t word;
	uint64_t results[4];
} table[] = {
	{"add", 0x00b50633, {0x7, 0x7fffffffffffffff, 0xdfae7d4c1ae9b88, 0x17fffffff}},
	{"sub", 0x40b50633, {0x7, 0x8000000000000001, 0xefbe8d5c2af9c898, 0xffffffff80000001}},
	{"sll", 0x00b51633, {0x7, 0x0, 0x1000000000000000, 0x0}},
	{"slt", 0x00b52633, {0x0, 0x1, 0x1, 0x1}},
	{"sltu", 0x00b53633, {0x0, 0x1, 0x0, 0x1}},
	{"xor", 0x00b54633, {0x7, 0x7fffffffffffffff, 0xf1c297a43d0e5b68, 0x7fffffff}},
	{"srl", 0x00b55633, {0x7, 0x1, 0xfe, 0x0}},
	{"sra", 0x40b55633, {0x7, 0xffffffffffffffff, 0xfffffffffffffffe, 0x0}},
	{"or", 0x00b56633, {0x7, 0xffffffffffffffff, 0xffdebfbc7f5e7b78, 0xffffffff}},
	{"and", 0x00b57633, {0x0, 0x8000000000000000, 0xe1c281842502010, 0x80000000}},
	{"addw", 0x00b5063b, {0x7, 0xffffffffffffffff, 0xffffffffc1ae9b88, 0x7fffffff}},
	{"subw", 0x40b5063b, {0x7, 0x1, 0x2af9c898, 0xffffffff80000001}},
	{"sllw", 0x00b5163b, {0x7, 0x0, 0x10000000, 0x0}},
	{"srlw", 0x00b5563b, {0x7, 0x0, 0x76, 0x1}},
	{"sraw", 0x40b5563b, {0x7, 0x0, 0x76, 0xffffffffffffffff}},
	{"mul", 0x02b50633, {0x0, 0x8000000000000000, 0x9aacd00449a00780, 0x7fffffff80000000}},
	{"mulh", 0x02b51633, {0x0, 0x0, 0xffeecc9954ff9921, 0x0}},
	{"mulhsu", 0x02b52633, {0x0, 0x8000000000000000, 0xffeecc9954ff9921, 0x0}},
	{"mulhu", 0x02b53633, {0x0, 0x7fffffffffffffff, 0xf0cf9d5a05a0299, 0x0}},
	{"div", 0x02b54633, {0xffffffffffffffff, 0x8000000000000000, 0x0, 0x0}},
	{"divu", 0x02b55633, {0xffffffffffffffff, 0x0, 0x10, 0x0}},
	{"rem", 0x02b56633, {0x7, 0x0, 0xfedcba9876543210, 0x80000000}},
	{"remu", 0x02b57633, {0x7, 0x8000000000000000, 0xcf9e6d3c0ad9a90, 0x80000000}},
	{"mulw", 0x02b5063b, {0x0, 0x0, 0x49a00780, 0xffffffff80000000}},
	{"divw", 0x02b5463b, {0xffffffffffffffff, 0x0, 0x1, 0xffffffff80000000}},
	{"divuw", 0x02b5563b, {0xffffffffffffffff, 0x0, 0x1, 0x0}},
	{"remw", 0x02b5663b, {0x7, 0x0, 0x2af9c898, 0x0}},
	{"remuw", 0x02b5763b, {0x7, 0x0, 0x2af9c898, 0xffffffff80000000}},
	{"addi -1", 0xfff50613, {0x6, 0x7fffffffffffffff, 0xfedcba987654320f, 0x7fffffff}},
	{"slti -1", 0xfff52613, {0x0, 0x1, 0x1, 0x0}},
	{"sltiu -1", 0xfff53613, {0x1, 0x1, 0x1, 0x1}},
	{"xori -1", 0xfff54613, {0xfffffffffffffff8, 0x7fffffffffffffff, 0x123456789abcdef, 0xffffffff7fffffff}},
	{"slli 63", 0x03f51613, {0x8000000000000000, 0x0, 0x0, 0x0}},
	{"srai 63", 0x43f55613, {0x0, 0xffffffffffffffff, 0xffffffffffffffff, 0x0}},
	{"srli 63", 0x03f55613, {0x0, 0x1, 0x1, 0x0}},
	{"sraiw 31", 0x41f5561b, {0x0, 0x0, 0x0, 0xffffffffffffffff}},
	{"slliw 31", 0x01f5161b, {0xffffffff80000000, 0x0, 0x0, 0x0}},
	{"srliw 4", 0x0045561b, {0x0, 0x0, 0x7654321, 0x8000000}},
	{"lui 0x80000", 0x80000637, {0xffffffff80000000, 0xffffffff80000000, 0xffffffff80000000, 0xffffffff80000000}},
};

static void each_operation_has_its_result(void **state)
{
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (size_t j = 0; j < 4; j++) {
			board_reset(board);
			board->hart.x[A0] = operands[j][0];
			board->hart.x[A1] = operands[j][1];
			board_run(board, (uint32_t[]){table[i].word, ECALL}, 2);
			if (board->hart.x[A2] != table[i].results[j])
				fail_msg("%s of row %zu is 0x%llx", table[i].text, j,
					 (unsigned long long)board->hart.x[A2]);
			assert_int_equal(board->calls, 1);
		}
	}
}

static void register_zero_stays_zero(void **state)
{
	struct board *board = *state;

	/* addi x0,x0,5; add a2,x0,x0 */
	board->hart.x[A2] = 9;
	board_run(board, (uint32_t[]){0x00500013, 0x00000633, ECALL}, 3);
	assert_int_equal(board->hart.x[0], 0);
	assert_int_equal(board->hart.x[A2], 0);
}

static void the_program_counter_is_that_of_the_instruction(void **state)
{
	struct board *board = *state;

	/* nop; auipc a2,0x80000 */
	board_run(board, (uint32_t[]){0x00000013, 0x80000617, ECALL}, 3);
	assert_int_equal(board->hart.x[A2], BOARD_RAM + 4 - 0x80000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_operation_has_its_result, board_new, board_free),
		cmocka_unit_test_setup_teardown(register_zero_stays_zero, board_new, board_free),
		cmocka_unit_test_setup_teardown(the_program_counter_is_that_of_the_instruction, board_new, board_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
