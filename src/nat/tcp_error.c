/* SPDX-License-Identifier: MIT */
/* What ICMP errors from guests' side say of TCP's segments: that a call is refused, and that a link behind the guest is too
 * small for them. They are believed as far as they quote what is under way (RFC 5927 4), for a guest can harm its own flows
 * alone. */
#include <errno.h>
#include <string.h>

#include "nat/tcp.h"
#include "wire/icmp.h"

/* What an error quotes. */
struct tcp_quote {
	struct nat_address far, guest;
	uint32_t sequence;
};

/* The TCP header that an ICMP error quotes, of which there are eight bytes at least (RFC 792, RFC 4443 3.1), and between
 * whom the packet was: who says so may be a router that the guest is. False: it quotes something else. */
static bool tcp_quoted(const struct nat_packet *packet, struct tcp_quote *ret_quote)
{
	enum { QUOTED = 8, PORTS = 4 };
	uint8_t bytes[ICMP_HEADER_BYTES + IP6_HEADER_BYTES + IP4_HEADER_MAX + QUOTED] = {0};
	const uint8_t *ip = bytes + ICMP_HEADER_BYTES, *tcp;
	struct be16 ports[2];
	struct be32 sequence;
	struct ip6 from6, to6;
	struct ip4 from4, to4;
	size_t count = packet->transport_bytes < sizeof(bytes) ? packet->transport_bytes : sizeof(bytes);
	size_t header = packet->is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES;

	if (count < ICMP_HEADER_BYTES + header + QUOTED)
		return false;
	frame_copy(packet->frame, packet->l4, bytes, count);
	if (!packet->is6)
		header = (size_t)(ip[0] & 0x0f) * 4;
	if (header < IP4_HEADER_BYTES || count < ICMP_HEADER_BYTES + header + QUOTED ||
	    ip[packet->is6 ? IP6_NEXT_HEADER_AT : IP4_PROTOCOL_AT] != IP_PROTOCOL_TCP)
		return false;
	tcp = ip + header;
	memcpy(ports, tcp, sizeof(ports));
	memcpy(&sequence, tcp + PORTS, sizeof(sequence));
	memcpy(&from4, ip + IP4_FROM_AT, sizeof(from4));
	memcpy(&to4, ip + IP4_TO_AT, sizeof(to4));
	memcpy(&from6, ip + IP6_FROM_AT, sizeof(from6));
	memcpy(&to6, ip + IP6_TO_AT, sizeof(to6));
	ret_quote->far =
		packet->is6 ? nat_address6(from6, be16_value(ports[0])) : nat_address4(from4, be16_value(ports[0]));
	ret_quote->guest =
		packet->is6 ? nat_address6(to6, be16_value(ports[1])) : nat_address4(to4, be16_value(ports[1]));
	ret_quote->sequence = be32_value(sequence);
	return true;
}

/* The flow that it is about, if whoever says so may speak for it; NULL. */
static struct tcp_flow *tcp_quoted_flow(const struct nat *nat, const struct nat_packet *packet, uint32_t *ret_sequence)
{
	struct tcp_quote quote;
	struct flow_key key;
	struct flow *found;

	if (!tcp_quoted(packet, &quote))
		return NULL;
	key = flow_key(IP_PROTOCOL_TCP, packet->is6, &quote.guest, &quote.far);
	found = flow_find(&nat->flows, &key);
	if (!found || !flow_is_owner(found, packet->from, packet->mac, packet->vlan))
		return NULL;
	*ret_sequence = quote.sequence;
	return tcp_of(found);
}

/* A firewall's way to refuse. Who is open does not believe it (RFC 5927 4.1, 5.2). */
void tcp_unreachable(struct nat *nat, const struct nat_packet *packet)
{
	uint32_t sequence;
	struct tcp_flow *flow = tcp_quoted_flow(nat, packet, &sequence);

	if (!flow || flow->state != TCP_CALLING || sequence != flow->to_guest.first)
		return;
	tcp_tell_caller(flow, -ECONNREFUSED);
	tcp_drop(flow, true);
}

/* The largest segment that fits this link. */
static uint32_t tcp_mss_of(bool is6, uint32_t mtu)
{
	enum { MTU_UNSAID = 576 };
	uint32_t headers = (is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES) + TCP_HEADER_BYTES;

	if (is6 && mtu < IP6_MTU_MIN)
		mtu = IP6_MTU_MIN; /* RFC 8201 4 */
	if (mtu == 0)
		mtu = MTU_UNSAID; /* RFC 1191 5: a router from before it; links with less there hardly are */
	return mtu > headers + TCP_MSS_LEAST ? mtu - headers : TCP_MSS_LEAST;
}

/* RFC 1191 6.4: smaller segments from here on, and what is under way again, at once and as much of it: nothing was congested. The
 * first error tells all; those of the other segments that were under way have nothing new to say. */
void tcp_too_big(struct nat *nat, const struct nat_packet *packet, uint32_t mtu)
{
	uint32_t sequence, mss = tcp_mss_of(packet->is6, mtu);
	struct tcp_flow *flow = tcp_quoted_flow(nat, packet, &sequence);
	struct tcp_to_guest *to;

	if (!flow || flow->state != TCP_OPEN)
		return;
	to = &flow->to_guest;
	if (mss >= to->mss || tcp_before(sequence, to->una) || !tcp_before(sequence, to->max))
		return;
	tcp_handover_put_off(flow);
	to->mss = (uint16_t)mss;
	tcp_resend(flow);
}
