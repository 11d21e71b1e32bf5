/* SPDX-License-Identifier: MIT */
/* A network of one guest and NAT, on a clock of its own: the guest hands in packets, what comes to it is kept. The host's
 * datagram sockets are a script (struct script) unless a test wants real ones. */
#ifndef UNIT_NAT_WORLD_H
#define UNIT_NAT_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nat/fragment.h"
#include "nat/icmp.h"
#include "nat/nat_state.h"
#include "nat/udp.h"
#include "unit/fabric/record_port.h"
#include "wire/icmp.h"
#include "wire/udp.h"

enum {
	SCRIPT_MAX = 256,
	SCRIPT_DATA = 4096,
	SCRIPT_FDS = 16,
	WORLD_FRAME = 68000,
	WORLD_BATCH = 64,
};

/* What was sent, in order. */
struct script_sent {
	int fd;
	uint32_t call; /* of one send() */
	uint32_t bytes, segment_bytes;
	struct sockaddr_storage to;
	struct datagram_way way;
	struct datagram_here here;
	uint8_t data[SCRIPT_DATA];
};

/* What will be received, in order. */
struct script_receipt {
	struct sockaddr_storage from;
	uint32_t bytes, segment_bytes;
	uint8_t service, hop_limit;
	uint8_t first; /* of bytes that count up */
	const void *data;
	struct datagram_here here;
};

struct script {
	struct script_sent sent[SCRIPT_MAX];
	size_t sent_count;
	uint32_t calls;
	int refusals[SCRIPT_MAX]; /* of coming calls of send(): 0, or the errno */
	size_t refusal_count, refusal_next;
	struct script_receipt receipts[SCRIPT_MAX];
	size_t receipt_count, receipt_next;
	struct datagram_error errors[8];
	size_t error_count, error_next;
	struct datagram_way ways[1024];         /* by descriptor */
	const struct outbound *outbounds[1024]; /* by descriptor: how it was opened */
	int open_error, outbound_error;         /* of all, of those that are to leave by a way */
	bool homeless;                          /* all that leave by one */
	bool unwatchable;                       /* what is opened is nothing that a loop could watch */
	size_t open_most;                       /* at once; 0: any number */
	size_t opened, closed, streams;
	int last_fd;
	struct datagram_ops ops;
};

struct world {
	uint64_t now_us;
	struct loop *loop;
	struct ethswitch *ethswitch;
	struct port gateway;
	struct record_port *guest;
	struct nat *nat;
	struct fragments *fragments;
	uint32_t late_bytes; /* of the last that was told; 0: nothing was known of it */
	struct nat_config config;
	struct script script;
	struct udp *udp;
	enum drop_reason last_drop;
	char notice[256];
	size_t notices;
	struct mac guest_mac;
	uint8_t bytes[WORLD_BATCH][WORLD_FRAME];
	struct frame batch[WORLD_BATCH];
	size_t batched;
	uint16_t ip_id;
};

/* ---- the script ---- */

static inline int script_open(void *owner, enum datagram_kind kind, bool is6, const struct outbound *outbound)
{
	struct script *script = owner;

	(void)kind;
	(void)is6;
	if (script->open_error)
		return script->open_error;
	if (outbound && script->outbound_error)
		return script->outbound_error;
	if (script->open_most && script->opened - script->closed == script->open_most)
		return -EMFILE;
	script->opened++;
	script->last_fd =
		script->unwatchable ? open("/dev/null", O_RDWR | O_CLOEXEC) : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	memset(&script->ways[script->last_fd], 0, sizeof(script->ways[0]));
	script->outbounds[script->last_fd] = outbound;
	return script->last_fd;
}

static inline void script_close(void *owner, int fd)
{
	struct script *script = owner;

	script->closed++;
	close(fd);
}

static inline void script_set_stream(void *owner, int fd)
{
	struct script *script = owner;

	(void)fd;
	script->streams++;
}

static inline int script_set_way(void *owner, int fd, bool is6, const struct datagram_way *was,
				 const struct datagram_way *now)
{
	struct script *script = owner;

	(void)is6;
	assert_memory_equal(was, &script->ways[fd], sizeof(*was));
	script->ways[fd] = *now;
	return 0;
}

