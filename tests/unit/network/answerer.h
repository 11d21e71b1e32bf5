/* SPDX-License-Identifier: MIT */
/* A guest that answers questions for its address, and SYNs in one of three ways: what the tests of what comes in share. */
#ifndef UNIT_NETWORK_ANSWERER_H
#define UNIT_NETWORK_ANSWERER_H

#include "unit/network/kit.h"
#include "wire/tcp.h"

enum answerer_mood {
	ANSWERER_ACCEPTS,
	ANSWERER_REFUSES,
	ANSWERER_SILENT,
};

struct answerer {
	struct kit_guest guest; /* the first member: kit_guest.on_frame has it */
	struct ip4 ip;
	bool answers_arp;
	enum answerer_mood mood;
	unsigned questions, syns, fins;
	struct ip4 caller; /* of the last SYN */
	uint16_t caller_port, called_port;
};

static inline void answerer_on_arp(struct answerer *answerer, const struct kit_frame *frame)
{
	struct ethernet_header header = {.from = answerer->guest.mac, .type = be16_from(ETHERTYPE_ARP)};
	struct reader reader;
	struct writer writer;
	struct arp question;
	uint8_t bytes[64];

	reader_init(&reader, frame->bytes + 14, frame->length - 14);
	assert_int_equal(arp_read(&reader, &question), DROP_NONE);
	if (question.operation != ARP_REQUEST || !ip4_equal(question.target, answerer->ip))
		return;
	answerer->questions++;
	if (!answerer->answers_arp)
		return;
	header.to = question.sender_mac;
	writer_init(&writer, bytes, sizeof(bytes));
	writer_copy(&writer, &header, sizeof(header));
	arp_write(&writer, &(struct arp){.operation = ARP_REPLY,
					 .sender_mac = answerer->guest.mac,
					 .sender = answerer->ip,
					 .target_mac = question.sender_mac,
					 .target = question.sender});
	kit_guest_send(&answerer->guest, bytes, writer_used(&writer));
}

static inline void answerer_send(struct answerer *answerer, const struct tcp_header *asked, struct ip4 to,
				 uint8_t flags)
{
	struct ethernet_header header = {.to = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .from = answerer->guest.mac,
					 .type = be16_from(ETHERTYPE_IPV4)};
	struct ip4_header ip = {.from = answerer->ip,
				.to = to,
				.header_bytes = IP4_HEADER_BYTES,
				.total_bytes = IP4_HEADER_BYTES + TCP_HEADER_BYTES,
				.hop_limit = 64,
				.protocol = IP_PROTOCOL_TCP};
	struct tcp_header tcp = {.from_port = asked->to_port,
				 .to_port = asked->from_port,
				 .acknowledgement = asked->sequence + 1,
				 .flags = flags,
				 .window = 65535};
	struct checksum pseudo;
	struct writer writer;
	uint8_t bytes[64];

	writer_init(&writer, bytes, sizeof(bytes));
	writer_copy(&writer, &header, sizeof(header));
	ip4_header_write(&writer, &ip);
	tcp_header_write(&writer, &tcp, NULL);
	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, ip.from, ip.to, IP_PROTOCOL_TCP, TCP_HEADER_BYTES);
	tcp_checksum_fill(&pseudo, bytes + 34, TCP_HEADER_BYTES);
	kit_guest_send(&answerer->guest, bytes, writer_used(&writer));
}

static inline void answerer_on_tcp(struct answerer *answerer, const struct kit_frame *frame,
				   const struct ip4_header *ip)
{
	struct tcp_header tcp;
	struct reader reader;

	reader_init(&reader, frame->bytes + 34, frame->length - 34);
	assert_int_equal(tcp_header_read(&reader, frame->length - 34, &tcp), DROP_NONE);
	answerer->fins += (tcp.flags & TCP_FIN) != 0;
	if ((tcp.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return;
	answerer->syns++;
	answerer->caller = ip->from;
	answerer->caller_port = tcp.from_port;
	answerer->called_port = tcp.to_port;
	if (answerer->mood == ANSWERER_ACCEPTS)
		answerer_send(answerer, &tcp, ip->from, TCP_SYN | TCP_ACK);
	else if (answerer->mood == ANSWERER_REFUSES)
		answerer_send(answerer, &tcp, ip->from, TCP_RST | TCP_ACK);
}

static inline void answerer_on_frame(struct kit_guest *guest, const struct kit_frame *frame)
{
	struct answerer *answerer = (struct answerer *)guest;
	struct ip4_header ip;
	struct reader reader;
	unsigned type = (unsigned)(frame->bytes[12] << 8 | frame->bytes[13]);

	if (type == ETHERTYPE_ARP)
		answerer_on_arp(answerer, frame);
	reader_init(&reader, frame->bytes + 14, frame->length - 14);
	if (type == ETHERTYPE_IPV4 && ip4_header_read(&reader, frame->length - 14, IP4_SUM_CHECK, &ip) == DROP_NONE &&
	    ip.protocol == IP_PROTOCOL_TCP)
		answerer_on_tcp(answerer, frame, &ip);
	free(frame->bytes);
	guest->frame_count--;
}

static inline void answerer_init(struct answerer *answerer, struct kit *kit, uint8_t number)
{
	memset(answerer, 0, sizeof(*answerer));
	kit_guest_init(&answerer->guest, kit, number);
	answerer->guest.on_frame = answerer_on_frame;
	answerer->ip = (struct ip4){{10, 0, 2, number}};
	answerer->answers_arp = true;
}

static inline void answerer_join(struct answerer *answerer, const char *name)
{
	uint8_t bytes[64];
	size_t count = kit_frame(bytes, MAC_BROADCAST, answerer->guest.mac, 0);

	kit_guest_join(&answerer->guest, name, NULL);
	kit_guest_send(&answerer->guest, bytes, count);
	kit_settle(answerer->guest.kit);
}

#endif
