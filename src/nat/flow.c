/* SPDX-License-Identifier: MIT */
/* The table of flows. Chains hang off buckets, twice as many as there may be flows, so that a chain is short; both the
 * buckets and the flows are address space until they are used. */
#include "nat/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "fabric/steer.h"
#include "nat/nat_state.h"

_Static_assert(sizeof(struct flow_key) == 40, "hashed as bytes: no padding");

int flow_table_init(struct flow_table *table, struct nat *nat, const struct hash_key *key, size_t flows)
{
	int error;

	*table = (struct flow_table){.nat = nat, .hash = *key};
	list_init(&table->all);
	list_init(&table->turn);
	table->bucket_count = 1;
	while (table->bucket_count < flows * 2)
		table->bucket_count *= 2;
	table->buckets = calloc(table->bucket_count, sizeof(struct flow *));
	error = table->buckets ? pool_init(&table->pool, FLOW_BYTES, flows) : -ENOMEM;
	if (error == 0 && (error = shares_init(&table->shares)) < 0)
		pool_done(&table->pool);
	if (error < 0) {
		free(table->buckets);
		table->buckets = NULL;
	}
	return error;
}

void flow_table_done(struct flow_table *table)
{
	list_for_each_safe (at, &table->all) {
		struct flow *flow = container_of(at, struct flow, all);

		flow->ops->end(flow);
	}
	shares_done(&table->shares);
	pool_done(&table->pool);
	free(table->buckets);
	table->buckets = NULL;
}

struct flow_key flow_key(uint8_t protocol, bool is6, const struct nat_address *guest, const struct nat_address *far)
{
	return (struct flow_key){.guest = guest->ip,
				 .far = far->ip,
				 .guest_port = guest->port,
				 .far_port = far->port,
				 .protocol = protocol,
				 .is6 = is6};
}

static uint32_t flow_bucket(const struct flow_table *table, const struct flow_key *key)
{
	return (uint32_t)hash_bytes(&table->hash, key, sizeof(*key)) & (table->bucket_count - 1);
}

struct flow *flow_find(const struct flow_table *table, const struct flow_key *key)
{
	struct flow *flow = table->buckets[flow_bucket(table, key)];

	while (flow && memcmp(&flow->key, key, sizeof(*key)) != 0)
		flow = flow->chain;
	return flow;
}

size_t flow_each(const struct flow_table *table, size_t from, size_t most,
		 void (*on_flow)(void *owner, const struct flow *flow), void *owner)
{
	size_t told = 0, at = from;

	for (; at < table->bucket_count && told < most; at++) {
		for (const struct flow *flow = table->buckets[at]; flow; flow = flow->chain, told++)
			on_flow(owner, flow);
	}
	return at < table->bucket_count ? at : 0;
}

/* ---- who makes room ---- */

static void flow_unshare(struct flow *flow)
{
	list_remove(&flow->shared);
	flow->share->holds--;
	share_leave(&flow->nat->flows.shares, flow->share);
}

/* The share's flow that is missed least, but for one; NULL: all are missed. */
static struct flow *flow_spare_of(const struct share *share, const struct flow *spared)
{
	for (int i = 0; i < FLOW_SPARE_KINDS; i++) {
		list_for_each (at, &share->kinds[i]) {
			struct flow *flow = container_of(at, struct flow, shared);

			if (flow != spared)
				return flow;
		}
	}
	return NULL;
}

/* Of the next that are looked at the one that was idle longest. They go to the end, so that all have their turn. */
static struct flow *flow_idle_of(struct share *share)
{
	struct list *kept = &share->kinds[FLOW_SPARE_NOT];
	struct flow *idle = NULL;
	uint64_t most_us = 0;

	for (int i = 0; i < FLOW_LOOKS && !list_empty(kept); i++) {
		struct flow *flow = container_of(list_take(kept), struct flow, shared);
		struct nat_flow_info info = {0};

		list_append(kept, &flow->shared);
		if (flow == flow->nat->running)
			continue;
		flow->ops->look(flow, &info);
		if (idle && info.idle_us <= most_us)
			continue;
		idle = flow;
		most_us = info.idle_us;
	}
	return idle;
}

/* NULL: there is none for this guest. */
static struct flow *flow_to_go(struct flow_table *table, const struct share *share, const struct flow *spared)
{
	struct share *heaviest = shares_heaviest(&table->shares, spared ? spared->share : NULL);
	bool poor = share->holds < table->count / table->shares.count;
	struct flow *flow;

	if (!heaviest)
		return NULL;
	if (poor) {
		flow = flow_spare_of(heaviest, spared);
		return flow ? flow : flow_idle_of(heaviest);
	}
	flow = flow_spare_of(share, spared);
	return flow ? flow : flow_spare_of(heaviest, spared);
}

static bool flow_make_room(struct flow_table *table, const struct share *share, const struct flow *spared)
{
	struct flow *flow = flow_to_go(table, share, spared);

	if (!flow)
		return false;
	if (flow->share != share)
		port_drop(flow->port, DROP_NAT_FLOW_DISPLACED, NULL);
	else if (flow->spare == FLOW_SPARE_OPENING)
		port_drop(flow->port, DROP_NAT_FLOWS_FULL, NULL); /* its SYN led nowhere */
	flow->ops->end(flow);
	return true;
}

