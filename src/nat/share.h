/* SPDX-License-Identifier: MIT */
/* Who holds how much of something that all guests share and that has an end: flows, memory for fragments. A guest is its
 * port. Each has a share while it holds anything, with what it holds in lists, so that when nothing is left the guest
 * that holds most is found by a look at each guest, and not at all that they hold. Nothing is allocated for a packet; what
 * guests beyond SHARES_MOST hold is counted as one's. */
#ifndef NAT_SHARE_H
#define NAT_SHARE_H

#include <stddef.h>

#include "base/list.h"
#include "base/pool.h"
#include "fabric/port.h"

enum share_limits {
	SHARES_MOST = 4096,
	SHARES_BUCKETS = 64,
	SHARE_KINDS = 4,
};

struct share {
	struct list link;   /* of all */
	struct list bucket; /* of those with this hash */
	const struct port *port;
	size_t holds; /* of what is shared */
	size_t users; /* things by which it holds it */
	struct list
		kinds[SHARE_KINDS]; /* those things, by whatever tells them apart; whose lists these are keeps them */
};

struct shares {
	struct pool pool;
	struct list all;
	struct list buckets[SHARES_BUCKETS];
	struct share rest;
	size_t count; /* guests that hold something */
};

/* 0 or -ENOMEM. */
int shares_init(struct shares *shares);
void shares_done(struct shares *shares);

/* The port's share, for one more thing. */
struct share *share_join(struct shares *shares, const struct port *port);
/* One thing less; it is on no list any more, and what it held is not counted. */
void share_leave(struct shares *shares, struct share *share);
/* The guest that holds most, of those with more than the one thing that is to be spared; `spared`: whose that is, or NULL.
 * NULL: there is none. */
struct share *shares_heaviest(const struct shares *shares, const struct share *spared);

#endif
