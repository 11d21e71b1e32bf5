/* SPDX-License-Identifier: MIT */
/* resolv.conf(5) as text: whom to ask, and how. Reading the file and noticing that it changed is network's. */
#ifndef SERVICE_RESOLVCONF_H
#define SERVICE_RESOLVCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/domain.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

enum resolvconf_limits {
	RESOLVCONF_SERVERS_MAX = 4,  /* libc stops at 3 */
	RESOLVCONF_SCOPE_BYTES = 16, /* an interface's name */
	RESOLVCONF_NDOTS_MAX = 15,
	RESOLVCONF_TIMEOUT_MAX_S = 30,
};

struct resolvconf_server {
	bool is6;
	struct ip4 ip4;
	struct ip6 ip6;
	char scope[RESOLVCONF_SCOPE_BYTES]; /* behind '%': an interface by name or number, "" for none */
	uint16_t port;                      /* 0, which is DNS' own: the file names none */
};

struct resolvconf {
	struct resolvconf_server servers[RESOLVCONF_SERVERS_MAX];
	size_t server_count;
	struct domain_list search; /* of `search` or `domain`, the last of them */
	unsigned ndots;
	unsigned timeout_s;
};

/* What a line `nameserver` has: "192.0.2.53", "fe80::53%eth0". False: it cannot be asked. */
bool resolvconf_server_parse(const char *text, struct resolvconf_server *ret_server);
/* Lines that make no sense are passed over, as libc does. A link-local server without a scope cannot be reached, and is
 * left out. Nothing found: no servers, and libc's defaults for the rest. */
void resolvconf_parse(const char *text, size_t bytes, struct resolvconf *ret_conf);

#endif