bool flow_give_one_up(struct flow *flow)
{
	return flow_make_room(&flow->nat->flows, flow->share, flow);
}

/* ---- flows ---- */

static uint32_t flow_steer(const struct flow_key *key)
{
	const uint32_t bytes = key->is6 ? sizeof(struct ip6) : sizeof(struct ip4);
	const struct steer_ends ends = {
		.guest = key->guest.byte + sizeof(struct ip6) - bytes,
		.far = key->far.byte + sizeof(struct ip6) - bytes,
		.address_bytes = bytes,
		.guest_port = key->guest_port,
		.far_port = key->far_port,
		.protocol = key->protocol,
	};

	return steer_ends(&ends);
}

static void flow_on_due(void *owner, uint64_t now_us)
{
	struct flow *flow = owner;

	flow->ops->on_due(flow, now_us);
}

struct flow *flow_new(struct flow_table *table, const struct flow_key *key, const struct flow_ops *ops,
		      struct port *port, struct mac mac, uint16_t vlan)
{
	struct share *share = share_join(&table->shares, port);
	struct flow *flow = pool_take(&table->pool);

	if (!flow && flow_make_room(table, share, NULL))
		flow = pool_take(&table->pool);
	if (!flow) {
		share_leave(&table->shares, share);
		table->nat->counters.flows_full++;
		return NULL;
	}
	memset(flow, 0, FLOW_BYTES);
	flow->key = *key;
	flow->ops = ops;
	flow->nat = table->nat;
	flow->port = port;
	flow->mac = mac;
	flow->vlan = vlan;
	flow->spare = FLOW_SPARE_NOT;
	flow->share = share;
	share->holds++;
	list_append(&share->kinds[FLOW_SPARE_NOT], &flow->shared);
	flow->bucket = flow_bucket(table, key);
	flow->steer = flow_steer(key);
	flow->chain = table->buckets[flow->bucket];
	table->buckets[flow->bucket] = flow;
	list_init(&flow->turn);
	list_append(&table->all, &flow->all);
	timer_init(&flow->timer, flow_on_due, flow);
	table->count++;
	table->nat->counters.flows_made++;
	return flow;
}

void flow_free(struct flow *flow)
{
	struct flow_table *table = &flow->nat->flows;
	struct flow **at = &table->buckets[flow->bucket];

	if (flow->nat->running == flow)
		flow->nat->running = NULL;
	while (*at != flow)
		at = &(*at)->chain;
	*at = flow->chain;
	list_remove(&flow->all);
	list_remove(&flow->turn);
	flow_unshare(flow);
	port_unwait(&flow->room);
	flow_clear_timer(flow);
	table->count--;
	pool_give(&table->pool, flow);
}

/* The port where the switch knows its guest now, or NULL. A frame's coming from there is not enough: the switch lets
 * addresses through that it has no room to remember. */
static struct port *flow_home(const struct flow *flow)
{
	struct port *home = ethswitch_find(flow->nat->config.ethswitch, flow->mac, flow->vlan);

	return home && !home->uplink ? home : NULL;
}

/* The new share first: the old one's may be freed. */
void flow_move(struct flow *flow, struct port *port)
{
	struct share *share = share_join(&flow->nat->flows.shares, port);

	flow_unshare(flow);
	flow->port = port;
	flow->share = share;
	share->holds++;
	list_append(&share->kinds[flow->spare], &flow->shared);
}

bool flow_is_owner(struct flow *flow, struct port *port, struct mac mac, uint16_t vlan)
{
	if (!mac_equal(flow->mac, mac) || flow->vlan != vlan)
		return false;
	if (flow->port != port && flow_home(flow) == port)
		flow_move(flow, port);
	return flow->port == port;
}

void flow_set_spare(struct flow *flow, enum flow_spare spare)
{
	list_remove(&flow->shared);
	flow->spare = spare;
	list_append(&flow->share->kinds[spare], &flow->shared);
}

void flow_schedule(struct flow *flow)
{
	if (flow->wait == FLOW_WAIT_TURN)
		return;
	port_unwait(&flow->room);
	flow->wait = FLOW_WAIT_TURN;
	list_append(&flow->nat->flows.turn, &flow->turn);
	nat_schedule(flow->nat);
}

static void flow_on_room(void *owner, struct port *port)
{
	struct flow *flow = owner;

	(void)port;
	flow_schedule(flow);
}

void flow_wait_room(struct flow *flow, struct port *port, uint32_t queue)
{
	if (!port) {
		flow_schedule(flow);
		return;
	}
	list_remove(&flow->turn);
	flow->wait = FLOW_WAIT_ROOM;
	port_wait(port, queue, &flow->room, flow_on_room, flow);
}

void flow_set_timer(struct flow *flow, uint64_t due_us)
{
	timer_set(loop_timers(flow->nat->config.loop), &flow->timer, due_us);
}

void flow_clear_timer(struct flow *flow)
{
	timer_clear(loop_timers(flow->nat->config.loop), &flow->timer);
}

void flow_port_gone(struct flow_table *table, struct port *port)
{
	list_for_each_safe (at, &table->all) {
		struct flow *flow = container_of(at, struct flow, all);
		struct port *home;

		if (flow->port != port)
			continue;
		home = flow_home(flow);
		if (home && home != port)
			flow_move(flow, home);
		else if (flow == table->nat->running)
			table->nat->doomed = true;
		else
			flow->ops->end(flow);
	}
}
