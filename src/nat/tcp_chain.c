/* SPDX-License-Identifier: MIT */
/* Every block but the last is full to its end, so a place is found by counting. An empty chain holds no block. */
#include "nat/tcp_chain.h"

#include <assert.h>
#include <string.h>

enum {
	TCP_CHAIN_DATA_BYTES = TCP_CHAIN_BLOCK_BYTES - sizeof(void *),
};

struct tcp_chain_block {
	struct tcp_chain_block *next;
	uint8_t data[TCP_CHAIN_DATA_BYTES];
};

_Static_assert(sizeof(struct tcp_chain_block) == TCP_CHAIN_BLOCK_BYTES, "the pool's items");

void tcp_chain_clear(struct tcp_chain *chain, struct pool *pool)
{
	while (chain->first) {
		struct tcp_chain_block *block = chain->first;

		chain->first = block->next;
		pool_give(pool, block);
	}
	*chain = (struct tcp_chain){0};
}

/* Where the next byte goes in the last block; at its end a new block. NULL: the pool is empty. */
static uint8_t *tcp_chain_room(struct tcp_chain *chain, struct pool *pool, uint32_t *ret_bytes)
{
	uint32_t used = (chain->skip + chain->bytes) % TCP_CHAIN_DATA_BYTES;
	struct tcp_chain_block *block;

	if (chain->last && used > 0) {
		*ret_bytes = TCP_CHAIN_DATA_BYTES - used;
		return chain->last->data + used;
	}
	block = pool_take(pool);
	if (!block)
		return NULL;
	block->next = NULL;
	if (chain->last)
		chain->last->next = block;
	else
		chain->first = block;
	chain->last = block;
	*ret_bytes = TCP_CHAIN_DATA_BYTES;
	return block->data;
}

static uint32_t tcp_chain_append_piece(struct tcp_chain *chain, struct pool *pool, const uint8_t *from, size_t count)
{
	size_t left = count;

	while (left > 0) {
		uint32_t room;
		uint8_t *to = tcp_chain_room(chain, pool, &room);

		if (!to)
			break;
		if (room > left)
			room = (uint32_t)left;
		memcpy(to, from, room);
		chain->bytes += room;
		from += room;
		left -= room;
	}
	return (uint32_t)(count - left);
}

uint32_t tcp_chain_append(struct tcp_chain *chain, struct pool *pool, const struct iovec *pieces, int count,
			  size_t skip)
{
	uint32_t taken = 0;

	for (int i = 0; i < count; i++) {
		const uint8_t *from = pieces[i].iov_base;
		size_t bytes = pieces[i].iov_len;
		uint32_t here;

		if (skip >= bytes) {
			skip -= bytes;
			continue;
		}
		here = tcp_chain_append_piece(chain, pool, from + skip, bytes - skip);
		taken += here;
		if (here < bytes - skip)
			break;
		skip = 0;
	}
	return taken;
}

int tcp_chain_slice(const struct tcp_chain *chain, uint32_t offset, uint32_t most_bytes, struct iovec *ret_pieces,
		    int most)
{
	struct tcp_chain_block *block = chain->first;
	uint32_t left;
	int used = 0;

	if (offset >= chain->bytes)
		return 0;
	left = chain->bytes - offset < most_bytes ? chain->bytes - offset : most_bytes;
	offset += chain->skip;
	while (offset >= TCP_CHAIN_DATA_BYTES) {
		block = block->next;
		offset -= TCP_CHAIN_DATA_BYTES;
	}
	while (left > 0 && used < most) {
		uint32_t here = TCP_CHAIN_DATA_BYTES - offset;

		if (here > left)
			here = left;
		ret_pieces[used++] = (struct iovec){.iov_base = block->data + offset, .iov_len = here};
		left -= here;
		offset = 0;
		block = block->next;
	}
	return used;
}

void tcp_chain_consume(struct tcp_chain *chain, struct pool *pool, uint32_t bytes)
{
	assert(bytes <= chain->bytes);
	chain->bytes -= bytes;
	chain->skip += bytes;
	while (chain->skip >= TCP_CHAIN_DATA_BYTES) {
		struct tcp_chain_block *block = chain->first;

		chain->skip -= TCP_CHAIN_DATA_BYTES;
		chain->first = block->next;
		if (!chain->first)
			chain->last = NULL;
		pool_give(pool, block);
	}
	if (chain->bytes == 0)
		tcp_chain_clear(chain, pool);
}
