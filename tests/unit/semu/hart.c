/* SPDX-License-Identifier: MIT */
/* Memory, atomics, jumps, traps, interrupts and blocks of a hart. */
#include "tests/unit/semu/board.h"

static const uint64_t DATA = BOARD_RAM + 0x1000;

/* One access: a0 the address, a1 what is stored, a2 what was loaded. */
static void access_once(struct board *board, uint32_t word, uint64_t at, uint64_t value)
{
	board_reset(board);
	board->hart.x[A0] = at;
	board->hart.x[A1] = value;
	board_run(board, (uint32_t[]){word, ECALL}, 2);
	assert_int_equal(board->calls, 1);
}

static void loads_extend_and_need_no_alignment(void **state)
{
	static const uint8_t bytes[] = {0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7};
	static const struct {
		uint32_t word; /* lb lbu, lh 1, lwu 3, ld -8 */
		uint64_t at, result;
	} table[] = {
		{0x00050603, DATA, 0xffffffffffffff80},     {0x00054603, DATA, 0x80},
		{0x00151603, DATA, 0xffffffffffffa291},     {0x00356603, DATA, 0xe6d5c4b3},
		{0xff853603, DATA + 8, 0xf7e6d5c4b3a29180},
	};
	struct board *board = *state;

	board_put(board, DATA, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		access_once(board, table[i].word, table[i].at, 0);
		assert_int_equal(board->hart.x[A2], table[i].result);
	}
}

static void a_store_may_cross_pages(void **state)
{
	struct board *board = *state;

	/* sd a1,1(a0) */
	access_once(board, 0x00b530a3, DATA + 0xffa, 0x1122334455667788);
	assert_memory_equal(board->ram + 0x1ffb, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
}

static void a_store_outside_of_memory_faults_and_writes_nothing(void **state)
{
	struct board *board = *state;

	access_once(board, 0x00b530a3, BOARD_RAM + BOARD_BYTES - 5, UINT64_MAX);
	assert_int_equal(board->hart.scause, TRAP_STORE_ACCESS);
	assert_int_equal(board->hart.sepc, BOARD_RAM);
	assert_int_equal(board->ram[BOARD_BYTES - 1], 0);
	access_once(board, 0x00050603, UINT64_MAX, 0);
	assert_int_equal(board->hart.scause, TRAP_LOAD_ACCESS);
	assert_int_equal(board->hart.stval, UINT64_MAX);
}

static void a_device_is_reached_by_its_address(void **state)
{
	struct board *board = *state;

	access_once(board, 0x00b52023, BOARD_DEVICE, 0x12345678); /* sw */
	assert_int_equal(board->device, 0x12345678);
	access_once(board, 0x00050603, BOARD_DEVICE, 0); /* lb */
	assert_int_equal(board->hart.x[A2], 0x78);
	access_once(board, 0x00b5262f, BOARD_DEVICE, 0); /* amoadd.w */
	assert_int_equal(board->hart.scause, TRAP_STORE_ACCESS);
}

static void atomics_return_what_was_there(void **state)
{
	static const struct {
		uint32_t word; /* amoadd.w, amominu.w, amomax.d, amoswap.d */
		uint64_t operand, result, left;
	} table[] = {
		{0x00b5262f, 2, 0xffffffffffffffff, 0x7fffffff00000001},
		{0xc0b5262f, 5, 0xffffffffffffffff, 0x7fffffff00000005},
		{0xa0b5362f, UINT64_MAX, 0x7fffffffffffffff, 0x7fffffffffffffff},
		{0x08b5362f, 3, 0x7fffffffffffffff, 3},
	};
	const uint64_t before = 0x7fffffffffffffff;
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		board_put(board, DATA, &before, sizeof(before));
		access_once(board, table[i].word, DATA, table[i].operand);
		assert_int_equal(board->hart.x[A2], table[i].result);
		assert_memory_equal(board->ram + 0x1000, &table[i].left, 8);
	}
	access_once(board, 0x00b5262f, DATA + 2, 0);
	assert_int_equal(board->hart.scause, TRAP_STORE_MISALIGNED);
}

