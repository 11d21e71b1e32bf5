/* SPDX-License-Identifier: MIT */
/* NAT's life, and the two ways through it: a guest's packet to its protocol, and the turns of flows that have something
 * for their guests. Where a packet may go is nat_route.c's, how frames to guests begin nat_head.c's. */
#include "nat/nat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "fabric/steer.h"
#include "nat/nat_state.h"

/* In the order of enum nat_protocol_number; NULL: that protocol is not served. */
static const struct nat_protocol *const nat_protocols[NAT_PROTOCOLS] = {
	[NAT_TCP] = &tcp_protocol,
	[NAT_UDP] = &udp_protocol,
	[NAT_ICMP] = &icmp_protocol,
};

uint64_t nat_now_us(const struct nat *nat)
{
	return loop_now_us(nat->config.loop);
}

void nat_schedule(struct nat *nat)
{
	port_schedule(nat->config.gateway);
}

/* ---- life ---- */

static void nat_on_linger(void *owner, uint64_t now_us)
{
	struct nat *nat = owner;

	for (int i = 0; i < NAT_PROTOCOLS; i++) {
		if (nat_protocols[i] && nat_protocols[i]->linger)
			nat_protocols[i]->linger(nat->protocols[i], now_us);
	}
}

static int nat_start(struct nat *nat)
{
	const struct nat_config *config = &nat->config;
	int error = flow_table_init(&nat->flows, nat, &config->key, config->flows ? config->flows : NAT_FLOWS_MAX);

	for (int i = 0; i < NAT_PROTOCOLS && error >= 0; i++) {
		if (nat_protocols[i])
			error = nat_protocols[i]->start(nat, &nat->protocols[i]);
	}
	return error;
}

int nat_new(const struct nat_config *config, struct nat **ret_nat)
{
	struct nat *nat = calloc(1, sizeof(*nat));
	int error;

	if (!nat)
		return -ENOMEM;
	nat->config = *config;
	allowance_init(&nat->refusals, &config->key, NAT_REFUSALS, NAT_REFUSAL_PAUSE_US);
	tcp_socket_chores_init(&nat->chores, config->loop);
	if (!nat->config.sockets) {
		nat->config.sockets = &tcp_socket_system;
		nat->config.sockets_owner = &nat->chores;
	}
	linger_init(&nat->linger, nat->config.loop, nat_on_linger, nat);
	framequeue_init(&nat->replies, ethswitch_blocks(config->ethswitch), NAT_REPLIES_BYTES);
	error = nat_start(nat);
	if (error < 0) {
		nat_free(nat);
		return error;
	}
	*ret_nat = nat;
	return 0;
}

void nat_readdress(struct nat *nat, const struct nat_config *config)
{
	struct nat_config *own = &nat->config;

	own->net4 = config->net4;
	own->prefix4 = config->prefix4;
	own->host4 = config->host4;
	own->loopback4 = config->loopback4;
	own->shared4 = config->shared4;
	own->net6 = config->net6;
	own->prefix6 = config->prefix6;
	own->host6 = config->host6;
	own->loopback6 = config->loopback6;
	own->shared6 = config->shared6;
}

void nat_free(struct nat *nat)
{
	if (!nat)
		return;
	if (nat->flows.buckets)
		flow_table_done(&nat->flows);
	for (int i = 0; i < NAT_PROTOCOLS; i++) {
		if (nat->protocols[i])
			nat_protocols[i]->stop(nat->protocols[i]);
	}
	tcp_socket_chores_done(&nat->chores);
	linger_done(&nat->linger);
	framequeue_done(&nat->replies);
	free(nat);
}

void nat_port_gone(struct nat *nat, struct port *port)
{
	flow_port_gone(&nat->flows, port);
}

void nat_address_lost(struct nat *nat)
{
	for (int i = 0; i < NAT_PROTOCOLS; i++) {
		if (nat_protocols[i] && nat_protocols[i]->address_lost)
			nat_protocols[i]->address_lost(nat->protocols[i]);
	}
}

/* ---- from guests ---- */

static bool nat_may_send4(struct ip4 from)
{
	return !ip4_is_zero(from) && !ip4_is_multicast(from) && !ip4_is_loopback(from) &&
	       ip4_value(from) != ip4_value(IP4_BROADCAST);
}

static bool nat_may_send6(struct ip6 from)
{
	const struct nat_address address = {.ip = from};

	return !ip6_is_zero(from) && !ip6_is_multicast(from) && !nat_address_is4(&address);
}

