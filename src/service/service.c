/* SPDX-License-Identifier: MIT */
/* The gateway's front desk: whom a frame is for, what it is, and which service answers. The services themselves never
 * see what is not theirs.
 *
 * What surprises: a frame that the switch floods comes by here too. What is for somebody else, or for groups that the
 * gateway is no member of, is passed over in silence: it is no drop. */
#include "service/service.h"

#include <string.h>

#include "service/lease.h"
#include "service/refusal.h"
#include "service/reply.h"
#include "wire/dhcp4.h"
#include "wire/dhcp6.h"
#include "wire/domain.h"
#include "wire/udp.h"

void service_search(const struct service_config *config, size_t room, struct domain_list *ret_search)
{
	size_t count = config->search_count ? config->search_count : 1;

	ret_search->count = 0;
	for (size_t i = 0; i < count && i < SERVICE_SEARCH_MAX && i < DOMAIN_LIST_MAX; i++) {
		const char *name = config->search_count ? config->search[i] : config->domain;
		size_t bytes = strlen(name) + 2; /* a length in front, the root behind */

		if (bytes > room || !domain_valid(name))
			continue;
		memcpy(ret_search->name[ret_search->count++], name, bytes - 1);
		room -= bytes;
	}
}

/* ---- IPv4 ---- */

static bool ip4_is_net_broadcast(const struct service_config *config, struct ip4 address)
{
	return config->prefix4 < 31 && ip4_value(address) == (ip4_value(config->net4) | ~ip4_mask(config->prefix4));
}

bool service_is_ours4(const struct service_config *config, struct ip4 address)
{
	for (size_t i = 0; i < config->also4_count; i++) {
		if (ip4_equal(address, config->also4[i]))
			return true;
	}
	return ip4_equal(address, config->host4) || (!ip4_is_zero(address) && ip4_equal(address, config->resolver4));
}

bool service_stands_for4(const struct service_config *config, struct ip4 address)
{
	return config->shares_net && ip4_in_net(address, config->net4, config->prefix4) &&
	       !ip4_equal(address, config->dhcp4_first) && !ip4_equal(address, config->net4) &&
	       !ip4_is_net_broadcast(config, address);
}

/* RFC 1122 3.2.1.3. "This host" is for DHCP alone, and a sender with our address is a conflict that ARP will show. */
static bool source4_may_be(const struct service_config *config, struct ip4 from, bool may_be_zero)
{
	if (ip4_is_zero(from))
		return may_be_zero;
	return from.byte[0] != 0 && !ip4_is_loopback(from) && from.byte[0] < 224 && !service_is_ours4(config, from) &&
	       !ip4_is_net_broadcast(config, from);
}

static enum drop_reason visit_read_udp(const struct visit *visit, struct udp_header *ret_header,
				       struct reader *ret_payload)
{
	reader_init(ret_payload, visit->packet->transport, visit->packet->transport_bytes);
	return udp_header_read(ret_payload, visit->packet->transport_bytes, ret_header);
}

static enum drop_reason visit_verify_udp(const struct visit *visit, const struct udp_header *header)
{
	const struct packet *packet = visit->packet;
	struct checksum pseudo;

	checksum_init(&pseudo);
	if (packet->is6)
		ip6_pseudo(&pseudo, packet->ip6.from, packet->ip6.to, packet->protocol, header->bytes);
	else
		ip4_pseudo(&pseudo, packet->ip4.from, packet->ip4.to, packet->protocol, header->bytes);
	return udp_checksum_verify(&pseudo, packet->transport, header->bytes, packet->is6);
}

static enum drop_reason visit_udp4(const struct visit *visit, bool unicast)
{
	struct udp_header header;
	struct reader payload;
	enum drop_reason verdict = visit_read_udp(visit, &header, &payload);
	bool dhcp = verdict == DROP_NONE && header.to_port == DHCP4_SERVER_PORT && visit->config->dhcp4;

	/* A broadcast is everybody's: what it carries for others is not ours to judge. */
	if (!dhcp && !unicast)
		return DROP_NONE;
	if (verdict == DROP_NONE)
		verdict = visit_verify_udp(visit, &header);
	if (verdict != DROP_NONE)
		return verdict;
	if (!source4_may_be(visit->config, visit->packet->ip4.from, dhcp))
		return DROP_IP4_SOURCE;
	if (dhcp)
		return dhcp4_input(visit, payload.next, payload.left);
	refusal_unreachable4(visit->config, visit->packet, ICMP4_UNREACHABLE_PORT, visit->reply);
	return DROP_UDP_PORT_CLOSED;
}

