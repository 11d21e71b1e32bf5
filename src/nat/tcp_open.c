/* SPDX-License-Identifier: MIT */
/* How a flow begins: a guest's SYN and the connect() that it makes, a connection that a forward accepted, and what the
 * socket's events do. */
#include <errno.h>

#include "nat/tcp.h"

uint16_t tcp_mss_here(const struct tcp_flow *flow)
{
	uint32_t headers = (flow->flow.key.is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES) + TCP_HEADER_BYTES;
	uint32_t mtu = ethswitch_mtu(flow->flow.nat->config.ethswitch);

	return (uint16_t)((mtu < UINT16_MAX ? mtu : UINT16_MAX) - headers);
}

void tcp_learn_options(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	const struct tcp_options *options = &segment->options;
	struct tcp_to_guest *to = &flow->to_guest;
	uint16_t here = tcp_mss_here(flow), guest;

	guest = flow->flow.key.is6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
	if (options->has_mss)
		guest = options->mss > TCP_MSS_LEAST ? options->mss : TCP_MSS_LEAST;
	to->mss = guest < here ? guest : here;
	to->scaled = options->has_window_scale;
	to->window_scale = options->window_scale;
	to->our_scale = TCP_WINDOW_SCALE;
	to->sack = options->sack_permitted;
	to->window = to->window_max = segment->header.window; /* of a SYN: not scaled (RFC 7323 2.2) */
	to->window_sequence = segment->header.sequence;
	to->window_ack = to->first;
	flow->from_guest.first = segment->header.sequence;
	flow->from_guest.next = flow->from_guest.edge = segment->header.sequence + 1;
}

/* RFC 6528: M + F(addresses, secret), M a clock of 4 µs. */
static uint32_t tcp_first_number(const struct nat *nat, const struct flow_key *key)
{
	return (uint32_t)hash_bytes(&nat->config.key, key, sizeof(*key)) + (uint32_t)(nat_now_us(nat) / 4);
}

static struct tcp_flow *tcp_new(struct tcp *tcp, const struct flow_key *key, struct port *port, struct mac mac,
				uint16_t vlan, enum tcp_state state)
{
	struct flow *base = flow_new(&tcp->nat->flows, key, &tcp_flow_ops, port, mac, vlan);
	struct tcp_to_guest *to;
	struct tcp_flow *flow;

	if (!base)
		return NULL;
	flow = tcp_of(base);
	flow->state = state;
	flow->fd = -1;
	flow->heard_us = nat_now_us(tcp->nat);
	list_init(&flow->gathering);
	list_init(&flow->poor);
	tcp_late_start(flow);
	to = &flow->to_guest;
	to->first = to->una = to->recover = tcp_first_number(tcp->nat, key);
	to->next = to->max = to->first + 1;
	to->flight = tcp_flight_most(flow);
	to->rto_us = TCP_RTO_FIRST_US;
	to->mss = key->is6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
	return flow;
}

static void tcp_on_ready(void *owner, unsigned events);

int tcp_watch(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);

	watch_init(&flow->watch, flow->fd, tcp_on_ready, flow);
	return tcp->sockets->watch(tcp->sockets_owner, tcp->nat->config.loop, &flow->watch,
				   LOOP_READ | LOOP_WRITE | LOOP_EDGE);
}

static void tcp_connected(struct tcp_flow *flow)
{
	tcp_source_start(flow);
	flow->state = TCP_ANSWERING;
	flow->syn_owed = true;
	flow_schedule(&flow->flow);
}

/* The host's connect() failed: the guest learns it as it would have learnt it there. */
static void tcp_refused(struct tcp_flow *flow, int error)
{
	tcp_counters(flow)->tcp_refused++;
	switch (error) {
	case -ECONNREFUSED:
	case -ECONNRESET:
		tcp_reset_flow(flow);
		break;
	case -ETIMEDOUT: /* the guest's own patience has ended, or will */
		break;
	default:
		tcp_refuse_flow(flow, error);
		break;
	}
	tcp_drop(flow, true);
}

static bool tcp_is_out_of_sockets(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS || error == -ENOSPC;
}

