/* SPDX-License-Identifier: MIT */
/* What came from a guest ahead of a gap: bytes of its window under their own sequence numbers, with holes. They stay here
 * until the gap is filled, and are told to the guest as selective acknowledgements meanwhile. All memory is blocks of the
 * pool that the tails live in; a NULL pointer is the empty store, and most flows never have another. */
#ifndef NAT_TCP_EARLY_H
#define NAT_TCP_EARLY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/pool.h"
#include "wire/tcp.h"

enum tcp_early_limits {
	TCP_EARLY_RANGES = 64,  /* apart from each other; what would be one more is not kept */
	TCP_EARLY_SLOTS = 256,  /* blocks: twice the window, so that numbers in it never share one */
	TCP_EARLY_PIECES = 130, /* of a whole window, wherever it begins */
};

struct tcp_early;

/* Copies the pieces; they lie in the window, whose first number is not among them. False: no room, nothing is kept. */
bool tcp_early_keep(struct tcp_early **early, struct pool *pool, uint32_t sequence, const struct iovec *pieces,
		    int count);
/* The guest's FIN has this number; kept only if something else is. */
void tcp_early_keep_end(struct tcp_early *early, uint32_t end);
/* What follows `next` without a gap, at most TCP_EARLY_PIECES pieces; valid until consumed. How many bytes. */
uint32_t tcp_early_slice(const struct tcp_early *early, uint32_t next, struct iovec *ret_pieces, int *ret_count);
/* Is `next` the FIN's number? */
bool tcp_early_is_end(const struct tcp_early *early, uint32_t next);
/* All before `next` goes. */
void tcp_early_consume(struct tcp_early **early, struct pool *pool, uint32_t next);
void tcp_early_clear(struct tcp_early **early, struct pool *pool);
/* The range that was touched last, then the others from the first on (RFC 2018 4), at most `most`. How many. */
uint8_t tcp_early_sacks(const struct tcp_early *early, struct tcp_sack *ret_sacks, uint8_t most);

#endif