static void a_conditional_store_needs_its_reservation(void **state)
{
	static const uint32_t words[] = {0x1005362f, 0x18b536af, 0x18b5372f, ECALL}; /* lr.d a2; sc.d a3; sc.d a4 */
	const uint64_t before = 77;
	struct board *board = *state;

	board_put(board, DATA, &before, sizeof(before));
	board->hart.x[A0] = DATA;
	board->hart.x[A1] = 78;
	board_run(board, words, 4);
	assert_int_equal(board->hart.x[A2], 77);
	assert_int_equal(board->hart.x[A3], 0);
	assert_int_equal(board->hart.x[14], 1);
	assert_int_equal(board->ram[0x1000], 78);
}

static void a_loop_counts_its_instructions(void **state)
{
	struct board *board = *state;

	/* addi a0,a0,-1; bnez a0,-4; rdinstret a2 */
	board->hart.x[A0] = 100;
	board_run(board, (uint32_t[]){0xfff50513, 0xfe051ee3, 0xc0202673, ECALL}, 4);
	assert_int_equal(board->hart.x[A0], 0);
	assert_int_equal(board->hart.x[A2], 200);
	assert_int_equal(board->hart.instret, 202);
}

/* Blocks jump to blocks for a whole turn: an operation that left a frame behind would use up the stack. */
static void a_long_turn_needs_no_more_stack_than_a_short_one(void **state)
{
	static const uint32_t words[] = {
		0x00b5262f, /* amoadd.w a2,a1,(a0) */
		0x1005262f, /* lr.w a2,(a0) */
		0x18b5262f, /* sc.w a2,a1,(a0) */
		0x00152603, /* lw a2,1(a0) */
		0x00b520a3, /* sw a1,1(a0) */
		0x00152607, /* flw fa2,1(a0) */
		0x00a520a7, /* fsw fa0,1(a0) */
		0x1ab51653, /* fdiv.d fa2,fa0,fa1,rtz */
		0x5a0515d3, /* fsqrt.d fa1,fa0,rtz */
		0x6ab51643, /* fmadd.d fa2,fa0,fa1,fa3,rtz */
		0xc2250653, /* fcvt.l.d a2,fa0,rne */
		0xd2259653, /* fcvt.d.l fa2,a1,rtz */
		0x40151653, /* fcvt.s.d fa2,fa0,rtz */
		0x2ab50653, /* fmin.d fa2,fa0,fa1 */
		0xa0b50653, /* fle.s a2,fa0,fa1 */
		0x22b50653, /* fsgnj.d fa2,fa0,fa1 */
		0xe2051653, /* fclass.d a2,fa0 */
	};
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		board_reset(board);
		board->hart.x[A0] = DATA;
		board->hart.f[A0] = 0x7ff0000000000001;
		board->hart.sstatus |= SSTATUS_FS;
		hart_choose_tlb(&board->hart);
		/* the instruction; j -4 */
		board_run(board, (uint32_t[]){words[i], 0xffdff06f}, 2);
		hart_run(&board->hart, 400000);
		assert_int_equal(board->hart.traps, 0);
		assert_true(board->hart.instret >= 401000);
	}
}

static void a_jump_through_its_own_link_register_goes_to_the_old_value(void **state)
{
	struct board *board = *state;

	/* jalr a2,4(a2) */
	board->hart.x[A2] = BOARD_RAM + 5;
	board_run(board, (uint32_t[]){0x00460667, 0, ECALL}, 3);
	assert_int_equal(board->hart.x[A2], BOARD_RAM + 4);
	assert_int_equal(board->hart.pc, BOARD_RAM + 12);
}

static void an_illegal_instruction_names_itself(void **state)
{
	static const uint32_t words[] = {0xffffffff, 0x00000000, 0x30001073 /* csrw mstatus */};
	static const uint64_t values[] = {0xffffffff, 0, 0x30001073};
	struct board *board = *state;

	for (size_t i = 0; i < 3; i++) {
		access_once(board, words[i], 0, 0);
		assert_int_equal(board->hart.scause, TRAP_ILLEGAL);
		assert_int_equal(board->hart.stval, values[i]);
	}
}

