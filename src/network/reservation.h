/* SPDX-License-Identifier: MIT */
/* What a person says of one guest's addresses, "MAC,IP[,NAME]" in the words of dnsmasq's dhcp-host=, made into
 * reservations of the lease table. */
#ifndef NETWORK_RESERVATION_H
#define NETWORK_RESERVATION_H

struct error;
struct lease_table;
struct service_config;

/* "MAC,IP[,NAME]" or "MAC,[IP6][,NAME]", or both addresses. 0; -EINVAL and a text. */
int reservation_add(struct lease_table *leases, const struct service_config *config, const char *dhcp_host,
		    struct error *ret_error);

#endif