static inline int script_send(void *owner, int fd, const struct datagram_send *sends, unsigned count)
{
	struct script *script = owner;
	unsigned i;

	script->calls++;
	for (i = 0; i < count; i++) {
		struct script_sent *sent = &script->sent[script->sent_count];
		uint32_t used = 0;

		if (script->refusal_next < script->refusal_count) {
			int refusal = script->refusals[script->refusal_next];

			/* What stands behind the first message is told by the next call. */
			if (refusal < 0 && i > 0)
				break;
			script->refusal_next++;
			if (refusal < 0)
				return refusal;
		}
		assert_true(script->sent_count < SCRIPT_MAX);
		*sent = (struct script_sent){.fd = fd, .call = script->calls, .bytes = sends[i].bytes};
		sent->segment_bytes = sends[i].segment_bytes < sends[i].bytes ? sends[i].segment_bytes : 0;
		sent->way = script->ways[fd];
		if (sends[i].from)
			sent->here = *sends[i].from;
		memcpy(&sent->to, sends[i].to, sends[i].to_bytes);
		for (uint32_t at = 0; at < sends[i].piece_count; at++) {
			size_t left = SCRIPT_DATA - used, bytes = sends[i].pieces[at].iov_len;

			memcpy(sent->data + used, sends[i].pieces[at].iov_base, bytes < left ? bytes : left);
			used += (uint32_t)(bytes < left ? bytes : left);
		}
		script->sent_count++;
	}
	return (int)i;
}

static inline uint8_t script_byte(const struct script_receipt *receipt, uint32_t at)
{
	return receipt->data ? ((const uint8_t *)receipt->data)[at] : (uint8_t)(receipt->first + at);
}

static inline void script_fill(const struct script_receipt *receipt, struct datagram_receipt *to)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < to->piece_count && at < receipt->bytes; i++) {
		uint8_t *bytes = to->pieces[i].iov_base;

		for (size_t j = 0; j < to->pieces[i].iov_len && at < receipt->bytes; j++)
			bytes[j] = script_byte(receipt, at++);
	}
	to->bytes = at;
	to->truncated = at < receipt->bytes;
	to->segment_bytes = receipt->segment_bytes;
	to->service = receipt->service;
	to->hop_limit = receipt->hop_limit;
	to->from = receipt->from;
	to->here = receipt->here;
}

static inline int script_receive(void *owner, int fd, struct datagram_receipt *receipts, unsigned count)
{
	struct script *script = owner;
	unsigned got = 0;

	(void)fd;
	while (got < count && script->receipt_next < script->receipt_count)
		script_fill(&script->receipts[script->receipt_next++], &receipts[got++]);
	return got ? (int)got : -EAGAIN;
}

static inline int script_error(void *owner, int fd, bool is6, struct datagram_error *ret_error)
{
	struct script *script = owner;

	(void)fd;
	(void)is6;
	if (script->error_next == script->error_count)
		return -EAGAIN;
	*ret_error = script->errors[script->error_next++];
	return 0;
}

static inline bool script_is_homeless(void *owner, int fd)
{
	const struct script *script = owner;

	return script->homeless && script->outbounds[fd];
}

/* ---- the network ---- */

static inline struct world *world_of_gateway(struct port *port)
{
	return container_of(port, struct world, gateway);
}

/* As the gateway does it: NAT is given whole packets. */
static inline enum drop_reason world_gateway_take(struct world *world, const struct frame *frame)
{
	struct port *guest = &world->guest->port;
	enum drop_reason reason;
	struct frame packet;
	bool whole;

	if (!frame->layout.fragment)
		return nat_input(world->nat, guest, frame);
	reason = fragment_input(world->fragments, guest, frame, loop_now_us(world->loop), &packet, &whole);
	return !reason && whole ? nat_input(world->nat, guest, &packet) : reason;
}

static inline void world_on_late(void *owner, struct port *port, const uint8_t *frame, uint32_t bytes)
{
	struct world *world = owner;

	(void)frame;
	port_drop(port, DROP_FRAGMENT_LATE, NULL);
	world->late_bytes = bytes;
}

