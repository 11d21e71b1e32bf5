/* SPDX-License-Identifier: MIT */
/* The store itself is one block of the pool: a sorted list of ranges, and a table of data blocks in which a byte's place
 * follows from its sequence number alone. So nothing is moved when a gap closes, and bytes that come twice are written
 * over themselves. */
#include "nat/tcp_early.h"

#include <string.h>

enum {
	TCP_EARLY_BLOCK_BYTES = 4096,
};

struct tcp_early_range {
	uint32_t left;
	uint32_t right;
};

struct tcp_early {
	int count;
	uint32_t recent; /* a number in the range that was touched last */
	bool has_end;
	uint32_t end;
	struct tcp_early_range ranges[TCP_EARLY_RANGES + 1]; /* ascending, apart; one more than is kept, to insert */
	uint8_t *blocks[TCP_EARLY_SLOTS];
};

_Static_assert(sizeof(struct tcp_early) <= TCP_EARLY_BLOCK_BYTES, "the pool's items");

static bool early_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint32_t early_slot(uint32_t sequence)
{
	return sequence / TCP_EARLY_BLOCK_BYTES % TCP_EARLY_SLOTS;
}

/* ---- ranges ---- */

static void early_remove(struct tcp_early *early, int index)
{
	early->count--;
	memmove(&early->ranges[index], &early->ranges[index + 1],
		(size_t)(early->count - index) * sizeof(early->ranges[0]));
}

/* Joined with those that it touches. There is a place for one more. */
static void early_add(struct tcp_early *early, uint32_t left, uint32_t right)
{
	int at = 0;

	while (at < early->count && early_before(early->ranges[at].right, left))
		at++;
	while (at < early->count && !early_before(right, early->ranges[at].left)) {
		if (early_before(early->ranges[at].left, left))
			left = early->ranges[at].left;
		if (early_before(right, early->ranges[at].right))
			right = early->ranges[at].right;
		early_remove(early, at);
	}
	memmove(&early->ranges[at + 1], &early->ranges[at], (size_t)(early->count - at) * sizeof(early->ranges[0]));
	early->ranges[at] = (struct tcp_early_range){left, right};
	early->count++;
}

/* ---- blocks ---- */

static bool early_take_blocks(struct tcp_early *early, struct pool *pool, uint32_t sequence, uint32_t bytes)
{
	uint32_t end = sequence + bytes;

	for (uint32_t at = sequence - sequence % TCP_EARLY_BLOCK_BYTES; early_before(at, end);
	     at += TCP_EARLY_BLOCK_BYTES) {
		uint8_t **block = &early->blocks[early_slot(at)];

		if (!*block && !(*block = pool_take(pool)))
			return false;
	}
	return true;
}

/* Those in which no range has a byte. */
static void early_give_blocks(struct tcp_early *early, struct pool *pool)
{
	bool used[TCP_EARLY_SLOTS] = {false};

	for (int i = 0; i < early->count; i++) {
		uint32_t left = early->ranges[i].left;

		for (uint32_t at = left - left % TCP_EARLY_BLOCK_BYTES; early_before(at, early->ranges[i].right);
		     at += TCP_EARLY_BLOCK_BYTES)
			used[early_slot(at)] = true;
	}
	for (int i = 0; i < TCP_EARLY_SLOTS; i++) {
		if (used[i] || !early->blocks[i])
			continue;
		pool_give(pool, early->blocks[i]);
		early->blocks[i] = NULL;
	}
}

static void early_write(struct tcp_early *early, uint32_t sequence, const uint8_t *from, size_t left)
{
	while (left > 0) {
		uint32_t offset = sequence % TCP_EARLY_BLOCK_BYTES;
		size_t here = TCP_EARLY_BLOCK_BYTES - offset < left ? TCP_EARLY_BLOCK_BYTES - offset : left;

		memcpy(early->blocks[early_slot(sequence)] + offset, from, here);
		sequence += (uint32_t)here;
		from += here;
		left -= here;
	}
}

/* ---- the store ---- */

static void early_free_if_empty(struct tcp_early **early, struct pool *pool)
{
	if ((*early)->count > 0)
		return;
	early_give_blocks(*early, pool);
	pool_give(pool, *early);
	*early = NULL;
}

bool tcp_early_keep(struct tcp_early **early, struct pool *pool, uint32_t sequence, const struct iovec *pieces,
		    int count)
{
	uint32_t bytes = 0, at = sequence;
	bool good;

	if (!*early) {
		*early = pool_take(pool);
		if (!*early)
			return false;
		memset(*early, 0, sizeof(**early));
	}
	for (int i = 0; i < count; i++)
		bytes += (uint32_t)pieces[i].iov_len;
	good = (*early)->count < TCP_EARLY_RANGES && early_take_blocks(*early, pool, sequence, bytes);
	if (good) {
		for (int i = 0; i < count; at += (uint32_t)pieces[i++].iov_len)
			early_write(*early, at, pieces[i].iov_base, pieces[i].iov_len);
		early_add(*early, sequence, at);
		(*early)->recent = sequence;
	} else {
		early_give_blocks(*early, pool);
	}
	early_free_if_empty(early, pool);
	return good;
}

void tcp_early_keep_end(struct tcp_early *early, uint32_t end)
{
	if (!early)
		return;
	early->has_end = true;
	early->end = end;
}

bool tcp_early_is_end(const struct tcp_early *early, uint32_t next)
{
	return early && early->has_end && early->end == next;
}

uint32_t tcp_early_slice(const struct tcp_early *early, uint32_t next, struct iovec *ret_pieces, int *ret_count)
{
	uint32_t at = next, end = next;
	int used = 0;

	for (int i = 0; early && i < early->count && !early_before(next, early->ranges[i].left); i++)
		end = early_before(end, early->ranges[i].right) ? early->ranges[i].right : end;
	while (at != end && used < TCP_EARLY_PIECES) {
		uint32_t offset = at % TCP_EARLY_BLOCK_BYTES, here = TCP_EARLY_BLOCK_BYTES - offset;

		if (here > end - at)
			here = end - at;
		ret_pieces[used++] =
			(struct iovec){.iov_base = early->blocks[early_slot(at)] + offset, .iov_len = here};
		at += here;
	}
	*ret_count = used;
	return at - next;
}

void tcp_early_consume(struct tcp_early **early, struct pool *pool, uint32_t next)
{
	struct tcp_early *store = *early;

	if (!store)
		return;
	while (store->count > 0 && !early_before(next, store->ranges[0].right))
		early_remove(store, 0);
	if (store->count > 0 && early_before(store->ranges[0].left, next))
		store->ranges[0].left = next;
	early_give_blocks(store, pool);
	early_free_if_empty(early, pool);
}

void tcp_early_clear(struct tcp_early **early, struct pool *pool)
{
	if (!*early)
		return;
	(*early)->count = 0;
	early_free_if_empty(early, pool);
}

uint8_t tcp_early_sacks(const struct tcp_early *early, struct tcp_sack *ret_sacks, uint8_t most)
{
	uint8_t used = 0;
	int newest = -1;

	for (int i = 0; early && i < early->count; i++)
		if (!early_before(early->recent, early->ranges[i].left) &&
		    early_before(early->recent, early->ranges[i].right))
			newest = i;
	if (newest >= 0 && most > 0)
		ret_sacks[used++] = (struct tcp_sack){early->ranges[newest].left, early->ranges[newest].right};
	for (int i = 0; early && i < early->count && used < most; i++)
		if (i != newest)
			ret_sacks[used++] = (struct tcp_sack){early->ranges[i].left, early->ranges[i].right};
	return used;
}
