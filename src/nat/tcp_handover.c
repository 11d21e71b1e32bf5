/* SPDX-License-Identifier: MIT */
/* A connection that brings much is handed over to whoever can carry it better than by frames (nat_config.hand_over): a guest that
 * is a namespace of this machine has sockets which the kernel joins to the host's without a packet and without a copy of ours.
 *
 * It is handed over between two words. From `handing` on the guest is sent nothing new but what was taken from the host's
 * socket already (the ring of a socket that cannot be peeked), and the edge of its window moves no more; what it sends up to
 * there goes to the host's socket as ever. A probe asks it to say at once what it has, and the answer's number tells what it
 * has sent. When it may send no more, or has no more, or is silent for TCP_HANDOVER_US, nothing is under way; with the tail
 * empty, its far end is then a socket with these numbers, and not we, and a last word from here opens its window again.
 * (What is under way to us even so is lost to that socket. The guest finds out by its timer, after 200 ms.) When the tail
 * does not become empty the host takes less than the guest brings: frames are good enough for that, and it is tried again
 * later. So it is when the guest does not acknowledge what it was sent in time for a retransmission: it may take nothing
 * until it has sent more.
 *
 * The flow stays in the table as HANDED: its addresses are taken, it is listed and counted, and it ends with the carrier or
 * ends it. It has no socket of its own and no timer any more. */
#include <errno.h>

#include "nat/tcp.h"
#include "os/tcp_repair.h"

static uint64_t tcp_handover_bytes(const struct tcp_flow *flow)
{
	return flow->from_guest.bytes + flow->to_guest.bytes;
}

/* Both directions go on, and nothing from the guest is kept here. */
static bool tcp_handover_may(const struct tcp_flow *flow)
{
	const struct tcp_from_guest *from = &flow->from_guest;
	const struct tcp_to_guest *to = &flow->to_guest;

	return !from->ended && !from->broken && !from->early && from->tail.bytes == 0 && !to->ended && !to->reset &&
	       !to->hangup;
}

static struct tcp_repair tcp_handover_state(const struct tcp_flow *flow)
{
	const struct tcp_from_guest *from = &flow->from_guest;
	const struct tcp_to_guest *to = &flow->to_guest;
	const struct flow_key *key = &flow->flow.key;
	const struct nat_address guest = {.ip = key->guest, .port = key->guest_port};
	const struct nat_address far = {.ip = key->far, .port = key->far_port};
	struct tcp_repair state = {
		.send_next = to->una,
		.receive_next = from->next,
		.send_window = to->window,
		.receive_window = from->edge - from->next,
		.mss = to->mss,
		.scaled = to->scaled,
		.sack = to->sack,
		.send_scale = to->window_scale,
		.receive_scale = to->our_scale,
	};

	state.address_bytes = nat_address_write(&far, key->is6, &state.here);
	nat_address_write(&guest, key->is6, &state.there);
	return state;
}

/* All goes on here. */
static void tcp_handover_leave(struct tcp_flow *flow, uint64_t hand_at)
{
	flow->hand_at = hand_at;
	if (!flow->handing)
		return;
	flow->handing = false;
	tcp_owe_ack(flow); /* its window opens again */
}

void tcp_handover_put_off(struct tcp_flow *flow)
{
	if (flow->handing)
		tcp_handover_leave(flow, tcp_handover_bytes(flow) + TCP_HANDOVER_AGAIN);
}

static void tcp_handover_refused(struct tcp_flow *flow, int error)
{
	tcp_handover_leave(flow, error == -EAGAIN ? tcp_handover_bytes(flow) + TCP_HANDOVER_AGAIN : UINT64_MAX);
}

/* The guest learns of a window for its new far end: it may have filled ours, and a window that nobody opens is not asked
 * about for long. */
static void tcp_handover_settle(struct tcp_flow *flow, struct nat_carrier *carrier)
{
	carrier->flow = &flow->flow;
	flow->carrier = carrier;
	flow->fd = -1;
	flow->state = TCP_HANDED;
	flow->handing = false;
	list_remove(&flow->poor);
	list_remove(&flow->late);
	flow->from_guest.twice_owed = flow->to_guest.probe_owed = false;
	tcp_owe_ack(flow);
	tcp_set_timer(flow);
	tcp_counters(flow)->tcp_handed_over++;
}

