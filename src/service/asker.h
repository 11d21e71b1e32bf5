/* SPDX-License-Identifier: MIT */
/* Who sent a datagram, or wrote into a stream, to one of the gateway's services: enough to answer it later. The services
 * keep it and hand it back; only who gave it knows what it means on the wire. */
#ifndef SERVICE_ASKER_H
#define SERVICE_ASKER_H

#include <stdbool.h>
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
};

static inline bool asker_equal(const struct asker *a, const struct asker *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
