/* SPDX-License-Identifier: MIT */
/* The queue. Frames stand one behind the other in a chain of blocks, each behind a hidden word that tells its length;
 * the word never straddles blocks, so one that does not fit begins the next block. `left` is what is still to go of the
 * oldest frame, whose word has been passed; with nothing queued no block is held. */
#include "fabric/framequeue.h"

#include <assert.h>
#include <string.h>

enum {
	FRAMEQUEUE_WORD_BYTES = 4,
	FRAMEQUEUE_DATA_BYTES = FRAMEQUEUE_BLOCK_BYTES - sizeof(void *),
};

struct framequeue_block {
	struct framequeue_block *next;
	uint8_t data[FRAMEQUEUE_DATA_BYTES];
};

/* A place to write to or read from. */
struct framequeue_place {
	struct framequeue_block *block;
	uint32_t offset;
};

void framequeue_init(struct framequeue *queue, struct pool *blocks, size_t bound)
{
	*queue = (struct framequeue){.blocks = blocks, .bound = bound};
}

void framequeue_done(struct framequeue *queue)
{
	while (queue->first) {
		struct framequeue_block *block = queue->first;

		queue->first = block->next;
		pool_give(queue->blocks, block);
	}
	framequeue_init(queue, queue->blocks, queue->bound);
}

/* Blocks for `bytes` more behind `write`, all or none. */
static bool framequeue_grow(struct framequeue *queue, size_t bytes)
{
	size_t room = queue->last ? FRAMEQUEUE_DATA_BYTES - queue->write : 0;
	struct framequeue_block *chain = NULL, **end = &chain;

	if (room < FRAMEQUEUE_WORD_BYTES)
		room = 0;
	for (bytes += FRAMEQUEUE_WORD_BYTES; room < bytes; room += FRAMEQUEUE_DATA_BYTES) {
		*end = pool_take(queue->blocks);
		if (!*end)
			break;
		(*end)->next = NULL;
		end = &(*end)->next;
	}
	if (room < bytes) {
		while (chain) {
			struct framequeue_block *block = chain;

			chain = block->next;
			pool_give(queue->blocks, block);
		}
		return false;
	}
	if (queue->last) {
		queue->last->next = chain;
	} else {
		queue->first = queue->last = chain;
		queue->write = 0;
	}
	return true;
}

static void framequeue_write(struct framequeue *queue, const struct frame *frame, uint32_t offset, const uint8_t *bytes,
			     size_t count)
{
	while (count > 0) {
		size_t here = FRAMEQUEUE_DATA_BYTES - queue->write;

		if (here == 0) {
			queue->last = queue->last->next;
			queue->write = 0;
			continue;
		}
		if (here > count)
			here = count;
		if (bytes) {
			memcpy(queue->last->data + queue->write, bytes, here);
			bytes += here;
		} else {
			frame_copy(frame, offset, queue->last->data + queue->write, here);
			offset += (uint32_t)here;
		}
		queue->write += (uint32_t)here;
		count -= here;
	}
}

/* Where the next word stands, from a place behind a frame. */
static void framequeue_align(struct framequeue_place *place)
{
	if (FRAMEQUEUE_DATA_BYTES - place->offset < FRAMEQUEUE_WORD_BYTES) {
		place->block = place->block->next;
		place->offset = 0;
	}
}

static uint32_t framequeue_word(struct framequeue_place *place)
{
	uint32_t word;

	framequeue_align(place);
	memcpy(&word, place->block->data + place->offset, sizeof(word));
	place->offset += FRAMEQUEUE_WORD_BYTES;
	return word;
}

