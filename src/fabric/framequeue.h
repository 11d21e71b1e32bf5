/* SPDX-License-Identifier: MIT */
/* A port's bounded queue: frames copied into blocks from the network's pool, because the far end did not take them yet.
 * A frame is stored behind a prefix (a stream's length, a tap's header) so that sending it is only a list of pieces.
 * The bound is in bytes and the pool's end is another; both are the caller's drop reasons. */
#ifndef FABRIC_FRAMEQUEUE_H
#define FABRIC_FRAMEQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/drop.h"
#include "base/pool.h"
#include "fabric/frame.h"

enum framequeue_limits {
	FRAMEQUEUE_BLOCK_BYTES = 4096,
	FRAMEQUEUE_PREFIX_MAX = 16,
};

struct framequeue_block;

struct framequeue {
	struct pool *blocks;
	struct framequeue_block *first; /* oldest; holds `read` */
	struct framequeue_block *last;  /* newest; holds `write` */
	uint32_t read;
	uint32_t write;
	uint32_t left; /* of the oldest frame, still to go */
	size_t bytes;  /* queued, prefixes included */
	size_t bound;
	size_t frames;
	size_t peak; /* the most `bytes` ever was: tests hold it against the bound */
};

void framequeue_init(struct framequeue *queue, struct pool *blocks, size_t bound);
/* Gives everything back. */
void framequeue_done(struct framequeue *queue);
static inline bool framequeue_empty(const struct framequeue *queue)
{
	return queue->frames == 0;
}

/* All or nothing: DROP_NONE, DROP_QUEUE_FULL, DROP_POOL_EMPTY. `skip` bytes of prefix-and-frame are left out: they
 * have been sent already. */
enum drop_reason framequeue_put(struct framequeue *queue, const void *prefix, size_t prefix_bytes,
				const struct frame *frame, size_t skip);
/* As a stream: the oldest bytes as pieces; how many pieces. */
int framequeue_peek_bytes(const struct framequeue *queue, struct iovec *ret_pieces, int most);
/* The far end took this many bytes, which may end inside a frame. */
void framequeue_consume_bytes(struct framequeue *queue, size_t count);
/* As frames: the oldest, whole, prefix first; how many pieces (at most 32 are needed), 0 when empty. */
int framequeue_peek_frame(const struct framequeue *queue, struct iovec *ret_pieces, int most, size_t *ret_bytes);
void framequeue_consume_frame(struct framequeue *queue);

#endif
