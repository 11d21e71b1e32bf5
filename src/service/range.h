/* SPDX-License-Identifier: MIT */
/* The addresses of one family that may be leased, as numbers: the IPv4 address, or the low 64 bits of the IPv6 address. A
 * range of them, less what is the gateway's own or no host's. For the lease book alone. */
#ifndef SERVICE_RANGE_H
#define SERVICE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "service/service.h"

struct range {
	const struct service_config *config;
	bool is6;
	uint64_t first, last; /* first > last: none */
};

/* With the configuration's addresses of now. */
void range_init(struct range *range, const struct service_config *config, bool is6);
uint64_t range_number6(struct ip6 address);
/* Is it one of the addresses that these numbers can name? */
bool range_has6(const struct range *range, struct ip6 address);
struct ip6 range_ip6(const struct range *range, uint64_t number);
/* Nobody's to lease: the gateway's own, a server's, or no host's address at all. */
bool range_is_ours(const struct range *range, uint64_t number);
/* May it be leased to anybody? */
bool range_holds(const struct range *range, uint64_t number);
/* How many it holds, if they are fewer than `most`. */
uint32_t range_count(const struct range *range, uint32_t most);
/* Is it an address of the network at all? */
bool range_in_net(const struct range *range, uint64_t number);

#endif
