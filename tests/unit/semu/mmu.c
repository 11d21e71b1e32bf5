/* SPDX-License-Identifier: MIT */
/* Sv39: who may do what to a page, and what a page table that lies comes to. */
#include "tests/unit/semu/board.h"

enum {
	V = 1,
	R = 2,
	W = 4,
	X = 8,
	U = 16,
	A = 64,
	D = 128,
};

static const uint64_t VIRTUAL = 0x40201000; /* index 1 of each level */
static const uint64_t ROOT = BOARD_RAM + 0x2000;
static const uint64_t MIDDLE = BOARD_RAM + 0x3000;
static const uint64_t LAST = BOARD_RAM + 0x4000;
static const uint64_t PAGE = BOARD_RAM + 0x5000;

static void set_entry(struct board *board, uint64_t table, uint64_t physical, uint64_t flags)
{
	const uint64_t entry = physical >> 12 << 10 | flags;

	board_put(board, table + 8, &entry, sizeof(entry));
}

static uint64_t leaf(const struct board *board)
{
	uint64_t entry;

	memcpy(&entry, board->ram + (LAST - BOARD_RAM) + 8, sizeof(entry));
	return entry;
}

static void map(struct board *board, uint64_t flags)
{
	board_reset(board);
	set_entry(board, ROOT, MIDDLE, V);
	set_entry(board, MIDDLE, LAST, V);
	set_entry(board, LAST, PAGE, flags);
	board->hart.satp = 8ULL << 60 | ROOT >> 12;
}

static void a_page_allows_what_its_bits_say(void **state)
{
	static const struct {
		uint64_t flags;
		enum hart_mode mode;
		uint64_t sstatus;
		bool fetch, read, write;
	} table[] = {
		{V | R | W | X, HART_SUPERVISOR, 0, true, true, true},
		{V | R, HART_SUPERVISOR, 0, false, true, false},
		{V | X, HART_SUPERVISOR, 0, true, false, false},
		{V | X, HART_SUPERVISOR, SSTATUS_MXR, true, true, false},
		{V | W | X, HART_SUPERVISOR, 0, false, false, false},
		{R | W | X, HART_SUPERVISOR, 0, false, false, false},
		{V | R | W | X | U, HART_SUPERVISOR, 0, false, false, false},
		{V | R | W | X | U, HART_SUPERVISOR, SSTATUS_SUM, false, true, true},
		{V | R | W | X | U, HART_USER, 0, true, true, true},
		{V | R | W | X, HART_USER, SSTATUS_SUM, false, false, false},
		{V | R | W | X | 1ULL << 63, HART_SUPERVISOR, 0, false, false, false},
		{V, HART_SUPERVISOR, 0, false, false, false},
	};
	struct board *board = *state;
	uint64_t at;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		map(board, table[i].flags);
		board->hart.mode = table[i].mode;
		board->hart.sstatus = table[i].sstatus;
		assert_int_equal(mmu_translate(&board->hart, VIRTUAL + 5, MMU_FETCH, &at), table[i].fetch);
		assert_int_equal(mmu_translate(&board->hart, VIRTUAL + 5, MMU_READ, &at), table[i].read);
		assert_int_equal(mmu_translate(&board->hart, VIRTUAL + 5, MMU_WRITE, &at), table[i].write);
		if (table[i].write)
			assert_int_equal(at, PAGE + 5);
		else
			assert_int_equal(board->hart.fault_cause, TRAP_STORE_PAGE);
	}
}

static void a_read_sets_accessed_and_only_a_write_sets_dirty(void **state)
{
	struct board *board = *state;
	uint64_t value;

	map(board, V | R | W);
	assert_true(mmu_load(&board->hart, VIRTUAL, 8, &value));
	assert_int_equal(leaf(board) & (A | D), A);
	assert_true(mmu_store(&board->hart, VIRTUAL, 8, value));
	assert_int_equal(leaf(board) & (A | D), A | D);
}