static enum drop_reason visit_icmp4(const struct visit *visit)
{
	const struct packet *packet = visit->packet;
	enum drop_reason verdict = icmp_checksum_verify(NULL, packet->transport, packet->transport_bytes);

	if (verdict != DROP_NONE)
		return verdict;
	if (packet->transport[0] == ICMP4_ECHO_REQUEST)
		return echo4_input(visit->config, packet, visit->reply);
	/* An error about something of ours: there is nobody to tell. */
	return icmp4_is_error(packet->transport[0]) ? DROP_NONE : DROP_ICMP_TYPE;
}

static enum drop_reason visit_ours4(const struct visit *visit)
{
	const struct packet *packet = visit->packet;

	if (packet->fragment)
		return DROP_IP4_FRAGMENT;
	if (packet->protocol == IP_PROTOCOL_UDP)
		return visit_udp4(visit, true);
	if (!source4_may_be(visit->config, packet->ip4.from, false))
		return DROP_IP4_SOURCE;
	switch (packet->protocol) {
	case IP_PROTOCOL_ICMP:
		return visit_icmp4(visit);
	case IP_PROTOCOL_TCP:
		return refusal_reset(visit->config, packet, visit->reply);
	}
	refusal_unreachable4(visit->config, packet, ICMP4_UNREACHABLE_PROTOCOL, visit->reply);
	return DROP_IP4_PROTOCOL;
}

static enum drop_reason visit_broadcast4(const struct visit *visit)
{
	if (visit->packet->protocol != IP_PROTOCOL_UDP)
		return DROP_NONE;
	return visit->packet->fragment ? DROP_IP4_FRAGMENT : visit_udp4(visit, false);
}

/* There is no way on. Nothing is said about addresses that no router forwards to (RFC 1812 5.3.7). */
static enum drop_reason visit_elsewhere4(const struct visit *visit)
{
	const struct service_config *config = visit->config;
	struct ip4 to = visit->packet->ip4.to;
	bool on_link = ip4_in_net(to, config->net4, config->prefix4);

	if (!source4_may_be(config, visit->packet->ip4.from, false))
		return DROP_IP4_SOURCE;
	if (to.byte[0] != 0 && !ip4_is_loopback(to) && to.byte[0] < 224)
		refusal_unreachable4(config, visit->packet, on_link ? ICMP4_UNREACHABLE_HOST : ICMP4_UNREACHABLE_NET,
				     visit->reply);
	return DROP_IP4_NO_ROUTE;
}

static enum drop_reason visit_ip4(const struct visit *visit)
{
	const struct packet *packet = visit->packet;
	struct ip4 to = packet->ip4.to;

	if (ip4_is_multicast(to))
		return DROP_NONE;
	if (ip4_equal(to, IP4_BROADCAST) || ip4_is_net_broadcast(visit->config, to))
		return visit_broadcast4(visit);
	/* RFC 1122 3.3.6: for one machine, but sent to all. */
	if (mac_is_group(packet->ethernet.to))
		return DROP_NONE;
	return service_is_ours4(visit->config, to) ? visit_ours4(visit) : visit_elsewhere4(visit);
}

/* ---- IPv6 ---- */

bool service_is_ours6(const struct service_config *config, struct ip6 address)
{
	for (size_t i = 0; i < config->also6_count; i++) {
		if (ip6_equal(address, config->also6[i]))
			return true;
	}
	return ip6_equal(address, config->host6) || ip6_equal(address, reply_link_local(config)) ||
	       (!ip6_is_zero(address) && ip6_equal(address, config->resolver6));
}

bool service_stands_for6(const struct service_config *config, struct ip6 address)
{
	return config->shares_net && ip6_in_net(address, config->net6, config->prefix6) &&
	       !ip6_equal(address, config->dhcp6_first);
}

