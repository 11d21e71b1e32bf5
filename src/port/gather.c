/* SPDX-License-Identifier: MIT */
/* See gather.h. */
#include "port/gather.h"

#include <string.h>

void gather_init(struct gather *gather, uint32_t prefix_bytes)
{
	gather->prefix_bytes = prefix_bytes;
	gather_clear(gather);
}

void gather_clear(struct gather *gather)
{
	gather->count = 0;
	gather->pieces = 0;
	gather->bytes = 0;
}

static void gather_piece(struct gather *gather, const void *bytes, size_t count)
{
	gather->piece[gather->pieces++] = (struct iovec){(void *)(uintptr_t)bytes, count};
}

bool gather_add(struct gather *gather, const void *prefix, const struct frame *frame)
{
	struct gather_entry *entry = &gather->entry[gather->count];
	uint32_t pieces = (gather->prefix_bytes ? 1u : 0u) + (frame->head_bytes ? 1u : 0u);

	if (gather->count == GATHER_FRAMES || frame->body_pieces > GATHER_PIECES ||
	    gather->pieces + pieces + frame->body_pieces > GATHER_PIECES)
		return false;
	entry->standing = NULL;
	entry->first = (uint16_t)gather->pieces;
	entry->pieces = (uint16_t)(pieces + frame->body_pieces);
	entry->bytes = gather->prefix_bytes + frame->length;
	if (gather->prefix_bytes) {
		memcpy(gather->prefix[gather->count], prefix, gather->prefix_bytes);
		gather_piece(gather, gather->prefix[gather->count], gather->prefix_bytes);
	}
	if (frame->head_bytes)
		gather_piece(gather, frame->head, frame->head_bytes);
	for (uint32_t i = 0; i < frame->body_pieces; i++)
		gather->piece[gather->pieces++] = frame->body[i];
	gather->bytes += entry->bytes;
	gather->count++;
	return true;
}

/* Whether this place is where the last piece ends, and that is one of frames as they stand. */
static bool gather_goes_on(const struct gather *gather, const uint8_t *at)
{
	const struct iovec *last;

	if (gather->count == 0 || !gather->entry[gather->count - 1].standing)
		return false;
	last = &gather->piece[gather->pieces - 1];
	return (const uint8_t *)last->iov_base + last->iov_len == at;
}

bool gather_add_standing(struct gather *gather, const uint8_t *prefix, const struct frame *frame)
{
	uint32_t bytes = gather->prefix_bytes + frame->length;

	if (gather->count == GATHER_FRAMES)
		return false;
	if (gather_goes_on(gather, prefix))
		gather->piece[gather->pieces - 1].iov_len += bytes;
	else if (gather->pieces == GATHER_PIECES)
		return false;
	else
		gather_piece(gather, prefix, bytes);
	gather->entry[gather->count++] = (struct gather_entry){.standing = prefix,
							       .first = (uint16_t)(gather->pieces - 1),
							       .pieces = 1,
							       .bytes = bytes};
	gather->bytes += bytes;
	return true;
}

const uint8_t *gather_prefix(const struct gather *gather, uint32_t index)
{
	const struct gather_entry *entry = &gather->entry[index];

	return entry->standing ? entry->standing : gather->prefix[index];
}

void gather_frame(const struct gather *gather, uint32_t index, struct frame *ret_frame)
{
	const struct gather_entry *entry = &gather->entry[index];
	uint32_t first = entry->first + (gather->prefix_bytes ? 1u : 0u);
	uint32_t pieces = entry->pieces - (gather->prefix_bytes ? 1u : 0u);

	if (entry->standing) {
		frame_init(ret_frame, entry->standing + gather->prefix_bytes, entry->bytes - gather->prefix_bytes);
		return;
	}
	*ret_frame = (struct frame){
		.head = gather->piece[first].iov_base,
		.head_bytes = (uint32_t)gather->piece[first].iov_len,
		.length = entry->bytes - gather->prefix_bytes,
		.body = &gather->piece[first + 1],
		.body_pieces = pieces - 1,
	};
}
