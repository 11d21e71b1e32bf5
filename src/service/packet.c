/* SPDX-License-Identifier: MIT */
/* Reading a packet's headers, once, for all services. What the addresses mean is service.c's matter. */
#include "service/packet.h"

static enum drop_reason packet_read4(struct reader *reader, struct packet *packet)
{
	enum drop_reason verdict = ip4_header_read(reader, reader->left, IP4_SUM_CHECK, &packet->ip4);

	if (verdict != DROP_NONE)
		return verdict;
	packet->protocol = packet->ip4.protocol;
	packet->fragment = ip4_is_fragment(&packet->ip4);
	packet->count = packet->ip4.total_bytes;
	return DROP_NONE;
}

static enum drop_reason packet_read6(struct reader *reader, struct packet *packet)
{
	enum drop_reason verdict = ip6_header_read(reader, reader->left, &packet->ip6);

	if (verdict != DROP_NONE)
		return verdict;
	verdict = ip6_extensions_read(reader, packet->ip6.next_header, &packet->extensions);
	if (verdict != DROP_NONE)
		return verdict;
	packet->protocol = packet->extensions.protocol;
	/* A fragment header around a whole packet is none (RFC 6946 4). */
	packet->fragment = packet->extensions.more_fragments || packet->extensions.fragment_offset;
	packet->count = (size_t)IP6_HEADER_BYTES + packet->ip6.payload_bytes;
	return DROP_NONE;
}

enum drop_reason packet_parse(const uint8_t *frame, size_t length, struct packet *ret_packet)
{
	struct packet packet = {.is6 = false};
	struct reader reader;
	enum drop_reason verdict;

	reader_init(&reader, frame, length);
	verdict = ethernet_header_read(&reader, &packet.ethernet);
	if (verdict != DROP_NONE)
		return verdict;
	packet.bytes = reader.next;
	switch (be16_value(packet.ethernet.type)) {
	case ETHERTYPE_IPV4:
		verdict = packet_read4(&reader, &packet);
		break;
	case ETHERTYPE_IPV6:
		packet.is6 = true;
		verdict = packet_read6(&reader, &packet);
		break;
	default:
		return DROP_ETHERTYPE;
	}
	if (verdict != DROP_NONE)
		return verdict;
	packet.transport = reader.next;
	packet.transport_bytes = reader.left;
	*ret_packet = packet;
	return DROP_NONE;
}

struct checksum packet_pseudo(const struct packet *packet)
{
	struct checksum checksum;

	checksum_init(&checksum);
	if (packet->is6)
		ip6_pseudo(&checksum, packet->ip6.from, packet->ip6.to, packet->protocol,
			   (uint32_t)packet->transport_bytes);
	else
		ip4_pseudo(&checksum, packet->ip4.from, packet->ip4.to, packet->protocol,
			   (uint16_t)packet->transport_bytes);
	return checksum;
}

bool packet_is_unicast(const struct packet *packet)
{
	if (mac_is_group(packet->ethernet.to))
		return false;
	if (packet->is6)
		return !ip6_is_multicast(packet->ip6.to);
	return !ip4_is_multicast(packet->ip4.to) && !ip4_equal(packet->ip4.to, IP4_BROADCAST);
}
