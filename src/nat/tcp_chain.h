/* SPDX-License-Identifier: MIT */
/* Bytes in a chain of blocks from a bounded pool: what a guest was promised and the host's socket did not take yet (the
 * tail), or what was read from a socket that cannot be peeked and the guest did not acknowledge yet (the ring). */
#ifndef NAT_TCP_CHAIN_H
#define NAT_TCP_CHAIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/pool.h"

enum tcp_chain_limits {
	TCP_CHAIN_BLOCK_BYTES = 4096, /* of the pool's items */
};

struct tcp_chain_block;

struct tcp_chain {
	struct tcp_chain_block *first;
	struct tcp_chain_block *last;
	uint32_t skip;  /* of the first block, consumed */
	uint32_t bytes; /* between there and the end */
};

/* A chain of zeros is an empty one. */
void tcp_chain_clear(struct tcp_chain *chain, struct pool *pool);
/* Copies the pieces but for their first `skip` bytes; how many bytes, fewer when the pool is empty. */
uint32_t tcp_chain_append(struct tcp_chain *chain, struct pool *pool, const struct iovec *pieces, int count,
			  size_t skip);
/* The bytes [offset, offset + most_bytes), as many as there are and as fit the pieces; how many pieces. */
int tcp_chain_slice(const struct tcp_chain *chain, uint32_t offset, uint32_t most_bytes, struct iovec *ret_pieces,
		    int most);
/* The first `bytes` go; they must be there. */
void tcp_chain_consume(struct tcp_chain *chain, struct pool *pool, uint32_t bytes);

#endif
