/* SPDX-License-Identifier: MIT */
/* Bytes in a chain of blocks: every byte stays where it was counted, and every block comes back. */
#include "nat/tcp_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

enum {
	BLOCKS = 8,
	BLOCK = TCP_CHAIN_BLOCK_BYTES - sizeof(void *),
	PIECES = 16,
};

struct fixture {
	struct pool pool;
	struct tcp_chain chain;
};

static struct fixture fixture;

static int set_up(void **state)
{
	(void)state;
	fixture = (struct fixture){.chain = {0}};
	return pool_init(&fixture.pool, TCP_CHAIN_BLOCK_BYTES, BLOCKS);
}

static int tear_down(void **state)
{
	(void)state;
	tcp_chain_clear(&fixture.chain, &fixture.pool);
	assert_int_equal(fixture.pool.taken, 0);
	pool_done(&fixture.pool);
	return 0;
}

/* The byte at this place of the stream. */
static uint8_t byte_at(uint64_t place)
{
	return (uint8_t)(place * 7 + place / 251);
}

static uint32_t append(uint64_t place, uint32_t bytes)
{
	uint8_t *from = malloc(bytes ? bytes : 1);
	struct iovec piece = {.iov_base = from, .iov_len = bytes};
	uint32_t taken;

	for (uint32_t i = 0; i < bytes; i++)
		from[i] = byte_at(place + i);
	taken = tcp_chain_append(&fixture.chain, &fixture.pool, &piece, 1, 0);
	free(from);
	return taken;
}

/* The chain's bytes from `offset` on are those of the stream from `place` on; how many pieces gave how many. */
static uint32_t check(uint32_t offset, uint32_t most, uint64_t place)
{
	struct iovec pieces[PIECES];
	int count = tcp_chain_slice(&fixture.chain, offset, most, pieces, PIECES);
	uint32_t seen = 0;

	for (int i = 0; i < count; i++) {
		for (size_t j = 0; j < pieces[i].iov_len; j++)
			assert_int_equal(((const uint8_t *)pieces[i].iov_base)[j], byte_at(place + seen++));
	}
	return seen;
}

static void an_empty_chain_holds_no_block(void **state)
{
	(void)state;
	assert_int_equal(append(0, 0), 0);
	assert_int_equal(fixture.pool.taken, 0);
	assert_int_equal(check(0, UINT32_MAX, 0), 0);
	assert_int_equal(append(0, 1), 1);
	assert_int_equal(fixture.pool.taken, 1);
	tcp_chain_consume(&fixture.chain, &fixture.pool, 1);
	assert_int_equal(fixture.pool.taken, 0);
}

static void bytes_at_the_edges_of_blocks_are_where_they_were_put(void **state)
{
	static const uint32_t sizes[] = {BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t size = sizes[i];

		assert_int_equal(append(0, size), size);
		assert_int_equal(fixture.pool.taken, (size + BLOCK - 1) / BLOCK);
		assert_int_equal(check(0, UINT32_MAX, 0), size);
		assert_int_equal(check(size - 1, UINT32_MAX, size - 1), 1);
		assert_int_equal(check(size, UINT32_MAX, size), 0);
		assert_int_equal(check(1, BLOCK, 1), size - 1 < BLOCK ? size - 1 : BLOCK);
		tcp_chain_consume(&fixture.chain, &fixture.pool, size - 1);
		assert_int_equal(fixture.pool.taken, 1);
		assert_int_equal(append(size, BLOCK), BLOCK);
		assert_int_equal(check(0, UINT32_MAX, size - 1), BLOCK + 1);
		tcp_chain_clear(&fixture.chain, &fixture.pool);
		assert_int_equal(fixture.pool.taken, 0);
	}
}

static void pieces_are_joined_but_for_what_is_skipped(void **state)
{
	uint8_t bytes[3000];
	struct iovec pieces[] = {{bytes, 1000}, {bytes + 1000, 0}, {bytes + 1000, 500}, {bytes + 1500, 1500}};

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = byte_at(i);
	for (size_t skip = 0; skip <= 3000; skip += 250) {
		assert_int_equal(tcp_chain_append(&fixture.chain, &fixture.pool, pieces, 4, skip), 3000 - skip);
		assert_int_equal(check(0, UINT32_MAX, skip), 3000 - skip);
		tcp_chain_clear(&fixture.chain, &fixture.pool);
	}
}

static void an_empty_pool_takes_what_fits_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(append(0, 3 * BLOCK + 5), 3 * BLOCK + 5);
	assert_int_equal(append(3 * BLOCK + 5, BLOCKS * BLOCK), (BLOCKS - 3) * BLOCK - 5);
	assert_int_equal(append(BLOCKS * BLOCK, 1), 0);
	assert_int_equal(check(0, UINT32_MAX, 0), BLOCKS * BLOCK);
	tcp_chain_consume(&fixture.chain, &fixture.pool, BLOCK);
	assert_int_equal(append(BLOCKS * BLOCK, BLOCK), BLOCK);
	assert_int_equal(check(0, UINT32_MAX, BLOCK), BLOCKS * BLOCK);
}

static void few_pieces_show_the_beginning(void **state)
{
	struct iovec pieces[2];

	(void)state;
	append(0, 3 * BLOCK);
	assert_int_equal(tcp_chain_slice(&fixture.chain, 10, UINT32_MAX, pieces, 2), 2);
	assert_int_equal(pieces[0].iov_len, BLOCK - 10);
	assert_int_equal(pieces[1].iov_len, BLOCK);
}

static void thousands_of_steps_keep_the_stream_and_the_pool_whole(void **state)
{
	struct random random;
	uint64_t put = 0, gone = 0;

	(void)state;
	random_init(&random, 3);
	for (int i = 0; i < 3000; i++) {
		uint32_t bytes = random_below(&random, random_below(&random, 10) ? 3000 : 3 * BLOCK);
		uint32_t holds = fixture.chain.bytes, at;

		put += append(put, bytes);
		assert_int_equal(fixture.chain.bytes, put - gone);
		assert_in_range(fixture.chain.bytes, holds, holds + bytes);
		at = random_below(&random, fixture.chain.bytes + 1);
		check(at, random_below(&random, 5000), gone + at);
		bytes = random_below(&random, fixture.chain.bytes + 1);
		tcp_chain_consume(&fixture.chain, &fixture.pool, bytes);
		gone += bytes;
		assert_in_range(fixture.pool.taken, 0, (fixture.chain.bytes + BLOCK - 1) / BLOCK + 1);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_chain_holds_no_block),
		TEST(bytes_at_the_edges_of_blocks_are_where_they_were_put),
		TEST(pieces_are_joined_but_for_what_is_skipped),
		TEST(an_empty_pool_takes_what_fits_and_no_more),
		TEST(few_pieces_show_the_beginning),
		TEST(thousands_of_steps_keep_the_stream_and_the_pool_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
