/* SPDX-License-Identifier: MIT */
/* A flow's one timer, and what it is for at the moment. The loop's heap is touched as seldom as can be: a timer that is
 * set for an earlier time than is due by now goes off, sees that, and is set again. */
#include "nat/tcp.h"

enum { TCP_RTO_FIRST_SHIFT_MAX = 6 };

/* RFC 6298 2.2, 2.3. */
void tcp_sample(struct tcp_flow *flow, uint64_t rtt_us)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t rtt = rtt_us > TCP_RTO_MOST_US ? TCP_RTO_MOST_US : (uint32_t)rtt_us + 1, apart, rto;

	if (to->srtt_us == 0) {
		to->srtt_us = rtt;
		to->rttvar_us = rtt / 2;
	} else {
		apart = rtt > to->srtt_us ? rtt - to->srtt_us : to->srtt_us - rtt;
		to->rttvar_us = to->rttvar_us - to->rttvar_us / 4 + apart / 4;
		to->srtt_us = to->srtt_us - to->srtt_us / 8 + rtt / 8;
	}
	rto = to->srtt_us + 4 * to->rttvar_us;
	if (rto < TCP_RTO_LEAST_US)
		rto = TCP_RTO_LEAST_US;
	to->rto_us = rto > TCP_RTO_MOST_US ? TCP_RTO_MOST_US : rto;
}

static uint64_t tcp_rto(const struct tcp_flow *flow)
{
	const struct tcp_to_guest *to = &flow->to_guest;
	/* A guest that answers is not given up, but asked less and less (RFC 9293 3.8.6.1). */
	bool shut = flow->state == TCP_OPEN && to->window == 0;
	uint32_t again = shut ? to->probes : to->retries;
	uint32_t shift = again < TCP_RTO_FIRST_SHIFT_MAX ? again : TCP_RTO_FIRST_SHIFT_MAX;
	uint64_t rto = (uint64_t)to->rto_us << shift;

	return rto > TCP_RTO_MOST_US ? TCP_RTO_MOST_US : rto;
}

static enum tcp_timer tcp_timer_now(const struct tcp_flow *flow)
{
	const struct tcp_to_guest *to = &flow->to_guest;

	switch (flow->state) {
	case TCP_CONNECTING:
		return TCP_TIMER_NONE; /* the host's kernel has one */
	case TCP_HANDED:
		return TCP_TIMER_NONE; /* both ends are the kernel's */
	case TCP_ANSWERING:
	case TCP_CALLING:
		return TCP_TIMER_RETRANSMIT;
	case TCP_OPEN:
		break;
	case TCP_TIME_WAIT:
	case TCP_RESETTING:
		return TCP_TIMER_TIME_WAIT;
	}
	if (to->una != to->max)
		return TCP_TIMER_RETRANSMIT;
	if (flow->handing)
		return TCP_TIMER_HANDOVER;
	return tcp_has_pending(flow) && to->window == 0 ? TCP_TIMER_PERSIST : TCP_TIMER_KEEPALIVE;
}

static void tcp_start_timer(struct tcp_flow *flow, enum tcp_timer timer)
{
	uint64_t now_us = nat_now_us(flow->flow.nat);

	flow->timer = timer;
	switch (timer) {
	case TCP_TIMER_NONE:
		return;
	case TCP_TIMER_RETRANSMIT:
	case TCP_TIMER_PERSIST:
		flow->due_us = now_us + tcp_rto(flow);
		break;
	case TCP_TIMER_HANDOVER:
		flow->due_us = now_us + TCP_HANDOVER_US;
		break;
	case TCP_TIMER_KEEPALIVE:
		flow->due_us =
			flow->to_guest.retries ? now_us + TCP_KEEPALIVE_PAUSE_US : flow->heard_us + TCP_KEEPALIVE_US;
		break;
	case TCP_TIMER_TIME_WAIT:
		flow->due_us = now_us + ((uint64_t)TCP_TIME_WAIT_US << 2 * flow->to_guest.retries);
		break;
	}
	if (!flow->flow.timer.set || flow->flow.timer.due_us > flow->due_us)
		flow_set_timer(&flow->flow, flow->due_us);
}

void tcp_set_timer(struct tcp_flow *flow)
{
	enum tcp_timer timer = tcp_timer_now(flow);

	if (timer != flow->timer)
		tcp_start_timer(flow, timer);
}

void tcp_restart_timer(struct tcp_flow *flow)
{
	tcp_start_timer(flow, tcp_timer_now(flow));
}