/* Opens and connects. 0, or why not. */
static int tcp_connect(struct tcp_flow *flow, const struct outbound *outbound, const struct sockaddr_storage *address,
		       socklen_t bytes)
{
	struct tcp *tcp = tcp_state_of(flow);
	int error;

	do
		flow->fd = tcp->sockets->open(tcp->sockets_owner, address->ss_family, outbound);
	while (tcp_is_out_of_sockets(flow->fd) && flow_give_one_up(&flow->flow));
	if (flow->fd < 0)
		return flow->fd;
	flow->ours = true;
	error = tcp->sockets->connect(tcp->sockets_owner, flow->fd, (const struct sockaddr *)(const void *)address,
				      bytes, flow->flow.key.guest_port);
	if (error == -EINPROGRESS)
		return tcp_watch(flow);
	if (error == 0)
		tcp_connected(flow);
	return error;
}

/* A diverted flow has its socket already; connected or not, the loop says when it can be written to. */
static int tcp_divert(struct tcp_flow *flow, int fd)
{
	flow->fd = fd;
	return tcp_watch(flow);
}

static enum drop_reason tcp_refuse_destination(struct nat *nat, const struct tcp_segment *segment,
					       enum drop_reason reason)
{
	nat_refuse_packet(nat, segment->packet, reason == DROP_NAT_RESTRICTED ? NAT_REFUSE_PROHIBITED : NAT_REFUSE_HOST,
			  0);
	return reason;
}

/* A SYN for which there is no flow. */
enum drop_reason tcp_open(struct tcp *tcp, const struct flow_key *key, const struct tcp_segment *segment)
{
	const struct nat_packet *packet = segment->packet;
	const struct nat_config *config = &tcp->nat->config;
	struct nat_address guest = {.ip = key->guest, .port = key->guest_port},
			   far = {.ip = key->far, .port = key->far_port};
	int fd = config->divert ? config->divert(config->owner, packet->from, &guest, &far) : -ENOENT, error;
	const struct outbound *outbound = NULL;
	struct sockaddr_storage address;
	enum drop_reason reason = DROP_NONE;
	struct nat_address place;
	struct tcp_flow *flow;
	socklen_t bytes;

	if (fd == -ENOENT)
		reason = nat_host_address(tcp->nat, &far, &address, &bytes);
	if (reason)
		return tcp_refuse_destination(tcp->nat, segment, reason);
	if (fd == -ENOENT)
		outbound = nat_outbound(tcp->nat, &address, &place);
	flow = tcp_new(tcp, key, packet->from, packet->mac, packet->vlan, TCP_CONNECTING);
	if (!flow) {
		if (fd >= 0)
			tcp->sockets->close(tcp->sockets_owner, fd, true);
		return DROP_NAT_FLOWS_FULL;
	}
	tcp_learn_options(flow, segment);
	tcp->nat->counters.tcp_connects++;
	if (segment->bytes > 0)
		tcp->nat->counters.tcp_data_on_syn++; /* not acknowledged: it will come again */
	error = fd >= 0 ? tcp_divert(flow, fd) : fd == -ENOENT ? tcp_connect(flow, outbound, &address, bytes) : fd;
	if (nat_outbound_is_lost(tcp->nat, outbound, key->is6, flow->fd))
		reason = DROP_NAT_OUTBOUND_GONE;
	if (error >= 0) {
		flow_set_spare(&flow->flow, FLOW_SPARE_OPENING);
		return DROP_NONE;
	}
	if (tcp_is_out_of_sockets(error)) {
		tcp_drop(flow, true);
		return DROP_NAT_SOCKETS_FULL;
	}
	tcp_refused(flow, error);
	return reason;
}

/* ---- connections to guests ---- */

/* A port of the far end's that the guest does not talk to: its own if that can be, else one of the dynamic range (RFC 6335
 * 6), tried from a place that differs by the clock. */
static int tcp_choose_far(struct nat *nat, const struct nat_accepted *accepted, struct flow_key *ret_key)
{
	enum { FIRST = 49152, COUNT = 65536 - FIRST, TRIES = 1024 };
	bool is6 = !nat_address_is4(&accepted->guest);
	struct nat_address far = accepted->far;
	uint32_t start;

	*ret_key = flow_key(IP_PROTOCOL_TCP, is6, &accepted->guest, &far);
	if (far.port > 0 && !flow_find(&nat->flows, ret_key))
		return 0;
	start = tcp_first_number(nat, ret_key);
	for (uint32_t i = 0; i < TRIES; i++) {
		far.port = (uint16_t)(FIRST + (start + i) % COUNT);
		*ret_key = flow_key(IP_PROTOCOL_TCP, is6, &accepted->guest, &far);
		if (!flow_find(&nat->flows, ret_key))
			return 0;
	}
	return -EADDRINUSE;
}

