/* SPDX-License-Identifier: MIT */
/* Entries come from a pool and are found by a keyed hash; the one not looked for longest makes way for a new one, unless
 * somebody waits for it. Who waits is told at the end of the turn, because an answer is heard during a delivery. */
#include "network/neighbour.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/pool.h"

enum { NEIGHBOUR_BUCKETS = 1024 };

struct neighbour {
	struct neighbours *neighbours;
	struct ip6 address;
	struct mac mac; /* zero: not known */
	uint64_t heard_us;
	unsigned tries; /* so far; 0: it is not being asked for */
	struct timer timer;
	struct neighbour *chain;
	struct list used;    /* on neighbours->used */
	struct list telling; /* on neighbours->telling */
	struct list waiters;
	unsigned waiting;
};

struct neighbours {
	struct neighbours_config config;
	struct pool pool;
	struct neighbour *buckets[NEIGHBOUR_BUCKETS];
	struct list used;    /* the one looked for last is last */
	struct list telling; /* whose waiters are to be told */
	struct task tell;
};

/* ---- the table ---- */

static struct neighbour **neighbour_bucket(struct neighbours *neighbours, struct ip6 address)
{
	return &neighbours->buckets[hash_bytes(&neighbours->config.key, &address, sizeof(address)) % NEIGHBOUR_BUCKETS];
}

static struct neighbour *neighbour_look(struct neighbours *neighbours, struct ip6 address)
{
	struct neighbour *neighbour = *neighbour_bucket(neighbours, address);

	while (neighbour && !ip6_equal(neighbour->address, address))
		neighbour = neighbour->chain;
	return neighbour;
}

static void neighbour_forget(struct neighbour *neighbour)
{
	struct neighbours *neighbours = neighbour->neighbours;
	struct neighbour **at = neighbour_bucket(neighbours, neighbour->address);

	while (*at != neighbour)
		at = &(*at)->chain;
	*at = neighbour->chain;
	timer_clear(loop_timers(neighbours->config.loop), &neighbour->timer);
	list_remove(&neighbour->used);
	list_remove(&neighbour->telling);
	pool_give(&neighbours->pool, neighbour);
}

static void neighbour_make_way(struct neighbours *neighbours)
{
	list_for_each (at, &neighbours->used) {
		struct neighbour *neighbour = container_of(at, struct neighbour, used);

		if (neighbour->waiting > 0)
			continue;
		neighbour_forget(neighbour);
		return;
	}
}

static void neighbour_on_due(void *owner, uint64_t now_us);

static struct neighbour *neighbour_make(struct neighbours *neighbours, struct ip6 address)
{
	struct neighbour **bucket = neighbour_bucket(neighbours, address), *neighbour;

	if (neighbours->pool.taken == NEIGHBOURS_MAX)
		neighbour_make_way(neighbours);
	neighbour = pool_take(&neighbours->pool);
	if (!neighbour)
		return NULL;
	*neighbour = (struct neighbour){.neighbours = neighbours, .address = address, .chain = *bucket};
	*bucket = neighbour;
	timer_init(&neighbour->timer, neighbour_on_due, neighbour);
	list_init(&neighbour->waiters);
	list_init(&neighbour->telling);
	list_append(&neighbours->used, &neighbour->used);
	return neighbour;
}

/* ---- telling who waits ---- */

static bool neighbour_place(const struct neighbour *neighbour, struct neighbour_place *ret_place)
{
	struct port *port;

	if (mac_is_zero(neighbour->mac))
		return false;
	port = ethswitch_find(neighbour->neighbours->config.ethswitch, neighbour->mac, 0);
	if (!port || port->uplink)
		return false;
	*ret_place = (struct neighbour_place){.port = port, .mac = neighbour->mac};
	return true;
}

static void neighbour_tell_later(struct neighbour *neighbour)
{
	struct neighbours *neighbours = neighbour->neighbours;

	if (neighbour->waiting == 0)
		return;
	list_remove(&neighbour->telling);
	list_append(&neighbours->telling, &neighbour->telling);
	loop_defer(neighbours->config.loop, &neighbours->tell);
}

/* Those that wait by now; whoever comes back at once, or ends another that waits, may. Meanwhile one more is counted, so
 * that nobody makes way. */
static void neighbour_tell(struct neighbour *neighbour)
{
	neighbour->waiting++;
	for (unsigned left = neighbour->waiting - 1; left > 0 && !list_empty(&neighbour->waiters); left--) {
		struct neighbour_waiter *waiter = container_of(neighbour->waiters.next, struct neighbour_waiter, link);
		struct neighbour_place place;
		bool found = neighbour_place(neighbour, &place);

		neighbour_cancel(waiter);
		waiter->on_found(waiter->owner, found ? &place : NULL);
	}
	neighbour->waiting--;
}

