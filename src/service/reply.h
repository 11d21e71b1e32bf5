/* SPDX-License-Identifier: MIT */
/* Composing an answer: reply_begin4 or reply_begin6, the transport through `writer`, reply_end, which fills in lengths
 * and checksums. What does not fit the network's MTU becomes no answer at all, unless reply_be_long() was called before it
 * was written. */
#ifndef SERVICE_REPLY_H
#define SERVICE_REPLY_H

#include "base/writer.h"
#include "service/packet.h"
#include "service/service.h"

struct reply_draft {
	struct writer writer;
	struct reply *reply;
	bool is6;
	uint8_t protocol;
	struct ip4 from4, to4;
	struct ip6 from6, to6;
	uint8_t hop_limit;
	size_t transport; /* its offset in the frame */
};

/* The gateway's own address on the link; all that speaks of the link itself comes from there. */
struct ip6 reply_link_local(const struct service_config *config);

void reply_begin4(struct reply_draft *draft, struct reply *reply, const struct service_config *config, struct mac to,
		  struct ip4 from4, struct ip4 to4, uint8_t protocol);
void reply_begin6(struct reply_draft *draft, struct reply *reply, const struct service_config *config, struct mac to,
		  struct ip6 from6, struct ip6 to6, uint8_t protocol, uint8_t hop_limit);
/* From where the packet was sent to, back to its sender. */
void reply_begin_back(struct reply_draft *draft, struct reply *reply, const struct service_config *config,
		      const struct packet *packet, uint8_t protocol);
/* As much as a packet can hold: whoever sends it cuts it. */
void reply_be_long(struct reply_draft *draft);
/* The header before a datagram's payload. */
void reply_udp(struct reply_draft *draft, uint16_t from_port, uint16_t to_port);
/* A writer of its own for what comes next, at most so many bytes; and what it wrote, taken over into the draft. */
struct writer reply_payload(const struct reply_draft *draft, size_t most);
void reply_take(struct reply_draft *draft, const struct writer *payload);
/* Sets the reply's length: 0 when something did not fit. */
void reply_end(struct reply_draft *draft);

#endif
