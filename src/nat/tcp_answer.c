/* SPDX-License-Identifier: MIT */
/* What TCP says to guests outside of any flow: a reset for a segment that nobody is there for, and the refusal of a SYN, by
 * a reset or by the ICMP error that the host's connect() would have been told. They are small frames that wait for the
 * next round; the guest's next try makes good what is lost of them. */
#include <string.h>

#include "base/writer.h"
#include "nat/tcp.h"

/* RFC 9293 3.10.7.1: how a segment is answered for which there is no connection. */
static void tcp_reset_for(const struct tcp_segment *segment, struct tcp_header *reset)
{
	const struct tcp_header *header = &segment->header;

	if (header->flags & TCP_ACK) {
		reset->sequence = header->acknowledgement;
		reset->flags = TCP_RST;
		return;
	}
	reset->acknowledgement = segment->sequence + segment->bytes + segment->fin;
	if (header->flags & TCP_SYN)
		reset->acknowledgement++;
	reset->flags = TCP_RST | TCP_ACK;
}

static void tcp_reply(struct nat *nat, const struct nat_head *head, const struct tcp_header *header)
{
	uint8_t segment[TCP_HEADER_MAX], frame[NAT_HEAD_MAX];
	struct checksum pseudo;
	struct writer writer;
	uint32_t bytes, l4;

	writer_init(&writer, segment, sizeof(segment));
	tcp_header_write(&writer, header, NULL);
	bytes = (uint32_t)writer_used(&writer);
	pseudo = nat_head_pseudo(head, bytes);
	tcp_checksum_fill(&pseudo, segment, bytes);
	l4 = nat_head_write(nat, head, bytes, frame);
	memcpy(frame + l4, segment, bytes);
	nat_reply(nat, frame, l4 + bytes);
}

void tcp_reset_segment(struct nat *nat, const struct tcp_segment *segment)
{
	const struct nat_packet *packet = segment->packet;
	struct tcp_header reset = {.from_port = segment->header.to_port, .to_port = segment->header.from_port};
	const struct nat_head head = {
		.mac = packet->mac,
		.vlan = packet->vlan,
		.is6 = packet->is6,
		.from = packet->far.ip,
		.to = packet->guest.ip,
		.protocol = IP_PROTOCOL_TCP,
		.dont_fragment = true,
	};

	if (segment->header.flags & TCP_RST)
		return;
	tcp_reset_for(segment, &reset);
	tcp_reply(nat, &head, &reset);
}

void tcp_reset_flow(struct tcp_flow *flow)
{
	struct nat_head head = nat_head_of(&flow->flow);
	struct tcp_header reset = {
		.from_port = flow->flow.key.far_port,
		.to_port = flow->flow.key.guest_port,
		.acknowledgement = flow->from_guest.next,
		.flags = TCP_RST | TCP_ACK,
	};

	head.dont_fragment = true;
	tcp_reply(flow->flow.nat, &head, &reset);
}

/* The guest's SYN once more, as far as an error must quote it (RFC 792, RFC 4443 3.1). */
void tcp_refuse_flow(struct tcp_flow *flow, int error)
{
	struct nat *nat = flow->flow.nat;
	struct nat_head head = nat_head_of(&flow->flow);
	struct tcp_header syn = {
		.from_port = flow->flow.key.guest_port,
		.to_port = flow->flow.key.far_port,
		.sequence = flow->from_guest.first,
		.flags = TCP_SYN,
	};
	uint8_t packet[NAT_HEAD_MAX], segment[TCP_HEADER_MAX];
	uint32_t l3 = nat_head_l3(&head), l4, bytes;
	struct writer writer;

	head.from = flow->flow.key.guest;
	head.to = flow->flow.key.far;
	head.dont_fragment = true;
	writer_init(&writer, segment, sizeof(segment));
	tcp_header_write(&writer, &syn, NULL);
	bytes = (uint32_t)writer_used(&writer);
	l4 = nat_head_write(nat, &head, bytes, packet);
	memcpy(packet + l4, segment, bytes);
	nat_refuse(nat, flow->flow.mac, flow->flow.vlan, flow->flow.key.is6, packet + l3, l4 + bytes - l3,
		   nat_refusal_of(error), 0, NULL);
}
