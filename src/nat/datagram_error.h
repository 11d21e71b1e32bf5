/* SPDX-License-Identifier: MIT */
/* A host socket's error as the guest should hear it: which refusal, about which packet of its own. */
#ifndef NAT_DATAGRAM_ERROR_H
#define NAT_DATAGRAM_ERROR_H

#include "nat/datagram.h"
#include "nat/nat_state.h"

/* What an ICMP error, or the errno of one of this host's, is called here; `is6` is the socket's family: of a forward's the
 * guest may speak the other. */
enum nat_refusal datagram_error_refusal(const struct datagram_error *error, bool is6);
/* Tells the flow's guest about a message of its own to `far`: IP header and `message` (its transport header and as much
 * of the payload as there is, in a packet that had `whole_bytes` of transport) are quoted. `from` as nat_refuse(). */
void datagram_error_tell(const struct flow *flow, const struct nat_address *far, uint8_t protocol, const void *message,
			 uint32_t bytes, uint32_t whole_bytes, enum nat_refusal refusal, uint32_t mtu,
			 const struct nat_address *from);
/* Who says so, on the guest's side; false: this host, or nobody whom the guest could be shown. */
bool datagram_error_from(const struct nat *nat, const struct datagram_error *error, bool is6,
			 struct nat_address *ret_from);

#endif
