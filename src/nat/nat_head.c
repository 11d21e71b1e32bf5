/* SPDX-License-Identifier: MIT */
/* How every frame to a guest begins: Ethernet, perhaps a tag, and the IP header, written into private memory. */
#include <assert.h>

#include "base/writer.h"
#include "nat/nat_state.h"

enum { NAT_HOP_LIMIT = 64 };

struct nat_head nat_head_of(const struct flow *flow)
{
	return (struct nat_head){
		.mac = flow->mac,
		.vlan = flow->vlan,
		.is6 = flow->key.is6,
		.from = flow->key.far,
		.to = flow->key.guest,
		.protocol = flow->key.protocol,
	};
}

uint32_t nat_head_l3(const struct nat_head *head)
{
	return ETHERNET_HEADER_BYTES + (head->vlan ? ETHERNET_VLAN_BYTES : 0);
}

uint32_t nat_head_bytes(const struct nat_head *head)
{
	return nat_head_l3(head) + (head->is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES);
}

static struct ip4 nat_head_ip4(struct ip6 ip)
{
	const struct nat_address address = {.ip = ip};

	return nat_address_ip4(&address);
}

static void nat_head_write4(const struct nat_head *head, uint32_t transport_bytes, struct writer *writer)
{
	struct ip4_header ip = {
		.from = nat_head_ip4(head->from),
		.to = nat_head_ip4(head->to),
		.header_bytes = IP4_HEADER_BYTES,
		.total_bytes = (uint16_t)(IP4_HEADER_BYTES + transport_bytes),
		.id = head->id,
		.dont_fragment = head->dont_fragment,
		.service = head->service,
		.hop_limit = head->hop_limit ? head->hop_limit : NAT_HOP_LIMIT,
		.protocol = head->protocol,
	};

	ip4_header_write(writer, &ip);
}

static void nat_head_write6(const struct nat_head *head, uint32_t transport_bytes, struct writer *writer)
{
	struct ip6_header ip = {
		.from = head->from,
		.to = head->to,
		.payload_bytes = (uint16_t)transport_bytes,
		.service = head->service,
		.next_header = head->protocol,
		.hop_limit = head->hop_limit ? head->hop_limit : NAT_HOP_LIMIT,
	};

	ip6_header_write(writer, &ip);
}

uint32_t nat_head_write(const struct nat *nat, const struct nat_head *head, uint32_t transport_bytes, uint8_t *to)
{
	struct be16 type = be16_from(head->is6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	struct ethernet_header ethernet = {
		.to = head->mac,
		.from = nat->config.mac,
		.type = head->vlan ? be16_from(ETHERTYPE_VLAN) : type,
	};
	struct writer writer;

	writer_init(&writer, to, NAT_HEAD_MAX);
	ethernet_header_write(&writer, &ethernet);
	if (head->vlan)
		ethernet_tag_write(&writer, head->vlan, type);
	if (head->is6)
		nat_head_write6(head, transport_bytes, &writer);
	else
		nat_head_write4(head, transport_bytes, &writer);
	assert(!writer.failed); /* lengths are ours */
	return (uint32_t)writer_used(&writer);
}

struct checksum nat_head_pseudo(const struct nat_head *head, uint32_t transport_bytes)
{
	struct checksum pseudo;

	checksum_init(&pseudo);
	if (head->is6)
		ip6_pseudo(&pseudo, head->from, head->to, head->protocol, transport_bytes);
	else
		ip4_pseudo(&pseudo, nat_head_ip4(head->from), nat_head_ip4(head->to), head->protocol,
			   (uint16_t)transport_bytes);
	return pseudo;
}
