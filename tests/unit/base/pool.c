/* SPDX-License-Identifier: MIT */
/* The pool: bounded, last in first out, and nothing touched before it is taken. */
#include "base/pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_pool_gives_each_item_once_and_then_nothing(void **state)
{
	unsigned char *items[5];
	struct pool pool;

	(void)state;
	assert_int_equal(pool_init(&pool, 100, 5), 0);
	for (size_t i = 0; i < 5; i++) {
		items[i] = pool_take(&pool);
		assert_non_null(items[i]);
		assert_int_equal((uintptr_t)items[i] % 16, 0);
		memset(items[i], (int)i, 100);
	}
	assert_null(pool_take(&pool));
	assert_int_equal(pool.taken, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(items[i][0], i);
		assert_int_equal(items[i][99], i);
		pool_give(&pool, items[i]);
	}
	assert_int_equal(pool.taken, 0);
	pool_done(&pool);
}

static void what_came_back_last_goes_out_first(void **state)
{
	void *first, *second;
	struct pool pool;

	(void)state;
	assert_int_equal(pool_init(&pool, 16, 10), 0);
	first = pool_take(&pool);
	second = pool_take(&pool);
	pool_give(&pool, first);
	pool_give(&pool, second);
	assert_ptr_equal(pool_take(&pool), second);
	assert_ptr_equal(pool_take(&pool), first);
	assert_int_equal(pool.touched, 2);
	pool_give(&pool, first);
	pool_give(&pool, second);
	pool_done(&pool);
}

static void tiny_items_and_empty_pools_are_legal(void **state)
{
	struct pool pool;
	void *item;

	(void)state;
	assert_int_equal(pool_init(&pool, 1, 1), 0);
	item = pool_take(&pool);
	assert_non_null(item);
	pool_give(&pool, item);
	pool_done(&pool);
	assert_int_equal(pool_init(&pool, 1, 0), 0);
	assert_null(pool_take(&pool));
	pool_done(&pool);
}

static void a_pool_beyond_the_address_space_is_refused(void **state)
{
	struct pool pool;

	(void)state;
	assert_int_equal(pool_init(&pool, SIZE_MAX, 1), -ENOMEM);
	assert_int_equal(pool_init(&pool, SIZE_MAX / 4, 8), -ENOMEM);
	pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_gives_each_item_once_and_then_nothing),
		cmocka_unit_test(what_came_back_last_goes_out_first),
		cmocka_unit_test(tiny_items_and_empty_pools_are_legal),
		cmocka_unit_test(a_pool_beyond_the_address_space_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
