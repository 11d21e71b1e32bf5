/* SPDX-License-Identifier: MIT */
/* The frames of one delivery as one list of pieces. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "port/gather.h"

static struct frame frame_of(const uint8_t *head, uint32_t head_bytes, const struct iovec *body, uint32_t pieces)
{
	struct frame frame = {.head = head, .head_bytes = head_bytes, .length = head_bytes, .body = body};

	frame.body_pieces = pieces;
	for (uint32_t i = 0; i < pieces; i++)
		frame.length += (uint32_t)body[i].iov_len;
	return frame;
}

static void pieces_stand_in_order_behind_their_prefix(void **state)
{
	static const uint8_t head[20] = "a head of 20 bytes.", body[30] = "and a body of 30";
	const struct iovec pieces[] = {{(void *)(uintptr_t)body, 10}, {(void *)(uintptr_t)(body + 10), 20}};
	struct frame frame = frame_of(head, 20, pieces, 2), again;
	struct gather gather;

	(void)state;
	gather_init(&gather, 4);
	assert_true(gather_add(&gather, "\0\0\0\x32", &frame));
	assert_true(gather_add(&gather, "\0\0\0\x33", &frame));
	assert_int_equal(gather.count, 2);
	assert_int_equal(gather.pieces, 8);
	assert_int_equal(gather.bytes, 2 * 54);
	assert_memory_equal(gather.piece[0].iov_base, "\0\0\0\x32", 4);
	assert_memory_equal(gather.piece[4].iov_base, "\0\0\0\x33", 4);
	assert_ptr_equal(gather.piece[5].iov_base, head);
	assert_ptr_equal(gather.piece[7].iov_base, body + 10);
	gather_frame(&gather, 1, &again);
	assert_int_equal(again.length, 50);
	assert_ptr_equal(again.head, head);
	assert_int_equal(again.body_pieces, 2);
	assert_int_equal(again.body[1].iov_len, 20);
	gather_clear(&gather);
	assert_int_equal(gather.count, 0);
	assert_int_equal(gather.prefix_bytes, 4);
}

static void without_a_prefix_the_head_is_first(void **state)
{
	static const uint8_t head[20] = {1};
	struct frame frame = frame_of(head, 20, NULL, 0), again;
	struct gather gather;

	(void)state;
	gather_init(&gather, 0);
	assert_true(gather_add(&gather, NULL, &frame));
	assert_int_equal(gather.pieces, 1);
	assert_ptr_equal(gather.piece[0].iov_base, head);
	gather_frame(&gather, 0, &again);
	assert_int_equal(again.length, 20);
	assert_int_equal(again.body_pieces, 0);
}

static void a_full_gather_refuses_and_changes_nothing(void **state)
{
	static const uint8_t bytes[64] = {0};
	struct iovec pieces[FRAME_PIECES_MAX];
	struct frame small = frame_of(bytes, 64, NULL, 0), many;
	struct gather gather;
	size_t before;

	(void)state;
	gather_init(&gather, 12);
	for (int i = 0; i < GATHER_FRAMES; i++)
		assert_true(gather_add(&gather, bytes, &small));
	assert_false(gather_add(&gather, bytes, &small));
	for (int i = 0; i < FRAME_PIECES_MAX; i++)
		pieces[i] = (struct iovec){(void *)(uintptr_t)bytes, 1};
	many = frame_of(bytes, 64, pieces, FRAME_PIECES_MAX);
	gather_clear(&gather);
	/* The largest that the switch hands out always fits an empty one. */
	assert_true(gather_add(&gather, bytes, &many));
	assert_true(gather_add(&gather, bytes, &many));
	before = gather.bytes;
	assert_false(gather_add(&gather, bytes, &many));
	assert_int_equal(gather.count, 2);
	assert_int_equal(gather.bytes, before);
	assert_int_equal(gather.pieces, 2 * (2 + FRAME_PIECES_MAX));
}

static void frames_that_stand_in_a_row_are_one_piece(void **state)
{
	static const uint8_t bytes[] = "AAAAfirstBBBBsecond....CCCCthird";
	struct frame first = frame_of(bytes + 4, 5, NULL, 0), second = frame_of(bytes + 13, 6, NULL, 0);
	struct frame third = frame_of(bytes + 27, 5, NULL, 0), again;
	struct gather gather;

	(void)state;
	gather_init(&gather, 4);
	assert_true(gather_add_standing(&gather, bytes, &first));
	assert_true(gather_add_standing(&gather, bytes + 9, &second));
	assert_int_equal(gather.pieces, 1);
	assert_int_equal(gather.piece[0].iov_len, 19);
	/* not behind it, and behind one that is in pieces of its own */
	assert_true(gather_add_standing(&gather, bytes + 23, &third));
	assert_true(gather_add(&gather, "DDDD", &first));
	assert_true(gather_add_standing(&gather, bytes + 9, &second));
	assert_int_equal(gather.pieces, 5);
	assert_int_equal(gather.bytes, 9 + 10 + 9 + 9 + 10);
	gather_frame(&gather, 1, &again);
	assert_int_equal(again.length, 6);
	assert_memory_equal(again.head, "second", 6);
	assert_memory_equal(gather_prefix(&gather, 1), "BBBB", 4);
	gather_frame(&gather, 3, &again);
	assert_memory_equal(again.head, "first", 5);
	assert_memory_equal(gather_prefix(&gather, 3), "DDDD", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_stand_in_order_behind_their_prefix),
		cmocka_unit_test(without_a_prefix_the_head_is_first),
		cmocka_unit_test(frames_that_stand_in_a_row_are_one_piece),
		cmocka_unit_test(a_full_gather_refuses_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
