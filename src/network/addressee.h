/* SPDX-License-Identifier: MIT */
/* Whom a forward is for, as a person says it, and which address that is now: an address, a name, or nothing, which is the
 * first guest's. A name is looked up anew each time, so that it may be given before its guest is there. */
#ifndef NETWORK_ADDRESSEE_H
#define NETWORK_ADDRESSEE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "fabric/port.h"
#include "wire/ipv6.h"

struct gw_network;

struct addressee {
	struct ip6 address;         /* IPv4 as ::ffff:a.b.c.d; zero: the name says it */
	char name[PORT_NAME_BYTES]; /* as it was said; "" for the first guest */
};

/* The first `length` characters, without brackets, that a person wrote. -EINVAL and a text. */
int addressee_parse(const struct gw_network *network, const char *text, size_t length, struct addressee *ret_addressee,
		    struct error *ret_error);
/* Where that is now: 0, or -ENOENT. Whom the host's own person named, by name= or dhcp-host=, comes before what a guest
 * calls itself; IPv4 before IPv6. */
int addressee_find(struct gw_network *network, const struct addressee *addressee, struct ip6 *ret_address);
/* For show. `text` has PORT_NAME_BYTES. */
const char *addressee_format(const struct addressee *addressee, char *text);

#endif