static void neighbours_on_tell(void *owner)
{
	struct neighbours *neighbours = owner;
	struct list telling;

	list_init(&telling);
	list_append_all(&telling, &neighbours->telling);
	while (!list_empty(&telling)) {
		struct neighbour *neighbour = container_of(list_take(&telling), struct neighbour, telling);

		neighbour_tell(neighbour);
	}
}

/* ---- asking ---- */

static void neighbour_ask(struct neighbour *neighbour)
{
	struct neighbours *neighbours = neighbour->neighbours;

	neighbour->tries++;
	timer_set(loop_timers(neighbours->config.loop), &neighbour->timer,
		  ethswitch_now_us(neighbours->config.ethswitch) + NEIGHBOUR_PAUSE_US);
	neighbours->config.ask(neighbours->config.owner, neighbour->address);
}

static void neighbour_on_due(void *owner, uint64_t now_us)
{
	struct neighbour *neighbour = owner;

	(void)now_us;
	if (neighbour->tries < NEIGHBOUR_TRIES) {
		neighbour_ask(neighbour);
		return;
	}
	neighbour->tries = 0;
	neighbour->mac = (struct mac){{0}};
	neighbour_tell_later(neighbour);
}

static bool neighbour_is_old(const struct neighbour *neighbour)
{
	uint64_t now_us = ethswitch_now_us(neighbour->neighbours->config.ethswitch);

	return now_us - neighbour->heard_us > NEIGHBOUR_REACHABLE_US;
}

int neighbour_find(struct neighbours *neighbours, struct ip6 address, struct neighbour_place *ret_place)
{
	struct neighbour *neighbour = neighbour_look(neighbours, address);
	bool known;

	if (!neighbour)
		neighbour = neighbour_make(neighbours, address);
	if (!neighbour)
		return -ENOBUFS;
	list_remove(&neighbour->used);
	list_append(&neighbours->used, &neighbour->used);
	known = neighbour_place(neighbour, ret_place);
	if (neighbour->tries == 0 && (!known || neighbour_is_old(neighbour)))
		neighbour_ask(neighbour);
	if (known)
		return 0;
	return neighbour->waiting < NEIGHBOUR_WAITERS ? -EINPROGRESS : -EAGAIN;
}

void neighbour_wait(struct neighbours *neighbours, struct ip6 address, struct neighbour_waiter *waiter,
		    void (*on_found)(void *owner, const struct neighbour_place *place), void *owner)
{
	struct neighbour *neighbour = neighbour_look(neighbours, address);

	assert(neighbour && neighbour->waiting < NEIGHBOUR_WAITERS);
	*waiter = (struct neighbour_waiter){.neighbour = neighbour, .on_found = on_found, .owner = owner};
	list_append(&neighbour->waiters, &waiter->link);
	neighbour->waiting++;
}

void neighbour_cancel(struct neighbour_waiter *waiter)
{
	if (!waiter->neighbour)
		return;
	list_remove(&waiter->link);
	waiter->neighbour->waiting--;
	waiter->neighbour = NULL;
}

void neighbour_hear(struct neighbours *neighbours, struct ip6 address, struct mac mac)
{
	struct neighbour *neighbour = neighbour_look(neighbours, address);

	if (!neighbour || !neighbours->config.may_have(neighbours->config.owner, mac, address))
		return;
	neighbour->mac = mac;
	neighbour->heard_us = ethswitch_now_us(neighbours->config.ethswitch);
	neighbour->tries = 0;
	timer_clear(loop_timers(neighbours->config.loop), &neighbour->timer);
	neighbour_tell_later(neighbour);
}

/* ---- life ---- */

int neighbours_new(const struct neighbours_config *config, struct neighbours **ret_neighbours)
{
	struct neighbours *neighbours = calloc(1, sizeof(*neighbours));

	if (!neighbours)
		return -ENOMEM;
	neighbours->config = *config;
	list_init(&neighbours->used);
	list_init(&neighbours->telling);
	task_init(&neighbours->tell, neighbours_on_tell, neighbours);
	if (pool_init(&neighbours->pool, sizeof(struct neighbour), NEIGHBOURS_MAX) < 0) {
		free(neighbours);
		return -ENOMEM;
	}
	*ret_neighbours = neighbours;
	return 0;
}

void neighbours_free(struct neighbours *neighbours)
{
	if (!neighbours)
		return;
	while (!list_empty(&neighbours->used))
		neighbour_forget(container_of(neighbours->used.next, struct neighbour, used));
	loop_cancel(neighbours->config.loop, &neighbours->tell);
	pool_done(&neighbours->pool);
	free(neighbours);
}