enum drop_reason framequeue_put(struct framequeue *queue, const void *prefix, size_t prefix_bytes,
				const struct frame *frame, size_t skip)
{
	size_t total = prefix_bytes + frame->length - skip;
	size_t prefix_skip = skip < prefix_bytes ? skip : prefix_bytes;
	uint32_t word = (uint32_t)total;

	assert(prefix_bytes <= FRAMEQUEUE_PREFIX_MAX && skip <= prefix_bytes + frame->length);
	if (total == 0)
		return DROP_NONE;
	if (total > queue->bound - queue->bytes)
		return DROP_QUEUE_FULL;
	if (!framequeue_grow(queue, total))
		return DROP_POOL_EMPTY;
	if (FRAMEQUEUE_DATA_BYTES - queue->write < FRAMEQUEUE_WORD_BYTES) {
		queue->last = queue->last->next;
		queue->write = 0;
	}
	framequeue_write(queue, NULL, 0, (const uint8_t *)&word, sizeof(word));
	if (prefix_bytes > prefix_skip)
		framequeue_write(queue, NULL, 0, (const uint8_t *)prefix + prefix_skip, prefix_bytes - prefix_skip);
	framequeue_write(queue, frame, (uint32_t)(skip - prefix_skip), NULL, frame->length - (skip - prefix_skip));
	if (queue->frames == 0) {
		queue->read = FRAMEQUEUE_WORD_BYTES;
		queue->left = word;
	}
	queue->frames++;
	queue->bytes += total;
	if (queue->bytes > queue->peak)
		queue->peak = queue->bytes;
	return DROP_NONE;
}

/* The next piece of a frame that has `left` bytes to go; moves the place behind it. */
static uint32_t framequeue_piece(struct framequeue_place *place, uint32_t left, struct iovec *ret_piece)
{
	uint32_t here;

	if (place->offset == FRAMEQUEUE_DATA_BYTES) {
		place->block = place->block->next;
		place->offset = 0;
	}
	here = FRAMEQUEUE_DATA_BYTES - place->offset;
	if (here > left)
		here = left;
	*ret_piece = (struct iovec){.iov_base = place->block->data + place->offset, .iov_len = here};
	place->offset += here;
	return here;
}

int framequeue_peek_bytes(const struct framequeue *queue, struct iovec *ret_pieces, int most)
{
	struct framequeue_place place = {queue->first, queue->read};
	uint32_t left = queue->left;
	size_t frames = queue->frames;
	int used = 0;

	while (frames > 0 && used < most) {
		left -= framequeue_piece(&place, left, &ret_pieces[used++]);
		if (left == 0 && --frames > 0)
			left = framequeue_word(&place);
	}
	return used;
}

/* Gives blocks back until `place` is in the first. */
static void framequeue_trim(struct framequeue *queue, struct framequeue_place *place)
{
	while (queue->first != place->block) {
		struct framequeue_block *block = queue->first;

		queue->first = block->next;
		pool_give(queue->blocks, block);
	}
	queue->read = place->offset;
}

void framequeue_consume_bytes(struct framequeue *queue, size_t count)
{
	struct framequeue_place place = {queue->first, queue->read};
	struct iovec piece;

	assert(count <= queue->bytes);
	queue->bytes -= count;
	while (count > 0) {
		uint32_t here = framequeue_piece(&place, count < queue->left ? (uint32_t)count : queue->left, &piece);

		count -= here;
		queue->left -= here;
		if (queue->left > 0)
			continue;
		if (--queue->frames == 0) {
			size_t peak = queue->peak;

			framequeue_done(queue);
			queue->peak = peak;
			return;
		}
		queue->left = framequeue_word(&place);
	}
	if (queue->frames > 0)
		framequeue_trim(queue, &place);
}

int framequeue_peek_frame(const struct framequeue *queue, struct iovec *ret_pieces, int most, size_t *ret_bytes)
{
	struct framequeue_place place = {queue->first, queue->read};
	uint32_t left = queue->left;
	int used = 0;

	if (queue->frames == 0)
		return 0;
	while (left > 0) {
		assert(used < most);
		left -= framequeue_piece(&place, left, &ret_pieces[used++]);
	}
	*ret_bytes = queue->left;
	return used;
}

void framequeue_consume_frame(struct framequeue *queue)
{
	if (queue->frames > 0)
		framequeue_consume_bytes(queue, queue->left);
}
