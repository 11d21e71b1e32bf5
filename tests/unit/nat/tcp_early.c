/* SPDX-License-Identifier: MIT */
/* The store of what came ahead of a gap, against a plain array that knows which of its bytes are there. */
#include "nat/tcp_early.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

enum {
	WINDOW = 512 * 1024,
	BLOCKS = 200,
};

struct store {
	struct pool pool;
	struct tcp_early *early;
};

static uint8_t byte_of(uint32_t sequence)
{
	return (uint8_t)(sequence * 0x9e3779b1 >> 24);
}

static bool keep(struct store *store, uint32_t sequence, uint32_t bytes)
{
	static uint8_t data[WINDOW];
	struct iovec pieces[2] = {{data, bytes / 3}, {data + bytes / 3, bytes - bytes / 3}};

	for (uint32_t i = 0; i < bytes; i++)
		data[i] = byte_of(sequence + i);
	return tcp_early_keep(&store->early, &store->pool, sequence, pieces, 2);
}

/* How many bytes follow `next`; each is what it must be. */
static uint32_t follows(const struct store *store, uint32_t next)
{
	struct iovec pieces[TCP_EARLY_PIECES];
	uint32_t at = next, bytes;
	int count;

	bytes = tcp_early_slice(store->early, next, pieces, &count);
	for (int i = 0; i < count; i++)
		for (size_t j = 0; j < pieces[i].iov_len; j++)
			assert_int_equal(((uint8_t *)pieces[i].iov_base)[j], byte_of(at++));
	assert_int_equal(at - next, bytes);
	return bytes;
}

static void begin(struct store *store, size_t blocks)
{
	*store = (struct store){0};
	assert_int_equal(pool_init(&store->pool, 4096, blocks), 0);
}

static void end(struct store *store)
{
	tcp_early_clear(&store->early, &store->pool);
	assert_null(store->early);
	assert_int_equal(store->pool.taken, 0);
	pool_done(&store->pool);
}

static void a_window_of_one_byte_and_of_all_bytes_comes_back(void **state)
{
	static const uint32_t firsts[] = {0, 1, 4095, 0x7fffff00, 0xfffffff0, 0xfffe0001};

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct store store;

		begin(&store, BLOCKS);
		assert_true(keep(&store, firsts[i] + 1, 1));
		assert_int_equal(follows(&store, firsts[i]), 0);
		assert_int_equal(follows(&store, firsts[i] + 1), 1);
		assert_true(keep(&store, firsts[i] + 1, WINDOW - 1));
		assert_int_equal(follows(&store, firsts[i]), 0);
		assert_int_equal(follows(&store, firsts[i] + 1), WINDOW - 1);
		assert_int_equal(follows(&store, firsts[i] + WINDOW - 1), 1);
		tcp_early_consume(&store.early, &store.pool, firsts[i] + WINDOW - 1);
		assert_int_equal(store.pool.taken, 2);
		tcp_early_consume(&store.early, &store.pool, firsts[i] + WINDOW);
		assert_null(store.early);
		end(&store);
	}
}

static void ranges_join_where_they_touch_and_are_told_newest_first(void **state)
{
	struct tcp_sack sacks[TCP_SACKS_MAX];
	struct store store;

	(void)state;
	begin(&store, BLOCKS);
	for (uint32_t i = 0; i < 6; i++)
		assert_true(keep(&store, 1000 + i * 200, 100));
	assert_int_equal(tcp_early_sacks(store.early, sacks, TCP_SACKS_MAX), 4);
	assert_int_equal(sacks[0].left, 2000);
	assert_int_equal(sacks[1].left, 1000);
	assert_int_equal(sacks[3].left, 1400);
	assert_true(keep(&store, 1100, 100)); /* between two */
	assert_true(keep(&store, 1450, 500)); /* over three and more */
	assert_int_equal(tcp_early_sacks(store.early, sacks, TCP_SACKS_MAX), 3);
	assert_int_equal(sacks[0].left, 1400);
	assert_int_equal(sacks[0].right, 1950);
	assert_int_equal(sacks[1].left, 1000);
	assert_int_equal(sacks[1].right, 1300);
	assert_int_equal(sacks[2].left, 2000);
	assert_int_equal(tcp_early_sacks(store.early, sacks, 2), 2);
	assert_int_equal(tcp_early_sacks(NULL, sacks, 2), 0);
	end(&store);
}

static void without_room_nothing_is_kept_and_nothing_is_lost(void **state)
{
	struct store store;

	(void)state;
	begin(&store, 0);
	assert_false(keep(&store, 1, 1));
	end(&store);
	begin(&store, 1);
	assert_false(keep(&store, 1, 1));
	assert_int_equal(store.pool.taken, 0);
	end(&store);
	begin(&store, 3);
	assert_true(keep(&store, 100, 100));
	assert_false(keep(&store, 300, 12000));
	assert_int_equal(store.pool.taken, 2);
	assert_int_equal(follows(&store, 100), 100);
	end(&store);
	begin(&store, BLOCKS);
	for (uint32_t i = 0; i < TCP_EARLY_RANGES; i++)
		assert_true(keep(&store, 1000 + i * 2, 1));
	assert_false(keep(&store, 5000, 1));
	end(&store);
}

static void the_end_is_kept_with_what_is_before_it(void **state)
{
	struct store store;

	(void)state;
	begin(&store, BLOCKS);
	tcp_early_keep_end(store.early, 10);
	assert_false(tcp_early_is_end(store.early, 10));
	assert_true(keep(&store, 5, 5));
	tcp_early_keep_end(store.early, 10);
	assert_true(tcp_early_is_end(store.early, 10));
	assert_false(tcp_early_is_end(store.early, 9));
	end(&store);
}

/* As the window moves, what the store has is what the array has. */
static void any_order_gives_the_same_bytes(void **state)
{
	static bool there[WINDOW * 8];

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint32_t first = (uint32_t)seed * 0x31415926, next = 0;
		struct random random;
		struct store store;

		random_init(&random, seed);
		begin(&store, BLOCKS);
		memset(there, 0, sizeof(there));
		while (next + WINDOW < sizeof(there)) {
			uint32_t at = next + 1 + random_below(&random, WINDOW - 1), most = next + WINDOW - at, bytes;

			bytes = 1 + random_below(&random, most < 9000 ? most : 9000);
			if (keep(&store, first + at, bytes))
				memset(there + at, true, bytes);
			next += 1 + random_below(&random, 6000);
			for (at = next; at < sizeof(there) && there[at]; at++)
				;
			assert_int_equal(follows(&store, first + next), at - next);
			next = at;
			tcp_early_consume(&store.early, &store.pool, first + next);
		}
		end(&store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_of_one_byte_and_of_all_bytes_comes_back),
		cmocka_unit_test(ranges_join_where_they_touch_and_are_told_newest_first),
		cmocka_unit_test(without_room_nothing_is_kept_and_nothing_is_lost),
		cmocka_unit_test(the_end_is_kept_with_what_is_before_it),
		cmocka_unit_test(any_order_gives_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
