/* SPDX-License-Identifier: MIT */
/* UDP flows: their life, who may answer them, and what guests send. Gathering and sending is udp_send.c, the way to guests
 * udp_receive.c, what comes in by forwards udp_forward.c.
 *
 * How a datagram goes. udp_input() finds or makes its flow and appends it to the batch; a datagram of another flow, or one
 * that must be sent another way (hop limit, DSCP, may be fragmented), sends what is gathered first, because these are the
 * socket's settings: of one flow they rarely change, and a control message for each datagram would cost more. */
#include "nat/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/reader.h"
#include "nat/udp_state.h"
#include "wire/udp.h"

/* ---- life of a flow ---- */

static uint64_t udp_idle_limit_us(const struct udp_flow *flow)
{
	return flow->datagrams_from_guest >= 2 && flow->datagrams_to_guest >= 2 ? UDP_LONG_US : UDP_SHORT_US;
}

/* The timer is not moved for each datagram: when it is due, it is seen how long the flow was idle. */
static void udp_on_due(struct flow *base, uint64_t now_us)
{
	struct udp_flow *flow = container_of(base, struct udp_flow, flow);
	uint64_t limit_us = udp_idle_limit_us(flow);

	if (flow->role == UDP_LISTENER)
		udp_listener_on_due(flow);
	else if (now_us - flow->used_us >= limit_us)
		udp_end(base);
	else
		flow_set_timer(base, flow->used_us + limit_us);
}

static void udp_look(const struct flow *base, struct nat_flow_info *ret_info)
{
	const struct udp_flow *flow = container_of(base, const struct udp_flow, flow);

	ret_info->state = flow->role == UDP_LISTENER               ? "listening"
			  : udp_idle_limit_us(flow) == UDP_LONG_US ? "stream"
								   : "request";
	ret_info->from_guest_bytes = flow->bytes_from_guest;
	ret_info->to_guest_bytes = flow->bytes_to_guest;
	ret_info->idle_us = nat_now_us(base->nat) - flow->used_us;
}

static const struct flow_ops udp_flow_ops = {.run = udp_run, .on_due = udp_on_due, .end = udp_end, .look = udp_look};

void udp_end(struct flow *base)
{
	struct udp_flow *flow = container_of(base, struct udp_flow, flow);
	struct udp *udp = flow->udp;

	if (udp->batch.flow == flow)
		udp_send(udp); /* given up for another in the middle of a delivery */
	if (flow->role == UDP_PEER)
		udp_peer_end(flow);
	if (flow->role == UDP_LISTENER) {
		udp_listener_end(flow);
	} else if (flow->watch.fd >= 0) {
		loop_unwatch(base->nat->config.loop, &flow->watch);
		udp->ops->close(udp->ops_owner, flow->watch.fd);
	}
	flow_free(base);
}

void udp_used(struct udp_flow *flow, bool from_guest, uint32_t bytes)
{
	uint32_t *datagrams = from_guest ? &flow->datagrams_from_guest : &flow->datagrams_to_guest;

	if (!from_guest && *datagrams == 1 && flow->role == UDP_MAPPING)
		flow->udp->ops->set_stream(flow->udp->ops_owner, flow->watch.fd);
	*datagrams += *datagrams < 2;
	*(from_guest ? &flow->bytes_from_guest : &flow->bytes_to_guest) += bytes;
	flow->used_us = nat_now_us(flow->flow.nat);
	if (from_guest)
		(void)linger_asked(&flow->flow.nat->linger, &flow->conversation);
	else
		linger_answered(&flow->flow.nat->linger, &flow->conversation);
	if (flow->role != UDP_LISTENER)
		flow_set_spare(&flow->flow, FLOW_SPARE_IDLE);
}

static void udp_on_ready(void *owner, unsigned events)
{
	struct udp_flow *flow = owner;

	flow->has_errors = flow->has_errors || (events & LOOP_HANGUP);
	flow_schedule(&flow->flow);
}

/* By edge: who has read to the end is told of what comes then. */
int udp_adopt(struct udp_flow *flow, int fd)
{
	watch_init(&flow->watch, fd, udp_on_ready, flow);
	return loop_watch(flow->flow.nat->config.loop, &flow->watch, LOOP_READ | LOOP_EDGE);
}

struct udp_flow *udp_flow_new(struct udp *udp, const struct flow_key *key, struct port *port, struct mac mac,
			      uint16_t vlan)
{
	struct flow *base = flow_new(&udp->nat->flows, key, &udp_flow_ops, port, mac, vlan);
	struct udp_flow *flow;

	if (!base)
		return NULL;
	flow = container_of(base, struct udp_flow, flow);
	flow->udp = udp;
	flow->watch.fd = -1;
	flow->is6 = key->is6;
	flow->segment_most = UINT32_MAX;
	flow->used_us = nat_now_us(udp->nat);
	return flow;
}

