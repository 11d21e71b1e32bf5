/* SPDX-License-Identifier: MIT */
/* Flows: one conversation between a guest and a host socket each, of any protocol, in a table of fixed size under a keyed
 * hash. A protocol embeds struct flow as the first member of its own structure of at most FLOW_BYTES; the table knows
 * nothing of protocols but struct flow_ops.
 *
 * Memory for all flows is reserved at start and touched as it is used. A flow is found by its addresses alone; it belongs to
 * one guest's port, MAC and VLAN, and flow_is_owner() tells who may speak for it. A guest that moves to another port, as
 * the switch sees it, takes its flows along: each is found to have moved when the guest next speaks for it, or when the
 * old port goes.
 *
 * Life: flow_new() -> the protocol's own states -> flow_free(), by the protocol only. The table ends a flow by
 * ops->end(), which must call flow_free() before it returns: when its port goes, when NAT ends, or when the table is full
 * and this flow makes room.
 *
 * Who makes room. A guest's share is what there is, divided by the guests that have any (share.h). For a guest that holds
 * less than its share the heaviest guest makes room: by the flow of its that is missed least (flow_spare), and if all are
 * missed by a connection that is idle, of some that are looked at in turn the one that was idle longest. A guest that
 * holds its share makes room itself, by a flow that is not missed; else such a one of the heaviest does. What a guest loses
 * to another is counted at it (DROP_NAT_FLOW_DISPLACED). Nothing of this is kept while packets pass but the order in
 * which flows that are not missed were used. */
#ifndef NAT_FLOW_H
#define NAT_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/timer.h"
#include "fabric/port.h"
#include "nat/nat.h"
#include "nat/share.h"

enum flow_limits {
	FLOW_BYTES = 736,
	FLOW_LOOKS = 16, /* at connections of the heaviest guest, for one that is idle */
};

struct flow;
struct flow_budget;

/* Where a flow stands that wants to send to its guest. It is in one of these at any time, so that somebody wakes it. */
enum flow_wait {
	FLOW_WAIT_NOTHING, /* for the socket, the guest or its timer: whoever comes first calls flow_schedule() */
	FLOW_WAIT_TURN,    /* on the list of nat_run() */
	FLOW_WAIT_ROOM,    /* on its port's list of waiters; then FLOW_WAIT_TURN */
};

/* How little a flow is missed when the table is full, the least first; of one kind the one used longest ago. */
enum flow_spare {
	FLOW_SPARE_DONE, /* both ends are done with it: TIME_WAIT */
	FLOW_SPARE_IDLE, /* UDP and echo: the guest will make a new one */
	FLOW_SPARE_OPENING, /* a connection that is not there yet: a flood of them pushes itself out, and who waits asks again */
	FLOW_SPARE_KINDS,
	FLOW_SPARE_NOT = FLOW_SPARE_KINDS,
};

_Static_assert((int)SHARE_KINDS == FLOW_SPARE_NOT + 1, "a list in each share");

struct flow_ops {
	/* Outside a delivery: sends to the guest what is due, within the budget (nat_state.h). True: it has more and stays
	 * in the round; false: it waits for something else, or called flow_wait_room(), or is no more. */
	bool (*run)(struct flow *flow, struct flow_budget *budget);
	/* Its timer. NULL: never set. */
	void (*on_due)(struct flow *flow, uint64_t now_us);
	/* Closes all it has and frees the flow, now; perhaps in a delivery. */
	void (*end)(struct flow *flow);
	/* `ret_info` comes with everything but state, bytes and idle_us filled in. */
	void (*look)(const struct flow *flow, struct nat_flow_info *ret_info);
};

/* No padding: hashed as bytes. */
struct flow_key {
	struct ip6 guest;    /* IPv4 as ::ffff:a.b.c.d */
	struct ip6 far;      /* zero where any far end will do (UDP: RFC 4787 4.1) */
	uint16_t guest_port; /* or the identifier of echoes */
	uint16_t far_port;
	uint8_t protocol; /* enum ip_protocol */
	uint8_t is6;
	uint16_t zero;
};

struct flow {
	struct flow_key key;
	const struct flow_ops *ops;
	struct nat *nat;

	/* the owner */
	struct port *port;
	struct mac mac;
	uint16_t vlan;

	/* the table's own */
	enum flow_wait wait;
	enum flow_spare spare;
	struct flow *chain; /* next with this hash */
	uint32_t bucket;
	uint32_t steer;      /* what guests of several queues keep together (fabric/steer.h) */
	struct list turn;    /* FLOW_WAIT_TURN */
	struct list all;     /* every flow, oldest first */
	struct share *share; /* its guest's; `spare` says in which list */
	struct list shared;
	struct port_waiter room; /* FLOW_WAIT_ROOM */
	struct timer timer;
};

struct flow_table {
	struct nat *nat;
	struct hash_key hash;
	struct pool pool;
	struct flow **buckets;
	uint32_t bucket_count; /* a power of two */
	size_t count;
	struct list all;
	struct shares shares;
	struct list turn; /* FLOW_WAIT_TURN, round robin */
};

/* 0 or -ENOMEM. */
int flow_table_init(struct flow_table *table, struct nat *nat, const struct hash_key *key, size_t flows);
/* Ends every flow. */
void flow_table_done(struct flow_table *table);

struct flow_key flow_key(uint8_t protocol, bool is6, const struct nat_address *guest, const struct nat_address *far);
struct flow *flow_find(const struct flow_table *table, const struct flow_key *key);
/* A new flow with this key, which must not be there yet, zeroed behind struct flow; or NULL: the table is full of flows
 * that are missed (DROP_NAT_FLOWS_FULL). It may end other flows. */
struct flow *flow_new(struct flow_table *table, const struct flow_key *key, const struct flow_ops *ops,
		      struct port *port, struct mac mac, uint16_t vlan);
/* Another flow than this ends for it, which found no descriptor; false: all are missed, or it may not have theirs. */
bool flow_give_one_up(struct flow *flow);
/* Off every list, its timer cleared; the memory is the table's again. */
void flow_free(struct flow *flow);
/* May frames from this port, MAC and VLAN speak for it? No: DROP_NAT_FLOW_OWNER. */
bool flow_is_owner(struct flow *flow, struct port *port, struct mac mac, uint16_t vlan);

/* Its guest is at this port now. */
void flow_move(struct flow *flow, struct port *port);
/* Used now: the last of its kind to be given up. */
void flow_set_spare(struct flow *flow, enum flow_spare spare);
/* ops->run() in the next round, and the gateway's port is scheduled. May be called in a delivery, and twice. */
void flow_schedule(struct flow *flow);
/* After a reserve() that said -EAGAIN, for this queue; `port` NULL: the pool is empty, which is over in the next round. */
void flow_wait_room(struct flow *flow, struct port *port, uint32_t queue);
void flow_set_timer(struct flow *flow, uint64_t due_us);
void flow_clear_timer(struct flow *flow);

/* Tells the flows of the buckets from `from` on, whole buckets until there were `most`; the bucket to go on with, 0: that
 * was all. A flow that is there from the first call to the last is told once. */
size_t flow_each(const struct flow_table *table, size_t from, size_t most,
		 void (*on_flow)(void *owner, const struct flow *flow), void *owner);

/* Ends every flow of this port, but for those whose guest has moved to another. */
void flow_port_gone(struct flow_table *table, struct port *port);

#endif
