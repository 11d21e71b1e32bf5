/* SPDX-License-Identifier: MIT */
/* What the network knows of each guest, in memory that outlives the guest's port: when the same MAC address joins
 * again, its new port takes over the counters. A guest is known by the first address that its port was heard with. */
#ifndef NETWORK_RECORD_H
#define NETWORK_RECORD_H

#include <stdbool.h>

#include "base/list.h"
#include "base/pool.h"
#include "fabric/port.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"

enum record_limits {
	RECORDS_MAX = 4096, /* here and away together; the one away for longest is forgotten */
};

struct gw_guest;

/* port->owner, for every port but the gateway; NULL where all records are of guests that are here. */
struct record {
	struct list away; /* on record_table.away while `port` is NULL */
	struct port *port;
	struct gw_guest *guest;   /* whose endpoint the port belongs to; NULL: a port of this process */
	struct mac mac;           /* zero until heard */
	struct ip4 ip4;           /* the last that its ARP spoke of, or zero */
	struct counters counters; /* while away */
};

struct record_table {
	struct pool pool;
	struct list away; /* oldest first */
};

int record_table_init(struct record_table *table);
void record_table_done(struct record_table *table);
/* Sets port->owner. */
void record_join(struct record_table *table, struct port *port, struct gw_guest *guest);
/* The port owns this address now. True when a guest came back with it and its counters were taken over. */
bool record_hear(struct record_table *table, struct port *port, struct mac mac);
/* The address moved from one port to the other: what is known of the guest by its first address goes along. */
void record_move(const struct port *from, struct port *to);
/* Keeps the port's counters and clears port->owner. */
void record_leave(struct record_table *table, struct port *port);

#endif