static void udp_notice(struct udp *udp, int error)
{
	const struct nat_config *config = &udp->nat->config;

	if (udp->noticed || !config->on_notice || !error_is_out_of_files(error))
		return;
	udp->noticed = true;
	config->on_notice(config->owner, "no descriptor is left for another UDP socket; raise the limit of open files "
					 "(ulimit -n) to let guests have more of them");
}

static enum drop_reason udp_make(struct udp *udp, const struct nat_packet *packet, const struct flow_key *key,
				 const struct outbound *outbound, struct udp_flow **ret_flow)
{
	struct udp_flow *flow = udp_flow_new(udp, key, packet->from, packet->mac, packet->vlan);
	bool lost;
	int fd;

	if (!flow)
		return DROP_NAT_FLOWS_FULL;
	do
		fd = udp->ops->open(udp->ops_owner, DATAGRAM_UDP, packet->is6, outbound);
	while (error_is_out_of_files(fd) && flow_give_one_up(&flow->flow));
	lost = nat_outbound_is_lost(udp->nat, outbound, packet->is6, fd);
	if (fd < 0) {
		udp_notice(udp, fd);
		udp_end(&flow->flow);
		if (fd != -EAFNOSUPPORT && !lost)
			return DROP_NAT_SOCKETS_FULL;
		nat_refuse_packet(udp->nat, packet, nat_refusal_of(fd), 0);
		return lost ? DROP_NAT_OUTBOUND_GONE : DROP_UDP_SEND_REFUSED;
	}
	if (udp_adopt(flow, fd) < 0) {
		udp_end(&flow->flow);
		return DROP_NAT_SOCKETS_FULL;
	}
	flow_set_timer(&flow->flow, flow->used_us + UDP_SHORT_US);
	*ret_flow = flow;
	return DROP_NONE;
}

/* ---- who may answer ---- */

static uint64_t udp_remote_tag(const struct udp_flow *flow, const struct nat_address *far)
{
	struct {
		struct ip6 guest, far;
		uint64_t guest_port;
	} named = {.guest = flow->flow.key.guest, .far = far->ip, .guest_port = flow->flow.key.guest_port};

	return hash_bytes(&flow->flow.nat->flows.hash, &named, sizeof(named)) | 1;
}

static uint64_t *udp_remote_row(const struct udp *udp, uint64_t tag)
{
	return udp->remotes + (tag >> 32) % (UDP_REMOTES_MORE / UDP_REMOTE_WAYS) * UDP_REMOTE_WAYS;
}

bool udp_knows(const struct udp_flow *flow, const struct nat_address *far)
{
	const uint64_t *row;
	uint64_t tag;

	for (unsigned i = 0; i < flow->remote_count; i++) {
		if (ip6_equal(flow->remotes[i], far->ip))
			return true;
	}
	if (flow->remote_count < UDP_REMOTES)
		return false;
	tag = udp_remote_tag(flow, far);
	row = udp_remote_row(flow->udp, tag);
	for (int i = 0; i < UDP_REMOTE_WAYS; i++) {
		if (row[i] == tag)
			return true;
	}
	return false;
}

void udp_remember(struct udp_flow *flow, const struct nat_address *far)
{
	const struct nat_address oldest = {.ip = flow->remotes[flow->remote_next]};
	uint64_t tag, *row;

	if (udp_knows(flow, far))
		return;
	if (flow->remote_count == UDP_REMOTES) {
		tag = udp_remote_tag(flow, &oldest);
		row = udp_remote_row(flow->udp, tag);
		memmove(row + 1, row, (UDP_REMOTE_WAYS - 1) * sizeof(*row));
		row[0] = tag;
	} else {
		flow->remote_count++;
	}
	flow->remotes[flow->remote_next] = far->ip;
	flow->remote_next = (uint8_t)((flow->remote_next + 1) % UDP_REMOTES);
}

/* ---- from guests ---- */

/* What systems begin with says nothing but that nobody chose: the host's own does as well, and its socket is left alone. */
static bool udp_hops_are_usual(uint8_t hop_limit)
{
	return hop_limit == 64 || hop_limit == 128 || hop_limit == 255;
}

/* A hop limit that a traceroute means is carried, one less, as by any router; others are the host's to choose. */
static struct datagram_way udp_way(const struct nat_packet *packet, uint32_t payload, uint32_t mtu_bytes)
{
	uint32_t headers = packet->is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES;