static enum drop_reason nat_read4(struct reader *reader, struct nat_packet *packet)
{
	const struct frame *frame = packet->frame;
	struct ip4_header ip;
	enum drop_reason reason = ip4_header_read(reader, frame->length - packet->l3, IP4_SUM_CHECK, &ip);

	if (reason)
		return reason;
	if (!nat_may_send4(ip.from))
		return DROP_IP4_SOURCE;
	if (ip4_is_fragment(&ip))
		return DROP_IP4_FRAGMENT;
	packet->dont_fragment = ip.dont_fragment;
	packet->service = ip.service;
	packet->hop_limit = ip.hop_limit;
	packet->protocol = ip.protocol;
	packet->l4 = packet->l3 + ip.header_bytes;
	packet->transport_bytes = (uint32_t)ip.total_bytes - ip.header_bytes;
	packet->guest = nat_address4(ip.from, 0);
	packet->far = nat_address4(ip.to, 0);
	return DROP_NONE;
}

static enum drop_reason nat_read6(struct reader *reader, struct nat_packet *packet)
{
	const struct frame *frame = packet->frame;
	struct ip6_extensions extensions;
	struct ip6_header ip;
	enum drop_reason reason = ip6_header_read(reader, frame->length - packet->l3, &ip);

	if (!reason)
		reason = ip6_extensions_read(reader, ip.next_header, &extensions);
	if (reason)
		return reason;
	if (!nat_may_send6(ip.from))
		return DROP_IP6_SOURCE;
	/* A fragment header of a packet that is whole means nothing (RFC 6946). */
	if (extensions.more_fragments || extensions.fragment_offset)
		return DROP_IP6_FRAGMENT;
	if (extensions.bytes > ip.payload_bytes)
		return DROP_IP6_EXTENSION_SHORT;
	packet->is6 = true;
	packet->dont_fragment = true;
	packet->service = ip.service;
	packet->hop_limit = ip.hop_limit;
	packet->protocol = extensions.protocol;
	packet->protocol_at = extensions.protocol_at;
	packet->l4 = packet->l3 + IP6_HEADER_BYTES + extensions.bytes;
	packet->transport_bytes = (uint32_t)ip.payload_bytes - extensions.bytes;
	packet->guest = nat_address6(ip.from, 0);
	packet->far = nat_address6(ip.to, 0);
	return DROP_NONE;
}

static bool nat_is_here(const struct nat *nat, const struct nat_packet *packet)
{
	const struct nat_config *config = &nat->config;

	if (packet->is6)
		return ip6_equal(packet->far.ip, config->loopback6) || ip6_equal(packet->far.ip, config->host6);
	return ip4_equal(nat_address_ip4(&packet->far), config->loopback4) ||
	       ip4_equal(nat_address_ip4(&packet->far), config->host4);
}

static enum drop_reason nat_hand_on(struct nat *nat, const struct nat_packet *packet)
{
	int number;

	if (packet->protocol == IP_PROTOCOL_TCP)
		number = NAT_TCP;
	else if (packet->protocol == IP_PROTOCOL_UDP)
		number = NAT_UDP;
	else if (packet->protocol == (packet->is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP))
		number = NAT_ICMP;
	else
		number = NAT_PROTOCOLS;
	if (number < NAT_PROTOCOLS && nat_protocols[number])
		return nat_protocols[number]->input(nat->protocols[number], packet);
	if (!packet->is6)
		nat_refuse_packet(nat, packet, NAT_REFUSE_PROTOCOL, 0);
	else if (packet->protocol != IP_PROTOCOL_NONE) /* RFC 8200 4.7: nothing follows, and nothing is wrong with it */
		nat_refuse_packet(nat, packet, NAT_REFUSE_NEXT_HEADER, packet->protocol_at);
	return packet->is6 ? DROP_IP6_NEXT_HEADER : DROP_IP4_PROTOCOL;
}

enum drop_reason nat_input(struct nat *nat, struct port *from, const struct frame *frame)
{
	struct nat_packet packet = {.frame = frame, .from = from, .vlan = frame->layout.vlan, .l3 = frame->layout.l3};
	enum drop_reason reason;
	struct reader reader;

