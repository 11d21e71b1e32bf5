/* SPDX-License-Identifier: MIT */
/* Who sent a datagram, or wrote into a stream, to one of the gateway's services: enough to answer it later. The services
 * keep it and hand it back; only who gave it knows what it means on the wire. */
#ifndef SERVICE_ASKER_H
#define SERVICE_ASKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/ethernet.h"
#include "wire/ipv6.h"

/* No padding, and zeroed before it is filled in: compared as bytes. */
struct asker {
	uint64_t stream;  /* a connection's number; 0: a datagram */
	struct ip6 guest; /* IPv4 as ::ffff:a.b.c.d */
	struct ip6 asked; /* the address of the gateway's that it was sent to: where the answer comes from */
	struct mac mac;
	uint16_t vlan;
	uint16_t guest_port;
	uint16_t asked_port;
	uint32_t zero;
	/* Its port of the network, a number like any other here: who makes up addresses is in one place still. Others may be
	 * in it too, and it may change, so that it decides only who makes way when all is taken. */
	uint64_t place;
};

static inline bool asker_equal(const struct asker *a, const struct asker *b)
{
	return memcmp(a, b, offsetof(struct asker, place)) == 0;
}

#endif