	return (struct datagram_way){
		.service = packet->service,
		/* 1: for the gateway itself, or it would not have come so far */
		.hop_limit = packet->hop_limit > 1 && !udp_hops_are_usual(packet->hop_limit)
				     ? (uint8_t)(packet->hop_limit - 1)
				     : 0,
		/* An IPv6 datagram that is larger than the link came in fragments, and may leave in some. */
		.dont_fragment = packet->dont_fragment && headers + UDP_HEADER_BYTES + payload <= mtu_bytes,
	};
}

static bool udp_ways_equal(const struct datagram_way *a, const struct datagram_way *b)
{
	return a->service == b->service && a->hop_limit == b->hop_limit && a->dont_fragment == b->dont_fragment;
}

/* Sends what is gathered unless this goes the same way in the same flow. */
static void udp_turn_to(struct udp *udp, struct udp_flow *flow, const struct datagram_way *way)
{
	bool same = udp_ways_equal(&flow->way, way);

	if (udp->batch.flow && (udp->batch.flow != flow || !same))
		udp_send(udp);
	udp->batch.flow = flow;
	if (same)
		return;
	/* A wish of the guest's; what the system does not do is sent as it does. */
	udp->ops->set_way(udp->ops_owner, flow->watch.fd, flow->is6, &flow->way, way);
	flow->way = *way;
}

static enum drop_reason udp_verify(const struct nat_packet *packet, uint32_t bytes)
{
	struct iovec pieces[FRAME_PIECES_MAX + 1];
	struct checksum sum;
	uint8_t field[2];
	int count;

	frame_copy(packet->frame, packet->l4 + UDP_CHECKSUM_AT, field, sizeof(field));
	if (field[0] == 0 && field[1] == 0)
		return packet->is6 ? DROP_UDP_CHECKSUM : DROP_NONE;
	checksum_init(&sum);
	if (packet->is6)
		ip6_pseudo(&sum, packet->guest.ip, packet->far.ip, IP_PROTOCOL_UDP, bytes);
	else
		ip4_pseudo(&sum, nat_address_ip4(&packet->guest), nat_address_ip4(&packet->far), IP_PROTOCOL_UDP,
			   (uint16_t)bytes);
	count = frame_slice(packet->frame, packet->l4, bytes, pieces, FRAME_PIECES_MAX + 1);
	for (int i = 0; i < count; i++)
		checksum_add(&sum, pieces[i].iov_base, pieces[i].iov_len);
	return count >= 0 && be16_value(checksum_final(&sum)) == 0 ? DROP_NONE : DROP_UDP_CHECKSUM;
}

/* The header, and how much payload: of a USO frame all that there is, whatever its length field says. */
static enum drop_reason udp_read(const struct nat_packet *packet, struct udp_header *ret_header, uint32_t *ret_payload)
{
	const struct offload *offload = &packet->frame->offload;
	uint8_t bytes[UDP_HEADER_BYTES];
	enum drop_reason reason;
	struct reader reader;

	if (packet->transport_bytes < UDP_HEADER_BYTES)
		return DROP_UDP_SHORT;
	frame_copy(packet->frame, packet->l4, bytes, sizeof(bytes));
	reader_init(&reader, bytes, sizeof(bytes));
	reason = udp_header_read(&reader, packet->transport_bytes, ret_header);
	if (reason)
		return reason;
	*ret_payload = (uint32_t)ret_header->bytes - UDP_HEADER_BYTES;
	if (offload->gso == GSO_UDP)
		*ret_payload = packet->transport_bytes - UDP_HEADER_BYTES;
	return offload->csum == CSUM_UNKNOWN ? udp_verify(packet, ret_header->bytes) : DROP_NONE;
}

static enum drop_reason udp_refuse_route(struct udp *udp, const struct nat_packet *packet, enum drop_reason reason)
{
	nat_refuse_packet(udp->nat, packet, reason == DROP_NAT_RESTRICTED ? NAT_REFUSE_PROHIBITED : NAT_REFUSE_HOST, 0);
	return reason;
}

/* `used` is the mapping, or the peer whose listener's socket it leaves by. */
static void udp_take(struct udp *udp, const struct nat_packet *packet, struct udp_outgoing *out, struct udp_flow *used)
{
	struct datagram_way way;

	out->segment_bytes = out->frame->offload.gso == GSO_UDP ? out->frame->offload.segment_bytes : out->bytes;
	way = udp_way(packet, out->segment_bytes, ethswitch_mtu(udp->nat->config.ethswitch));
	udp_turn_to(udp, out->flow, &way);
	udp_append(udp, out);
	udp_used(used, true, out->bytes);
}

