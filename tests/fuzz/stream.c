/* SPDX-License-Identifier: MIT */
/* covers: src/port/framing.c */
/* The first four bytes say how the stream is cut into reads and how large the shared buffer is, the rest is the stream.
 * However it is cut, the same frames come out with the same verdict, and each lies where it was said to lie. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

struct outcome {
	size_t frames;
	uint64_t sum;
	enum drop_reason verdict;
	enum drop_reason end;
};

struct cut {
	uint32_t state;
	size_t buffer_bytes;
	size_t most; /* frames a call */
	bool whole;
	bool moves; /* what a call leaves is moved elsewhere */
};

static size_t cut_next(struct cut *cut)
{
	cut->state = cut->state * 1664525 + 1013904223;
	return cut->whole             ? SIZE_MAX
	       : cut->state >> 24 & 3 ? (cut->state >> 16 & 31) + 1
				      : (cut->state >> 8 & 4095) + 1;
}

static size_t fill(const struct iovec *pieces, int rooms, const uint8_t *bytes, size_t count)
{
	size_t done = 0;

	for (int i = 0; i < rooms; i++) {
		size_t here = pieces[i].iov_len < count - done ? pieces[i].iov_len : count - done;

		if (here > 0)
			memcpy(pieces[i].iov_base, bytes + done, here);
		done += here;
	}
	return done;
}

static void take(struct outcome *outcome, const struct frame *frame)
{
	assert(frame->length >= FRAME_BYTES_MIN && frame->length <= FRAME_BYTES_MAX);
	assert(frame->head_bytes == frame->length);
	outcome->frames++;
	outcome->sum = outcome->sum * 1099511628211u + frame->length;
	for (uint32_t i = 0; i < frame->length; i++)
		outcome->sum = outcome->sum * 1099511628211u + frame->head[i];
}

/* Whether all is taken for now; else the rest is elsewhere, where nothing stands behind it. */
static bool settle(struct framing *framing, uint8_t **rest)
{
	uint8_t *moved;

	if (framing_settle(framing))
		return true;
	moved = malloc(framing->left);
	framing_move(framing, moved);
	free(*rest);
	*rest = moved;
	return false;
}

static struct outcome run(struct cut cut, const uint8_t *bytes, size_t count)
{
	struct outcome outcome = {.verdict = DROP_NONE};
	uint8_t *partial = malloc(FRAME_BYTES_MAX), *buffer = malloc(cut.buffer_bytes), *rest = NULL;
	struct framing framing;
	struct frame frames[64];
	size_t got;

	framing_init(&framing, partial);
	while (count > 0 && outcome.verdict == DROP_NONE) {
		struct iovec pieces[FRAMING_ROOMS];
		int rooms = framing_room(&framing, buffer, cut.buffer_bytes, pieces);
		size_t step = cut_next(&cut);
		size_t done = fill(pieces, rooms, bytes, step < count ? step : count);

		framing_filled(&framing, buffer, done);
		bytes += done;
		count -= done;
		do {
			got = framing_next(&framing, frames, cut.most, &outcome.verdict);
			for (size_t i = 0; i < got; i++)
				take(&outcome, &frames[i]);
			if (cut.moves && outcome.verdict == DROP_NONE && got == cut.most && settle(&framing, &rest))
				break;
		} while (got > 0 && outcome.verdict == DROP_NONE);
	}
	if (outcome.verdict == DROP_NONE)
		outcome.end = framing_end(&framing);
	free(partial);
	free(rest);
	free(buffer);
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct cut cut, whole = {.buffer_bytes = 256 * 1024, .most = 64, .whole = true};
	struct outcome one, other;

	if (count < 4)
		return 0;
	cut = (struct cut){
		.state = (uint32_t)(bytes[0] << 8 | bytes[1]),
		.buffer_bytes = 1 + (size_t)bytes[2] * 17,
		.most = 1 + bytes[3] % 64,
		.moves = bytes[3] & 64,
	};
	one = run(cut, bytes + 4, count - 4);
	other = run(whole, bytes + 4, count - 4);
	assert(one.frames == other.frames && one.sum == other.sum);
	assert(one.verdict == other.verdict && one.end == other.end);
	return 0;
}