static inline void world_gateway_queue(struct port *port, const struct frame *frame)
{
	struct world *world = world_of_gateway(port);
	enum drop_reason reason = world_gateway_take(world, frame);

	if (reason) {
		world->last_drop = reason;
		port_drop(&world->guest->port, reason, frame);
	}
}

static inline void world_gateway_flush(struct port *port)
{
	nat_flush(world_of_gateway(port)->nat);
	fragments_flush(world_of_gateway(port)->fragments);
}

static inline void world_gateway_run(struct port *port)
{
	if (nat_run(world_of_gateway(port)->nat))
		port_schedule(port);
}

static const struct port_ops world_gateway_ops = {.queue = world_gateway_queue,
						  .flush = world_gateway_flush,
						  .run = world_gateway_run};

static inline uint64_t world_now(void *owner)
{
	return ((struct world *)owner)->now_us;
}

static inline void world_notice(void *owner, const char *text)
{
	struct world *world = owner;

	world->notices++;
	snprintf(world->notice, sizeof(world->notice), "%s", text);
}

/* Everybody gets as many turns as they want. */
static inline void world_turn(struct world *world)
{
	assert_true(loop_turn(world->loop, 0) >= 0);
	ethswitch_set_now(world->ethswitch, loop_now_us(world->loop));
	for (int i = 0; i < 1000 && ethswitch_run(world->ethswitch); i++)
		;
}

static inline void world_wait(struct world *world, uint64_t us)
{
	world->now_us += us;
	world_turn(world);
}

static inline void world_defaults(struct world *world)
{
	world->config = (struct nat_config){
		.mac = {{0x52, 0x55, 10, 0, 2, 2}},
		.ip4 = true,
		.ip6 = true,
		.host4 = {{10, 0, 2, 2}},
		.net4 = {{10, 0, 2, 0}},
		.prefix4 = 24,
		.host6 = {{0xfd, [15] = 2}},
		.net6 = {{0xfd}},
		.prefix6 = 64,
		.host_loopback = true,
		.loopback4 = {{10, 0, 2, 2}},
		.loopback6 = {{0xfd, [15] = 2}},
		.flows = 64,
		.on_notice = world_notice,
		.owner = world,
	};
	world->guest_mac = (struct mac){{0x52, 0x54, 0, 0, 0, 1}};
}

static inline void world_use_script(struct world *world)
{
	struct icmp *icmp = NULL;

	world->script.ops = (struct datagram_ops){
		.open = script_open,
		.close = script_close,
		.set_stream = script_set_stream,
		.set_way = script_set_way,
		.send = script_send,
		.receive = script_receive,
		.error = script_error,
		.is_homeless = script_is_homeless,
		.segments_max = 128,
	};
	udp_protocol.stop(world->nat->protocols[NAT_UDP]);
	icmp_protocol.stop(world->nat->protocols[NAT_ICMP]);
	assert_int_equal(udp_start(world->nat, &world->script.ops, &world->script, &world->udp), 0);
	assert_int_equal(icmp_start(world->nat, &world->script.ops, &world->script, &icmp), 0);
	world->nat->protocols[NAT_UDP] = world->udp;
	world->nat->protocols[NAT_ICMP] = icmp;
}

/* After world_defaults() and what a test changes of them. */
static inline void world_start(struct world *world, bool script)
{
	struct ethswitch_config config = {.mtu_bytes = 1500, .gateway = world->config.mac};
	struct fragments_config fragments = {.on_late = world_on_late, .owner = world};

	world->now_us = 1000 * 1000;
	assert_int_equal(loop_new(world_now, world, &world->loop), 0);
	assert_int_equal(ethswitch_new(&config, &world->ethswitch), 0);
	port_init(&world->gateway, &world_gateway_ops, "gateway");
	world->gateway.uplink = true;
	world->gateway.accepts = (struct port_accepts){
		.csum = true, .tso4 = true, .tso6 = true, .uso = true, .frame_bytes = FRAME_BYTES_MAX};
	ethswitch_attach(world->ethswitch, &world->gateway);
	world->guest = malloc(sizeof(*world->guest));
	record_port_init(world->guest, "vm1");
	ethswitch_attach(world->ethswitch, &world->guest->port);
	world->config.loop = world->loop;
	world->config.ethswitch = world->ethswitch;
	world->config.gateway = &world->gateway;
	assert_int_equal(nat_new(&world->config, &world->nat), 0);
	fragments.timers = loop_timers(world->loop);
	assert_int_equal(fragments_new(&fragments, &world->fragments), 0);
	if (script)
		world_use_script(world);
	world_turn(world);
}