/* To a client of a forward, whatever restrict= says. */
static enum drop_reason udp_input_peer(struct udp *udp, const struct nat_packet *packet, struct udp_outgoing *out,
				       struct udp_flow *peer)
{
	const struct udp_client *client = &peer->peer.client;
	struct sockaddr_storage to = {.ss_family = AF_UNSPEC};

	if (!flow_is_owner(&peer->flow, packet->from, packet->mac, packet->vlan))
		return DROP_NAT_FLOW_OWNER;
	if (!peer->peer.listener)
		return DROP_NAT_NO_FLOW;
	memcpy(&to, client->address, client->address_bytes);
	out->flow = peer->peer.listener;
	out->to = &to;
	out->to_bytes = client->address_bytes;
	out->here = client->here;
	udp_take(udp, packet, out, peer);
	return DROP_NONE;
}

static enum drop_reason udp_input_mapping(struct udp *udp, const struct nat_packet *packet, struct udp_outgoing *out,
					  const struct nat_address *guest)
{
	struct sockaddr_storage to;
	enum drop_reason reason = nat_host_address(udp->nat, &out->far, &to, &out->to_bytes);
	struct nat_address place = {.port = 0};
	const struct outbound *outbound = reason ? NULL : nat_outbound(udp->nat, &to, &place);
	struct flow_key key = flow_key(IP_PROTOCOL_UDP, packet->is6, guest, &place);
	struct flow *found = flow_find(&udp->nat->flows, &key);

	if (found && !flow_is_owner(found, packet->from, packet->mac, packet->vlan))
		return DROP_NAT_FLOW_OWNER;
	if (reason)
		return udp_refuse_route(udp, packet, reason);
	out->to = &to;
	if (found)
		out->flow = container_of(found, struct udp_flow, flow);
	else
		reason = udp_make(udp, packet, &key, outbound, &out->flow);
	if (reason)
		return reason;
	udp_remember(out->flow, &out->far);
	udp_take(udp, packet, out, out->flow);
	return DROP_NONE;
}

static enum drop_reason udp_input(void *state, const struct nat_packet *packet)
{
	struct udp *udp = state;
	struct nat_address guest = packet->guest;
	struct udp_outgoing out = {.frame = packet->frame, .at = packet->l4 + UDP_HEADER_BYTES, .far = packet->far};
	struct udp_header header;
	enum drop_reason reason = udp_read(packet, &header, &out.bytes);
	struct udp_flow *peer;

	if (reason)
		return reason;
	guest.port = header.from_port;
	out.far.port = header.to_port;
	peer = udp_peer_find(udp, packet->is6, &guest, &out.far);
	return peer ? udp_input_peer(udp, packet, &out, peer) : udp_input_mapping(udp, packet, &out, &guest);
}

static void udp_flush(void *state)
{
	struct udp *udp = state;

	if (udp->batch.flow)
		udp_send(udp);
}

/* What comes next of the guest's has a socket of its own again, if the way is there. A socket that was bound to nothing has
 * nothing to lose. */
static void udp_address_lost(void *state)
{
	struct udp *udp = state;

	if (!udp->nat->config.outbounds)
		return;
	list_for_each_safe (at, &udp->nat->flows.all) {
		struct flow *base = container_of(at, struct flow, all);
		struct udp_flow *flow = container_of(base, struct udp_flow, flow);

		if (base->ops == &udp_flow_ops && flow->role == UDP_MAPPING &&
		    udp->ops->is_homeless(udp->ops_owner, flow->watch.fd))
			udp_end(base);
	}
}

/* ---- life ---- */

int udp_start(struct nat *nat, const struct datagram_ops *ops, void *ops_owner, struct udp **ret_udp)
{
	struct udp *udp = calloc(1, sizeof(*udp));

	if (!udp)
		return -ENOMEM;
	udp->remotes = calloc(UDP_REMOTES_MORE, sizeof(*udp->remotes));
	if (!udp->remotes) {
		free(udp);
		return -ENOMEM;
	}
	udp->nat = nat;
	udp->ops = ops;
	udp->ops_owner = ops_owner;
	udp->segments_max = ops->segments_max;
	*ret_udp = udp;
	return 0;
}

static int udp_start_system(struct nat *nat, void **ret_state)
{
	struct udp *udp = NULL;
	int error = udp_start(nat, &datagram_system, NULL, &udp);

	*ret_state = udp;
	return error;
}

static void udp_stop(void *state)
{
	struct udp *udp = state;

	free(udp->remotes);
	free(udp);
}

const struct nat_protocol udp_protocol = {
	.name = "udp",
	.start = udp_start_system,
	.stop = udp_stop,
	.input = udp_input,
	.flush = udp_flush,
	.address_lost = udp_address_lost,
};
