/* SPDX-License-Identifier: MIT */
/* ICMP errors to guests, within what may be answered at all and how often (RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443
 * 2.4). They quote what the guest sent, so that its kernel finds the socket that they are about. */
#include <errno.h>
#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "nat/nat_state.h"
#include "wire/icmp.h"

struct nat_refusal_code {
	uint8_t type4, code4;
	uint8_t type6, code6;
};

enum { ICMP6_PARAMETER_NEXT_HEADER = 1 }; /* RFC 4443 3.4 */

static const struct nat_refusal_code nat_refusal_codes[] = {
	[NAT_REFUSE_NET] = {ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_NET, ICMP6_UNREACHABLE, ICMP6_UNREACHABLE_ROUTE},
	[NAT_REFUSE_HOST] = {ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_HOST, ICMP6_UNREACHABLE, ICMP6_UNREACHABLE_ADDRESS},
	[NAT_REFUSE_PORT] = {ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_PORT, ICMP6_UNREACHABLE, ICMP6_UNREACHABLE_PORT},
	[NAT_REFUSE_PROTOCOL] = {ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_PROTOCOL, ICMP6_PARAMETER,
				 ICMP6_PARAMETER_NEXT_HEADER},
	[NAT_REFUSE_PROHIBITED] = {ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_PROHIBITED, ICMP6_UNREACHABLE,
				   ICMP6_UNREACHABLE_PROHIBITED},
	[NAT_REFUSE_TOO_BIG] = {ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_FRAGMENT, ICMP6_TOO_BIG, 0},
	[NAT_REFUSE_HOP_LIMIT] = {ICMP4_TIME_EXCEEDED, ICMP_TIME_IN_TRANSIT, ICMP6_TIME_EXCEEDED, ICMP_TIME_IN_TRANSIT},
	[NAT_REFUSE_REASSEMBLY] = {ICMP4_TIME_EXCEEDED, ICMP_TIME_IN_REASSEMBLY, ICMP6_TIME_EXCEEDED,
				   ICMP_TIME_IN_REASSEMBLY},
	[NAT_REFUSE_NEXT_HEADER] = {ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_PROTOCOL, ICMP6_PARAMETER,
				    ICMP6_PARAMETER_NEXT_HEADER},
};

static bool nat_may_refuse4(struct reader *reader, struct nat_head *head)
{
	struct ip4_header ip;
	struct nat_address address;

	if (ip4_header_read(reader, IP4_PACKET_MAX, IP4_SUM_SKIP, &ip) != DROP_NONE)
		return false;
	if (ip.fragment_offset || ip4_is_multicast(ip.to) || ip4_value(ip.to) == ip4_value(IP4_BROADCAST))
		return false;
	if (ip.protocol == IP_PROTOCOL_ICMP && (reader->left == 0 || icmp4_is_error(reader->next[0])))
		return false;
	address = nat_address4(ip.from, 0);
	head->to = address.ip;
	return true;
}

/* Of a long packet only the beginning may be there. */
static bool nat_may_refuse6(struct reader *reader, struct nat_head *head)
{
	struct ip6_extensions extensions;
	struct ip6_header ip;

	if (ip6_header_read(reader, IP6_HEADER_BYTES + IP4_PACKET_MAX, &ip) != DROP_NONE ||
	    ip6_extensions_read(reader, ip.next_header, &extensions) != DROP_NONE)
		return false;
	if (extensions.fragment_offset || ip6_is_multicast(ip.to) || ip6_is_zero(ip.from))
		return false;
	if (extensions.protocol == IP_PROTOCOL_ICMP6 && (reader->left == 0 || icmp6_is_error(reader->next[0])))
		return false;
	head->to = ip.from;
	return true;
}

/* RFC 4443 2.2: within the link from the link's address. */
static struct ip6 nat_refusal_source(const struct nat *nat, const struct nat_head *head, const struct nat_address *from)
{
	struct nat_address gateway;