static void a_user_gets_no_further_than_a_trap(void **state)
{
	static const struct {
		uint32_t word; /* ecall, ebreak, sret, wfi, sfence.vma, csrrw sstatus, rdinstret */
		uint64_t cause;
	} table[] = {
		{ECALL, TRAP_USER_ECALL},   {0x00100073, TRAP_BREAKPOINT}, {0x10200073, TRAP_ILLEGAL},
		{0x10500073, TRAP_ILLEGAL}, {0x12000073, TRAP_ILLEGAL},    {0x10051673, TRAP_ILLEGAL},
		{0xc0202673, TRAP_ILLEGAL},
	};
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		board_reset(board);
		board->hart.mode = HART_USER;
		hart_choose_tlb(&board->hart);
		board_run(board, &table[i].word, 1);
		assert_int_equal(board->hart.scause, table[i].cause);
		assert_int_equal(board->hart.sepc, BOARD_RAM);
		assert_int_equal(board->hart.sstatus & SSTATUS_SPP, 0);
		assert_int_equal(board->calls, 1);
	}
}

static void sret_goes_back_to_where_the_trap_was(void **state)
{
	struct board *board = *state;

	board->hart.sepc = BOARD_RAM + 8;
	board->hart.sstatus = SSTATUS_SPIE;
	board_run(board, (uint32_t[]){0x10200073, 0, ECALL}, 3);
	assert_int_equal(board->hart.scause, TRAP_USER_ECALL);
	assert_int_equal(board->hart.sepc, BOARD_RAM + 8);
	assert_int_equal(board->hart.sstatus, SSTATUS_SPIE);
}

static void an_interrupt_wakes_and_external_comes_first(void **state)
{
	struct board *board = *state;
	struct hart *hart = &board->hart;

	board_run(board, (uint32_t[]){0x10500073, ECALL}, 2);
	assert_true(hart->waiting);
	assert_int_equal(board->calls, 0);
	hart->sie = SIP_TIMER | SIP_EXTERNAL;
	hart_set_timer(hart, 1);
	hart_raise(hart, SIP_EXTERNAL);
	hart->sstatus = SSTATUS_SIE;
	hart->stvec = BOARD_HANDLER - 36 + 1; /* vectored: 9 * 4 */
	hart_run(hart, 2);
	assert_int_equal(hart->scause, 1ULL << 63 | 9);
	assert_int_equal(hart->sepc, BOARD_RAM + 4);
	assert_int_equal(hart->sstatus, SSTATUS_SPIE | SSTATUS_SPP);
	assert_int_equal(board->calls, 1);
}

static void a_masked_interrupt_wakes_without_a_trap(void **state)
{
	struct board *board = *state;

	board_run(board, (uint32_t[]){0x10500073, ECALL}, 2);
	board->hart.sie = SIP_SOFTWARE;
	hart_raise(&board->hart, SIP_SOFTWARE);
	hart_run(&board->hart, 1);
	assert_int_equal(board->calls, 1);
	assert_int_equal(board->hart.scause, 0);
}

static void the_timer_goes_off_when_it_is_reached(void **state)
{
	struct board *board = *state;

	/* csrw stimecmp,a0; csrr a2,sip; a1 likewise, a3 */
	board->hart.x[A0] = 12345;
	board->hart.x[A1] = 12346;
	board_run(board, (uint32_t[]){0x14d51073, 0x14402673, 0x14d59073, 0x144026f3, ECALL}, 5);
	assert_int_equal(board->hart.x[A2], SIP_TIMER);
	assert_int_equal(board->hart.x[A3], 0);
	assert_int_equal(board->hart.timer, 12346);
}

static void a_stop_ends_one_turn(void **state)
{
	struct board *board = *state;

	hart_stop(&board->hart);
	board_run(board, (uint32_t[]){0x00000013, ECALL}, 2);
	assert_int_equal(board->hart.instret, 0);
	hart_run(&board->hart, 1000);
	assert_int_equal(board->calls, 1);
}

static void a_pause_ends_the_turn(void **state)
{
	static const uint32_t code[] = {0x00150513, 0x0100000f, 0xff9ff06f}; /* addi a0,a0,1; pause; j -8 */
	struct board *board = *state;

	board_put(board, BOARD_RAM, code, sizeof(code));
	board_reset(board);
	board->hart.x[A0] = 0;
	for (unsigned turn = 1; turn < 4; turn++) {
		hart_run(&board->hart, 1000);
		assert_int_equal(board->hart.x[A0], turn);
		assert_int_equal(board->hart.pc, BOARD_RAM + 8);
	}
}

