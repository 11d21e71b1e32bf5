/* SPDX-License-Identifier: MIT */
/* Saying no: ICMP errors and TCP resets about packets that the gateway does not serve, within what may be answered at
 * all (RFC 1122 3.2.2, RFC 4443 2.4 e): never errors, groups, later fragments or senders that are nobody. */
#ifndef SERVICE_REFUSAL_H
#define SERVICE_REFUSAL_H

#include "service/packet.h"
#include "service/service.h"
#include "wire/icmp.h"

void refusal_unreachable4(const struct service_config *config, const struct packet *packet, enum icmp4_unreachable code,
			  struct reply *ret_reply);
void refusal_unreachable6(const struct service_config *config, const struct packet *packet, enum icmp6_unreachable code,
			  struct reply *ret_reply);
/* Of a packet whose rest did not come in time. */
void refusal_late(const struct service_config *config, const struct packet *packet, struct reply *ret_reply);
/* DROP_TCP_PORT_CLOSED, or what is wrong with the segment. A reset is never answered. */
enum drop_reason refusal_reset(const struct service_config *config, const struct packet *packet,
			       struct reply *ret_reply);

#endif
