/* SPDX-License-Identifier: MIT */
/* ICMP errors come from the gateway's address of the network, those of ICMPv6 from the one that the packet was for where
 * that is the gateway's too; resets from where the segment was sent to. */
#include "service/refusal.h"

#include "service/reply.h"
#include "wire/tcp.h"

/* A message that is itself an error, or that cannot be told from one. */
static bool packet_is_error(const struct packet *packet)
{
	uint8_t type;

	if (packet->protocol != (packet->is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP))
		return false;
	if (packet->transport_bytes == 0)
		return true;
	type = packet->transport[0];
	return packet->is6 ? icmp6_is_error(type) : icmp4_is_error(type);
}

static bool packet_may_be_refused(const struct packet *packet)
{
	if (!packet_is_unicast(packet))
		return false;
	if (packet->is6)
		return !ip6_is_zero(packet->ip6.from) && !packet->extensions.fragment_offset &&
		       !packet_is_error(packet);
	return !ip4_is_zero(packet->ip4.from) && !packet->ip4.fragment_offset && !packet_is_error(packet);
}

static void refusal_error4(const struct service_config *config, const struct packet *packet, uint8_t type, uint8_t code,
			   struct reply *ret_reply)
{
	const struct icmp_header header = {.type = type, .code = code};
	struct reply_draft draft;

	ret_reply->length = 0;
	if (!packet_may_be_refused(packet))
		return;
	reply_begin4(&draft, ret_reply, config, packet->ethernet.from, config->host4, packet->ip4.from,
		     IP_PROTOCOL_ICMP);
	icmp4_error_write(&draft.writer, &header, packet->bytes, packet->count);
	reply_end(&draft);
}

void refusal_unreachable4(const struct service_config *config, const struct packet *packet, enum icmp4_unreachable code,
			  struct reply *ret_reply)
{
	refusal_error4(config, packet, ICMP4_UNREACHABLE, (uint8_t)code, ret_reply);
}

static void refusal_error6(const struct service_config *config, const struct packet *packet, uint8_t type, uint8_t code,
			   struct reply *ret_reply)
{
	enum { HOP_LIMIT = 64 };
	const struct icmp_header header = {.type = type, .code = code};
	struct reply_draft draft;
	struct ip6 from = config->host6;

	ret_reply->length = 0;
	if (!packet_may_be_refused(packet))
		return;
	/* RFC 4443 2.2: from the address it was for, if that is ours; and within the link from the link's. */
	if (service_is_ours6(config, packet->ip6.to))
		from = packet->ip6.to;
	else if (ip6_is_link_local(packet->ip6.from))
		from = reply_link_local(config);
	reply_begin6(&draft, ret_reply, config, packet->ethernet.from, from, packet->ip6.from, IP_PROTOCOL_ICMP6,
		     HOP_LIMIT);
	icmp6_error_write(&draft.writer, &header, packet->bytes, packet->count);
	reply_end(&draft);
}

void refusal_unreachable6(const struct service_config *config, const struct packet *packet, enum icmp6_unreachable code,
			  struct reply *ret_reply)
{
	refusal_error6(config, packet, ICMP6_UNREACHABLE, (uint8_t)code, ret_reply);
}

void refusal_late(const struct service_config *config, const struct packet *packet, struct reply *ret_reply)
{
	if (packet->is6)
		refusal_error6(config, packet, ICMP6_TIME_EXCEEDED, ICMP_TIME_IN_REASSEMBLY, ret_reply);
	else
		refusal_error4(config, packet, ICMP4_TIME_EXCEEDED, ICMP_TIME_IN_REASSEMBLY, ret_reply);
}

/* RFC 9293 3.10.7.1: how a segment is answered for which there is no connection. */
static void reset_from(struct tcp_header *reset, const struct tcp_header *segment, size_t data_bytes)
{
	if (segment->flags & TCP_ACK) {
		reset->sequence = segment->acknowledgement;
		reset->flags = TCP_RST;
		return;
	}
	reset->acknowledgement = segment->sequence + (uint32_t)data_bytes;
	if (segment->flags & TCP_SYN)
		reset->acknowledgement++;
	if (segment->flags & TCP_FIN)
		reset->acknowledgement++;
	reset->flags = TCP_RST | TCP_ACK;
}

enum drop_reason refusal_reset(const struct service_config *config, const struct packet *packet,
			       struct reply *ret_reply)
{
	struct tcp_header segment, reset = {.header_bytes = TCP_HEADER_BYTES};
	struct checksum pseudo = packet_pseudo(packet);
	struct reply_draft draft;
	struct reader reader;
	enum drop_reason verdict;

	ret_reply->length = 0;
	reader_init(&reader, packet->transport, packet->transport_bytes);
	verdict = tcp_header_read(&reader, packet->transport_bytes, &segment);
	if (verdict == DROP_NONE)
		verdict = tcp_checksum_verify(&pseudo, packet->transport, packet->transport_bytes);
	if (verdict != DROP_NONE)
		return verdict;
	if (segment.flags & TCP_RST || !packet_may_be_refused(packet))
		return DROP_TCP_PORT_CLOSED;
	reset.from_port = segment.to_port;
	reset.to_port = segment.from_port;
	reset_from(&reset, &segment, reader.left);
	reply_begin_back(&draft, ret_reply, config, packet, IP_PROTOCOL_TCP);
	tcp_header_write(&draft.writer, &reset, NULL);
	reply_end(&draft);
	return DROP_TCP_PORT_CLOSED;
}