	if (from)
		return from->ip;
	if (head->is6)
		return ip6_is_link_local(head->to) ? ip6_link_local(nat->config.mac) : nat->config.host6;
	gateway = nat_address4(nat->config.host4, 0);
	return gateway.ip;
}

static void nat_refusal_send(struct nat *nat, const struct nat_head *head, const struct icmp_header *icmp,
			     const void *packet, size_t bytes)
{
	uint8_t message[ICMP6_ERROR_PACKET_MAX], frame[NAT_REPLY_MAX];
	struct checksum pseudo;
	struct writer writer;
	uint32_t head_bytes;
	size_t count;

	writer_init(&writer, message, sizeof(message));
	if (head->is6)
		icmp6_error_write(&writer, icmp, packet, bytes);
	else
		icmp4_error_write(&writer, icmp, packet, bytes);
	count = writer_used(&writer);
	pseudo = nat_head_pseudo(head, (uint32_t)count);
	icmp_checksum_fill(head->is6 ? &pseudo : NULL, message, count);
	head_bytes = nat_head_write(nat, head, (uint32_t)count, frame);
	memcpy(frame + head_bytes, message, count);
	nat_reply(nat, frame, head_bytes + count);
}

void nat_refuse(struct nat *nat, struct mac mac, uint16_t vlan, bool is6, const void *packet, size_t bytes,
		enum nat_refusal refusal, uint32_t rest, const struct nat_address *from)
{
	const struct nat_refusal_code *code = &nat_refusal_codes[refusal];
	struct icmp_header icmp = {.type = is6 ? code->type6 : code->type4, .code = is6 ? code->code6 : code->code4};
	struct nat_head head = {.mac = mac,
				.vlan = vlan,
				.is6 = is6,
				.protocol = is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP};
	/* Where it would go, and where the guest is that has to do with it, whatever MAC addresses it uses. */
	const struct port *port = ethswitch_find(nat->config.ethswitch, mac, vlan);
	struct reader reader;

	/* The field has a meaning in these three only. */
	if (refusal == NAT_REFUSE_TOO_BIG || (is6 && icmp.type == ICMP6_PARAMETER))
		icmp.rest = rest;
	reader_init(&reader, packet, bytes);
	if (is6 ? !nat_may_refuse6(&reader, &head) : !nat_may_refuse4(&reader, &head))
		return;
	if (!allowance_take(&nat->refusals, &port, sizeof(port), &mac, sizeof(mac), nat_now_us(nat)))
		return;
	head.from = nat_refusal_source(nat, &head, from);
	nat_refusal_send(nat, &head, &icmp, packet, bytes);
}

void nat_refuse_packet(struct nat *nat, const struct nat_packet *packet, enum nat_refusal refusal, uint32_t rest)
{
	const struct frame *frame = packet->frame;
	uint32_t bytes = packet->l4 + packet->transport_bytes - packet->l3;
	uint8_t quoted[ICMP6_ERROR_PACKET_MAX];

	if (bytes > sizeof(quoted))
		bytes = sizeof(quoted);
	frame_copy(frame, packet->l3, quoted, bytes);
	nat_refuse(nat, packet->mac, packet->vlan, packet->is6, quoted, bytes, refusal, rest, NULL);
}

enum nat_refusal nat_refusal_of(int error)
{
	switch (error) {
	case -ENETUNREACH:
	case -EAFNOSUPPORT: /* the host's kernel does not know this family at all */
		return NAT_REFUSE_NET;
	case -ECONNREFUSED:
		return NAT_REFUSE_PORT;
	case -EACCES:
	case -EPERM:
		return NAT_REFUSE_PROHIBITED;
	case -EMSGSIZE:
		return NAT_REFUSE_TOO_BIG;
	case -EPROTO:
	case -ENOPROTOOPT:
		return NAT_REFUSE_PROTOCOL;
	default:
		return NAT_REFUSE_HOST;
	}
}
