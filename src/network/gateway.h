/* SPDX-License-Identifier: MIT */
/* The gateway as a port of the switch: it carries frames to the services and their answers back. What it answers stands
 * in service/; it keeps no state but fragments that wait for each other and answers that wait for the next round. */
#ifndef NETWORK_GATEWAY_H
#define NETWORK_GATEWAY_H

#include <stdbool.h>

#include "fabric/ethswitch.h"
#include "service/service.h"

struct asker;
struct gateway;
struct user;
struct lease_table;

struct gateway_config {
	const struct service_config *service; /* these four outlive it */
	struct lease_table *leases;
	struct ethswitch *ethswitch;
	struct timers *timers;
	/* A guest has it answer something, now; may be NULL. The configuration may become another here. */
	void (*on_serve)(void *owner);
	/* A guest spoke of its own address, in ARP (::ffff:a.b.c.d) or neighbour discovery; in a delivery. May be NULL. */
	void (*on_address)(void *owner, struct mac mac, struct ip6 address);
	void *owner;
};

/* Attached when it returns. 0 or -ENOMEM. */
int gateway_new(const struct gateway_config *config, struct gateway **ret_gateway);
void gateway_free(struct gateway *gateway);
/* The guest's port is about to be detached. */
void gateway_port_gone(struct gateway *gateway, struct port *port);
struct port *gateway_port(struct gateway *gateway);
/* There is a way out from now on, and what is for it goes there, uncut; NULL: there is none any more. */
void gateway_set_user(struct gateway *gateway, struct user *user);
/* A datagram of the gateway's own to a guest, in the next round; dropped when it does not fit the network's MTU. */
void gateway_answer(struct gateway *gateway, const struct asker *asker, const void *message, size_t bytes);
/* In the next round: an advertisement that nobody asked for, and the last one. */
void gateway_advertise(struct gateway *gateway);
void gateway_withdraw(struct gateway *gateway);
/* A lease that changes now does so because it ran out. */
bool gateway_is_expiring(const struct gateway *gateway);
/* Notices leases that ran out. */
void gateway_expire(struct gateway *gateway);
/* Asks whoever owns the address now for a sign of life. `ip4` zero: where it is not known. */
void gateway_probe(struct gateway *gateway, struct mac mac, struct ip4 ip4);
/* Asks everybody who has this address, IPv4 as ::ffff:a.b.c.d. */
void gateway_ask(struct gateway *gateway, struct ip6 address);

#endif
