/* SPDX-License-Identifier: MIT */
/* The gateway's port. A frame is answered as soon as it is queued; the answer waits in a bounded queue for the gateway's
 * own turn, since nothing is handed in during a delivery. A service sees whole frames with their checksums: without an
 * uplink the switch makes them so, and with one, which takes all offloads, the gateway cuts what is not for it.
 * Fragments are put together before anybody is asked whose the packet is, and an answer larger than the network's MTU goes
 * in fragments. An answer that finds no room is dropped, never waited with: the guest will
 * ask again, and the others' answers stand behind it. */
#include "network/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/allowance.h"
#include "fabric/framequeue.h"
#include "fabric/segment.h"
#include "fabric/steer.h"
#include "nat/fragment.h"
#include "nat/nat.h"
#include "network/user.h"
#include "service/asker.h"
#include "service/lease.h"
#include "service/reply.h"
#include "wire/arp.h"
#include "wire/ndp.h"

enum gateway_limits {
	GATEWAY_QUEUE_BYTES = 512 * 1024,
	/* Refusals that one machine is told (ICMP errors, RFC 4443 2.4 f): so many at once, and one more each pause. */
	GATEWAY_REFUSALS = 100,
	GATEWAY_REFUSAL_PAUSE_US = 10 * 1000,
	GATEWAY_HOP_LIMIT = 64,
};

struct gateway {
	struct port port;
	struct gateway_config config;
	struct framequeue answers;
	struct fragments *fragments;
	uint32_t id;               /* of what is cut */
	struct user *user;         /* NULL: no way out */
	struct allowance refusals; /* by port and MAC */
	bool expiring;
	struct reply reply;
	uint8_t frame[FRAME_ROOM_BYTES]; /* one that came in pieces */
	uint8_t fragment[FRAME_ROOM_BYTES];
};

static void gateway_put(struct gateway *gateway, const uint8_t *bytes, uint32_t length)
{
	enum drop_reason reason;
	struct frame frame;

	frame_init(&frame, bytes, length);
	reason = framequeue_put(&gateway->answers, NULL, 0, &frame, 0);
	if (reason != DROP_NONE)
		port_drop(&gateway->port, reason, &frame);
	else
		port_schedule(&gateway->port);
}

static void gateway_send(struct gateway *gateway)
{
	const struct reply *reply = &gateway->reply;
	uint32_t mtu_bytes = gateway->config.service->mtu_bytes, offset = 0, count;

	if (reply->length == 0)
		return;
	if (reply->length <= ETHERNET_HEADER_BYTES + mtu_bytes) {
		gateway_put(gateway, reply->bytes, reply->length);
		return;
	}
	gateway->id++;
	while ((count = fragment_cut(reply->bytes, reply->length, mtu_bytes, gateway->id, &offset, gateway->fragment)))
		gateway_put(gateway, gateway->fragment, count);
}

static bool gateway_may_refuse(struct gateway *gateway, const struct port *port, const uint8_t *frame, uint64_t now_us)
{
	return allowance_take(&gateway->refusals, &port, sizeof(port), frame + sizeof(struct mac), sizeof(struct mac),
			      now_us);
}

/* A client that is told no asks for another lease at once; one that is not told waits. So DHCP's refusals, each an answer
 * to the asker alone, are not counted. */
static bool reason_is_limited(enum drop_reason reason)
{
	return reason != DROP_DHCP4_NO_LEASE && reason != DROP_DHCP4_TOO_MANY && reason != DROP_DHCP4_PORT_SHARE &&
	       reason != DROP_DHCP6_NO_LEASE && reason != DROP_DHCP6_TOO_MANY && reason != DROP_DHCP6_PORT_SHARE &&
	       reason != DROP_DHCP6_POOL_EMPTY;
}