static uint32_t tcp_handover_window(const struct tcp_flow *flow)
{
	uint32_t bytes = TCP_HANDOVER_SEGMENTS * flow->to_guest.mss, most = UINT16_MAX;

	if (flow->to_guest.scaled)
		most <<= flow->to_guest.our_scale;
	if (bytes < TCP_HANDOVER_WINDOW)
		bytes = TCP_HANDOVER_WINDOW;
	return bytes < most ? bytes : most;
}

static void tcp_handover_now(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;
	struct nat *nat = tcp->nat;
	struct nat_carrier *carrier = NULL;
	struct tcp_repair state;
	int error;

	if (flow->sends < TCP_SENDS_SETTLED)
		tcp->sockets->adopt(tcp->sockets_owner, flow->fd);
	tcp_source_consume(flow);
	if (flow->to_guest.base != flow->to_guest.una) {
		tcp_handover_leave(flow, UINT64_MAX);
		return;
	}
	from->edge = tcp_later(from->edge, from->next + tcp_handover_window(flow));
	state = tcp_handover_state(flow);
	tcp->sockets->unwatch(tcp->sockets_owner, nat->config.loop, &flow->watch, false);
	error = nat->config.hand_over(nat->config.owner, flow->fd, &state, &carrier);
	if (error == 0)
		tcp_handover_settle(flow, carrier);
	else if (tcp_watch(flow) < 0)
		tcp_abort(flow);
	else
		tcp_handover_refused(flow, error);
}

/* Both directions come to a stand. */
static void tcp_handover_begin(struct tcp_flow *flow)
{
	const struct nat_config *config = &flow->flow.nat->config;
	const struct nat_address guest = {.ip = flow->flow.key.guest, .port = flow->flow.key.guest_port};
	int error = config->may_hand_over(config->owner, &guest);

	if (error < 0) {
		tcp_handover_refused(flow, error);
		return;
	}
	flow->handing = true;
	flow->still = false;
	flow->hand_looks = 0;
	flow->hand_next = flow->from_guest.next;
	flow->to_guest.probe_owed = true;
}

/* Of what the guest sends nothing is under way: it may send no more, or it said so and does not seem to have more. */
static bool tcp_handover_is_still(const struct tcp_flow *flow)
{
	const struct tcp_from_guest *from = &flow->from_guest;
	uint32_t least = flow->to_guest.scaled ? 1U << flow->to_guest.our_scale : 1;

	return from->edge - from->next < least || (flow->still && !from->busy);
}

void tcp_handover_run(struct tcp_flow *flow)
{
	const struct tcp_to_guest *to = &flow->to_guest;

	if (tcp_handover_bytes(flow) < flow->hand_at)
		return;
	if (!tcp_handover_may(flow))
		tcp_handover_leave(flow, tcp_handover_bytes(flow) + TCP_HANDOVER_SOON);
	else if (!flow->handing)
		tcp_handover_begin(flow);
	else if (to->una == to->max && tcp_source_kept(flow) == 0 && tcp_handover_is_still(flow))
		tcp_handover_now(flow);
}

void tcp_handover_heard(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	flow->still = segment->bytes == 0 && segment->sequence == flow->from_guest.next;
	flow_schedule(&flow->flow);
}

void tcp_handover_on_due(struct tcp_flow *flow)
{
	bool silent = flow->hand_next == flow->from_guest.next;

	flow->hand_next = flow->from_guest.next;
	if (!tcp_handover_may(flow))
		tcp_handover_leave(flow, tcp_handover_bytes(flow) + TCP_HANDOVER_SOON);
	else if (++flow->hand_looks > TCP_HANDOVER_LOOKS)
		tcp_handover_put_off(flow);
	else if (silent && tcp_source_kept(flow) == 0)
		tcp_handover_now(flow);
	else
		tcp_restart_timer(flow);
}

/* What was under way. A reset is not sent again, and what was sent before it is lost: it is taken as in an open flow. And a
 * guest whose routes lead all of it here even so would never notice. */
enum drop_reason tcp_handover_input(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	if (segment->header.flags & TCP_RST)
		return tcp_take_reset(flow, segment);
	flow->strays += segment->bytes;
	if (flow->strays > TCP_HANDOVER_STRAYS)
		tcp_drop(flow, true);
	else
		flow->carrier->stray(flow->carrier->owner);
	return DROP_TCP_HANDED_OVER;
}

void nat_carrier_done(struct nat_carrier *carrier)
{
	struct flow *flow = carrier->flow;

	carrier->flow = NULL;
	if (!flow)
		return;
	tcp_of(flow)->carrier = NULL;
	tcp_drop(tcp_of(flow), false);
}