void tcp_tell_caller(struct tcp_flow *flow, int error)
{
	struct nat_call *call = flow->call;

	if (!call)
		return;
	flow->call = NULL;
	call->flow = NULL;
	call->on_answer(call->owner, error);
}

void nat_call_end(struct nat_call *call)
{
	struct tcp_flow *flow;

	if (!call->flow)
		return;
	flow = tcp_of(call->flow);
	call->flow = NULL;
	flow->call = NULL;
	tcp_drop(flow, true);
}

int nat_tcp_accepted(struct nat *nat, int fd, const struct nat_accepted *accepted)
{
	struct tcp *tcp = nat->protocols[NAT_TCP];
	struct tcp_flow *flow;
	struct flow_key key;
	int error = tcp_choose_far(nat, accepted, &key);

	if (error < 0)
		return error;
	flow = tcp_new(tcp, &key, accepted->port, accepted->mac, accepted->vlan, TCP_CALLING);
	if (!flow)
		return -ENFILE;
	flow->to_guest.our_scale = TCP_WINDOW_SCALE;
	flow->fd = fd;
	error = tcp_watch(flow);
	if (error < 0) {
		flow->fd = -1; /* it is the caller's still */
		tcp_drop(flow, false);
		return error;
	}
	nat->counters.tcp_accepts++;
	flow->call = accepted->call;
	if (flow->call)
		flow->call->flow = &flow->flow;
	tcp_source_start(flow);
	flow_set_spare(&flow->flow, FLOW_SPARE_OPENING);
	flow->syn_owed = true;
	flow_schedule(&flow->flow);
	return 0;
}

/* ---- events of the socket ---- */

static void tcp_on_ready(void *owner, unsigned events)
{
	struct tcp_flow *flow = owner;
	struct tcp *tcp = tcp_state_of(flow);

	if (flow->state == TCP_CONNECTING) {
		int error = 0;

		if (!(events & (LOOP_WRITE | LOOP_HANGUP)))
			return;
		if (events & LOOP_HANGUP) /* what failed is told so */
			error = tcp->sockets->error(tcp->sockets_owner, flow->fd);
		if (error < 0) {
			tcp_refused(flow, error);
			return;
		}
		tcp_connected(flow);
	}
	if (events & (LOOP_READ | LOOP_HANGUP)) {
		flow->to_guest.readable = true;
		flow->to_guest.hangup |= (events & LOOP_HANGUP) != 0;
		flow_schedule(&flow->flow);
	}
	/* Behind its end nothing is read that would tell of a reset. */
	if (events & LOOP_HANGUP && flow->to_guest.ended && !flow->from_guest.shut &&
	    tcp->sockets->error(tcp->sockets_owner, flow->fd) < 0)
		tcp_break(flow);
	if (events & LOOP_WRITE && flow->from_guest.tail.bytes > 0)
		tcp_drain(flow);
}

void tcp_opened(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_to_guest *to = &flow->to_guest;

	tcp_tell_caller(flow, 0);
	if (flow->ours)
		tcp->sockets->prepare(tcp->sockets_owner, flow->flow.key.is6 ? AF_INET6 : AF_INET);
	if (flow->state == TCP_ANSWERING)
		linger_opened(&flow->flow.nat->linger, &flow->conversation);
	flow->state = TCP_OPEN;
	flow_set_spare(&flow->flow, FLOW_SPARE_NOT);
	to->una = to->next = to->max = to->first + 1;
	to->recover = to->una;
	to->retries = 0;
	flow->hand_at = tcp->nat->config.hand_over ? TCP_HANDOVER_BYTES : UINT64_MAX;
	if (to->timing)
		tcp_sample(flow, nat_now_us(flow->flow.nat) - to->timed_us);
	to->timing = false;
	tcp_restart_timer(flow);
	if (to->readable || !flow->watch.watched)
		flow_schedule(&flow->flow);
}