/* Who is where by ARP: for the question whether an address' owner is alive. */
static void gateway_hear_arp(struct gateway *gateway, const uint8_t *bytes, size_t length)
{
	struct ethernet_header header;
	struct reader reader;
	struct arp arp;

	if (!gateway->config.on_address)
		return;
	memcpy(&header, bytes, sizeof(header));
	if (be16_value(header.type) != ETHERTYPE_ARP)
		return;
	reader_init(&reader, bytes + sizeof(header), length - sizeof(header));
	if (arp_read(&reader, &arp) == DROP_NONE && mac_equal(arp.sender_mac, header.from) && !ip4_is_zero(arp.sender))
		gateway->config.on_address(gateway->config.owner, arp.sender_mac, nat_address4(arp.sender, 0).ip);
}

/* Who is where by neighbour discovery: an advertisement's target, a solicitation's source. The frame was found right. A
 * link-layer address that is not the sender's own is not believed (as in service/ndp.c). */
static void gateway_hear_ndp(struct gateway *gateway, const uint8_t *bytes, size_t length)
{
	struct packet packet;
	struct reader reader;
	struct ndp ndp;

	if (!gateway->config.on_address || packet_parse(bytes, length, &packet) != DROP_NONE || !packet.is6 ||
	    packet.protocol != IP_PROTOCOL_ICMP6 || packet.extensions.fragment)
		return;
	reader_init(&reader, packet.transport, packet.transport_bytes);
	if (ndp_read(&reader, &packet.ip6, &ndp) != DROP_NONE)
		return;
	if (ndp.type == ICMP6_NEIGHBOUR_ADVERT &&
	    (!ndp.has_target_mac || mac_equal(ndp.target_mac, packet.ethernet.from)))
		gateway->config.on_address(gateway->config.owner, packet.ethernet.from, ndp.target);
	else if (ndp.type == ICMP6_NEIGHBOUR_SOLICIT && ndp.has_source_mac &&
		 mac_equal(ndp.source_mac, packet.ethernet.from))
		gateway->config.on_address(gateway->config.owner, packet.ethernet.from, packet.ip6.from);
}

/* A message of ICMPv6's, without extension headers, of these two types: most frames are something else. */
static bool gateway_is_ndp(const uint8_t *bytes, size_t length)
{
	const size_t next = ETHERNET_HEADER_BYTES + IP6_NEXT_HEADER_AT, type = ETHERNET_HEADER_BYTES + IP6_HEADER_BYTES;

	return length > type && bytes[next] == IP_PROTOCOL_ICMP6 &&
	       (bytes[type] == ICMP6_NEIGHBOUR_SOLICIT || bytes[type] == ICMP6_NEIGHBOUR_ADVERT);
}

/* Ports of guests are not many, and the second ends the search. */
static struct origin gateway_origin(const struct gateway *gateway, const struct port *source)
{
	struct origin origin = {.place = (uintptr_t)source, .alone = true};

	list_for_each (at, ethswitch_ports(gateway->config.ethswitch)) {
		const struct port *port = container_of(at, struct port, link);

		if (port != source && !port->uplink) {
			origin.alone = false;
			break;
		}
	}
	return origin;
}

/* What is ours to answer, and whether it may be sent. */
static enum drop_reason gateway_serve(struct gateway *gateway, const uint8_t *bytes, size_t length, uint64_t now_us)
{
	const struct port *source = ethswitch_source(gateway->config.ethswitch);
	struct origin origin;
	enum drop_reason reason;

	if (gateway->config.on_serve)
		gateway->config.on_serve(gateway->config.owner);
	if (gateway->user && user_ask(gateway->user, bytes, length, &reason))
		return reason;
	origin = gateway_origin(gateway, source);
	reason = service_input(gateway->config.service, gateway->config.leases, &origin, bytes, length, now_us,
			       &gateway->reply);
	if (reason == DROP_NONE || !reason_is_limited(reason) || gateway_may_refuse(gateway, source, bytes, now_us))
		gateway_send(gateway);
	return reason;
}