static void a_large_page_must_be_aligned(void **state)
{
	struct board *board = *state;
	uint64_t at;

	map(board, V | R);
	set_entry(board, MIDDLE, BOARD_RAM, V | R);
	assert_true(mmu_translate(&board->hart, VIRTUAL + 0x1234, MMU_READ, &at));
	assert_int_equal(at, BOARD_RAM + 0x2234);
	set_entry(board, MIDDLE, PAGE, V | R);
	assert_false(mmu_translate(&board->hart, VIRTUAL, MMU_READ, &at));
	assert_int_equal(board->hart.fault_cause, TRAP_LOAD_PAGE);
}

static void a_table_outside_of_memory_is_an_access_fault(void **state)
{
	struct board *board = *state;
	uint64_t at;

	map(board, V | R);
	set_entry(board, MIDDLE, 0x3ffffffffff000, V);
	assert_false(mmu_translate(&board->hart, VIRTUAL, MMU_READ, &at));
	assert_int_equal(board->hart.fault_cause, TRAP_LOAD_ACCESS);
	set_entry(board, MIDDLE, BOARD_RAM + BOARD_BYTES, V);
	assert_false(mmu_translate(&board->hart, VIRTUAL, MMU_WRITE, &at));
	assert_int_equal(board->hart.fault_cause, TRAP_STORE_ACCESS);
}

static void an_address_must_be_canonical(void **state)
{
	struct board *board = *state;
	uint64_t at;

	map(board, V | R);
	assert_false(mmu_translate(&board->hart, VIRTUAL | 1ULL << 39, MMU_READ, &at));
	assert_int_equal(board->hart.fault_value, VIRTUAL | 1ULL << 39);
}

static void a_flush_forgets_what_was_mapped(void **state)
{
	struct board *board = *state;
	uint64_t value;

	map(board, V | R | W);
	assert_true(mmu_store(&board->hart, VIRTUAL, 8, 1));
	set_entry(board, LAST, 0, 0);
	mmu_flush(&board->hart);
	assert_false(mmu_load(&board->hart, VIRTUAL, 8, &value));
	assert_false(mmu_store(&board->hart, VIRTUAL, 8, 2));
	assert_int_equal(board->ram[PAGE - BOARD_RAM], 1);
}

static void a_flush_of_an_address_forgets_its_page_alone(void **state)
{
	struct board *board = *state;
	uint64_t value;

	map(board, V | R | W);
	set_entry(board, LAST + 8, PAGE, V | R);
	assert_true(mmu_store(&board->hart, VIRTUAL, 8, 1));
	assert_true(mmu_load(&board->hart, VIRTUAL + 0x1000, 8, &value));
	set_entry(board, LAST, 0, 0);
	mmu_flush_span(&board->hart, VIRTUAL + 0x1000, 4096);
	assert_int_equal(board->hart.tlb->write[mmu_index(VIRTUAL)].tag, VIRTUAL);
	assert_int_equal(board->hart.tlb->read[mmu_index(VIRTUAL + 0x1000)].tag, UINT64_MAX);
	mmu_flush_span(&board->hart, VIRTUAL + 8, 1);
	assert_int_equal(board->hart.tlb->write[mmu_index(VIRTUAL)].tag, UINT64_MAX);
}

static void a_flush_of_any_address_in_a_large_page_forgets_all_of_it(void **state)
{
	struct board *board = *state;
	uint64_t value;

	map(board, V | R);
	set_entry(board, MIDDLE, BOARD_RAM, V | R);
	assert_true(mmu_load(&board->hart, VIRTUAL, 8, &value));
	set_entry(board, MIDDLE, 0, 0);
	mmu_flush_span(&board->hart, VIRTUAL + 0x100000, 1);
	assert_int_equal(board->hart.tlb->read[mmu_index(VIRTUAL)].tag, UINT64_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, board_new, board_free)
	const struct CMUnitTest tests[] = {
		TEST(a_page_allows_what_its_bits_say),
		TEST(a_read_sets_accessed_and_only_a_write_sets_dirty),
		TEST(a_large_page_must_be_aligned),
		TEST(a_table_outside_of_memory_is_an_access_fault),
		TEST(an_address_must_be_canonical),
		TEST(a_flush_forgets_what_was_mapped),
		TEST(a_flush_of_an_address_forgets_its_page_alone),
		TEST(a_flush_of_any_address_in_a_large_page_forgets_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