static bool ip6_is_our_group(const struct service_config *config, struct ip6 address)
{
	for (size_t i = 0; i < config->also6_count; i++) {
		if (ip6_equal(address, ip6_solicited_node(config->also6[i])))
			return true;
	}
	if (config->shares_net && ip6_in_net(address, ip6_solicited_node((struct ip6){{0}}), 104))
		return true;
	return ip6_equal(address, IP6_ALL_NODES) || ip6_equal(address, IP6_ALL_ROUTERS) ||
	       (config->dhcp6 && ip6_equal(address, DHCP6_SERVERS)) ||
	       ip6_equal(address, ip6_solicited_node(config->host6)) ||
	       (!ip6_is_zero(config->resolver6) && ip6_equal(address, ip6_solicited_node(config->resolver6))) ||
	       ip6_equal(address, ip6_solicited_node(reply_link_local(config)));
}

/* RFC 4291 2.7 and 2.5.3. The unspecified address is for ICMPv6 alone, and there not for all (icmp6_may_be_nameless). */
static bool source6_may_be(const struct service_config *config, struct ip6 from, bool may_be_zero)
{
	static const struct ip6 loopback = {{[15] = 1}};

	if (ip6_is_zero(from))
		return may_be_zero;
	return !ip6_is_multicast(from) && !ip6_equal(from, loopback) && !service_is_ours6(config, from);
}

static enum drop_reason visit_udp6(const struct visit *visit)
{
	bool group = ip6_is_multicast(visit->packet->ip6.to);
	struct udp_header header;
	struct reader payload;
	enum drop_reason verdict = visit_read_udp(visit, &header, &payload);
	bool dhcp = verdict == DROP_NONE && header.to_port == DHCP6_SERVER_PORT && visit->config->dhcp6;

	if (!dhcp && group)
		return DROP_NONE;
	if (verdict == DROP_NONE)
		verdict = visit_verify_udp(visit, &header);
	if (verdict != DROP_NONE)
		return verdict;
	if (dhcp)
		return dhcp6_input(visit, payload.next, payload.left);
	refusal_unreachable6(visit->config, visit->packet, ICMP6_UNREACHABLE_PORT, visit->reply);
	return DROP_UDP_PORT_CLOSED;
}

/* RFC 4861 4.1 and 4.3, RFC 3590 4: who has no address yet may look for one, and say what groups it is in. */
static bool icmp6_may_be_nameless(uint8_t type)
{
	return type == ICMP6_ROUTER_SOLICIT || type == ICMP6_NEIGHBOUR_SOLICIT || type == ICMP6_LISTENER_REPORT ||
	       type == ICMP6_LISTENER_DONE || type == ICMP6_LISTENER_REPORT2;
}

static enum drop_reason visit_icmp6(const struct visit *visit)
{
	const struct packet *packet = visit->packet;
	struct checksum pseudo = packet_pseudo(packet);
	enum drop_reason verdict = icmp_checksum_verify(&pseudo, packet->transport, packet->transport_bytes);
	bool group = ip6_is_multicast(packet->ip6.to);

	if (verdict != DROP_NONE)
		return verdict;
	if (ip6_is_zero(packet->ip6.from) && !icmp6_may_be_nameless(packet->transport[0]))
		return DROP_IP6_SOURCE;
	switch (packet->transport[0]) {
	case ICMP6_ROUTER_SOLICIT:
	case ICMP6_ROUTER_ADVERT:
	case ICMP6_NEIGHBOUR_SOLICIT:
	case ICMP6_NEIGHBOUR_ADVERT:
		return ndp_input(visit->config, packet, visit->reply);
	case ICMP6_LISTENER_QUERY:
	case ICMP6_LISTENER_REPORT:
	case ICMP6_LISTENER_DONE:
	case ICMP6_LISTENER_REPORT2:
		return DROP_NONE;
	case ICMP6_ECHO_REQUEST:
		return group ? DROP_NONE : echo6_input(visit->config, packet, visit->reply);
	}
	return group || icmp6_is_error(packet->transport[0]) ? DROP_NONE : DROP_ICMP_TYPE;
}

static enum drop_reason visit_ours6(const struct visit *visit)
{
	const struct packet *packet = visit->packet;