static inline struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	world_defaults(world);
	world_start(world, true);
	return world;
}

static inline void world_free(struct world *world)
{
	nat_free(world->nat);
	fragments_free(world->fragments);
	ethswitch_detach(&world->guest->port);
	ethswitch_detach(&world->gateway);
	ethswitch_free(world->ethswitch);
	loop_free(world->loop);
	record_port_clear(world->guest);
	free(world->guest);
	assert_int_equal(world->script.opened, world->script.closed);
	free(world);
}

static inline int world_setup(void **state)
{
	*state = world_new();
	return 0;
}

static inline int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* ---- packets of the guest's ---- */

struct guest_packet {
	const char *from, *to; /* IPv4 or IPv6 */
	uint8_t protocol;
	uint8_t service, hop_limit; /* 0: 64 */
	bool dont_fragment;
	/* of IPv4's fragments */
	uint16_t id, offset;
	bool more;
	struct offload offload;
};

/* Who talks to whom unless a test says otherwise. */
#define GUEST "10.0.2.15"
#define FAR "198.51.100.7"
#define GUEST6 "fd00::15"
#define FAR6 "2001:db8::7"

static const struct guest_packet plain = {.from = GUEST, .to = FAR};
static const struct guest_packet plain6 = {.from = GUEST6, .to = FAR6};

static inline struct nat_address address_of(const char *text, uint16_t port)
{
	struct ip4 ip4;
	struct ip6 ip6 = {0};

	if (ip4_parse(text, &ip4))
		return nat_address4(ip4, port);
	assert_true(ip6_parse(text, &ip6));
	return nat_address6(ip6, port);
}

static inline struct sockaddr_storage sockaddr_of(const char *text, uint16_t port)
{
	struct nat_address address = address_of(text, port);
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&storage;
	struct ip4 ip4 = nat_address_ip4(&address);

	if (nat_address_is4(&address)) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip4.byte, 4);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, address.ip.byte, 16);
	}
	return storage;
}

/* Adds a frame around this transport to the batch; guest_send() hands the batch in. */
static inline void guest_add(struct world *world, const struct guest_packet *packet, const void *transport,
			     size_t bytes)
{
	struct nat_address from = address_of(packet->from, 0), to = address_of(packet->to, 0);
	bool is6 = !nat_address_is4(&from);
	struct ethernet_header ethernet = {.to = world->config.mac,
					   .from = world->guest_mac,
					   .type = be16_from(is6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4)};
	uint8_t hops = packet->hop_limit ? packet->hop_limit : 64;
	struct ip4_header ip4 = {.from = nat_address_ip4(&from),
				 .to = nat_address_ip4(&to),
				 .header_bytes = IP4_HEADER_BYTES,
				 .total_bytes = (uint16_t)(IP4_HEADER_BYTES + bytes),
				 .id = packet->id,
				 .fragment_offset = packet->offset,
				 .more_fragments = packet->more,
				 .dont_fragment = packet->dont_fragment,
				 .service = packet->service,
				 .hop_limit = hops,
				 .protocol = packet->protocol};
	struct ip6_header ip6 = {.from = from.ip,
				 .to = to.ip,
				 .payload_bytes = (uint16_t)bytes,
				 .service = packet->service,
				 .next_header = packet->protocol,
				 .hop_limit = hops};
	uint8_t *room = world->bytes[world->batched];
	struct writer writer;

	writer_init(&writer, room, WORLD_FRAME);
	ethernet_header_write(&writer, &ethernet);
	if (is6)
		ip6_header_write(&writer, &ip6);
	else
		ip4_header_write(&writer, &ip4);
	writer_copy(&writer, transport, bytes);
	assert_false(writer.failed);
	frame_init(&world->batch[world->batched], room, writer_used(&writer));
	world->batch[world->batched].offload = packet->offload;
	world->batched++;
}

