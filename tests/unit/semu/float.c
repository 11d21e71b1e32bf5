/* SPDX-License-Identifier: MIT */
/* The floating-point registers of a hart: whether they are on, what fcsr says, boxes, roundings that there are not. */
#include "tests/unit/semu/board.h"

#include "semu/float.h"

static const uint64_t DATA = BOARD_RAM + 0x1000;
static const uint64_t FS_CLEAN = 2ULL << 13;

enum {
	FADD_D = 0x02b57553,     /* fadd.d fa0,fa0,fa1 by frm */
	FADD_D_RTZ = 0x02b51553, /* the same towards zero */
	FADD_D_5 = 0x02b55553,   /* rm 5 */
	FADD_S = 0x00b57553,
	FLD = 0x00053507, /* fld fa0,0(a0) */
	FLW = 0x00052507,
	FSD = 0x00a53027,     /* fsd fa0,0(a0) */
	C_FLD = 0x2108,       /* fld fa0,0(a0) */
	FMV_X_D = 0xe2050653, /* a2 */
	FMV_X_W = 0xe0050653,
	FMV_W_X = 0xf0060553,     /* fmv.w.x fa0,a2 */
	FEQ_S = 0xa0b52653,       /* feq.s a2,fa0,fa1 */
	FSGNJN_S = 0x20b51553,    /* fsgnjn.s fa0,fa0,fa1 */
	FCVT_W_D_X0 = 0xc2051053, /* fcvt.w.d x0,fa0,rtz */
	READ_FCSR = 0x00302673,   /* frcsr a2 */
	WRITE_FCSR = 0x00361073,  /* fscsr a2 */
	WRITE_FRM = 0x00261073,
	READ_FLAGS = 0x00102673,
	READ_SSTATUS = 0x10002673,
};

static struct board *board_with_fs(void **state, uint64_t fs)
{
	struct board *board = *state;

	board_reset(board);
	board->hart.sstatus |= fs;
	hart_choose_tlb(&board->hart);
	return board;
}

static void each_of_them_is_illegal_while_fs_is_off(void **state)
{
	static const uint32_t words[] = {FADD_D,  FADD_D_RTZ, FLD,      FLW,       FSD,        C_FLD,     FMV_X_D,
					 FMV_W_X, FEQ_S,      FSGNJN_S, READ_FCSR, WRITE_FCSR, READ_FLAGS};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct board *board = board_with_fs(state, 0);

		board->hart.x[A0] = DATA;
		board_run(board, (uint32_t[]){words[i], ECALL}, 2);
		assert_int_equal(board->hart.scause, TRAP_ILLEGAL);
		assert_int_equal(board->hart.stval, words[i]);
		assert_int_equal(board->hart.sepc, BOARD_RAM);
	}
}

static void writing_makes_them_dirty_and_reading_does_not(void **state)
{
	static const struct {
		uint32_t word;
		bool dirty;
	} table[] = {{FADD_D, true}, {FLD, true},      {FMV_W_X, true}, {WRITE_FRM, true},
		     {FSD, false},   {FMV_X_D, false}, {FEQ_S, false},  {READ_FCSR, false}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct board *board = board_with_fs(state, FS_CLEAN);

		board->hart.x[A0] = DATA;
		board_run(board, (uint32_t[]){table[i].word, READ_SSTATUS, ECALL}, 3);
		assert_int_equal(board->calls, 1);
		assert_int_equal(board->hart.x[A2] >> 13 & 3, table[i].dirty ? 3 : 2);
		assert_int_equal(board->hart.x[A2] >> 63, table[i].dirty);
	}
}

static void a_rounding_that_there_is_not_is_illegal(void **state)
{
	struct board *board = board_with_fs(state, SSTATUS_FS);

	board_run(board, (uint32_t[]){FADD_D_5, ECALL}, 2);
	assert_int_equal(board->hart.scause, TRAP_ILLEGAL);
	board = board_with_fs(state, SSTATUS_FS);
	board->hart.x[A2] = 6;
	board_run(board, (uint32_t[]){WRITE_FRM, FADD_D_RTZ, FADD_D, ECALL}, 4);
	assert_int_equal(board->hart.scause, TRAP_ILLEGAL);
	assert_int_equal(board->hart.sepc, BOARD_RAM + 8);
	assert_int_equal(board->hart.stval, FADD_D);
}

static void the_rounding_of_frm_holds_from_the_next_instruction(void **state)
{
	struct board *board = board_with_fs(state, SSTATUS_FS);

	board->hart.x[A2] = IEEE_UP;
	board->hart.f[A0] = 0x3ff0000000000000; /* 1 */
	board->hart.f[A1] = 0x3c00000000000000; /* nearly nothing */
	board_run(board, (uint32_t[]){FADD_D, WRITE_FRM, FADD_D, READ_FCSR, ECALL}, 5);
	assert_int_equal(board->hart.f[A0], 0x3ff0000000000001);
	assert_int_equal(board->hart.x[A2], IEEE_UP << FLOAT_RM_SHIFT | IEEE_INEXACT);
}