	memcpy(packet.mac.byte, frame->head + sizeof(struct mac), sizeof(packet.mac.byte));
	reader_init(&reader, frame->head + packet.l3, frame->head_bytes - packet.l3);
	if (frame->layout.type == ETHERTYPE_IPV4 && nat->config.ip4)
		reason = nat_read4(&reader, &packet);
	else if (frame->layout.type == ETHERTYPE_IPV6 && nat->config.ip6)
		reason = nat_read6(&reader, &packet);
	else
		reason = DROP_ETHERTYPE;
	if (reason)
		return reason;
	if (packet.hop_limit <= 1 && !nat_is_here(nat, &packet)) {
		nat_refuse_packet(nat, &packet, NAT_REFUSE_HOP_LIMIT, 0);
		return DROP_NAT_HOP_LIMIT;
	}
	return nat_hand_on(nat, &packet);
}

bool nat_has_flow(const struct nat *nat, const struct frame *frame)
{
	struct nat_packet packet = {.frame = frame, .l3 = frame->layout.l3};
	struct be16 ports[2];
	struct flow_key key;
	struct reader reader;
	enum drop_reason reason;

	reader_init(&reader, frame->head + packet.l3, frame->head_bytes - packet.l3);
	reason = frame->layout.type == ETHERTYPE_IPV4 ? nat_read4(&reader, &packet) : nat_read6(&reader, &packet);
	if (reason || (packet.protocol != IP_PROTOCOL_TCP && packet.protocol != IP_PROTOCOL_UDP) ||
	    packet.l4 + sizeof(ports) > frame->head_bytes || packet.transport_bytes < sizeof(ports))
		return false;
	memcpy(ports, frame->head + packet.l4, sizeof(ports));
	packet.guest.port = be16_value(ports[0]);
	packet.far.port = be16_value(ports[1]);
	key = flow_key(packet.protocol, packet.is6, &packet.guest, &packet.far);
	return flow_find(&nat->flows, &key) != NULL;
}

void nat_flush(struct nat *nat)
{
	for (int i = 0; i < NAT_PROTOCOLS; i++) {
		if (nat_protocols[i] && nat_protocols[i]->flush)
			nat_protocols[i]->flush(nat->protocols[i]);
	}
}

/* ---- to guests ---- */

void nat_reply(struct nat *nat, const void *bytes, size_t count)
{
	enum drop_reason reason;
	struct frame frame;

	frame_init(&frame, bytes, count);
	reason = framequeue_put(&nat->replies, NULL, 0, &frame, 0);
	if (reason)
		port_drop(nat->config.gateway, reason == DROP_QUEUE_FULL ? DROP_NAT_REPLIES_FULL : reason, &frame);
	else
		nat_schedule(nat);
}

/* The oldest reply. One that finds no room is dropped: whoever it is for will ask again. */
static void nat_send_reply(struct nat *nat, struct flow_budget *budget)
{
	const struct offload none = {.csum = CSUM_UNKNOWN};
	struct port *gateway = nat->config.gateway;
	uint8_t bytes[NAT_REPLY_MAX];
	struct iovec pieces[4];
	struct destination to = {.vlan = 0};
	struct frame frame;
	struct room room;
	size_t count;
	int error;

	frame = (struct frame){.body = pieces};
	frame.body_pieces = (uint32_t)framequeue_peek_frame(&nat->replies, pieces, 4, &count);
	frame.length = (uint32_t)count;
	frame_copy(&frame, 0, bytes, count);
	framequeue_consume_frame(&nat->replies);
	memcpy(to.mac.byte, bytes, sizeof(to.mac.byte));
	to.flow = steer_head(bytes, (uint32_t)count);
	error = ethswitch_reserve(gateway, &to, (uint32_t)count, (uint32_t)count, &room);
	budget->frames--;
	budget->bytes -= (int32_t)count;
	if (error < 0) {
		frame_init(&frame, bytes, count);
		port_drop(error == -EAGAIN && room.port ? room.port : gateway,
			  error == -EMSGSIZE ? DROP_FRAME_TOO_LARGE_FOR_PORT : DROP_ROOM_REFUSED, &frame);
		return;
	}
	room_write(&room, 0, bytes, count);
	ethswitch_commit(gateway, &room, bytes, (uint32_t)count, &none);
}

