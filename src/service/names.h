/* SPDX-License-Identifier: MIT */
/* The names that the gateway knows itself: host.guestwire.internal, and each guest as NAME.NETWORK.internal and as NAME
 * alone; forward and reverse, A and AAAA. What is under these two domains, or an address of this network backwards, is
 * answered here and nowhere else: nobody outside could know it (RFC 6303 3, "internal" is reserved for private use). */
#ifndef SERVICE_NAMES_H
#define SERVICE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/dns.h"

enum names_limits {
	NAMES_LABEL_BYTES = 64,
	NAMES_TTL_S = 5, /* a lease may move to another guest */
};

/* A name's addresses, those that it has. */
struct names_addresses {
	bool has4, has6;
	struct ip4 ip4;
	struct ip6 ip6;
};

struct names_config {
	const char *domain; /* "lab.internal"; outlives whoever uses it */
	/* Domains in which guests look for short names: those of guests are found there, the others are somebody else's. */
	const char *const *also;
	size_t also_count;
	bool ip4, ip6;
	struct ip4 host4; /* what host.guestwire.internal is */
	struct ip6 host6;
	struct ip4 net4; /* whose reverse names are ours */
	unsigned prefix4;
	struct ip6 net6;
	unsigned prefix6;
	/* A guest by its name, in small letters; false: there is none. */
	bool (*find_name)(void *owner, const char *label, struct names_addresses *ret_addresses);
	/* The guest that has this address. `ret_label` has NAMES_LABEL_BYTES. */
	bool (*find_ip4)(void *owner, struct ip4 address, char *ret_label);
	bool (*find_ip6)(void *owner, struct ip6 address, char *ret_label);
	void *owner;
};

/* The answer to this query, into `room`: how many bytes, or 0 when the name is none of ours. DNS_UDP_BYTES always
 * suffice but for a domain of unreasonable length. */
size_t names_answer(const struct names_config *config, const struct dns_message *query, void *room, size_t bytes);

#endif