void tcp_heard(struct tcp_flow *flow)
{
	flow->heard_us = nat_now_us(flow->flow.nat);
	/* A guest that answers is alive, however long its window stays shut (RFC 9293 3.8.6.1). */
	if (flow->to_guest.una == flow->to_guest.max || flow->to_guest.window == 0)
		flow->to_guest.retries = 0;
}

/* True: enough; the flow is no more. */
static bool tcp_give_up(struct tcp_flow *flow, int most)
{
	struct tcp_to_guest *to = &flow->to_guest;

	if (++to->retries <= most)
		return false;
	tcp_counters(flow)->tcp_given_up++;
	tcp_abort(flow);
	return true;
}

static void tcp_probe(struct tcp_flow *flow)
{
	if (flow->to_guest.window == 0 && flow->to_guest.probes < TCP_RTO_FIRST_SHIFT_MAX)
		flow->to_guest.probes++;
	flow->to_guest.probe_owed = true;
	flow_schedule(&flow->flow);
	tcp_restart_timer(flow);
}

void tcp_resend(struct tcp_flow *flow)
{
	struct tcp_to_guest *to = &flow->to_guest;

	to->next = to->una;
	to->recovering = false;
	to->recover = to->max;
	to->duplicates = 0;
	to->timing = false;
	tcp_forget_sacks(flow);
	flow_schedule(&flow->flow);
	tcp_restart_timer(flow);
}

/* RFC 6298 5.4 … 5.6, RFC 5681 3.1: slowly at first. */
static void tcp_rewind(struct tcp_flow *flow)
{
	tcp_counters(flow)->tcp_timer_retransmissions++;
	flow->to_guest.flight = 2U * flow->to_guest.mss;
	tcp_resend(flow);
}

/* A guest that does not read may have lost nothing; but what is not open yet ends even so, for its far end waits. */
static void tcp_on_syn_retransmit(struct tcp_flow *flow)
{
	if (tcp_give_up(flow, TCP_SYN_RETRIES))
		return;
	if (flow->flow.wait != FLOW_WAIT_ROOM) {
		tcp_counters(flow)->tcp_timer_retransmissions++;
		flow->to_guest.timing = false;
		flow->syn_owed = true;
		flow_schedule(&flow->flow);
	}
	tcp_restart_timer(flow);
}

void tcp_call_again(struct tcp_flow *flow)
{
	if (flow->to_guest.retries > 0)
		return;
	flow->due_us = nat_now_us(flow->flow.nat) + TCP_CALL_AGAIN_US;
	flow_set_timer(&flow->flow, flow->due_us);
}

static void tcp_on_retransmit(struct tcp_flow *flow)
{
	if (flow->state == TCP_ANSWERING || flow->state == TCP_CALLING) {
		tcp_on_syn_retransmit(flow);
		return;
	}
	tcp_handover_put_off(flow);
	if (flow->flow.wait == FLOW_WAIT_ROOM) {
		tcp_restart_timer(flow); /* the guest does not read: it has lost nothing */
		return;
	}
	if (tcp_give_up(flow, TCP_RETRIES))
		return;
	if (flow->to_guest.window == 0) {
		tcp_counters(flow)->tcp_probes++;
		tcp_probe(flow);
	} else {
		tcp_rewind(flow);
	}
}

void tcp_on_due(struct flow *base, uint64_t now_us)
{
	struct tcp_flow *flow = tcp_of(base);

	if (flow->timer == TCP_TIMER_NONE)
		return;
	if (flow->timer == TCP_TIMER_KEEPALIVE && flow->to_guest.retries == 0)
		flow->due_us = flow->heard_us + TCP_KEEPALIVE_US;
	if (now_us < flow->due_us) {
		flow_set_timer(base, flow->due_us);
		return;
	}
	switch (flow->timer) {
	case TCP_TIMER_NONE:
		break;
	case TCP_TIMER_RETRANSMIT:
		tcp_on_retransmit(flow);
		break;
	case TCP_TIMER_PERSIST:
		if (tcp_give_up(flow, TCP_RETRIES))
			return;
		tcp_counters(flow)->tcp_probes++;
		tcp_probe(flow);
		break;
	case TCP_TIMER_HANDOVER:
		tcp_handover_on_due(flow);
		break;
	case TCP_TIMER_KEEPALIVE:
		if (tcp_give_up(flow, TCP_KEEPALIVE_RETRIES))
			return;
		/* Of a flow that has sent but once: from now on its other end is asked, too. */
		tcp_state_of(flow)->sockets->adopt(tcp_state_of(flow)->sockets_owner, flow->fd);
		tcp_counters(flow)->tcp_keepalives++;
		tcp_probe(flow);
		break;
	case TCP_TIMER_TIME_WAIT:
		tcp_drop(flow, false);
		break;
	}
}