/* A whole frame, its checksums in it. */
static void gateway_take(struct gateway *gateway, const struct frame *frame)
{
	struct port *port = &gateway->port;
	uint64_t now_us = ethswitch_now_us(gateway->config.ethswitch);
	const uint8_t *bytes = frame->head;
	enum drop_reason reason;

	if (frame->length > sizeof(gateway->frame)) {
		port_drop(port, DROP_FRAME_TOO_LARGE_FOR_PORT, frame);
		return;
	}
	if (frame->head_bytes < frame->length) {
		frame_copy(frame, 0, gateway->frame, frame->length);
		bytes = gateway->frame;
	}
	gateway_expire(gateway);
	gateway_hear_arp(gateway, bytes, frame->length);
	reason = gateway_serve(gateway, bytes, frame->length, now_us);
	if (reason != DROP_NONE) {
		port_drop(port, reason, frame);
		return;
	}
	if (gateway_is_ndp(bytes, frame->length))
		gateway_hear_ndp(gateway, bytes, frame->length);
	port->counters.to_guest.frames++;
	port->counters.to_guest.bytes += frame->length;
}

/* As the switch does it for a port without offloads. What goes by to others is not cut first. */
static void gateway_cut(struct gateway *gateway, const struct frame *frame)
{
	const struct port_accepts none = {.frame_bytes = FRAME_BYTES_MAX};
	struct segmenter segmenter;
	struct segment segment;
	struct mac to;

	memcpy(&to, frame->head, sizeof(to));
	if (!mac_is_group(to) && !mac_equal(to, gateway->config.service->mac))
		return;
	segmenter_init(&segmenter, frame, &none);
	while (segmenter_next(&segmenter, &segment))
		gateway_take(gateway, &segment.frame);
}

/* ---- fragments ---- */

/* Of a packet for the gateway, or for whom it leads to. Tagged frames are nobody's here, as of ARP and DHCP. */
static bool gateway_wants_fragment(const struct gateway *gateway, const struct frame *frame)
{
	const struct service_config *service = gateway->config.service;
	struct mac to;

	memcpy(&to, frame->head, sizeof(to));
	if (!frame->layout.fragment || frame->layout.l3 != ETHERNET_HEADER_BYTES || !mac_equal(to, service->mac))
		return false;
	return frame->layout.type == ETHERTYPE_IPV4 ? service->ip4 : service->ip6;
}

/* True: `ret_whole` is the packet. */
static bool gateway_gather(struct gateway *gateway, const struct frame *frame, struct frame *ret_whole)
{
	struct ethswitch *ethswitch = gateway->config.ethswitch;
	enum drop_reason reason = DROP_DESTINATION_GONE;
	struct port *from;
	struct mac mac;
	bool whole = false;

	memcpy(&mac, frame->head + sizeof(mac), sizeof(mac));
	/* The switch has just learned it, unless its table is full: then no answer would find the way. */
	from = ethswitch_find(ethswitch, mac, 0);
	if (!from || from == &gateway->port)
		from = &gateway->port;
	else
		reason =
			fragment_input(gateway->fragments, from, frame, ethswitch_now_us(ethswitch), ret_whole, &whole);
	if (reason)
		port_drop(from, reason, frame);
	return !reason && whole;
}

static void gateway_on_late(void *owner, struct port *port, const uint8_t *frame, uint32_t bytes)
{
	struct gateway *gateway = owner;

	port_drop(port, DROP_FRAGMENT_LATE, NULL);
	if (!frame)
		return;
	service_late(gateway->config.service, frame, bytes, &gateway->reply);
	if (gateway_may_refuse(gateway, port, frame, ethswitch_now_us(gateway->config.ethswitch)))
		gateway_send(gateway);
}

void gateway_port_gone(struct gateway *gateway, struct port *port)
{
	fragments_port_gone(gateway->fragments, port);
}

/* ---- a port ---- */

static void gateway_queue(struct port *port, const struct frame *frame)
{
	struct gateway *gateway = container_of(port, struct gateway, port);
	struct frame whole;

	if (gateway_wants_fragment(gateway, frame)) {
		if (!gateway_gather(gateway, frame, &whole))
			return;
		frame = &whole;
	}
	if (gateway->user && user_input(gateway->user, frame))
		return;
	if (frame->offload.csum == CSUM_PARTIAL)
		gateway_cut(gateway, frame);
	else
		gateway_take(gateway, frame);
}