/* With the inexact flag up the host computes: what it must not be trusted with goes the slow way still. */
static void flags_are_raised_when_inexact_is_up_already(void **state)
{
	static const struct {
		uint32_t word; /* fdiv.d, fmul.d, fsqrt.d, fadd.d, fcvt.s.d */
		uint64_t a, b, result;
		unsigned flags;
	} table[] = {
		{0x1ab57553, 0x3ff0000000000000, 0, 0x7ff0000000000000, IEEE_DIVIDED_BY_ZERO},
		{0x12b57553, 0x0010000000000000, 0x3fefffffffffffff, 0x0010000000000000, IEEE_UNDERFLOW},
		{0x5a057553, 0xbff0000000000000, 0, 0x7ff8000000000000, IEEE_INVALID},
		{0x02b57553, 0x7fefffffffffffff, 0x7fefffffffffffff, 0x7ff0000000000000, IEEE_OVERFLOW},
		{0x02b57553, 0x0000000000000001, 0x0000000000000001, 0x0000000000000002, 0},
		{0x02b57553, 0xfff8000000000000, 0x0000000000000001, 0x7ff8000000000000, 0},
		{0x40157553, 0x4800000000000000, 0, 0xffffffff7f800000, IEEE_OVERFLOW},
		{0x40157553, 0x3ff8000000000000, 0, 0xffffffff3fc00000, 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct board *board = board_with_fs(state, SSTATUS_FS);

		board->hart.x[A2] = IEEE_INEXACT;
		board->hart.f[A0] = table[i].a;
		board->hart.f[A1] = table[i].b;
		board_run(board, (uint32_t[]){WRITE_FCSR, table[i].word, READ_FLAGS, ECALL}, 4);
		assert_int_equal(board->hart.f[A0], table[i].result);
		assert_int_equal(board->hart.x[A2], table[i].flags | IEEE_INEXACT);
	}
}

static void a_single_without_its_box_is_the_nan(void **state)
{
	struct board *board = board_with_fs(state, SSTATUS_FS);

	board->hart.f[A0] = 0x3f800000;
	board->hart.f[A1] = 0xffffffff3f800000;
	board_run(board, (uint32_t[]){FEQ_S, FADD_S, ECALL}, 3);
	assert_int_equal(board->hart.x[A2], 0);
	assert_int_equal(board->hart.f[A0], 0xffffffff7fc00000);
	board = board_with_fs(state, SSTATUS_FS);
	board->hart.f[A0] = 0x12345678ffffffff;
	board_run(board, (uint32_t[]){FMV_X_W, FMV_W_X, ECALL}, 3);
	assert_int_equal(board->hart.x[A2], UINT64_MAX);
	assert_int_equal(board->hart.f[A0], UINT64_MAX);
}

static void a_loaded_single_is_boxed(void **state)
{
	static const uint64_t bytes = 0x4000000040400000;
	struct board *board = board_with_fs(state, SSTATUS_FS);

	board_put(board, DATA, &bytes, sizeof(bytes));
	board->hart.x[A0] = DATA;
	board_run(board, (uint32_t[]){FLW, ECALL}, 2);
	assert_int_equal(board->hart.f[A0], 0xffffffff40400000);
	board = board_with_fs(state, SSTATUS_FS);
	board->hart.x[A0] = DATA;
	board_run(board, (uint32_t[]){FLD, ECALL}, 2);
	assert_int_equal(board->hart.f[A0], bytes);
}

static void x0_takes_no_result_and_the_flags_are_raised(void **state)
{
	struct board *board = board_with_fs(state, SSTATUS_FS);

	board->hart.f[A0] = 0x3fe0000000000000;
	board_run(board, (uint32_t[]){FCVT_W_D_X0, READ_FLAGS, ECALL}, 3);
	assert_int_equal(board->hart.x[0], 0);
	assert_int_equal(board->hart.x[A2], IEEE_INEXACT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_them_is_illegal_while_fs_is_off),
		cmocka_unit_test(writing_makes_them_dirty_and_reading_does_not),
		cmocka_unit_test(a_rounding_that_there_is_not_is_illegal),
		cmocka_unit_test(the_rounding_of_frm_holds_from_the_next_instruction),
		cmocka_unit_test(flags_are_raised_when_inexact_is_up_already),
		cmocka_unit_test(a_single_without_its_box_is_the_nan),
		cmocka_unit_test(a_loaded_single_is_boxed),
		cmocka_unit_test(x0_takes_no_result_and_the_flags_are_raised),
	};

	return cmocka_run_group_tests(tests, board_new, board_free);
}
