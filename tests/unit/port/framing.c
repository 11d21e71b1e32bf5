/* SPDX-License-Identifier: MIT */
/* The stream's framing: whatever way the bytes are cut, the frames are the same; every lying length has its reason. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "port/framing.h"

enum { BUFFER_BYTES = 256 * 1024 };

struct reader_of_frames {
	struct framing framing;
	uint8_t *partial;
	uint8_t *buffer;
	size_t buffer_bytes;
	uint8_t *rest; /* where more than was wanted at once is moved to; NULL: nothing was */
	bool moves;
	size_t frames;
	size_t bytes;
	uint32_t sum; /* over lengths and contents, in order */
	enum drop_reason verdict;
};

static void start(struct reader_of_frames *reader, size_t buffer_bytes)
{
	*reader = (struct reader_of_frames){.buffer_bytes = buffer_bytes};
	reader->partial = malloc(FRAME_BYTES_MAX); /* exactly: a byte too many is seen by the sanitizer */
	reader->buffer = malloc(buffer_bytes);
	framing_init(&reader->framing, reader->partial);
}

static void stop(struct reader_of_frames *reader)
{
	free(reader->partial);
	free(reader->buffer);
	free(reader->rest);
}

/* Whether all is taken for now. What is left moves, and where it was is overwritten by somebody else's. */
static bool settle(struct reader_of_frames *reader)
{
	uint8_t *rest;

	if (framing_settle(&reader->framing))
		return true;
	rest = malloc(reader->framing.left);
	framing_move(&reader->framing, rest);
	free(reader->rest);
	reader->rest = rest;
	memset(reader->buffer, 0xee, reader->buffer_bytes);
	return false;
}

static void take(struct reader_of_frames *reader, const struct frame *frame)
{
	reader->frames++;
	reader->bytes += frame->length;
	reader->sum = reader->sum * 31 + frame->length;
	for (uint32_t i = 0; i < frame->length; i++)
		reader->sum = reader->sum * 31 + frame->head[i];
}

/* As a read() would: fills the room with up to `count` bytes. How many it took. */
static size_t feed(struct reader_of_frames *reader, const uint8_t *bytes, size_t count, size_t most)
{
	struct iovec pieces[FRAMING_ROOMS];
	struct frame frames[64];
	size_t done = 0, got;
	int rooms = framing_room(&reader->framing, reader->buffer, reader->buffer_bytes, pieces);

	for (int i = 0; i < rooms; i++) {
		size_t here = pieces[i].iov_len < count - done ? pieces[i].iov_len : count - done;

		memcpy(pieces[i].iov_base, bytes + done, here);
		done += here;
	}
	framing_filled(&reader->framing, reader->buffer, done);
	do {
		got = framing_next(&reader->framing, frames, most, &reader->verdict);
		for (size_t i = 0; i < got; i++)
			take(reader, &frames[i]);
		if (reader->moves && got == most && settle(reader))
			break;
	} while (got > 0 && reader->verdict == DROP_NONE);
	return done;
}

static void feed_all(struct reader_of_frames *reader, const uint8_t *bytes, size_t count, size_t step, size_t most)
{
	while (count > 0 && reader->verdict == DROP_NONE) {
		size_t done = feed(reader, bytes, step < count ? step : count, most);

		bytes += done;
		count -= done;
	}
}

static size_t put(uint8_t *to, uint32_t length, uint8_t first)
{
	to[0] = (uint8_t)(length >> 24);
	to[1] = (uint8_t)(length >> 16);
	to[2] = (uint8_t)(length >> 8);
	to[3] = (uint8_t)length;
	for (uint32_t i = 0; i < length; i++)
		to[4 + i] = (uint8_t)(first + i);
	return 4 + length;
}

static size_t make_stream(uint8_t *to)
{
	static const uint32_t lengths[] = {14,  60,   1514, FRAME_BYTES_MAX, 15, 255, 256,
					   257, 4096, 14,   FRAME_BYTES_MAX, 64};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		count += put(to + count, lengths[i], (uint8_t)i);
	return count;
}

static void the_same_frames_come_whatever_way_the_bytes_are_cut(void **state)
{
	static const size_t steps[] = {1, 2, 3, 4, 5, 13, 17, 1000, 1514, 1518, 4095, 65536, 65561, BUFFER_BYTES};
	uint8_t *stream = malloc(2 * BUFFER_BYTES);
	size_t count = make_stream(stream);
	uint32_t sum = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (size_t most = 1; most <= 64; most *= 2) {
			struct reader_of_frames reader;

			start(&reader, BUFFER_BYTES);
			reader.moves = (most & 0x55) != 0;
			feed_all(&reader, stream, count, steps[i], most);
			assert_int_equal(reader.verdict, DROP_NONE);
			assert_int_equal(reader.frames, 12);
			assert_int_equal(reader.bytes, count - 12 * 4);
			assert_true(sum == 0 || sum == reader.sum);
			sum = reader.sum;
			assert_int_equal(framing_end(&reader.framing), DROP_NONE);
			stop(&reader);
		}
	}
	free(stream);
}

static void a_small_shared_buffer_is_enough(void **state)
{
	uint8_t *stream = malloc(2 * BUFFER_BYTES);
	size_t count = make_stream(stream);
	struct reader_of_frames reader;

	(void)state;
	start(&reader, 7);
	feed_all(&reader, stream, count, count, 64);
	assert_int_equal(reader.frames, 12);
	assert_int_equal(reader.bytes, count - 12 * 4);
	stop(&reader);
	free(stream);
}