static void gateway_flush(struct port *port)
{
	struct gateway *gateway = container_of(port, struct gateway, port);

	if (gateway->user)
		user_flush(gateway->user);
	fragments_flush(gateway->fragments);
}

/* The oldest answer into room of whoever it is for. */
static void gateway_deliver(struct gateway *gateway)
{
	const struct offload none = {.csum = CSUM_UNKNOWN};
	uint8_t head[FRAME_HEAD_BYTES];
	struct iovec pieces[32];
	struct frame frame;
	struct destination to = {.vlan = 0};
	struct room room;
	size_t bytes, offset = 0;
	int count = framequeue_peek_frame(&gateway->answers, pieces, 32, &bytes), error;

	frame = (struct frame){.head = head, .length = (uint32_t)bytes, .body = pieces, .body_pieces = (uint32_t)count};
	frame_copy(&frame, 0, head, bytes < sizeof(head) ? bytes : sizeof(head));
	memcpy(&to.mac, head, sizeof(to.mac));
	/* What is for one guest is never flooded: an isolated one could have the gateway carry an echo to the others. */
	if (!mac_is_group(to.mac) && !ethswitch_find(gateway->config.ethswitch, to.mac, 0)) {
		port_drop(&gateway->port, DROP_DESTINATION_GONE, &frame);
		return;
	}
	to.flow = steer_head(head, (uint32_t)bytes);
	error = ethswitch_reserve(&gateway->port, &to, (uint32_t)bytes, (uint32_t)bytes, &room);
	if (error < 0) {
		port_drop(error == -EAGAIN && room.port ? room.port : &gateway->port,
			  error == -EMSGSIZE ? DROP_FRAME_TOO_LARGE_FOR_PORT
			  : room.port        ? DROP_ROOM_REFUSED
					     : DROP_POOL_EMPTY,
			  &frame);
		return;
	}
	for (int i = 0; i < count; i++) {
		room_write(&room, (uint32_t)offset, pieces[i].iov_base, pieces[i].iov_len);
		offset += pieces[i].iov_len;
	}
	ethswitch_commit(&gateway->port, &room, head, (uint32_t)bytes, &none);
}

static void gateway_run(struct port *port)
{
	struct gateway *gateway = container_of(port, struct gateway, port);
	size_t before = gateway->answers.bytes;

	for (size_t i = 0; i < PORT_TURN_FRAMES && !framequeue_empty(&gateway->answers); i++) {
		gateway_deliver(gateway);
		framequeue_consume_frame(&gateway->answers);
		if (before - gateway->answers.bytes >= PORT_TURN_BYTES)
			break;
	}
	ethswitch_flush(gateway->config.ethswitch);
	if (gateway->user && user_run(gateway->user))
		port_schedule(port);
	if (!framequeue_empty(&gateway->answers))
		port_schedule(port);
}

static void gateway_look(const struct port *port, struct port_status *ret_status)
{
	const struct gateway *gateway = container_of(port, const struct gateway, port);

	ret_status->queued_bytes = gateway->answers.bytes;
	ret_status->queued_peak_bytes = gateway->answers.peak;
	ret_status->queue_bound_bytes = gateway->answers.bound;
}

static const struct port_ops gateway_ops = {.queue = gateway_queue,
					    .flush = gateway_flush,
					    .run = gateway_run,
					    .look = gateway_look};

int gateway_new(const struct gateway_config *config, struct gateway **ret_gateway)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	const struct fragments_config fragments = {.timers = config->timers,
						   .on_late = gateway_on_late,
						   .owner = gateway};

	if (!gateway || fragments_new(&fragments, &gateway->fragments) < 0) {
		free(gateway);
		return -ENOMEM;
	}
	gateway->config = *config;
	allowance_init(&gateway->refusals, &config->service->hash_key, GATEWAY_REFUSALS, GATEWAY_REFUSAL_PAUSE_US);
	framequeue_init(&gateway->answers, ethswitch_blocks(config->ethswitch), GATEWAY_QUEUE_BYTES);
	port_init(&gateway->port, &gateway_ops, "gateway");
	gateway->port.uplink = true;
	gateway->port.accepts.frame_bytes = FRAME_BYTES_MAX;
	ethswitch_attach(config->ethswitch, &gateway->port);
	*ret_gateway = gateway;
	return 0;
}

