/* SPDX-License-Identifier: MIT */
/* ARP, RFC 826: the gateway's own address and nobody else's. Nothing is learned here; where a guest is, the switch
 * knows, and what its address is, the frame says that is being answered. */
#include "wire/arp.h"

#include "service/service.h"

static void arp_send(const struct service_config *config, struct mac to, const struct arp *arp, struct reply *ret_reply)
{
	struct ethernet_header ethernet = {.to = to, .from = config->mac, .type = be16_from(ETHERTYPE_ARP)};
	struct writer writer;

	writer_init(&writer, ret_reply->bytes, sizeof(ret_reply->bytes));
	ethernet_header_write(&writer, &ethernet);
	arp_write(&writer, arp);
	ret_reply->length = (uint32_t)writer_used(&writer);
}

static bool arp_sender_may_be(const struct service_config *config, const struct arp *arp, struct mac from)
{
	if (!mac_equal(arp->sender_mac, from))
		return false;
	/* RFC 5227 1.1: a probe has no sender address yet. */
	return !ip4_is_multicast(arp->sender) && !ip4_is_loopback(arp->sender) &&
	       !ip4_equal(arp->sender, IP4_BROADCAST) && !service_is_ours4(config, arp->sender);
}

/* Is it an address beyond the gateway that leads there? Under address=host a guest may wear the one that this machine had
 * before, until its lease is renewed: it looks for the router of that net. */
static bool arp_stands_for(const struct service_config *config, const struct arp *question)
{
	if (ip4_is_zero(question->sender) || ip4_equal(question->sender, question->target))
		return false; /* who tries an address, or says its own, asks nobody (RFC 5227 1.1, 3) */
	return service_stands_for4(config, question->target) ||
	       (config->shares_net && !ip4_in_net(question->sender, config->net4, config->prefix4));
}

enum drop_reason arp_input(const struct service_config *config, const uint8_t *frame, size_t length,
			   struct reply *ret_reply)
{
	struct ethernet_header ethernet;
	struct reader reader;
	struct arp question;
	enum drop_reason verdict;

	ret_reply->length = 0;
	reader_init(&reader, frame, length);
	verdict = ethernet_header_read(&reader, &ethernet);
	if (verdict == DROP_NONE)
		verdict = arp_read(&reader, &question);
	if (verdict != DROP_NONE)
		return verdict;
	if (!arp_sender_may_be(config, &question, ethernet.from))
		return DROP_ARP_SENDER;
	if (question.operation != ARP_REQUEST)
		return DROP_NONE;
	if (!service_is_ours4(config, question.target) && !arp_stands_for(config, &question))
		return mac_is_group(ethernet.to) ? DROP_NONE : DROP_ARP_NOT_OURS;
	arp_send(config, ethernet.from,
		 &(struct arp){.operation = ARP_REPLY,
			       .sender_mac = config->mac,
			       .sender = question.target,
			       .target_mac = question.sender_mac,
			       .target = question.sender},
		 ret_reply);
	return DROP_NONE;
}

void arp_probe(const struct service_config *config, struct mac to, struct ip4 address, struct reply *ret_reply)
{
	arp_send(config, to,
		 &(struct arp){.operation = ARP_REQUEST,
			       .sender_mac = config->mac,
			       .sender = config->host4,
			       .target = address},
		 ret_reply);
}

void arp_ask(const struct service_config *config, struct ip4 address, struct reply *ret_reply)
{
	arp_probe(config, MAC_BROADCAST, address, ret_reply);
}
