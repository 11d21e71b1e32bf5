/* SPDX-License-Identifier: MIT */
/* By which address this machine reaches the world: of each family the default route's interface, its address there and the
 * router behind it; where the way out was chosen (outbound.h) that interface, or that address. Only looked at: nothing is
 * sent and nothing is changed. */
#ifndef OS_HOSTADDRESS_H
#define OS_HOSTADDRESS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

struct outbounds;

struct hostaddress4 {
	bool found;
	struct in_addr address;
	unsigned prefix;
	bool has_router; /* not where the far end is the only one, as with PPP */
	struct in_addr router;
	char interface[IF_NAMESIZE];
};

struct hostaddress6 {
	bool found;
	struct in6_addr address; /* global, and not one that changes for the sake of privacy where there is another */
	unsigned prefix;
	bool has_router;
	struct in6_addr router; /* link-local, as a rule */
	char interface[IF_NAMESIZE];
};

struct hostaddress {
	struct hostaddress4 ip4;
	struct hostaddress6 ip6;
};

/* 0; negative errno when the system does not say. Nothing found is no error: there is no default route, or what was chosen is
 * not there. `outbounds` may be NULL. What is unused is zero, so that two may be compared as bytes. */
int hostaddress_find(const struct outbounds *outbounds, struct hostaddress *ret_hostaddress);

#endif
