/* SPDX-License-Identifier: MIT */
/* RV32IMA and Sv32. A register holds a word sign-extended, whatever made it. */
#include "tests/unit/semu/board.h"

static const uint64_t DATA = BOARD_RAM + 0x1000;

static uint64_t word(uint64_t value)
{
	return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
}

static int narrow_board_new(void **state)
{
	struct board *board;

	if (board_new(state))
		return -1;
	board = *state;
	board->word = 32;
	board_reset(board);
	return 0;
}

/* a2 from a0 and a1. */
static uint64_t compute(struct board *board, uint32_t instruction, uint64_t a, uint64_t b)
{
	board_reset(board);
	board->hart.x[A0] = word(a);
	board->hart.x[A1] = word(b);
	board_run(board, (uint32_t[]){instruction, ECALL}, 2);
	assert_int_equal(board->calls, 1);
	assert_int_equal(board->hart.x[A2], word(board->hart.x[A2]));
	return (uint32_t)board->hart.x[A2];
}

static void arithmetic_is_on_words(void **state)
{
	static const struct {
		uint32_t instruction;
		uint32_t a, b, result;
	} table[] = {
		{0x00b50633, 0x7fffffff, 1, 0x80000000},          /* add */
		{0x40b50633, 0x80000000, 1, 0x7fffffff},          /* sub */
		{0x00150613, 0xffffffff, 0, 0},                   /* addi 1 */
		{0x00b51633, 1, 63, 0x80000000},                  /* sll */
		{0x01f51613, 1, 0, 0x80000000},                   /* slli 31 */
		{0x00b55633, 0x80000000, 4, 0x08000000},          /* srl */
		{0x40b55633, 0x80000000, 4, 0xf8000000},          /* sra */
		{0x00455613, 0xf0000000, 0, 0x0f000000},          /* srli 4 */
		{0x40455613, 0xf0000000, 0, 0xff000000},          /* srai 4 */
		{0x00b53633, 1, 0xffffffff, 1},                   /* sltu */
		{0x00b52633, 0x80000000, 0, 1},                   /* slt */
		{0x80000637, 0, 0, 0x80000000},                   /* lui */
		{0x02b50633, 0x10001, 0x10001, 0x00020001},       /* mul */
		{0x02b51633, 0x80000000, 0x80000000, 0x40000000}, /* mulh */
		{0x02b52633, 0xffffffff, 0xffffffff, 0xffffffff}, /* mulhsu */
		{0x02b53633, 0xffffffff, 0xffffffff, 0xfffffffe}, /* mulhu */
		{0x02b54633, 0x80000000, 0xffffffff, 0x80000000}, /* div */
		{0x02b55633, 0x80000000, 0, 0xffffffff},          /* divu */
		{0x02b56633, 0x80000000, 0xffffffff, 0},          /* rem */
		{0x02b57633, 0xffffffff, 16, 15},                 /* remu */
	};
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(compute(board, table[i].instruction, table[i].a, table[i].b), table[i].result);
}

static void what_only_rv64_has_is_illegal(void **state)
{
	/* addiw, addw, ld, sd, lwu, amoadd.d, fadd.d, slli 32, c.nop */
	static const uint32_t words[] = {0x0015061b, 0x00b5063b, 0x00053603, 0x00b53023, 0x00056603,
					 0x00b5362f, 0x02b57653, 0x02051613, 0x00000001};
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		compute(board, words[i], DATA, 0);
		assert_int_equal(board->hart.scause, TRAP_ILLEGAL);
		assert_int_equal(board->hart.stval, words[i]);
	}
}

static void an_address_wraps_at_four_gibibytes(void **state)
{
	const uint32_t value = 0x12345678;
	struct board *board = *state;

	board_put(board, DATA, &value, sizeof(value));
	/* lw a2,1(a0): 0x7fffffff + 1 is RAM's start, not what a sum of 64 bits would be */
	assert_int_equal(compute(board, 0x00152603, 0x7fffffff, 0), 0x00152603);
	/* sw a1,1(a0) */
	compute(board, 0x00b520a3, 0x7fffffff, 77);
	assert_int_equal(board->ram[0], 77);
}

static void jumps_stay_in_the_address_space(void **state)
{
	struct board *board = *state;

	/* auipc a2,0x80000: from 0x80000000 to 0 */
	assert_int_equal(compute(board, 0x80000617, 0, 0), 0);
	/* jalr a2,1(a0) to 0x80000004 */
	assert_int_equal(compute(board, 0x00550667, 0x7fffffff, 0), 0x80000004);
	assert_int_equal(board->hart.pc, word(BOARD_RAM + 8));
}

