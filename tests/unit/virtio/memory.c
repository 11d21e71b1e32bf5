/* SPDX-License-Identifier: MIT */
/* Which ranges of guest addresses become pointers, and which do not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "virtio/memory.h"

static uint8_t low[4096];
static uint8_t middle[4096];
static uint8_t high[4096];

/* 0x1000 … 0x1fff and 0x2000 … 0x2fff touch; 0x8000 … 0x8fff stands alone; the last ends one byte before 2^64. */
static void three_regions(struct memory *memory)
{
	memory_init(memory);
	assert_int_equal(memory_add(memory, 0x8000, sizeof(high), high), 0);
	assert_int_equal(memory_add(memory, 0x1000, sizeof(low), low), 0);
	assert_int_equal(memory_add(memory, 0x2000, sizeof(middle), middle), 0);
}

static void regions_are_kept_apart(void **state)
{
	static const struct {
		const char *what;
		uint64_t address;
		uint64_t bytes;
		int verdict;
	} rows[] = {
		{"empty", 0x5000, 0, -EINVAL},
		{"the same again", 0x1000, 0x1000, -EINVAL},
		{"over the start of one", 0x0fff, 2, -EINVAL},
		{"over the end of one", 0x8fff, 2, -EINVAL},
		{"around one", 0x7000, 0x10000, -EINVAL},
		{"inside one", 0x2100, 1, -EINVAL},
		{"beyond 2^64", UINT64_MAX - 10, 20, -EINVAL},
		{"all there is", 0, UINT64_MAX, -EINVAL},
		{"just before", 0x0fff, 1, 0},
		{"just behind", 0x3000, 0x5000, 0},
		{"the last that may be", UINT64_MAX - 16, 16, 0},
	};
	struct memory memory;

	(void)state;
	three_regions(&memory);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int verdict = memory_add(&memory, rows[i].address, rows[i].bytes, low);

		if (verdict != rows[i].verdict)
			fail_msg("%s: %d, not %d", rows[i].what, verdict, rows[i].verdict);
	}
	for (uint32_t i = 1; i < memory.count; i++)
		assert_true(memory.regions[i - 1].address + memory.regions[i - 1].bytes <= memory.regions[i].address);
}

static void there_are_64_regions_at_most(void **state)
{
	struct memory memory;

	(void)state;
	memory_init(&memory);
	for (uint64_t i = 0; i < MEMORY_REGIONS_MAX; i++)
		assert_int_equal(memory_add(&memory, i * 0x10000, 0x1000, low), 0);
	assert_int_equal(memory_add(&memory, 0x1000000, 0x1000, low), -ENOSPC);
	for (uint64_t i = 0; i < MEMORY_REGIONS_MAX; i++)
		assert_ptr_equal(memory_at(&memory, i * 0x10000 + 5, 1), low + 5);
	assert_null(memory_at(&memory, 0x1000000, 1));
}

static void a_range_is_a_pointer_only_when_all_of_it_is_in_one_region(void **state)
{
	static const struct {
		const char *what;
		uint64_t address;
		uint64_t bytes;
		uint8_t *at;
	} rows[] = {
		{"a whole region", 0x1000, 0x1000, low},
		{"its last byte", 0x1fff, 1, low + 0xfff},
		{"one byte more", 0x1fff, 2, NULL},
		{"nothing", 0x1000, 0, NULL},
		{"before the first", 0xfff, 1, NULL},
		{"into the first", 0xfff, 2, NULL},
		{"between", 0x3000, 1, NULL},
		{"behind the last", 0x9000, 1, NULL},
		{"a length that wraps", 0x8000, UINT64_MAX, NULL},
		{"a length that wraps to the byte before", 0x8001, UINT64_MAX, NULL},
		{"the last address", UINT64_MAX, 1, NULL},
		{"the last address and all", UINT64_MAX, UINT64_MAX, NULL},
		{"the alone one", 0x8010, 0xff0, high + 16},
	};
	struct memory memory;

	(void)state;
	three_regions(&memory);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (memory_at(&memory, rows[i].address, rows[i].bytes) != rows[i].at)
			fail_msg("%s", rows[i].what);
	}
}

static void a_range_over_regions_that_touch_is_several_pieces(void **state)
{
	static const struct {
		const char *what;
		uint64_t address;
		uint64_t bytes;
		uint32_t most;
		int verdict;
		size_t first;
	} rows[] = {
		{"inside one", 0x1800, 0x100, 1, 1, 0x100},
		{"to the end of one", 0x1800, 0x800, 1, 1, 0x800},
		{"over two", 0x1800, 0x801, 2, 2, 0x800},
		{"both whole", 0x1000, 0x2000, 2, 2, 0x1000},
		{"over two, and no room", 0x1800, 0x801, 1, -ENOSPC, 0},
		{"no room at all", 0x1800, 1, 0, -ENOSPC, 0},
		{"over two and one byte more", 0x1000, 0x2001, 9, -EFAULT, 0},
		{"to the alone one", 0x2fff, 0x5002, 9, -EFAULT, 0},
		{"nothing", 0x1000, 0, 9, -EFAULT, 0},
		{"nobody's", 0x4000, 4, 9, -EFAULT, 0},
		{"all there is", 0x1000, UINT64_MAX, 9, -EFAULT, 0},
		{"the last address", UINT64_MAX, 2, 9, -EFAULT, 0},
	};
	struct memory memory;

	(void)state;
	three_regions(&memory);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct iovec pieces[9];
		int verdict = memory_slice(&memory, rows[i].address, rows[i].bytes, pieces, rows[i].most);

		if (verdict != rows[i].verdict)
			fail_msg("%s: %d, not %d", rows[i].what, verdict, rows[i].verdict);
		if (verdict < 1)
			continue;
		assert_ptr_equal(pieces[0].iov_base, low + (rows[i].address - 0x1000));
		assert_int_equal(pieces[0].iov_len, rows[i].first);
		if (verdict == 2) {
			assert_ptr_equal(pieces[1].iov_base, middle);
			assert_int_equal(pieces[1].iov_len, rows[i].bytes - rows[i].first);
		}
	}
}

static void a_region_that_was_removed_is_found_no_more(void **state)
{
	struct memory memory;

	(void)state;
	three_regions(&memory);
	assert_ptr_equal(memory_at(&memory, 0x8000, 1), high);
	assert_int_equal(memory_remove(&memory, 0x8000), 0);
	assert_int_equal(memory_remove(&memory, 0x8000), -ENOENT);
	assert_null(memory_at(&memory, 0x8000, 1));
	assert_int_equal(memory_remove(&memory, 0x1000), 0);
	assert_null(memory_at(&memory, 0x1000, 1));
	assert_ptr_equal(memory_at(&memory, 0x2000, 1), middle);
	assert_int_equal(memory_remove(&memory, 0x2000), 0);
	assert_null(memory_at(&memory, 0x2000, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_are_kept_apart),
		cmocka_unit_test(there_are_64_regions_at_most),
		cmocka_unit_test(a_range_is_a_pointer_only_when_all_of_it_is_in_one_region),
		cmocka_unit_test(a_range_over_regions_that_touch_is_several_pieces),
		cmocka_unit_test(a_region_that_was_removed_is_found_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
