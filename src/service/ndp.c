/* SPDX-License-Identifier: MIT */
/* Neighbour discovery, RFC 4861: the router's and the neighbour's side of the gateway. Answers go to the frame's own
 * source, those to all nodes too (RFC 6085); the link-layer address in a question's options is not believed. So nobody
 * can have answers sent to somebody else, and no question is answered to all the guests. Duplicate address detection of our own addresses is not done: they are ours by configuration. */
#include "wire/ndp.h"

#include "service/packet.h"
#include "service/reply.h"
#include "service/service.h"

enum ndp_times {
	ADVERTISED_HOP_LIMIT = 64,
	/* RFC 4861 6.2.1: AdvDefaultLifetime's most, AdvValidLifetime and AdvPreferredLifetime */
	ROUTER_LIFETIME_S = 9000,
	PREFIX_VALID_S = 2592000,
	PREFIX_PREFERRED_S = 604800,
	DNS_LIFETIME_S = 3 * SERVICE_ADVERTISE_S, /* RFC 8106 5.1 */
};

/* All else is 192 bytes; together they fit the smallest MTU of IPv6. */
enum { SEARCH_ROOM_BYTES = IP6_MTU_MIN - 256 };

static void ndp_send(const struct service_config *config, struct mac to_mac, struct ip6 from, struct ip6 to,
		     const struct ndp *ndp, struct reply *ret_reply)
{
	struct reply_draft draft;

	reply_begin6(&draft, ret_reply, config, to_mac, from, to, IP_PROTOCOL_ICMP6, NDP_HOP_LIMIT);
	ndp_write(&draft.writer, ndp);
	reply_end(&draft);
}

static struct ndp ndp_advert(const struct service_config *config)
{
	struct ndp advert = {
		.type = ICMP6_ROUTER_ADVERT,
		.hop_limit = ADVERTISED_HOP_LIMIT,
		.managed = config->dhcp6,
		.other = config->dhcp6,
		.lifetime_s = config->router6 ? ROUTER_LIFETIME_S : 0,
		.has_source_mac = true,
		.source_mac = config->mac,
		.mtu_bytes = config->mtu_bytes,
		.prefix_count = 1,
		.prefixes = {{.net = config->net6,
			      .bits = (uint8_t)config->prefix6,
			      .on_link = true,
			      .autonomous = config->prefix6 == 64, /* RFC 4862 5.5.3 d, RFC 4291 2.5.1 */
			      .valid_s = PREFIX_VALID_S,
			      .preferred_s = PREFIX_PREFERRED_S}},
		.dns_s = DNS_LIFETIME_S,
		.search_s = DNS_LIFETIME_S,
	};

	for (; advert.dns_count < config->dns6_count && advert.dns_count < NDP_DNS_MAX; advert.dns_count++)
		advert.dns[advert.dns_count] = config->dns6[advert.dns_count];
	service_search(config, SEARCH_ROOM_BYTES, &advert.search);
	return advert;
}

static void ndp_send_to_all(const struct service_config *config, const struct ndp *ndp, struct reply *ret_reply)
{
	ret_reply->length = 0;
	if (config->ip6)
		ndp_send(config, ip6_multicast_mac(IP6_ALL_NODES), reply_link_local(config), IP6_ALL_NODES, ndp,
			 ret_reply);
}

void ndp_advertise(const struct service_config *config, struct reply *ret_reply)
{
	struct ndp advert = ndp_advert(config);

	ndp_send_to_all(config, &advert, ret_reply);
}

void ndp_withdraw(const struct service_config *config, struct reply *ret_reply)
{
	struct ndp advert = ndp_advert(config);

	advert.lifetime_s = 0;
	advert.prefixes[0].valid_s = 0;
	advert.prefixes[0].preferred_s = 0;
	advert.dns_s = 0;
	advert.search_s = 0;
	ndp_send_to_all(config, &advert, ret_reply);
}

/* RFC 4861 6.2.6 and 7.2.4: who has no address yet hears what is said to all nodes. */
static struct ip6 ndp_asker(const struct packet *packet)
{
	return ip6_is_zero(packet->ip6.from) ? IP6_ALL_NODES : packet->ip6.from;
}

static void ndp_answer_router(const struct service_config *config, const struct packet *packet, struct reply *ret_reply)
{
	struct ndp advert = ndp_advert(config);

	ndp_send(config, packet->ethernet.from, reply_link_local(config), ndp_asker(packet), &advert, ret_reply);
}

static enum drop_reason ndp_answer_neighbour(const struct service_config *config, const struct packet *packet,
					     struct ip6 target, struct reply *ret_reply)
{
	struct ndp advert = {
		.type = ICMP6_NEIGHBOUR_ADVERT,
		.target = target,
		.router = config->router6,
		.solicited = !ip6_is_zero(packet->ip6.from),
		.override = true,
		.has_target_mac = true,
		.target_mac = config->mac,
	};

	/* who has no address yet tries one (RFC 4862 5.4.2) */
	if (!service_is_ours6(config, target) &&
	    (!service_stands_for6(config, target) || ip6_is_zero(packet->ip6.from)))
		return DROP_NDP_NOT_OURS;
	ndp_send(config, packet->ethernet.from, target, ndp_asker(packet), &advert, ret_reply);
	return DROP_NONE;
}

enum drop_reason ndp_input(const struct service_config *config, const struct packet *packet, struct reply *ret_reply)
{
	struct reader reader;
	struct ndp question;
	enum drop_reason verdict;

	ret_reply->length = 0;
	/* RFC 6980 5 */
	if (packet->extensions.fragment)
		return DROP_IP6_FRAGMENT;
	reader_init(&reader, packet->transport, packet->transport_bytes);
	verdict = ndp_read(&reader, &packet->ip6, &question);
	if (verdict != DROP_NONE)
		return verdict;
	switch (question.type) {
	case ICMP6_ROUTER_SOLICIT:
		ndp_answer_router(config, packet, ret_reply);
		return DROP_NONE;
	case ICMP6_NEIGHBOUR_SOLICIT:
		return ndp_answer_neighbour(config, packet, question.target, ret_reply);
	case ICMP6_ROUTER_ADVERT:
		return DROP_NDP_ROUTER_ADVERT;
	}
	return DROP_NONE;
}

static struct ndp ndp_question(const struct service_config *config, struct ip6 address)
{
	return (struct ndp){.type = ICMP6_NEIGHBOUR_SOLICIT,
			    .target = address,
			    .has_source_mac = true,
			    .source_mac = config->mac};
}

void ndp_probe(const struct service_config *config, struct mac to, struct ip6 address, struct reply *ret_reply)
{
	struct ndp question = ndp_question(config, address);

	ndp_send(config, to, reply_link_local(config), address, &question, ret_reply);
}

/* RFC 4861 7.2.2 */
void ndp_ask(const struct service_config *config, struct ip6 address, struct reply *ret_reply)
{
	struct ndp question = ndp_question(config, address);
	struct ip6 group = ip6_solicited_node(address);

	ndp_send(config, ip6_multicast_mac(group), reply_link_local(config), group, &question, ret_reply);
}
