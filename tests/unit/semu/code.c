/* SPDX-License-Identifier: MIT */
/* The instruction cache: what it forgets, when, and that nothing is found at the wrong place. */
#include "tests/unit/semu/board.h"

#include "semu/op.h"

static void a_full_cache_begins_anew(void **state)
{
	struct board *board = *state;

	/* addi a0,a0,-1; nop; bnez a0,-8 */
	board->hart.x[A0] = 100;
	board->code->ops_used = CODE_OPS - CODE_BLOCK_MOST;
	board_run(board, (uint32_t[]){0xfff50513, 0x00000013, 0xfe051ce3, ECALL}, 4);
	assert_int_equal(board->hart.instret, 301);
	assert_int_equal(board->code->generation, 1);
	board->code->pages_used = CODE_PAGES;
	board->hart.waiting = false;
	board->hart.pc = BOARD_RAM;
	board->hart.x[A0] = 1;
	hart_run(&board->hart, 1000);
	assert_int_equal(board->calls, 2);
	assert_int_equal(board->code->generation, 2);
}

static void a_hart_notices_that_another_emptied_the_cache(void **state)
{
	const uint32_t others[] = {0x00700613, ECALL}; /* li a2,7 */
	struct board *board = *state;
	struct hart *second = malloc(sizeof(*second));

	assert_non_null(second);
	hart_init(second, &board->machine, BOARD_RAM + 0x2000);
	board_put(board, BOARD_RAM + 0x2000, others, sizeof(others));
	/* li a2,5; j 0x1ff8, where the TLB leads and another's page is meanwhile */
	board_run(board, (uint32_t[]){0x00500613, ECALL, 0x7fd0106f}, 3);
	board->code->ops_used = CODE_OPS;
	hart_run(second, 1000);
	assert_int_equal(second->x[A2], 7);
	board->hart.waiting = false;
	board->hart.pc = BOARD_RAM;
	board->hart.x[A2] = 0;
	hart_run(&board->hart, 1000);
	assert_int_equal(board->hart.x[A2], 5);
	free(second);
}

/* Two pages of addresses for one of memory: what is relative to the pc is so in both. */
static void a_page_that_is_mapped_twice_is_decoded_once(void **state)
{
	enum { V = 1, R = 2, X = 8 };
	const uint64_t table = BOARD_RAM + 0x3000, code = BOARD_RAM + 0x1000;
	const uint64_t root = table >> 12 << 10 | V, leaf = code >> 12 << 10 | V | R | X;
	/* auipc a2,0; beq x0,x0,8; nop; ecall */
	const uint32_t words[] = {0x00000617, 0x00000463, 0x00000013, ECALL};
	struct board *board = *state;
	unsigned used;

	board_put(board, code, words, sizeof(words));
	board_put(board, BOARD_RAM + 0x2000, &root, 8);
	board_put(board, table, &root, 8);
	board_put(board, table + 8 * 5, &leaf, 8);
	board_put(board, table + 8 * 9, &leaf, 8);
	board->hart.satp = 8ULL << 60 | (BOARD_RAM + 0x2000) >> 12;
	for (uint64_t at = 0x5000; at <= 0x9000; at += 0x4000) {
		used = board->code->ops_used;
		board->hart.waiting = false;
		board->hart.pc = at;
		hart_run(&board->hart, 1000);
		assert_int_equal(board->hart.x[A2], at);
		assert_int_equal(board->hart.pc, at + 16);
	}
	assert_int_equal(board->code->ops_used, used);
	assert_int_equal(board->calls, 2);
}

static void the_second_half_of_a_straddling_instruction_may_change(void **state)
{
	const uint16_t halves[] = {0x0613, 0x0010, 0x0073, 0x0000}; /* li a2,1 from the page's end; ecall */
	const uint16_t other = 0x0020;                              /* li a2,2 */
	struct board *board = *state;

	board_put(board, BOARD_RAM + 0xffe, halves, sizeof(halves));
	for (unsigned i = 0; i < 3; i++) {
		board->hart.waiting = false;
		board->hart.pc = BOARD_RAM + 0xffe;
		hart_run(&board->hart, 1000);
		assert_int_equal(board->hart.x[A2], i < 2 ? 1 : 2);
		if (i == 1) {
			board_put(board, BOARD_RAM + 0x1000, &other, sizeof(other));
			hart_forget_code(&board->hart);
		}
	}
}

static void a_loop_without_end_ends_with_the_turn(void **state)
{
	static const uint32_t loops[] = {0x0000006f, 0x00000063, 0x00050067}; /* j .; beq x0,x0,.; jr a0 */
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		board_reset(board);
		board->hart.x[A0] = BOARD_RAM;
		board_run(board, &loops[i], 1);
		assert_true(board->hart.instret >= 1000);
		assert_true(board->hart.instret < 1000 + CODE_BLOCK_MOST);
	}
}

/* An odd pc at a page's end would be a block without an instruction. */
static void a_hart_starts_where_an_instruction_may_be(void **state)
{
	struct board *board = *state;

	hart_start(&board->hart, BOARD_RAM + 0xfff, 0, 0);
	assert_int_equal(board->hart.pc, BOARD_RAM + 0xffe);
	hart_run(&board->hart, 10);
	board->machine.word = 32;
	hart_start(&board->hart, BOARD_RAM + 0xfff, 0, 0);
	assert_int_equal(board->hart.pc, 0xffffffff00000000 | (BOARD_RAM + 0xffc));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, board_new, board_free)
	const struct CMUnitTest tests[] = {
		TEST(a_full_cache_begins_anew),
		TEST(a_hart_notices_that_another_emptied_the_cache),
		TEST(a_page_that_is_mapped_twice_is_decoded_once),
		TEST(the_second_half_of_a_straddling_instruction_may_change),
		TEST(a_loop_without_end_ends_with_the_turn),
		TEST(a_hart_starts_where_an_instruction_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
