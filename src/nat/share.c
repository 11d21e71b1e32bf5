/* SPDX-License-Identifier: MIT */
/* See share.h. */
#include "nat/share.h"

#include <stdint.h>

static void share_init(struct share *share, const struct port *port)
{
	*share = (struct share){.port = port};
	for (int i = 0; i < SHARE_KINDS; i++)
		list_init(&share->kinds[i]);
}

int shares_init(struct shares *shares)
{
	*shares = (struct shares){.count = 0};
	list_init(&shares->all);
	for (int i = 0; i < SHARES_BUCKETS; i++)
		list_init(&shares->buckets[i]);
	share_init(&shares->rest, NULL);
	return pool_init(&shares->pool, sizeof(struct share), SHARES_MOST);
}

void shares_done(struct shares *shares)
{
	pool_done(&shares->pool);
}

/* Ports are heap objects of some hundred bytes each. */
static struct list *share_bucket(struct shares *shares, const struct port *port)
{
	uintptr_t number = (uintptr_t)port >> 6;

	return &shares->buckets[(number ^ number >> 6) % SHARES_BUCKETS];
}

static struct share *share_new(struct shares *shares, const struct port *port, struct list *bucket)
{
	struct share *share = pool_take(&shares->pool);

	if (share) {
		share_init(share, port);
		list_append(bucket, &share->bucket);
	} else {
		share = &shares->rest;
	}
	if (share->users == 0) {
		list_append(&shares->all, &share->link);
		shares->count++;
	}
	return share;
}

struct share *share_join(struct shares *shares, const struct port *port)
{
	struct list *bucket = share_bucket(shares, port);
	struct share *share = NULL;

	list_for_each (at, bucket) {
		struct share *one = container_of(at, struct share, bucket);

		if (one->port == port)
			share = one;
	}
	if (!share)
		share = share_new(shares, port, bucket);
	share->users++;
	return share;
}

void share_leave(struct shares *shares, struct share *share)
{
	if (--share->users > 0)
		return;
	list_remove(&share->link);
	shares->count--;
	if (share == &shares->rest)
		return;
	list_remove(&share->bucket);
	pool_give(&shares->pool, share);
}

struct share *shares_heaviest(const struct shares *shares, const struct share *spared)
{
	struct share *heaviest = NULL;

	list_for_each (at, &shares->all) {
		struct share *share = container_of(at, struct share, link);

		if ((share != spared || share->users > 1) && (!heaviest || share->holds > heaviest->holds))
			heaviest = share;
	}
	return heaviest;
}
