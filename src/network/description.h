/* SPDX-License-Identifier: MIT */
/* What a person says of a network, "none,net=10.0.2.0/24,host=10.0.2.2,…" in QEMU's words, made into addresses and
 * names that agree with each other. A contradiction is an error that names the word and what would do. */
#ifndef NETWORK_DESCRIPTION_H
#define NETWORK_DESCRIPTION_H

#include <stdbool.h>

#include "base/error.h"
#include "service/service.h"

struct lease_table;

struct description {
	struct service_config service;
	bool mac_move;
	bool isolated; /* guests are, unless their own isolated= says otherwise */
};

/* -EINVAL for words that do not go together, -EOPNOTSUPP for an uplink that this version does not have. */
int description_parse(struct description *ret_description, const char *uplink, struct error *ret_error);
/* "MAC,IP[,NAME]" or "MAC,[IP6][,NAME]", or both addresses, as dnsmasq's dhcp-host= has them. */
int description_reserve(struct lease_table *leases, const struct service_config *config, const char *dhcp_host,
			struct error *ret_error);

#endif