static inline void guest_send(struct world *world)
{
	world->last_drop = DROP_NONE;
	ethswitch_input(&world->guest->port, world->batch, world->batched);
	world->batched = 0;
	world_turn(world);
}

static inline struct checksum packet_sum(const struct guest_packet *packet, size_t bytes)
{
	struct nat_address from = address_of(packet->from, 0), to = address_of(packet->to, 0);
	struct checksum sum;

	checksum_init(&sum);
	if (nat_address_is4(&from))
		ip4_pseudo(&sum, nat_address_ip4(&from), nat_address_ip4(&to), packet->protocol, (uint16_t)bytes);
	else
		ip6_pseudo(&sum, from.ip, to.ip, packet->protocol, (uint32_t)bytes);
	return sum;
}

/* A UDP datagram whose payload counts up from `first`; with its checksum, or with a partial one for USO. */
static inline void guest_add_udp(struct world *world, struct guest_packet packet, uint16_t from_port, uint16_t to_port,
				 size_t bytes, uint8_t first)
{
	static uint8_t datagram[66000];
	struct udp_header header = {.from_port = from_port,
				    .to_port = to_port,
				    .bytes = (uint16_t)(UDP_HEADER_BYTES + bytes)};
	struct checksum pseudo;
	struct writer writer;

	packet.protocol = IP_PROTOCOL_UDP;
	pseudo = packet_sum(&packet, UDP_HEADER_BYTES + bytes);
	if (packet.offload.gso == GSO_UDP) {
		bool is6 = strchr(packet.from, ':') != NULL;

		header.checksum = be16_value(checksum_partial(&pseudo));
		packet.offload.csum = CSUM_PARTIAL;
		packet.offload.csum_start = (uint16_t)(14 + (is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES));
		packet.offload.csum_offset = UDP_CHECKSUM_AT;
	}
	writer_init(&writer, datagram, sizeof(datagram));
	udp_header_write(&writer, &header);
	for (size_t i = 0; i < bytes; i++)
		writer_u8(&writer, (uint8_t)(first + i));
	if (packet.offload.csum != CSUM_PARTIAL)
		udp_checksum_fill(&pseudo, datagram, UDP_HEADER_BYTES + bytes);
	guest_add(world, &packet, datagram, UDP_HEADER_BYTES + bytes);
}

/* ---- what came to the guest ---- */

struct guest_got {
	bool is6;
	char from[IP6_TEXT_BYTES], to[IP6_TEXT_BYTES];
	uint8_t protocol, service, hop_limit;
	bool more, dont_fragment;
	uint16_t offset;
	uint32_t id;
	const uint8_t *transport;
	size_t bytes;
	struct offload offload;
};

/* The frame of this number, its headers checked. */
static inline struct guest_got guest_got(const struct world *world, size_t index)
{
	const struct record *record = &world->guest->frames[index];
	struct guest_got got = {.offload = record->offload};
	struct ip6_extensions extensions;
	struct ip4_header ip4;
	struct ip6_header ip6;
	struct reader reader;

	assert_true(index < world->guest->count);
	assert_memory_equal(record->bytes, world->guest_mac.byte, 6);
	assert_memory_equal(record->bytes + 6, world->config.mac.byte, 6);
	reader_init(&reader, record->bytes + 14, record->length - 14);
	got.is6 = record->bytes[12] == 0x86;
	if (got.is6) {
		assert_int_equal(ip6_header_read(&reader, reader.left, &ip6), DROP_NONE);
		assert_int_equal(ip6_extensions_read(&reader, ip6.next_header, &extensions), DROP_NONE);
		ip6_format(ip6.from, got.from);
		ip6_format(ip6.to, got.to);
		got.protocol = extensions.protocol;
		got.service = ip6.service;
		got.hop_limit = ip6.hop_limit;
		got.offset = extensions.fragment_offset;
		got.more = extensions.more_fragments;
		got.id = extensions.fragment_id;
	} else {
		assert_int_equal(ip4_header_read(&reader, reader.left, IP4_SUM_CHECK, &ip4), DROP_NONE);
		ip4_format(ip4.from, got.from);
		ip4_format(ip4.to, got.to);
		got.protocol = ip4.protocol;
		got.service = ip4.service;
		got.hop_limit = ip4.hop_limit;
		got.offset = ip4.fragment_offset;
		got.more = ip4.more_fragments;
		got.id = ip4.id;
		got.dont_fragment = ip4.dont_fragment;
	}
	got.transport = reader.next;
	got.bytes = reader.left;
	return got;
}