/* One flow's turn; false when nothing more can be sent in this round. */
static bool nat_run_flow(struct nat *nat, struct flow_budget *budget)
{
	struct flow *flow = container_of(list_take(&nat->flows.turn), struct flow, turn);
	int32_t frames = budget->frames;
	bool more;

	flow->wait = FLOW_WAIT_NOTHING;
	nat->running = flow;
	nat->doomed = false;
	more = flow->ops->run(flow, budget);
	if (!nat->running)
		return !nat->starved;
	nat->running = NULL;
	if (nat->doomed)
		flow->ops->end(flow);
	else if (more)
		flow_schedule(flow);
	return !nat->starved && (!more || budget->frames < frames);
}

bool nat_run(struct nat *nat)
{
	struct flow_budget budget = {.frames = PORT_TURN_FRAMES, .bytes = NAT_TURN_BYTES};

	nat->starved = false;
	nat->unflushed_bytes = 0;
	while (!framequeue_empty(&nat->replies) && budget.frames > PORT_TURN_FRAMES / 2)
		nat_send_reply(nat, &budget);
	while (!list_empty(&nat->flows.turn) && budget.frames > 0 && budget.bytes > 0) {
		if (!nat_run_flow(nat, &budget))
			break;
	}
	ethswitch_flush(nat->config.ethswitch);
	return !list_empty(&nat->flows.turn) || !framequeue_empty(&nat->replies);
}

/* A port without reserve() keeps in a bounded queue what its far end does not take, and drops what does not fit: TCP is
 * never dropped for want of room (law 5), so nothing is sent while something waits there. */
static bool nat_port_is_full(const struct port *port)
{
	struct port_status status = {.queued_bytes = 0};

	if (port->ops->reserve || !port->ops->look)
		return false;
	port->ops->look(port, &status);
	return status.queued_bytes > 0;
}

int nat_reserve(struct flow *flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	struct nat *nat = flow->nat;
	const struct destination destination = {flow->mac, flow->vlan, flow->steer};
	struct port *to = ethswitch_find(nat->config.ethswitch, flow->mac, flow->vlan);
	int error;

	if (to && nat_port_is_full(to)) {
		flow_wait_room(flow, to, 0);
		return -EAGAIN;
	}
	error = ethswitch_reserve(nat->config.gateway, &destination, least, wanted, ret_room);
	if (error == -EAGAIN) {
		if (!ret_room->port)
			nat->starved = true;
		flow_wait_room(flow, ret_room->port, ret_room->queue);
	}
	return error;
}

void nat_commit(struct flow *flow, struct room *room, const uint8_t *head, uint32_t bytes,
		const struct offload *offload, struct flow_budget *budget)
{
	struct nat *nat = flow->nat;
	bool lent = room->port != NULL;

	budget->frames--;
	budget->bytes -= (int32_t)bytes;
	if (lent)
		room_write(room, 0, head, bytes < FRAME_HEAD_BYTES ? bytes : FRAME_HEAD_BYTES);
	ethswitch_commit(nat->config.gateway, room, head, bytes, offload);
	if (lent)
		return;
	nat->unflushed_bytes += bytes;
	if (nat->unflushed_bytes >= NAT_RUN_BYTES) {
		ethswitch_flush(nat->config.ethswitch);
		nat->unflushed_bytes = 0;
	}
}

void nat_cancel(struct flow *flow, struct room *room)
{
	ethswitch_cancel(flow->nat->config.gateway, room);
}

/* ---- looking ---- */

const struct nat_counters *nat_counters(const struct nat *nat)
{
	return &nat->counters;
}

size_t nat_flow_count(const struct nat *nat)
{
	return nat->flows.count;
}

size_t nat_flows_max(const struct nat *nat)
{
	return nat->flows.pool.count;
}

struct nat_flow_call {
	void (*on_flow)(void *owner, const struct nat_flow_info *info);
	void *owner;
};

static void nat_on_flow(void *owner, const struct flow *flow)
{
	const struct nat_flow_call *call = owner;
	struct nat_flow_info info = {
		.protocol = flow->key.protocol,
		.is6 = flow->key.is6,
		.guest = {.ip = flow->key.guest, .port = flow->key.guest_port},
		.far = {.ip = flow->key.far, .port = flow->key.far_port},
		.port = flow->port,
	};

	flow->ops->look(flow, &info);
	call->on_flow(call->owner, &info);
}

size_t nat_each_flow(const struct nat *nat, size_t from, size_t most,
		     void (*on_flow)(void *owner, const struct nat_flow_info *info), void *owner)
{
	struct nat_flow_call call = {.on_flow = on_flow, .owner = owner};

	return flow_each(&nat->flows, from, most, nat_on_flow, &call);
}
