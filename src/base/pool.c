/* SPDX-License-Identifier: MIT */
/* The pool. Items that were never taken are told by a number and not by a list, because a list would have to be written
 * into them; those that came back stand on a list inside themselves. */
#include "base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	POOL_ALIGNMENT = 16,
};

struct pool_item {
	struct pool_item *next;
};

int pool_init(struct pool *pool, size_t item_bytes, size_t count)
{
	*pool = (struct pool){0};
	if (item_bytes > SIZE_MAX / 2)
		return -ENOMEM;
	if (item_bytes < POOL_ALIGNMENT)
		item_bytes = POOL_ALIGNMENT;
	item_bytes = (item_bytes + POOL_ALIGNMENT - 1) / POOL_ALIGNMENT * POOL_ALIGNMENT;
	if (count > SIZE_MAX / 2 / item_bytes)
		return -ENOMEM;
	/* Not zeroed: large blocks come from the system untouched, and pool_take() promises nothing. */
	pool->memory = malloc(count > 0 ? item_bytes * count : 1);
	if (!pool->memory)
		return -ENOMEM;
	pool->item_bytes = item_bytes;
	pool->count = count;
	return 0;
}

void pool_done(struct pool *pool)
{
	assert(pool->taken == 0);
	free(pool->memory);
	*pool = (struct pool){0};
}

void *pool_take(struct pool *pool)
{
	struct pool_item *item = pool->free;

	if (item) {
		pool->free = item->next;
		pool->taken++;
		return item;
	}
	if (pool->touched == pool->count)
		return NULL;
	pool->taken++;
	return pool->memory + pool->item_bytes * pool->touched++;
}

void pool_give(struct pool *pool, void *item)
{
	struct pool_item *free_item = item;
	size_t offset = (size_t)((unsigned char *)item - pool->memory);

	assert(offset < pool->touched * pool->item_bytes && offset % pool->item_bytes == 0 && pool->taken > 0);
	free_item->next = pool->free;
	pool->free = free_item;
	pool->taken--;
}
