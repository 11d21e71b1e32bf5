/* SPDX-License-Identifier: MIT */
/* What a guest says of what it got: acknowledgements, its window, selective acknowledgements, and the holes between them
 * that are sent again. RFC 5681, RFC 6582 where the guest has no SACK, RFC 6675 without its count of what is in the pipe:
 * the way to the guest is short, and a hole that is lost twice is left to the timer. */
#include "nat/tcp.h"

/* ---- what the guest has beyond `una` ---- */

void tcp_forget_sacks(struct tcp_flow *flow)
{
	flow->to_guest.sacked_count = 0;
}

static void tcp_sack_remove(struct tcp_to_guest *to, int index)
{
	to->sacked_count--;
	for (int i = index; i < to->sacked_count; i++)
		to->sacked[i] = to->sacked[i + 1];
}

/* Joins the range with those that it touches, then puts it where it belongs. */
static void tcp_sack_add(struct tcp_to_guest *to, struct tcp_range range)
{
	int at = 0;

	for (int i = to->sacked_count - 1; i >= 0; i--) {
		const struct tcp_range *other = &to->sacked[i];

		if (tcp_before(range.right, other->left) || tcp_before(other->right, range.left))
			continue;
		range.left = tcp_before(other->left, range.left) ? other->left : range.left;
		range.right = tcp_later(other->right, range.right);
		tcp_sack_remove(to, i);
	}
	while (at < to->sacked_count && tcp_before(to->sacked[at].left, range.left))
		at++;
	if (at == TCP_SACKED_MAX)
		return;
	if (to->sacked_count == TCP_SACKED_MAX)
		to->sacked_count--; /* the farthest is forgotten, and perhaps sent again */
	for (int i = to->sacked_count; i > at; i--)
		to->sacked[i] = to->sacked[i - 1];
	to->sacked[at] = range;
	to->sacked_count++;
}

/* True: something new was told. A block must lie in what was sent and is not acknowledged (RFC 2018 3; what lies below is
 * a duplicate's report, RFC 2883). */
static bool tcp_sacks_take(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t before = 0, after = 0, ack = segment->header.acknowledgement;

	for (int i = 0; i < to->sacked_count; i++)
		before += to->sacked[i].right - to->sacked[i].left;
	for (int i = 0; i < segment->options.sack_count; i++) {
		struct tcp_range range = {segment->options.sacks[i].left, segment->options.sacks[i].right};

		if (tcp_before(ack, range.left) && tcp_before(range.left, range.right) &&
		    !tcp_before(to->max, range.right))
			tcp_sack_add(to, range);
	}
	for (int i = 0; i < to->sacked_count; i++)
		after += to->sacked[i].right - to->sacked[i].left;
	return after > before;
}

static void tcp_sacks_prune(struct tcp_to_guest *to)
{
	while (to->sacked_count > 0 && !tcp_before(to->una, to->sacked[0].right))
		tcp_sack_remove(to, 0);
	if (to->sacked_count > 0 && tcp_before(to->sacked[0].left, to->una))
		to->sacked[0].left = to->una;
}

bool tcp_hole(const struct tcp_flow *flow, struct tcp_range *ret_hole)
{
	const struct tcp_to_guest *to = &flow->to_guest;
	uint32_t left = tcp_later(to->rexmit, to->una);

	if (!to->recovering)
		return false;
	for (int i = 0; i < to->sacked_count; i++) {
		if (tcp_before(left, to->sacked[i].left)) {
			*ret_hole = (struct tcp_range){left, to->sacked[i].left};
			return true;
		}
		left = tcp_later(left, to->sacked[i].right);
	}
	/* Nothing is known of what follows: the first segment alone (RFC 6582 3.2). */
	if (to->rexmit != to->una && tcp_before(to->una, to->rexmit))
		return false;
	if (to->sacked_count > 0 || !tcp_before(to->una, to->max))
		return false;
	*ret_hole = (struct tcp_range){to->una, to->max - to->una > to->mss ? to->una + to->mss : to->max};
	return true;
}

/* ---- recovery ---- */

