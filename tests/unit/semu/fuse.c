/* SPDX-License-Identifier: MIT */
/* Pairs of operations: whatever two instructions are, together they do what they do one after the other. */
#include "tests/unit/semu/board.h"

static const uint64_t DATA = BOARD_RAM + 0x1000;

enum { REGISTERS = 5, STRETCH = 8 };

/* x0 and a0 to a3. */
static const uint32_t names[REGISTERS] = {0, A0, A1, A2, A3};

static uint32_t type_r(uint32_t bits, uint32_t rd, uint32_t rs1, uint32_t rs2)
{
	return bits | rd << 7 | rs1 << 15 | rs2 << 20;
}

/* A branch leads over the next instruction. */
static uint32_t any_instruction(uint32_t *random)
{
	static const uint32_t registers[] = {
		0x00000033, 0x40000033, 0x00006033, 0x00004033, 0x00007033, 0x00003033, /* add sub or xor and sltu */
		0x02000033, 0x0000003b, 0x00000463, 0x00001463, 0x00004463, 0x00005463, /* mul addw beq bne blt bge */
		0x00006463, 0x00007463,                                                 /* bltu bgeu */
	};
	static const uint32_t immediates[] = {
		0x00000013, 0x00100013, 0xfff00013, 0x0ff07013, 0x03f01013, 0x01005013, /* li mv addi andi slli srli */
		0x00e0101b, 0x00d0501b, 0x8010001b,                                     /* slliw srliw addiw */
	};
	const uint32_t pick = *random >> 8, a = names[pick % 5], b = names[pick / 5 % 5], c = names[pick / 25 % 5];
	const uint32_t which = pick / 125 % 23;

	*random = *random * 1664525 + 1013904223;
	if (which < 8)
		return type_r(registers[which], a, b, c);
	if (which < 14)
		return type_r(registers[which], 0, b, c);
	return type_r(immediates[which - 14], a, b, 0);
}

static void set_registers(struct board *board, uint32_t random)
{
	static const uint64_t values[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffffffffffff, 0x8000000000000000, 63};

	for (unsigned i = 1; i < REGISTERS; i++) {
		board->hart.x[names[i]] = values[(random >> (i * 4)) % 7];
	}
}

/* Each instruction in a run of its own: nothing has a neighbour. */
static void run_apart(struct board *board, const uint32_t *words, uint64_t *ret_registers)
{
	uint64_t at = BOARD_RAM;

	while (at < BOARD_RAM + sizeof(*words) * STRETCH) {
		const uint32_t pair[] = {words[(at - BOARD_RAM) / 4], ECALL, ECALL};

		board_put(board, BOARD_RAM, pair, sizeof(pair));
		hart_forget_code(&board->hart);
		board->hart.pc = BOARD_RAM;
		board->hart.waiting = false;
		hart_run(&board->hart, 1000);
		at += board->hart.pc - BOARD_RAM - 4;
	}
	memcpy(ret_registers, board->hart.x, sizeof(board->hart.x));
}

static void pairs_do_what_their_halves_do(void **state)
{
	uint32_t words[STRETCH + 2] = {[STRETCH] = ECALL, [STRETCH + 1] = ECALL}, random = 1;
	struct board *board = *state;
	uint64_t apart[33];

	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned k = 0; k < STRETCH; k++)
			words[k] = any_instruction(&random);
		board_reset(board);
		set_registers(board, random);
		run_apart(board, words, apart);
		board_reset(board);
		set_registers(board, random);
		board_run(board, words, STRETCH + 2);
		assert_memory_equal(board->hart.x, apart, 32 * sizeof(apart[0]));
	}
}

static void two_loads_may_depend_on_each_other(void **state)
{
	const uint64_t chain[] = {DATA + 16, 1, 2, 3};
	struct board *board = *state;

	board_put(board, DATA, chain, sizeof(chain));
	board->hart.x[A0] = DATA;
	board_run(board, (uint32_t[]){0x00053503, 0x00853583, ECALL}, 3); /* ld a0,0(a0); ld a1,8(a0) */
	assert_int_equal(board->hart.x[A0], DATA + 16);
	assert_int_equal(board->hart.x[A1], 3);
}

static void of_two_stores_the_one_that_cannot_be_done_is_named(void **state)
{
	static const struct {
		uint64_t base;
		uint64_t sepc, stval;
	} table[] = {
		{BOARD_RAM + BOARD_BYTES - 8, BOARD_RAM + 8, BOARD_RAM + BOARD_BYTES},
		{BOARD_RAM - 8, BOARD_RAM + 4, BOARD_RAM - 8},
	};
	struct board *board = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		board_reset(board);
		board->hart.x[A0] = table[i].base;
		board->hart.x[A1] = 0x77;
		/* nop; sd a1,0(a0); sd a1,8(a0) */
		board_run(board, (uint32_t[]){0x00000013, 0x00b53023, 0x00b53423, ECALL}, 4);
		assert_int_equal(board->hart.scause, TRAP_STORE_ACCESS);
		assert_int_equal(board->hart.sepc, table[i].sepc);
		assert_int_equal(board->hart.stval, table[i].stval);
	}
	assert_int_equal(board->ram[BOARD_BYTES - 8], 0x77);
}

static void two_stores_may_cross_into_another_page(void **state)
{
	struct board *board = *state;

	board->hart.x[A0] = DATA + 0xff4;
	board->hart.x[A1] = 0x1122334455667788;
	/* sd a1,0(a0); sd a1,8(a0), twice: the second time the TLB knows both pages */
	board_run(board, (uint32_t[]){0x00b53023, 0x00b53423, 0x00b53023, 0x00b53423, ECALL}, 5);
	assert_memory_equal(board->ram + 0x1ff4, "\x88\x77\x66\x55\x44\x33\x22\x11\x88\x77\x66\x55\x44\x33\x22\x11",
			    16);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, board_new, board_free)
	const struct CMUnitTest tests[] = {
		TEST(pairs_do_what_their_halves_do),
		TEST(two_loads_may_depend_on_each_other),
		TEST(of_two_stores_the_one_that_cannot_be_done_is_named),
		TEST(two_stores_may_cross_into_another_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
