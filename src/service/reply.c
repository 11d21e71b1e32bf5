/* SPDX-License-Identifier: MIT */
/* Frames around what the services say. The IP header is written last, when the length is known. */
#include "service/reply.h"

#include <assert.h>
#include <string.h>

#include "wire/icmp.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum { REPLY_HOP_LIMIT = 64 }; /* RFC 1700, "IP time to live parameter" */

struct ip6 reply_link_local(const struct service_config *config)
{
	return ip6_link_local(config->mac);
}

static void draft_begin(struct reply_draft *draft, struct reply *reply, const struct service_config *config,
			struct mac to, uint16_t type, size_t header_bytes)
{
	struct ethernet_header ethernet = {.to = to, .from = config->mac, .type = be16_from(type)};
	size_t room = (size_t)ETHERNET_HEADER_BYTES + config->mtu_bytes;

	reply->length = 0;
	draft->reply = reply;
	writer_init(&draft->writer, reply->bytes, room < sizeof(reply->bytes) ? room : sizeof(reply->bytes));
	ethernet_header_write(&draft->writer, &ethernet);
	writer_skip(&draft->writer, header_bytes);
	draft->transport = writer_used(&draft->writer);
}

void reply_begin4(struct reply_draft *draft, struct reply *reply, const struct service_config *config, struct mac to,
		  struct ip4 from4, struct ip4 to4, uint8_t protocol)
{
	*draft = (struct reply_draft){.protocol = protocol, .from4 = from4, .to4 = to4, .hop_limit = REPLY_HOP_LIMIT};
	draft_begin(draft, reply, config, to, ETHERTYPE_IPV4, IP4_HEADER_BYTES);
}

void reply_begin6(struct reply_draft *draft, struct reply *reply, const struct service_config *config, struct mac to,
		  struct ip6 from6, struct ip6 to6, uint8_t protocol, uint8_t hop_limit)
{
	*draft = (struct reply_draft){
		.is6 = true, .protocol = protocol, .from6 = from6, .to6 = to6, .hop_limit = hop_limit};
	draft_begin(draft, reply, config, to, ETHERTYPE_IPV6, IP6_HEADER_BYTES);
}

void reply_begin_back(struct reply_draft *draft, struct reply *reply, const struct service_config *config,
		      const struct packet *packet, uint8_t protocol)
{
	if (packet->is6)
		reply_begin6(draft, reply, config, packet->ethernet.from, packet->ip6.to, packet->ip6.from, protocol,
			     REPLY_HOP_LIMIT);
	else
		reply_begin4(draft, reply, config, packet->ethernet.from, packet->ip4.to, packet->ip4.from, protocol);
}

void reply_be_long(struct reply_draft *draft)
{
	draft->writer.left = sizeof(draft->reply->bytes) - writer_used(&draft->writer);
}

void reply_udp(struct reply_draft *draft, uint16_t from_port, uint16_t to_port)
{
	struct udp_header header = {.from_port = from_port, .to_port = to_port, .bytes = UDP_HEADER_BYTES};

	udp_header_write(&draft->writer, &header);
}

struct writer reply_payload(const struct reply_draft *draft, size_t most)
{
	struct writer payload;

	writer_init(&payload, draft->writer.next, draft->writer.left < most ? draft->writer.left : most);
	payload.failed = draft->writer.failed;
	return payload;
}

void reply_take(struct reply_draft *draft, const struct writer *payload)
{
	size_t used = writer_used(payload);

	if (payload->failed) {
		draft->writer.failed = true;
		return;
	}
	draft->writer.next += used;
	draft->writer.left -= used;
}

static void draft_write_ip(const struct reply_draft *draft, size_t transport_bytes)
{
	struct writer writer;

	writer_init(&writer, draft->reply->bytes + ETHERNET_HEADER_BYTES, draft->transport - ETHERNET_HEADER_BYTES);
	if (draft->is6) {
		struct ip6_header header = {.from = draft->from6,
					    .to = draft->to6,
					    .hop_limit = draft->hop_limit,
					    .next_header = draft->protocol,
					    .payload_bytes = (uint16_t)transport_bytes};

		ip6_header_write(&writer, &header);
	} else {
		/* RFC 6864 4: an identification of 0 will do where fragmenting is forbidden. */
		struct ip4_header header = {.from = draft->from4,
					    .to = draft->to4,
					    .hop_limit = draft->hop_limit,
					    .protocol = draft->protocol,
					    .header_bytes = IP4_HEADER_BYTES,
					    .total_bytes = (uint16_t)(IP4_HEADER_BYTES + transport_bytes),
					    .dont_fragment = true};

		ip4_header_write(&writer, &header);
	}
	assert(!writer.failed);
}

static struct checksum draft_pseudo(const struct reply_draft *draft, size_t transport_bytes)
{
	struct checksum checksum;

	checksum_init(&checksum);
	if (draft->is6)
		ip6_pseudo(&checksum, draft->from6, draft->to6, draft->protocol, (uint32_t)transport_bytes);
	else
		ip4_pseudo(&checksum, draft->from4, draft->to4, draft->protocol, (uint16_t)transport_bytes);
	return checksum;
}

void reply_end(struct reply_draft *draft)
{
	size_t length = writer_used(&draft->writer), bytes;
	uint8_t *transport = draft->reply->bytes + draft->transport;
	struct checksum pseudo;
	struct be16 udp_bytes;

	if (draft->writer.failed)
		return;
	bytes = length - draft->transport;
	pseudo = draft_pseudo(draft, bytes);
	switch (draft->protocol) {
	case IP_PROTOCOL_ICMP:
		icmp_checksum_fill(NULL, transport, bytes);
		break;
	case IP_PROTOCOL_ICMP6:
		icmp_checksum_fill(&pseudo, transport, bytes);
		break;
	case IP_PROTOCOL_TCP:
		tcp_checksum_fill(&pseudo, transport, bytes);
		break;
	case IP_PROTOCOL_UDP:
		udp_bytes = be16_from((uint16_t)bytes);
		memcpy(transport + UDP_LENGTH_AT, &udp_bytes, sizeof(udp_bytes));
		udp_checksum_fill(&pseudo, transport, bytes);
		break;
	}
	draft_write_ip(draft, bytes);
	draft->reply->length = (uint32_t)length;
}
