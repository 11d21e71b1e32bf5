/* SPDX-License-Identifier: MIT */
/* Echoes through ping sockets, which need no privilege where net.ipv4.ping_group_range allows them. One flow is one
 * identifier of one guest's address, whoever is asked. The kernel chooses the identifier that the network sees; the
 * sequence number is the guest's. Hop limits are carried, and what routers answer comes back from the socket's queue of
 * errors, so that traceroute works. Errors of guests about TCP are TCP's (tcp_error.c); other messages are nobody's. */
#ifndef NAT_ICMP_H
#define NAT_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "nat/datagram.h"
#include "nat/nat_state.h"

enum icmp_limits {
	ICMP_IDLE_US = 60 * 1000 * 1000, /* RFC 5508 3.2 */
};

struct icmp;

/* As icmp_protocol.start(), with other sockets than the system's. */
int icmp_start(struct nat *nat, const struct datagram_ops *ops, void *ops_owner, struct icmp **ret_icmp);

#endif
