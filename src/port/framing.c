/* SPDX-License-Identifier: MIT */
/* See framing.h. */
#include "port/framing.h"

#include <string.h>

#include "base/bytes.h"

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
	framing->whole_header = count == FRAMING_HEADER_BYTES;
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

size_t framing_next(struct framing *framing, struct frame *ret_frames, size_t most, enum drop_reason *ret_verdict)
{
	size_t count = 0;

	*ret_verdict = DROP_NONE;
	while (count < most) {
		if (framing->length == 0) {
			*ret_verdict = framing_read_header(framing);
			if (framing->length == 0)
				return count;
		}
		if (framing->have == framing->length) {
			frame_init(&ret_frames[count++], framing->partial, framing->length);
		} else if (framing->have == 0 && framing->left >= framing->length) {
			frame_init(&ret_frames[count], framing->next, framing->length);
			ret_frames[count++].framed = framing->whole_header ? framing->next : NULL;
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

enum drop_reason framing_end(const struct framing *framing)
{
	if (framing->length > 0)
		return DROP_STREAM_ENDED_IN_FRAME;
	if (framing->header_bytes > 0)
		return DROP_STREAM_ENDED_IN_HEADER;
	return DROP_NONE;
}
