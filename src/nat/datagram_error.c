/* SPDX-License-Identifier: MIT */
/* Errors of datagram sockets, told to guests. The guest's packet is composed anew as its kernel would know it: addresses,
 * ports and the beginning of what it sent. */
#include "nat/datagram_error.h"

#include <errno.h>
#include <string.h>

#include "wire/icmp.h"

static enum nat_refusal refusal_of4(const struct datagram_error *error)
{
	if (error->type == ICMP4_TIME_EXCEEDED)
		return error->code == 0 ? NAT_REFUSE_HOP_LIMIT : NAT_REFUSE_REASSEMBLY;
	if (error->type != ICMP4_UNREACHABLE)
		return nat_refusal_of(error->error);
	switch (error->code) {
	case ICMP4_UNREACHABLE_NET:
		return NAT_REFUSE_NET;
	case ICMP4_UNREACHABLE_PROTOCOL:
		return NAT_REFUSE_PROTOCOL;
	case ICMP4_UNREACHABLE_PORT:
		return NAT_REFUSE_PORT;
	case ICMP4_UNREACHABLE_FRAGMENT:
		return NAT_REFUSE_TOO_BIG;
	case 9: /* net and host administratively prohibited: RFC 1122 3.2.2.1 */
	case 10:
	case ICMP4_UNREACHABLE_PROHIBITED:
		return NAT_REFUSE_PROHIBITED;
	}
	return NAT_REFUSE_HOST;
}

static enum nat_refusal refusal_of6(const struct datagram_error *error)
{
	switch (error->type) {
	case ICMP6_TIME_EXCEEDED:
		return error->code == 0 ? NAT_REFUSE_HOP_LIMIT : NAT_REFUSE_REASSEMBLY;
	case ICMP6_TOO_BIG:
		return NAT_REFUSE_TOO_BIG;
	case ICMP6_UNREACHABLE:
		break;
	default:
		return nat_refusal_of(error->error);
	}
	switch (error->code) {
	case ICMP6_UNREACHABLE_ROUTE:
		return NAT_REFUSE_NET;
	case ICMP6_UNREACHABLE_PROHIBITED:
		return NAT_REFUSE_PROHIBITED;
	case ICMP6_UNREACHABLE_PORT:
		return NAT_REFUSE_PORT;
	}
	return NAT_REFUSE_HOST;
}

enum nat_refusal datagram_error_refusal(const struct datagram_error *error, bool is6)
{
	if (!error->icmp)
		return nat_refusal_of(error->error);
	return is6 ? refusal_of6(error) : refusal_of4(error);
}

void datagram_error_tell(const struct flow *flow, const struct nat_address *far, uint8_t protocol, const void *message,
			 uint32_t bytes, uint32_t whole_bytes, enum nat_refusal refusal, uint32_t mtu,
			 const struct nat_address *from)
{
	struct nat_head head = nat_head_of(flow);
	uint8_t packet[NAT_HEAD_MAX + ICMP6_ERROR_PACKET_MAX];
	uint32_t l3 = nat_head_l3(&head), head_bytes;

	head.from = flow->key.guest;
	head.to = far->ip;
	head.protocol = protocol;
	head.dont_fragment = true;
	head_bytes = nat_head_write(flow->nat, &head, whole_bytes, packet);
	if (bytes > sizeof(packet) - head_bytes)
		bytes = (uint32_t)sizeof(packet) - head_bytes;
	memcpy(packet + head_bytes, message, bytes);
	nat_refuse(flow->nat, flow->mac, flow->vlan, flow->key.is6, packet + l3, head_bytes - l3 + bytes, refusal, mtu,
		   from);
}

bool datagram_error_from(const struct nat *nat, const struct datagram_error *error, bool is6,
			 struct nat_address *ret_from)
{
	if (!error->icmp || !error->has_from || (error->from.ss_family == AF_INET6) != is6)
		return false;
	nat_far_address(nat, (const struct sockaddr *)(const void *)&error->from, is6, ret_from);
	return true;
}
