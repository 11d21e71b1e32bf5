/* SPDX-License-Identifier: MIT */
/* Who on the network has an address: what ARP and neighbour discovery say, asked when a connection or a datagram wants to
 * go there. Only what was asked for is kept, so that no guest can fill the table; what guests say of themselves renews it.
 *
 * An address is known, being asked for, or forgotten. What was heard within NEIGHBOUR_REACHABLE_US is known; what is
 * older is used at once and asked for again beside that; nobody's answer in NEIGHBOUR_TRIES forgets it. Which port a
 * neighbour is at the switch knows, so that one that moves is found there, and one that left is asked for anew.
 * Ageing is found out when somebody looks: with nobody looking nothing wakes. */
#ifndef NETWORK_NEIGHBOUR_H
#define NETWORK_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"
#include "fabric/ethswitch.h"
#include "loop/loop.h"
#include "wire/ethernet.h"
#include "wire/ipv6.h"

struct neighbours;
struct neighbour;

enum neighbour_limits {
	NEIGHBOURS_MAX = 1024,
	NEIGHBOUR_WAITERS = 16,                    /* of one neighbour */
	NEIGHBOUR_TRIES = 3,                       /* RFC 4861 10, MAX_MULTICAST_SOLICIT … */
	NEIGHBOUR_PAUSE_US = 1000 * 1000,          /* … RETRANS_TIMER … */
	NEIGHBOUR_REACHABLE_US = 30 * 1000 * 1000, /* … REACHABLE_TIME */
};

struct neighbours_config {
	struct loop *loop;
	struct ethswitch *ethswitch;
	struct hash_key key; /* random */
	/* Asks everybody, once. IPv4 as ::ffff:a.b.c.d, here and below. */
	void (*ask)(void *owner, struct ip6 address);
	/* May this MAC have that address? */
	bool (*may_have)(void *owner, struct mac mac, struct ip6 address);
	void *owner;
};

struct neighbour_place {
	struct port *port;
	struct mac mac;
};

/* Stands inside whoever waits, until on_found() is called, outside a delivery, or neighbour_cancel(). */
struct neighbour_waiter {
	struct list link;
	struct neighbour *neighbour;
	/* NULL: nobody has it. */
	void (*on_found)(void *owner, const struct neighbour_place *place);
	void *owner;
};

/* 0 or -ENOMEM. */
int neighbours_new(const struct neighbours_config *config, struct neighbours **ret_neighbours);
/* Nobody waits any more. */
void neighbours_free(struct neighbours *neighbours);

/* Outside a delivery. 0 and its place; -EINPROGRESS: it is being asked for, and neighbour_wait() may be called; -EAGAIN:
 * and NEIGHBOUR_WAITERS wait already; -ENOBUFS: too many others are being asked for. */
int neighbour_find(struct neighbours *neighbours, struct ip6 address, struct neighbour_place *ret_place);
/* Right after an -EINPROGRESS. */
void neighbour_wait(struct neighbours *neighbours, struct ip6 address, struct neighbour_waiter *waiter,
		    void (*on_found)(void *owner, const struct neighbour_place *place), void *owner);
/* For one zeroed or on a list; may be called twice. */
void neighbour_cancel(struct neighbour_waiter *waiter);
/* A guest said that it has this address. May be called in a delivery. */
void neighbour_hear(struct neighbours *neighbours, struct ip6 address, struct mac mac);

#endif
