/* SPDX-License-Identifier: MIT */
/* See framing.h. */
#include "port/framing.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

enum { FRAMING_AHEAD = 3 };

void framing_init(struct framing *framing, void *partial)
{
	*framing = (struct framing){.partial = partial};
}

int framing_room(const struct framing *framing, void *buffer, size_t buffer_bytes,
		 struct iovec ret_pieces[FRAMING_ROOMS])
{
	int count = 0;

	if (framing->length > framing->have)
		ret_pieces[count++] = (struct iovec){framing->partial + framing->have, framing->length - framing->have};
	ret_pieces[count++] = (struct iovec){buffer, buffer_bytes};
	return count;
}

void framing_filled(struct framing *framing, void *buffer, size_t count)
{
	size_t missing = framing->length - framing->have;

	if (count < missing)
		missing = count;
	framing->have += (uint32_t)missing;
	framing->next = buffer;
	framing->left = count - missing;
}

static enum drop_reason framing_check(uint32_t length)
{
	if (length == 0)
		return DROP_STREAM_LENGTH_ZERO;
	if (length < FRAME_BYTES_MIN)
		return DROP_STREAM_LENGTH_SHORT;
	if (length > FRAME_BYTES_MAX)
		return DROP_STREAM_LENGTH_LONG;
	return DROP_NONE;
}

/* Completes the header of the next frame from what was read; `length` stays 0 while bytes of it are missing. */
static enum drop_reason framing_read_header(struct framing *framing)
{
	size_t count = FRAMING_HEADER_BYTES - framing->header_bytes;
	enum drop_reason verdict;
	struct be32 length;

	if (count > framing->left)
		count = framing->left;
	if (count > 0)
		memcpy(framing->header + framing->header_bytes, framing->next, count);
	framing->next += count;
	framing->left -= count;
	framing->header_bytes += (uint32_t)count;
	if (framing->header_bytes < FRAMING_HEADER_BYTES)
		return DROP_NONE;
	memcpy(&length, framing->header, sizeof(length));
	verdict = framing_check(be32_value(length));
	if (verdict == DROP_NONE)
		framing->length = be32_value(length);
	return verdict;
}

/* Keeps the first part of a frame whose rest is still to come. */
static void framing_keep(struct framing *framing)
{
	size_t count = framing->left;

#ifdef PLANTED
	/* The planted fault of `make fuzz`: it trusts what was read instead of what the header said. */
	count += (framing->header[3] & 7) == 2 ? FRAME_BYTES_MAX : 0;
#endif
	if (count > 0)
		memcpy(framing->partial, framing->next, count);
	framing->have = (uint32_t)framing->left;
	framing->next += framing->left;
	framing->left = 0;
}

static void framing_passed(struct framing *framing)
{
	framing->header_bytes = 0;
	framing->length = 0;
	framing->have = 0;
}

/* The usual frames: whole in the shared buffer, header and all. Up to the first that is not, or that lies. What comes
 * some frames later is asked for now, as where it would be if all were as long as this one: all of the buffer was written
 * by the kernel a moment ago, and the first look at each frame would wait for it (42 ns of our own for a frame, 39.5 so). */
static size_t framing_next_standing(struct framing *framing, struct frame *ret_frames, size_t most)
{
	uint8_t *at = framing->next, *end = at + framing->left;
	size_t count = 0;

	while (count < most && (size_t)(end - at) >= FRAMING_HEADER_BYTES) {
		struct be32 header;
		uint32_t length;

		memcpy(&header, at, sizeof(header));
		length = be32_value(header);
		if (framing_check(length) != DROP_NONE || (size_t)(end - at) - FRAMING_HEADER_BYTES < length)
			break;
		frame_init(&ret_frames[count], at + FRAMING_HEADER_BYTES, length);
		ret_frames[count++].framed = at + FRAMING_HEADER_BYTES;
		at += FRAMING_HEADER_BYTES + length;
		if ((size_t)(end - at) > FRAMING_AHEAD * (FRAMING_HEADER_BYTES + (size_t)length))
			__builtin_prefetch(at + FRAMING_AHEAD * (FRAMING_HEADER_BYTES + (size_t)length));
	}
	framing->next = at;
	framing->left = (size_t)(end - at);
	return count;
}

size_t framing_next(struct framing *framing, struct frame *ret_frames, size_t most, enum drop_reason *ret_verdict)
{
	size_t count = 0;

	*ret_verdict = DROP_NONE;
	while (count < most) {
		if (framing->header_bytes == 0) {
			count += framing_next_standing(framing, ret_frames + count, most - count);
			if (count == most)
				return count;
		}
		if (framing->length == 0) {
			*ret_verdict = framing_read_header(framing);
			if (framing->length == 0)
				return count;
		}
		if (framing->have == framing->length) {
			frame_init(&ret_frames[count++], framing->partial, framing->length);
		} else if (framing->have == 0 && framing->left >= framing->length) {
			frame_init(&ret_frames[count++], framing->next, framing->length);
			framing->next += framing->length;
			framing->left -= framing->length;
		} else {
			/* Not while a frame in `partial` is being returned. With a part kept already nothing is left:
			 * the room filled the frame first. */
			if (framing->have == 0 && count == 0)
				framing_keep(framing);
			return count;
		}
		framing_passed(framing);
	}
	return count;
}

/* The last frame has passed: no part of another is kept. */
static bool framing_has_whole(const struct framing *framing)
{
	struct be32 header;
	uint32_t length;

	if (framing->left < FRAMING_HEADER_BYTES)
		return false;
	memcpy(&header, framing->next, sizeof(header));
	length = be32_value(header);
	return framing_check(length) != DROP_NONE || framing->left - FRAMING_HEADER_BYTES >= length;
}

bool framing_settle(struct framing *framing)
{
	enum drop_reason verdict;
	struct frame none;

	assert(framing->header_bytes == 0);
	if (framing_has_whole(framing))
		return false;
	(void)framing_next(framing, &none, 1, &verdict);
	return true;
}

void framing_move(struct framing *framing, void *to)
{
	framing->next = memcpy(to, framing->next, framing->left);
}

size_t framing_held(const struct framing *framing)
{
	return framing->header_bytes + framing->have + framing->left;
}

size_t framing_cut(const struct framing *framing)
{
	return framing->header_bytes + framing->length;
}

enum drop_reason framing_end(const struct framing *framing)
{
	if (framing->length > 0)
		return DROP_STREAM_ENDED_IN_FRAME;
	if (framing->header_bytes > 0)
		return DROP_STREAM_ENDED_IN_HEADER;
	return DROP_NONE;
}