	if (!source6_may_be(visit->config, packet->ip6.from, packet->protocol == IP_PROTOCOL_ICMP6))
		return DROP_IP6_SOURCE;
	if (packet->fragment)
		return DROP_IP6_FRAGMENT;
	switch (packet->protocol) {
	case IP_PROTOCOL_ICMP6:
		return visit_icmp6(visit);
	case IP_PROTOCOL_UDP:
		return visit_udp6(visit);
	case IP_PROTOCOL_TCP:
		return refusal_reset(visit->config, packet, visit->reply);
	case IP_PROTOCOL_NONE:
		return DROP_NONE;
	}
	return DROP_IP6_NEXT_HEADER;
}

static enum drop_reason visit_elsewhere6(const struct visit *visit)
{
	const struct service_config *config = visit->config;
	struct ip6 to = visit->packet->ip6.to;
	bool on_link = ip6_in_net(to, config->net6, config->prefix6) || ip6_is_link_local(to);

	if (!source6_may_be(config, visit->packet->ip6.from, false))
		return DROP_IP6_SOURCE;
	refusal_unreachable6(config, visit->packet, on_link ? ICMP6_UNREACHABLE_ADDRESS : ICMP6_UNREACHABLE_ROUTE,
			     visit->reply);
	return DROP_IP6_NO_ROUTE;
}

static enum drop_reason visit_ip6(const struct visit *visit)
{
	const struct packet *packet = visit->packet;
	struct ip6 to = packet->ip6.to;

	if (ip6_is_multicast(to))
		return ip6_is_our_group(visit->config, to) ? visit_ours6(visit) : DROP_NONE;
	if (service_is_ours6(visit->config, to))
		return visit_ours6(visit);
	return mac_is_group(packet->ethernet.to) ? DROP_NONE : visit_elsewhere6(visit);
}

/* ---- all ---- */

static enum drop_reason visit_ip(const struct visit *guest, const uint8_t *frame, size_t length)
{
	struct packet packet;
	struct visit visit = *guest;
	enum drop_reason verdict = packet_parse(frame, length, &packet);

	if (verdict != DROP_NONE)
		return verdict;
	visit.packet = &packet;
	return packet.is6 ? visit_ip6(&visit) : visit_ip4(&visit);
}

enum drop_reason service_input(const struct service_config *config, struct lease_table *leases,
			       const struct origin *origin, const uint8_t *frame, size_t length, uint64_t now_us,
			       struct reply *ret_reply)
{
	struct visit visit = {
		.config = config, .leases = leases, .origin = origin, .now_us = now_us, .reply = ret_reply};
	struct ethernet_header ethernet;
	struct reader reader;
	enum drop_reason verdict;

	ret_reply->length = 0;
	reader_init(&reader, frame, length);
	verdict = ethernet_header_read(&reader, &ethernet);
	if (verdict != DROP_NONE)
		return verdict;
	if (!mac_is_group(ethernet.to) && !mac_equal(ethernet.to, config->mac))
		return DROP_NONE;
	/* The switch has seen to this; but an answer to a group would be a storm. */
	if (mac_is_group(ethernet.from) || mac_is_zero(ethernet.from))
		return DROP_SOURCE_MULTICAST;
	if (mac_equal(ethernet.from, config->mac))
		return DROP_SOURCE_GATEWAY;
	switch (be16_value(ethernet.type)) {
	case ETHERTYPE_ARP:
		if (config->ip4)
			return arp_input(config, frame, length, ret_reply);
		break;
	case ETHERTYPE_IPV4:
		if (config->ip4)
			return visit_ip(&visit, frame, length);
		break;
	case ETHERTYPE_IPV6:
		if (config->ip6)
			return visit_ip(&visit, frame, length);
		break;
	case ETHERTYPE_VLAN:
	case ETHERTYPE_SERVICE_VLAN:
		return mac_is_group(ethernet.to) ? DROP_NONE : DROP_VLAN_TAGGED;
	}
	return mac_is_group(ethernet.to) ? DROP_NONE : DROP_ETHERTYPE;
}

void service_late(const struct service_config *config, const uint8_t *frame, size_t length, struct reply *ret_reply)
{
	struct packet packet;

	ret_reply->length = 0;
	if (packet_parse(frame, length, &packet) != DROP_NONE)
		return;
	if (packet.is6 ? source6_may_be(config, packet.ip6.from, false)
		       : source4_may_be(config, packet.ip4.from, false))
		refusal_late(config, &packet, ret_reply);
}