void gateway_free(struct gateway *gateway)
{
	if (!gateway)
		return;
	ethswitch_detach(&gateway->port);
	framequeue_done(&gateway->answers);
	fragments_free(gateway->fragments);
	free(gateway);
}

struct port *gateway_port(struct gateway *gateway)
{
	return &gateway->port;
}

void gateway_set_user(struct gateway *gateway, struct user *user)
{
	struct port_accepts *accepts = &gateway->port.accepts;

	gateway->user = user;
	accepts->csum = accepts->tso4 = accepts->tso6 = accepts->ecn = accepts->uso = user != NULL;
}

void gateway_answer(struct gateway *gateway, const struct asker *asker, const void *message, size_t bytes)
{
	const struct service_config *service = gateway->config.service;
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 2.5.5.2 */
	struct reply_draft draft;
	struct ip4 from, to;

	if (memcmp(asker->guest.byte, mapped, sizeof(mapped)) == 0) {
		memcpy(from.byte, asker->asked.byte + sizeof(mapped), sizeof(from.byte));
		memcpy(to.byte, asker->guest.byte + sizeof(mapped), sizeof(to.byte));
		reply_begin4(&draft, &gateway->reply, service, asker->mac, from, to, IP_PROTOCOL_UDP);
	} else {
		reply_begin6(&draft, &gateway->reply, service, asker->mac, asker->asked, asker->guest, IP_PROTOCOL_UDP,
			     GATEWAY_HOP_LIMIT);
	}
	reply_udp(&draft, asker->asked_port, asker->guest_port);
	writer_copy(&draft.writer, message, bytes);
	reply_end(&draft);
	gateway_send(gateway);
}

bool gateway_is_expiring(const struct gateway *gateway)
{
	return gateway->expiring;
}

void gateway_expire(struct gateway *gateway)
{
	gateway->expiring = true;
	lease_expire(gateway->config.leases, ethswitch_now_us(gateway->config.ethswitch));
	gateway->expiring = false;
}

void gateway_advertise(struct gateway *gateway)
{
	if (!gateway->config.service->ip6)
		return;
	ndp_advertise(gateway->config.service, &gateway->reply);
	gateway_send(gateway);
}

void gateway_withdraw(struct gateway *gateway)
{
	if (!gateway->config.service->ip6)
		return;
	ndp_withdraw(gateway->config.service, &gateway->reply);
	gateway_send(gateway);
}

/* The switch still knows the first port by this address, so that the questions go there alone. IPv6 is asked at the
 * lease and at the address that most systems make of their MAC. */
void gateway_probe(struct gateway *gateway, struct mac mac, struct ip4 ip4)
{
	const struct service_config *service = gateway->config.service;
	uint64_t now_us = ethswitch_now_us(gateway->config.ethswitch);
	const struct lease *lease4 = lease_find_mac(gateway->config.leases, mac, false, now_us);
	const struct lease *lease6 = lease_find_mac(gateway->config.leases, mac, true, now_us);

	if (service->ip4 && (lease4 || !ip4_is_zero(ip4))) {
		arp_probe(service, mac, lease4 ? lease4->ip4 : ip4, &gateway->reply);
		gateway_send(gateway);
	}
	if (!service->ip6)
		return;
	if (lease6) {
		ndp_probe(service, mac, lease6->ip6, &gateway->reply);
		gateway_send(gateway);
	}
	ndp_probe(service, mac, ip6_link_local(mac), &gateway->reply);
	gateway_send(gateway);
}

void gateway_ask(struct gateway *gateway, struct ip6 address)
{
	const struct service_config *service = gateway->config.service;
	const struct nat_address named = {.ip = address};

	if (nat_address_is4(&named))
		arp_ask(service, nat_address_ip4(&named), &gateway->reply);
	else
		ndp_ask(service, address, &gateway->reply);
	gateway_send(gateway);
}
