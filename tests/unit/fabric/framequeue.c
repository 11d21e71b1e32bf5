/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/framequeue.h"

enum { MODEL_BYTES = 1 << 20, PIECES = 64 };

static struct pool blocks;
static struct framequeue queue;
static uint8_t source[FRAME_BYTES_MAX];

/* The queue as a test would keep it: all bytes, and where frames end. */
static uint8_t model[MODEL_BYTES];
static size_t model_bytes, model_ends[65536], model_frames;

static int start(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (uint8_t)(i * 31 + (i >> 8));
	model_bytes = model_frames = 0;
	assert_int_equal(pool_init(&blocks, FRAMEQUEUE_BLOCK_BYTES, 70), 0);
	framequeue_init(&queue, &blocks, 256 * 1024);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	framequeue_done(&queue);
	assert_int_equal(blocks.taken, 0);
	pool_done(&blocks);
	return 0;
}

static enum drop_reason put(size_t prefix_bytes, size_t length, size_t skip)
{
	uint8_t prefix[FRAMEQUEUE_PREFIX_MAX], whole[FRAMEQUEUE_PREFIX_MAX + FRAME_BYTES_MAX];
	size_t head = length / 3;
	struct iovec body[2] = {{source + head, head}, {source + 2 * head, length - 2 * head}};
	struct frame frame = {.head = source,
			      .head_bytes = (uint32_t)head,
			      .length = (uint32_t)length,
			      .body = body,
			      .body_pieces = 2};
	enum drop_reason reason;

	memset(prefix, (int)(0xa0 + model_frames % 16), sizeof(prefix));
	reason = framequeue_put(&queue, prefix, prefix_bytes, &frame, skip);
	if (reason || prefix_bytes + length == skip)
		return reason;
	memcpy(whole, prefix, prefix_bytes);
	memcpy(whole + prefix_bytes, source, length);
	memcpy(model + model_bytes, whole + skip, prefix_bytes + length - skip);
	model_bytes += prefix_bytes + length - skip;
	model_ends[model_frames++] = model_bytes;
	return DROP_NONE;
}

static void model_consume(size_t count)
{
	size_t gone = 0;

	memmove(model, model + count, model_bytes - count);
	model_bytes -= count;
	for (size_t i = 0; i < model_frames; i++) {
		if (model_ends[i] <= count)
			gone++;
		else
			model_ends[i - gone] = model_ends[i] - count;
	}
	model_frames -= gone;
}

static void check_peek(void)
{
	struct iovec pieces[PIECES];
	int used = framequeue_peek_bytes(&queue, pieces, PIECES);
	size_t at = 0, bytes = 0;

	for (int i = 0; i < used; i++) {
		assert_true(pieces[i].iov_len > 0);
		assert_memory_equal(pieces[i].iov_base, model + at, pieces[i].iov_len);
		at += pieces[i].iov_len;
	}
	assert_true(at == model_bytes || used == PIECES);
	used = framequeue_peek_frame(&queue, pieces, 32, &bytes);
	assert_int_equal(used > 0, model_frames > 0);
	at = 0;
	for (int i = 0; i < used; i++) {
		assert_memory_equal(pieces[i].iov_base, model + at, pieces[i].iov_len);
		at += pieces[i].iov_len;
	}
	if (used > 0)
		assert_true(at == bytes && at == model_ends[0]);
	assert_int_equal(queue.bytes, model_bytes);
	assert_int_equal(queue.frames, model_frames);
	assert_int_equal(framequeue_empty(&queue), model_frames == 0);
	assert_true(queue.bytes <= queue.bound && queue.peak <= queue.bound);
}

static void whatever_goes_in_comes_out_as_a_stream_and_as_frames(void **state)
{
	uint32_t random = 7;
	size_t refused = 0;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		random = random * 1664525 + 1013904223;
		if (random >> 31) {
			static const size_t lengths[] = {14, 60, 1514, 4088, 4084, 4080, 9014, 65535, 3, 0};
			size_t length = lengths[(random >> 8) % 10] + (random >> 16) % 9, prefix = (random >> 20) % 17;
			size_t skip = (random >> 25) % 4 ? 0 : (random >> 12) % (prefix + length + 1);

			refused += put(prefix, length, skip) != DROP_NONE;
		} else if (random >> 30 && model_frames > 0) {
			framequeue_consume_frame(&queue);
			model_consume(model_ends[0]);
		} else if (model_bytes > 0) {
			size_t count = (random >> 5) % (model_bytes < 70000 ? model_bytes + 1 : 70000);

			framequeue_consume_bytes(&queue, count);
			model_consume(count);
		}
		check_peek();
	}
	assert_true(refused > 0);
	framequeue_consume_bytes(&queue, model_bytes);
	assert_int_equal(blocks.taken, 0);
}

static void the_bound_is_held_and_has_its_own_reason(void **state)
{
	(void)state;
	queue.bound = 1000;
	assert_int_equal(put(4, 496, 0), DROP_NONE);
	assert_int_equal(put(4, 497, 0), DROP_QUEUE_FULL);
	assert_int_equal(put(4, 496, 0), DROP_NONE);
	assert_int_equal(put(0, 1, 0), DROP_QUEUE_FULL);
	assert_int_equal(queue.peak, 1000);
	check_peek();
}

static void an_empty_pool_changes_nothing_and_has_its_own_reason(void **state)
{
	size_t taken;

	(void)state;
	queue.bound = MODEL_BYTES;
	while (put(4, 60000, 0) == DROP_NONE)
		;
	taken = blocks.taken;
	assert_int_equal(put(4, 60000, 0), DROP_POOL_EMPTY);
	assert_int_equal(blocks.taken, taken);
	check_peek();
}

static void a_frame_that_went_whole_leaves_nothing_to_queue(void **state)
{
	(void)state;
	assert_int_equal(put(4, 60, 64), DROP_NONE);
	assert_true(framequeue_empty(&queue));
	assert_int_equal(blocks.taken, 0);
	assert_int_equal(put(4, 60, 63), DROP_NONE);
	check_peek();
}

static void the_largest_frame_is_at_most_32_pieces(void **state)
{
	struct iovec pieces[32];
	size_t bytes;

	(void)state;
	assert_int_equal(put(0, 4070, 0), DROP_NONE);
	assert_int_equal(put(16, FRAME_BYTES_MAX, 0), DROP_NONE);
	framequeue_consume_frame(&queue);
	assert_true(framequeue_peek_frame(&queue, pieces, 32, &bytes) <= 18);
	assert_int_equal(bytes, FRAME_BYTES_MAX + 16);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
	const struct CMUnitTest tests[] = {
		TEST(whatever_goes_in_comes_out_as_a_stream_and_as_frames),
		TEST(the_bound_is_held_and_has_its_own_reason),
		TEST(an_empty_pool_changes_nothing_and_has_its_own_reason),
		TEST(a_frame_that_went_whole_leaves_nothing_to_queue),
		TEST(the_largest_frame_is_at_most_32_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
