/* SPDX-License-Identifier: MIT */
/* Items of one size, all reserved at start: taking one never asks the system. Last in, first out, and an item that was
 * never taken was never touched, so that an idle pool costs address space and no memory. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool_item;

struct pool {
	unsigned char *memory;
	struct pool_item *free;
	size_t item_bytes;
	size_t count;   /* how many there are */
	size_t touched; /* how many have ever been taken */
	size_t taken;   /* how many are out now */
};

/* 0 or -ENOMEM. Items are aligned to 16 bytes. */
int pool_init(struct pool *pool, size_t item_bytes, size_t count);
void pool_done(struct pool *pool);
/* Not zeroed. NULL when all are out: the caller's drop reason says which pool. */
void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *item);

#endif