static inline struct guest_packet guest_packet_of(const struct guest_got *got)
{
	return (struct guest_packet){.from = got->from, .to = got->to, .protocol = got->protocol};
}

/* A whole datagram, with a right checksum. Its payload is returned. */
static inline const uint8_t *guest_got_udp(const struct world *world, size_t index, struct udp_header *ret_header)
{
	static struct guest_got got;
	struct guest_packet packet;
	struct checksum pseudo;
	struct reader reader;

	got = guest_got(world, index);
	packet = guest_packet_of(&got);
	assert_int_equal(got.protocol, IP_PROTOCOL_UDP);
	reader_init(&reader, got.transport, got.bytes);
	assert_int_equal(udp_header_read(&reader, got.bytes, ret_header), DROP_NONE);
	pseudo = packet_sum(&packet, ret_header->bytes);
	if (got.offload.csum == CSUM_UNKNOWN)
		assert_int_equal(udp_checksum_verify(&pseudo, got.transport, ret_header->bytes, true), DROP_NONE);
	return reader.next;
}

/* An ICMP error; the quoted packet is returned from its IP header on. */
static inline const uint8_t *guest_got_error(const struct world *world, size_t index, struct icmp_header *ret_header)
{
	static struct guest_got got;
	struct guest_packet packet;
	struct checksum pseudo;
	struct reader reader;

	got = guest_got(world, index);
	packet = guest_packet_of(&got);
	pseudo = packet_sum(&packet, got.bytes);
	assert_int_equal(got.protocol, got.is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP);
	assert_int_equal(icmp_checksum_verify(got.is6 ? &pseudo : NULL, got.transport, got.bytes), DROP_NONE);
	reader_init(&reader, got.transport, got.bytes);
	assert_int_equal(icmp_header_read(&reader, ret_header), DROP_NONE);
	return reader.next;
}

static inline void script_will_receive(struct world *world, const char *from, uint16_t port, uint32_t bytes,
				       uint32_t segment_bytes, uint8_t first)
{
	struct script *script = &world->script;

	script->receipts[script->receipt_count++] = (struct script_receipt){.from = sockaddr_of(from, port),
									    .bytes = bytes,
									    .segment_bytes = segment_bytes,
									    .first = first};
}

/* The loop sees the socket ready, and everybody has turns. */
static inline void script_ready(struct world *world, int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	world_turn(world);
	assert_int_equal(read(fd, &one, sizeof(one)), sizeof(one));
}

static inline uint64_t guest_drops(const struct world *world, enum drop_reason reason)
{
	return world->guest->port.counters.drops.count[reason];
}

/* One datagram, at once. */
static inline void guest_says(struct world *world, struct guest_packet packet, uint16_t from_port, uint16_t to_port,
			      size_t bytes)
{
	guest_add_udp(world, packet, from_port, to_port, bytes, 1);
	guest_send(world);
}

static inline void assert_counts_up(const uint8_t *bytes, size_t count, uint8_t first)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(bytes[i], (uint8_t)(first + i));
}

static inline void assert_sent(const struct world *world, size_t index, const char *to, uint16_t port, uint32_t bytes,
			       uint32_t segment_bytes)
{
	const struct script_sent *sent = &world->script.sent[index];
	struct sockaddr_storage expected = sockaddr_of(to, port);

	assert_true(index < world->script.sent_count);
	assert_int_equal(sent->bytes, bytes);
	assert_int_equal(sent->segment_bytes, segment_bytes);
	assert_memory_equal(&sent->to, &expected, sizeof(expected));
}

#endif
