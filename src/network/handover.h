/* SPDX-License-Identifier: MIT */
/* TCP connections of a guest whose sockets the program can make (dialler.h), taken over from NAT once they have brought much: a
 * socket of the guest's takes the place of the far end, and is joined to the host's by a spliced pair (splice.h). What the guest
 * sends in that connection comes back to its own sockets by a detour that the program makes. */
#ifndef NETWORK_HANDOVER_H
#define NETWORK_HANDOVER_H

#include <stddef.h>

#include "wire/ipv6.h"

struct dialler;
struct gw_network;
struct handover_table;
struct nat_carrier;
struct tcp_repair;

enum handover_limits {
	HANDOVER_MOST = 64,                 /* at once: the guest's kernel looks through the detours one by one */
	HANDOVER_LOOK_US = 100 * 1000,      /* how often those that end are looked at */
	HANDOVER_LEAD_US = 1000 * 1000,     /* what comes astray later than so was not just under way */
	HANDOVER_LINGER_US = 120 * 1000000, /* a guest that reads nothing more is reset then */
};

int handover_table_new(struct gw_network *network, struct handover_table **ret_table);
/* What is carried still is reset. Before NAT, the splices and the diallers end. */
void handover_table_free(struct handover_table *table);
/* nat_config.may_hand_over, hand_over */
int handover_is_wanted(const struct handover_table *table, struct ip6 guest);
int handover_take(struct handover_table *table, int fd, const struct tcp_repair *state,
		  struct nat_carrier **ret_carrier);
/* The dialler goes: what went through it is reset. */
void handover_forget(struct handover_table *table, const struct dialler *dialler);

#endif