static void tcp_recover(struct tcp_flow *flow)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t half = tcp_outstanding(flow) / 2;

	to->recovering = true;
	to->recover = to->max;
	to->rexmit = to->una;
	to->flight = half > 2U * to->mss ? half : 2U * to->mss;
	to->timing = false; /* Karn: no sample from what is sent twice */
	tcp_counters(flow)->tcp_fast_retransmissions++;
}

/* The first hole has three segments behind it, in duplicates or in selective acknowledgements (RFC 6675 4). */
static bool tcp_is_lost(const struct tcp_to_guest *to)
{
	uint32_t sacked = 0;

	for (int i = 0; i < to->sacked_count; i++)
		sacked += to->sacked[i].right - to->sacked[i].left;
	return to->duplicates >= TCP_DUPLICATES || sacked >= (uint32_t)TCP_DUPLICATES * to->mss;
}

static void tcp_duplicate(struct tcp_flow *flow)
{
	struct tcp_to_guest *to = &flow->to_guest;

	if (to->duplicates < UINT8_MAX)
		to->duplicates++;
	/* After a timeout all is sent again in order; duplicates of what went before say nothing (RFC 6582 4.1). */
	if (!to->recovering && !tcp_before(to->una, to->recover) && tcp_is_lost(to))
		tcp_recover(flow);
	if (to->recovering)
		flow_schedule(&flow->flow);
}

/* ---- acknowledgements ---- */

static void tcp_advance(struct tcp_flow *flow, uint32_t ack)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint64_t now_us = nat_now_us(flow->flow.nat);
	uint32_t acked = ack - to->una;

	to->una = ack;
	to->next = tcp_later(to->next, ack);
	to->retries = 0;
	if (to->timing && !tcp_before(ack, to->timed)) {
		to->timing = false;
		tcp_sample(flow, now_us - to->timed_us);
	}
	if (to->flight < tcp_flight_most(flow))
		to->flight += acked;
	to->duplicates = 0;
	tcp_sacks_prune(to);
	if (to->recovering && !tcp_before(ack, to->recover))
		to->recovering = false;
	else if (to->recovering)
		to->rexmit = tcp_later(to->rexmit, ack);
	to->recover = tcp_later(to->recover, ack); /* half of all numbers later it would seem to be ahead again */
	to->bytes += acked;
	flow_schedule(&flow->flow); /* what the batch acknowledges is consumed by one call, in the flow's turn */
	tcp_restart_timer(flow);
}

/* Not by a segment that was overtaken. Other than in RFC 9293 3.10.7.4 a later acknowledgement counts for more than a
 * later sequence number: a guest that sends old data again tells its newest window with it, and a window goes with the
 * acknowledgement that it came with. True: it has changed. */
static bool tcp_window_take(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t window = (uint32_t)segment->header.window << (to->scaled ? to->window_scale : 0), was = to->window;
	uint32_t sequence = segment->header.sequence, ack = segment->header.acknowledgement;

	if (tcp_before(ack, to->window_ack) || (ack == to->window_ack && tcp_before(sequence, to->window_sequence)))
		return false;
	to->window_sequence = sequence;
	to->window_ack = ack;
	to->window = window;
	if (window > to->window_max)
		to->window_max = window;
	if (window > 0)
		to->shut_window = false;
	if (window > 0 && to->probes > 0) {
		to->probes = 0;
		tcp_restart_timer(flow); /* it may be far away by now */
	}
	return window != was;
}

bool tcp_acknowledged(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t ack = segment->header.acknowledgement;
	bool outstanding = to->una != to->max, changed, told;

	if (tcp_before(to->max, ack))
		return false;
	if (tcp_before(ack, to->una))
		return true; /* overtaken */
	changed = tcp_window_take(flow, segment);
	told = tcp_sacks_take(flow, segment);
	to->consume_owed |= ack != to->una && segment->bytes == 0;
	if (ack != to->una)
		tcp_advance(flow, ack);
	else if (outstanding && (told || (segment->bytes == 0 && !segment->fin && !changed)))
		tcp_duplicate(flow);
	if (to->recovering || tcp_has_pending(flow))
		flow_schedule(&flow->flow);
	return true;
}