static void a_jump_to_half_a_word_is_refused_where_it_is(void **state)
{
	static const struct {
		uint32_t instruction;
		uint64_t cause, target;
	} table[] = {
		{0x0060066f, TRAP_FETCH_MISALIGNED, BOARD_RAM + 6},  /* jal a2,6 */
		{0x00250667, TRAP_FETCH_MISALIGNED, BOARD_RAM + 10}, /* jalr a2,2(a0) */
		{0x00b51363, TRAP_FETCH_MISALIGNED, BOARD_RAM + 6},  /* bne a0,a1,6 */
		{0x00b50363, 0, 0},                                  /* beq: not taken */
	};
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		board_reset(board);
		board->hart.scause = table[i].target ? 99 : 0;
		board->hart.x[A0] = word(BOARD_RAM + 8);
		board_run(board, (uint32_t[]){table[i].instruction, ECALL}, 2);
		assert_int_equal(board->calls, 1);
		assert_int_equal(board->hart.x[A2], 0);
		assert_int_equal(board->hart.scause, table[i].cause);
		assert_int_equal(board->hart.stval, word(table[i].target));
		assert_int_equal(board->hart.sepc, table[i].target ? word(BOARD_RAM) : 0);
	}
}

static void counters_and_the_timer_are_in_halves(void **state)
{
	struct board *board = *state;

	/* csrw stimecmph,a1; csrw stimecmp,a0; csrr a2,stimecmph */
	board->hart.x[A0] = word(0x80000001);
	board->hart.x[A1] = 5;
	board_run(board, (uint32_t[]){0x15d59073, 0x14d51073, 0x15d02673, ECALL}, 4);
	assert_int_equal(board->hart.timer, 0x580000001);
	assert_int_equal(board->hart.x[A2], 5);
	assert_int_equal(compute(board, 0xc0102673, 0, 0), 12345); /* rdtime */
	assert_int_equal(compute(board, 0xc8102673, 0, 0), 0);     /* rdtimeh */
	assert_int_equal(compute(board, 0x10002673, 0, 0), 0);     /* sstatus: no UXL, no FS */
}

static void an_interrupt_sets_the_top_bit_of_a_word(void **state)
{
	const uint32_t loop = 0x0000006f;
	struct board *board = *state;

	board_put(board, BOARD_HANDLER, &loop, sizeof(loop));
	board->hart.sie = SIP_SOFTWARE;
	board->hart.sstatus = SSTATUS_SIE;
	hart_raise(&board->hart, SIP_SOFTWARE);
	hart_run(&board->hart, 1);
	assert_int_equal(board->hart.scause, word(0x80000001));
	assert_int_equal(board->hart.pc, word(BOARD_HANDLER));
	assert_int_equal(board->hart.sepc, word(BOARD_RAM));
}

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };

/* Page 0xc0001000 is data, 4 MiB at 0x80000000 are RAM as it is. */
static void map(struct board *board)
{
	const uint64_t root = BOARD_RAM + 0x2000, leaf = BOARD_RAM + 0x3000;
	const uint32_t entries[] = {
		(uint32_t)(BOARD_RAM >> 12 << 10) | V | R | W | X,
		(uint32_t)(leaf >> 12 << 10) | V,
		(uint32_t)(DATA >> 12 << 10) | V | R,
	};

	board_put(board, root + 4 * (0x80000000 >> 22), &entries[0], 4);
	board_put(board, root + 4 * (0xc0000000 >> 22), &entries[1], 4);
	board_put(board, leaf + 4 * 1, &entries[2], 4);
	board->hart.x[A1] = word(1U << 31 | root >> 12);
}

static void sv32_has_two_levels_and_large_pages(void **state)
{
	const uint32_t value = 0xcafe0001;
	struct board *board = *state;
	uint32_t entry;

	board_put(board, DATA + 4, &value, sizeof(value));
	map(board);
	board->hart.x[A0] = word(0xc0001000);
	/* csrw satp,a1; lw a2,4(a0); csrr a3,satp; sw a2,(a0) */
	board_run(board, (uint32_t[]){0x18059073, 0x00452603, 0x180026f3, 0x00c52023, ECALL}, 5);
	assert_int_equal(board->hart.x[A2], word(value));
	assert_int_equal(board->hart.x[A3], board->hart.x[A1]);
	assert_int_equal(board->hart.scause, TRAP_STORE_PAGE);
	assert_int_equal(board->hart.stval, word(0xc0001000));
	memcpy(&entry, board->ram + 0x3004, 4);
	assert_int_equal(entry & (A | D), A);
	memcpy(&entry, board->ram + 0x2000 + 4 * (0x80000000 >> 22), 4);
	assert_int_equal(entry & (A | D), A);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, narrow_board_new, board_free)
	const struct CMUnitTest tests[] = {
		TEST(arithmetic_is_on_words),
		TEST(what_only_rv64_has_is_illegal),
		TEST(an_address_wraps_at_four_gibibytes),
		TEST(jumps_stay_in_the_address_space),
		TEST(a_jump_to_half_a_word_is_refused_where_it_is),
		TEST(counters_and_the_timer_are_in_halves),
		TEST(an_interrupt_sets_the_top_bit_of_a_word),
		TEST(sv32_has_two_levels_and_large_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