static void what_is_there_of_a_frame_is_told_and_all_of_it_when_its_length_is_known(void **state)
{
	static const struct {
		size_t more, held, cut;
	} steps[] = {{0, 0, 0},  {2, 2, 2},   {2, 4, 104}, {60, 64, 104},
		     {40, 0, 0}, {104, 0, 0}, {107, 3, 3}, {21, 24, 104}};
	uint8_t bytes[4 * 104], *next = bytes;
	struct reader_of_frames reader;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		put(bytes + i * 104, 100, (uint8_t)i);
	start(&reader, BUFFER_BYTES);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		next += feed(&reader, next, steps[i].more, 64);
		assert_int_equal(framing_held(&reader.framing), steps[i].held);
		assert_int_equal(framing_cut(&reader.framing), steps[i].cut);
	}
	assert_int_equal(reader.frames, 3);
	stop(&reader);
}

static void frames_that_stand_whole_in_the_buffer_keep_their_length_before_them(void **state)
{
	uint8_t bytes[4 * 104];
	struct reader_of_frames reader;
	struct frame frames[8];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		put(bytes + i * 104, 100, (uint8_t)i);
	start(&reader, BUFFER_BYTES);
	feed(&reader, bytes, 50, 8);
	/* The first is in memory of its own, the last is cut in its length. */
	memcpy(reader.framing.partial + reader.framing.have, bytes + 50, 54);
	memcpy(reader.buffer, bytes + 104, 210);
	framing_filled(&reader.framing, reader.buffer, 54 + 210);
	assert_int_equal(framing_next(&reader.framing, frames, 8, &reader.verdict), 3);
	assert_null(frames[0].framed);
	assert_ptr_equal(frames[1].framed, reader.buffer + 4);
	assert_ptr_equal(frames[2].framed, reader.buffer + 108);
	assert_int_equal(framing_next(&reader.framing, frames, 8, &reader.verdict), 0);
	memcpy(reader.buffer, bytes + 314, 102);
	framing_filled(&reader.framing, reader.buffer, 102);
	assert_int_equal(framing_next(&reader.framing, frames, 8, &reader.verdict), 1);
	assert_int_equal(frames[0].length, 100);
	assert_null(frames[0].framed);
	stop(&reader);
}

static const struct {
	const char *what;
	uint8_t bytes[8];
	size_t count;
	enum drop_reason verdict;
	enum drop_reason end; /* when the stream ends there instead */
} lies[] = {
	{"length 0", {0, 0, 0, 0}, 4, DROP_STREAM_LENGTH_ZERO, DROP_NONE},
	{"length 1", {0, 0, 0, 1}, 4, DROP_STREAM_LENGTH_SHORT, DROP_NONE},
	{"length 13", {0, 0, 0, 13}, 4, DROP_STREAM_LENGTH_SHORT, DROP_NONE},
	{"65558, one more than IP behind two tags can fill", {0, 1, 0, 22}, 4, DROP_STREAM_LENGTH_LONG, DROP_NONE},
	{"the largest", {0, 1, 0, 21}, 4, DROP_NONE, DROP_STREAM_ENDED_IN_FRAME},
	{"16 MiB", {1, 0, 0, 0}, 4, DROP_STREAM_LENGTH_LONG, DROP_NONE},
	{"4 GiB", {0xff, 0xff, 0xff, 0xff}, 4, DROP_STREAM_LENGTH_LONG, DROP_NONE},
	{"2 GiB", {0x80, 0, 0, 14}, 4, DROP_STREAM_LENGTH_LONG, DROP_NONE},
	{"a length in little endian", {60, 0, 0, 0}, 4, DROP_STREAM_LENGTH_LONG, DROP_NONE},
	{"one byte of a header", {0}, 1, DROP_NONE, DROP_STREAM_ENDED_IN_HEADER},
	{"three bytes of a header", {0, 0, 0}, 3, DROP_NONE, DROP_STREAM_ENDED_IN_HEADER},
	{"a header alone", {0, 0, 0, 60}, 4, DROP_NONE, DROP_STREAM_ENDED_IN_FRAME},
	{"a header and a little", {0, 0, 0, 60, 1, 2, 3}, 7, DROP_NONE, DROP_STREAM_ENDED_IN_FRAME},
	{"nothing", {0}, 0, DROP_NONE, DROP_NONE},
};

static void every_lying_length_has_its_own_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		for (size_t step = 1; step <= 8; step++) {
			uint8_t bytes[18 + 8];
			size_t first = put(bytes, 14, 0);
			struct reader_of_frames reader;

			start(&reader, BUFFER_BYTES);
			memcpy(bytes + first, lies[i].bytes, lies[i].count);
			feed_all(&reader, bytes, first + lies[i].count, step, 64);
			if (reader.verdict != lies[i].verdict)
				fail_msg("%s: %d", lies[i].what, (int)reader.verdict);
			if (lies[i].verdict == DROP_NONE && framing_end(&reader.framing) != lies[i].end)
				fail_msg("%s: end %d", lies[i].what, (int)framing_end(&reader.framing));
			assert_int_equal(reader.frames, 1);
			stop(&reader);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_frames_come_whatever_way_the_bytes_are_cut),
		cmocka_unit_test(a_small_shared_buffer_is_enough),
		cmocka_unit_test(what_is_there_of_a_frame_is_told_and_all_of_it_when_its_length_is_known),
		cmocka_unit_test(frames_that_stand_whole_in_the_buffer_keep_their_length_before_them),
		cmocka_unit_test(every_lying_length_has_its_own_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