static void a_hart_starts_with_its_number(void **state)
{
	struct board *board = *state;

	board->hart.mode = HART_USER;
	board->hart.satp = 8ULL << 60;
	hart_start(&board->hart, BOARD_RAM, 3, 77);
	board_run(board, (uint32_t[]){ECALL}, 1);
	assert_int_equal(board->calls, 1);
	assert_int_equal(board->hart.x[A0], 3);
	assert_int_equal(board->hart.x[A1], 77);
}

static void a_reservation_ends_with_its_turn(void **state)
{
	static const uint32_t words[] = {0x1005362f, 0x00000073, 0x18b536af, ECALL}; /* lr.d a2; ecall; sc.d a3 */
	struct board *board = *state;

	board->hart.x[A0] = DATA;
	board_run(board, words, 4);
	board->hart.waiting = false;
	hart_run(&board->hart, 1000);
	assert_int_equal(board->calls, 2);
	assert_int_equal(board->hart.x[A3], 1);
}

static void a_handler_that_cannot_run_ends_with_the_budget(void **state)
{
	struct board *board = *state;

	board->hart.stvec = 0;
	board_run(board, (uint32_t[]){0xffffffff}, 1);
	assert_int_equal(board->hart.traps, 1000);
}

static void changed_code_is_seen_after_fence_i(void **state)
{
	/* sw a1,12(a0) changes the fourth word, after its block was decoded; fence.i; nop */
	static const uint32_t words[] = {0x00b52623, 0x0000100f, 0x00000013, 0x00100613, ECALL};
	struct board *board = *state;

	board->hart.x[A0] = BOARD_RAM;
	board->hart.x[A1] = 0x00200613; /* li a2,2 */
	board_run(board, words, 5);
	assert_int_equal(board->hart.x[A2], 2);
}

static void an_instruction_may_straddle_pages(void **state)
{
	/* at the page's end: c.nop, then the first half of li a2,1 */
	static const uint16_t halves[] = {0x0001, 0x0613, 0x0010, 0x0073, 0x0000};
	struct board *board = *state;

	board_put(board, BOARD_RAM + 0xffc, halves, sizeof(halves));
	board->hart.pc = BOARD_RAM + 0xffc;
	hart_run(&board->hart, 100);
	assert_int_equal(board->hart.x[A2], 1);
	assert_int_equal(board->calls, 1);
	assert_int_equal(board->hart.instret, 3);
}

static void a_hart_that_is_started_lets_user_mode_read_the_time(void **state)
{
	static const uint32_t words[] = {0xc0102573 /* csrr a0, time */, ECALL};
	struct board *board = *state;

	hart_start(&board->hart, BOARD_RAM, 0, 0);
	board->hart.mode = HART_USER;
	hart_choose_tlb(&board->hart);
	board_run(board, words, 2);
	assert_int_equal(board->hart.x[A0], 12345);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, board_new, board_free)
	const struct CMUnitTest tests[] = {
		TEST(loads_extend_and_need_no_alignment),
		TEST(a_store_may_cross_pages),
		TEST(a_store_outside_of_memory_faults_and_writes_nothing),
		TEST(a_device_is_reached_by_its_address),
		TEST(atomics_return_what_was_there),
		TEST(a_conditional_store_needs_its_reservation),
		TEST(a_loop_counts_its_instructions),
		TEST(a_long_turn_needs_no_more_stack_than_a_short_one),
		TEST(a_jump_through_its_own_link_register_goes_to_the_old_value),
		TEST(an_illegal_instruction_names_itself),
		TEST(a_user_gets_no_further_than_a_trap),
		TEST(sret_goes_back_to_where_the_trap_was),
		TEST(an_interrupt_wakes_and_external_comes_first),
		TEST(a_masked_interrupt_wakes_without_a_trap),
		TEST(the_timer_goes_off_when_it_is_reached),
		TEST(a_stop_ends_one_turn),
		TEST(a_pause_ends_the_turn),
		TEST(a_hart_starts_with_its_number),
		TEST(a_reservation_ends_with_its_turn),
		TEST(a_handler_that_cannot_run_ends_with_the_budget),
		TEST(changed_code_is_seen_after_fence_i),
		TEST(an_instruction_may_straddle_pages),
		cmocka_unit_test_setup_teardown(a_hart_that_is_started_lets_user_mode_read_the_time, board_new,
						board_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
