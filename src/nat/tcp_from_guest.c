/* SPDX-License-Identifier: MIT */
/* What a guest sends: which segments are taken, how a batch of them becomes one send to the host's socket, and what
 * happens to the rest of a send that took only a part. */
#include <errno.h>
#include <limits.h>

#include "nat/tcp.h"

enum {
	TCP_FRAME_PIECES = FRAME_PIECES_MAX + 1,               /* a body's, and the head's own share */
	TCP_TAKE_PIECES = TCP_FRAME_PIECES + TCP_EARLY_PIECES, /* of a segment, and of what it makes due */
	TCP_DRAIN_PIECES = 64,
	TCP_POOR_BLOCKS = 64, /* as many must be free before flows that wait for them are woken: one window */
};

void tcp_owe_ack(struct tcp_flow *flow)
{
	flow->from_guest.ack_owed = true;
	flow_schedule(&flow->flow);
}

/* ---- the window ---- */

/* The guest has brought something. */
static void tcp_count_busy(struct tcp_flow *flow)
{
	struct tcp_busy *busy = &tcp_state_of(flow)->busy;
	struct tcp_from_guest *from = &flow->from_guest;
	uint64_t now_us = nat_now_us(flow->flow.nat), age_us = now_us - busy->began_us;

	if (age_us >= TCP_BUSY_US) {
		busy->flows = age_us < 2 * TCP_BUSY_US ? busy->counted : 0;
		busy->counted = 0;
		busy->turn++;
		busy->began_us = now_us;
	}
	if (from->busy_turn != busy->turn) {
		from->busy_turn = busy->turn;
		from->busy_from = from->bytes;
		from->busy = false;
	}
	if (!from->busy && from->bytes - from->busy_from >= TCP_BUSY_BYTES) {
		from->busy = true;
		busy->counted++;
	}
}

static uint32_t tcp_busy_share(const struct tcp *tcp, uint32_t mss)
{
	uint32_t flows = tcp->busy.flows > tcp->busy.counted ? tcp->busy.flows : tcp->busy.counted;
	uint32_t bytes = flows > 0 ? TCP_WINDOW_BUSY_BYTES / flows : TCP_WINDOW_BYTES;
	uint32_t least = TCP_WINDOW_LEAST_SEGMENTS * mss;

	if (least < TCP_WINDOW_LEAST)
		least = TCP_WINDOW_LEAST;
	if (bytes < least)
		return least;
	return bytes < TCP_WINDOW_BYTES ? bytes : TCP_WINDOW_BYTES;
}

static uint32_t tcp_pool_share(const struct tcp *tcp)
{
	size_t bytes =
		(tcp->pool.count - tcp->pool.taken) * (TCP_CHAIN_BLOCK_BYTES - sizeof(void *)) / TCP_WINDOW_SHARE;

	return bytes < TCP_WINDOW_BYTES ? (uint32_t)bytes : TCP_WINDOW_BYTES;
}

/* Law 4: W less the tail, and never more than the pool holds; W is smaller where many flows bring much. A flow without a
 * tail may go on even so: its socket takes what comes, as far as is known, and what that does not take is not
 * acknowledged. Else those whose far ends do not read, and who have the pool, would stop all others. The edge moves by whole
 * segments, so that the guest is not drawn into small ones (RFC 9293 3.8.6.2.2). */
uint32_t tcp_offer_window(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;
	uint32_t share = tcp_pool_share(tcp), busy = tcp_busy_share(tcp, flow->to_guest.mss),
		 most = share < busy ? share : busy;
	uint32_t window;
	uint32_t scale = flow->to_guest.scaled ? flow->to_guest.our_scale : 0;
	uint32_t mss = flow->to_guest.mss;

	if (flow->handing || flow->state == TCP_HANDED)
		return from->edge - from->next; /* the carrier is told of it */
	if (most < TCP_WINDOW_FLOOR && from->tail.bytes == 0)
		most = TCP_WINDOW_FLOOR;
	window = most > from->tail.bytes ? most - from->tail.bytes : 0;
	if (window > (uint32_t)UINT16_MAX << scale)
		window = (uint32_t)UINT16_MAX << scale;
	window = window >> scale << scale;
	if (!tcp_before(from->next + window, from->edge + mss) || from->edge == from->next)
		from->edge = tcp_later(from->edge, from->next + window);
	from->window_low = from->edge - from->next < 2 * mss;
	if (from->window_low && share < TCP_WINDOW_BYTES && list_empty(&flow->poor))
		list_append(&tcp->poor, &flow->poor);
	return from->edge - from->next;
}

/* More may be sent than the guest was told: it is told when it was short of it. */
static void tcp_reopen_window(struct tcp_flow *flow)
{
	if (flow->from_guest.window_low && flow->state == TCP_OPEN && !flow->from_guest.ended)
		tcp_owe_ack(flow);
}

void tcp_feed_poor(struct tcp *tcp)
{
	size_t free = tcp->pool.count - tcp->pool.taken;
	struct list *link;

	if (list_empty(&tcp->poor) || (free < TCP_POOR_BLOCKS && free < tcp->pool.count / 2))
		return;
	while ((link = list_take(&tcp->poor))) {
		struct tcp_flow *flow = container_of(link, struct tcp_flow, poor);

		tcp_reopen_window(flow);
		flow_schedule(&flow->flow);
	}
}

/* ---- to the socket ---- */

static void tcp_shut_if_done(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;

	if (!from->ended || from->shut || from->tail.bytes > 0 || from->gathered > 0)
		return;
	from->shut = true;
	flow_schedule(&flow->flow); /* it may have been the last that was missing */
	if (!from->broken)
		(void)tcp->sockets->shut(tcp->sockets_owner, flow->fd); /* a socket that is reset tells by its events */
}

void tcp_break(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);

	if (flow->from_guest.broken)
		return;
	flow->from_guest.broken = true;
	tcp_source_was_reset(flow);
	flow->to_guest.readable = true;
	tcp_counters(flow)->tcp_resets_from_host++;
	tcp_chain_clear(&flow->from_guest.tail, &tcp->pool);
	tcp_feed_poor(tcp);
	tcp_shut_if_done(flow);
	flow_schedule(&flow->flow);
}

/* How many bytes the socket took; 0 as well when it is full or failed. */
static uint32_t tcp_send(struct tcp_flow *flow, const struct iovec *pieces, int count, uint32_t bytes)
{
	struct tcp *tcp = tcp_state_of(flow);
	ssize_t sent;

	if (flow->sends < TCP_SENDS_SETTLED && ++flow->sends == TCP_SENDS_SETTLED)
		tcp->sockets->adopt(tcp->sockets_owner, flow->fd);
	sent = tcp->sockets->send(tcp->sockets_owner, flow->fd, pieces, count);
	if (sent == -EAGAIN) {
		tcp_counters(flow)->tcp_full_sockets++;
		return 0;
	}
	if (sent < 0) {
		tcp_break(flow);
		return 0;
	}
	if ((uint32_t)sent < bytes)
		tcp_counters(flow)->tcp_partial_sends++;
	return (uint32_t)sent;
}

void tcp_drain(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;
	struct iovec pieces[TCP_DRAIN_PIECES];

	while (from->tail.bytes > 0) {
		int count = tcp_chain_slice(&from->tail, 0, UINT32_MAX, pieces, TCP_DRAIN_PIECES);
		uint32_t bytes = 0, sent;

		for (int i = 0; i < count; i++)
			bytes += (uint32_t)pieces[i].iov_len;
		sent = tcp_send(flow, pieces, count, bytes);
		if (from->broken)
			return;
		tcp_chain_consume(&from->tail, &tcp->pool, sent);
		if (sent < bytes)
			break;
	}
	tcp_shut_if_done(flow);
	tcp_feed_poor(tcp);
	tcp_reopen_window(flow);
}

/* ---- the batch ---- */

void tcp_gather_forget(struct tcp_flow *flow)
{
	struct tcp_from_guest *from = &flow->from_guest;

	from->gather_first = from->gather_last = 0;
	from->gathered = 0;
	from->gather_ended = false;
	list_remove(&flow->gathering);
}

/* The pool was empty: the guest still has these bytes and will send them again. */
static void tcp_take_back(struct tcp_flow *flow, uint32_t bytes)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;

	tcp_counters(flow)->tcp_tail_refused += bytes;
	if (from->gather_ended) {
		from->ended = false;
		from->next--;
		tcp_counters(flow)->tcp_half_closes_from_guest--;
	}
	from->next -= bytes;
	from->bytes -= bytes;
	if (list_empty(&flow->poor))
		list_append(&tcp->poor, &flow->poor);
}

/* What was kept and is not wanted any more; none of it is gathered. */
static void tcp_release_early(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;

	if (!from->early)
		return;
	if (from->ended || from->broken)
		tcp_early_clear(&from->early, &tcp->pool);
	else
		tcp_early_consume(&from->early, &tcp->pool, from->next);
	tcp_feed_poor(tcp);
}

/* All that one flow gathered. */
static void tcp_gather_send(struct tcp *tcp, struct tcp_flow *flow)
{
	struct tcp_from_guest *from = &flow->from_guest;
	uint32_t bytes = from->gathered, done = 0;
	int count = 0;

	for (uint16_t at = from->gather_first; at > 0; at = tcp->pieces[at - 1].next)
		tcp->iov[count++] = tcp->pieces[at - 1].piece;
	if (!from->broken && from->tail.bytes == 0)
		done = tcp_send(flow, tcp->iov, count, bytes);
	if (from->broken)
		done = bytes;
	else if (done < bytes)
		done += tcp_chain_append(&from->tail, &tcp->pool, tcp->iov, count, done);
	if (done < bytes)
		tcp_take_back(flow, bytes - done);
	if (done < bytes || from->tail.bytes > 0)
		tcp_owe_ack(flow); /* its window is another now */
	tcp_gather_forget(flow);
	tcp_release_early(flow);
	tcp_shut_if_done(flow);
}

void tcp_gather_flush(struct tcp *tcp)
{
	while (!list_empty(&tcp->gathering)) {
		struct tcp_flow *flow = container_of(tcp->gathering.next, struct tcp_flow, gathering);

		tcp_gather_send(tcp, flow);
	}
	tcp->pieces_used = 0;
}

static void tcp_gather_pieces(struct tcp_flow *flow, const struct iovec *pieces, int count, uint32_t bytes)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;

	for (int i = 0; i < count; i++) {
		uint16_t number = (uint16_t)++tcp->pieces_used;

		tcp->pieces[number - 1] = (struct tcp_piece){.piece = pieces[i]};
		if (from->gather_last)
			tcp->pieces[from->gather_last - 1].next = number;
		else
			from->gather_first = number;
		from->gather_last = number;
	}
	from->gathered += bytes;
	if (list_empty(&flow->gathering))
		list_append(&tcp->gathering, &flow->gathering);
}

static void tcp_gather_add(struct tcp_flow *flow, const struct frame *frame, uint32_t offset, uint32_t bytes)
{
	struct iovec pieces[TCP_FRAME_PIECES];
	int count = frame_slice(frame, offset, bytes, pieces, TCP_FRAME_PIECES);

	tcp_gather_pieces(flow, pieces, count, bytes);
}

/* ---- segments ---- */

/* Cuts off what was taken before and what lies beyond the window. False: nothing is left, or it was never due (RFC 9293
 * 3.10.7.4, first check). */
static bool tcp_trim(const struct tcp_flow *flow, struct tcp_segment *segment)
{
	const struct tcp_from_guest *from = &flow->from_guest;
	uint32_t window = from->edge - from->next;
	uint32_t length = segment->bytes + segment->fin;

	if (length == 0)
		return segment->sequence - from->next <= window;
	if (tcp_before(segment->sequence, from->next)) {
		uint32_t old = from->next - segment->sequence;

		if (old >= length)
			return false;
		segment->sequence = from->next;
		segment->payload += old;
		segment->bytes -= old; /* at most all of it: old < length, and then the FIN alone is new */
	}
	if (segment->sequence - from->next > window)
		return false;
	window -= segment->sequence - from->next;
	if (segment->bytes > window) {
		segment->bytes = window;
		segment->fin = false;
	}
	/* A FIN fits behind a full window: it takes no room. */
	return segment->bytes > 0 || segment->fin;
}

/* RFC 2883: without it a guest takes the probe of a tail that was only late (RFC 8985 7) for the repair of a loss, and
 * slows down. */
static void tcp_note_twice(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct tcp_from_guest *from = &flow->from_guest;
	uint32_t left = segment->sequence, right = left + segment->bytes;

	if (!flow->to_guest.sack || segment->bytes == 0 || !tcp_before(left, from->next) ||
	    from->next - left > TCP_WINDOW_BYTES)
		return;
	from->twice_owed = true;
	from->twice = (struct tcp_range){left, tcp_before(from->next, right) ? from->next : right};
}

enum drop_reason tcp_take_reset(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	const struct tcp_from_guest *from = &flow->from_guest;

	if (segment->header.sequence == from->next) {
		tcp_counters(flow)->tcp_resets_from_guest++;
		if (from->gathered > 0)
			tcp_gather_send(tcp_state_of(flow), flow); /* it was said before, if in the same batch */
		tcp_drop(flow, true);
		return DROP_NONE;
	}
	if (segment->header.sequence - from->next <= from->edge - from->next)
		tcp_owe_ack(flow);
	return DROP_TCP_SEQUENCE;
}

static void tcp_take_fin(struct tcp_flow *flow)
{
	struct tcp_from_guest *from = &flow->from_guest;

	from->next++;
	from->edge = tcp_later(from->edge, from->next);
	from->ended = true;
	from->gather_ended = from->gathered > 0;
	tcp_counters(flow)->tcp_half_closes_from_guest++;
	if (from->gathered == 0)
		tcp_release_early(flow);
	tcp_shut_if_done(flow);
}

/* Never more than half of the pool: the tails' promises come first, and a guest that leaves gaps must not starve others. */
static bool tcp_keep_early(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_from_guest *from = &flow->from_guest;
	struct iovec pieces[TCP_FRAME_PIECES];
	bool kept = false;
	int count;

	if (from->broken)
		return false;
	if (segment->bytes > 0 && tcp->pool.taken < tcp->pool.count / 2) {
		count = frame_slice(segment->packet->frame, segment->payload, segment->bytes, pieces, TCP_FRAME_PIECES);
		kept = tcp_early_keep(&from->early, &tcp->pool, segment->sequence, pieces, count);
	}
	if (segment->fin)
		tcp_early_keep_end(from->early, segment->sequence + segment->bytes);
	return kept;
}

/* As many duplicates as a receiver would send that has the segments one by one: three start a fast retransmission. */
static enum drop_reason tcp_take_early(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct tcp_from_guest *from = &flow->from_guest;
	uint32_t owed = from->duplicates_owed + 1 + segment->bytes / (flow->to_guest.mss + 1U);

	from->duplicates_owed = (uint8_t)(owed < TCP_DUPLICATES ? owed : TCP_DUPLICATES);
	tcp_counters(flow)->tcp_out_of_order++;
	tcp_owe_ack(flow);
	return tcp_keep_early(flow, segment) ? DROP_NONE : DROP_TCP_OUT_OF_ORDER;
}

/* A gap may be closed now: what was kept behind it follows. */
static void tcp_take_kept(struct tcp_flow *flow)
{
	struct tcp_from_guest *from = &flow->from_guest;
	struct iovec pieces[TCP_EARLY_PIECES];
	uint32_t bytes;
	int count;

	bytes = tcp_early_slice(from->early, from->next, pieces, &count);
	if (bytes > 0 && !from->broken)
		tcp_gather_pieces(flow, pieces, count, bytes);
	from->next += bytes;
	from->bytes += bytes;
	if (tcp_early_is_end(from->early, from->next))
		tcp_take_fin(flow);
	else if (from->gathered == 0)
		tcp_release_early(flow);
}

static enum drop_reason tcp_take_payload(struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct tcp_from_guest *from = &flow->from_guest;
	bool gap = from->early; /* it may be closed now, and data would not tell so */

	if (from->ended) {
		tcp_owe_ack(flow);
		return DROP_TCP_SEQUENCE; /* behind its own FIN */
	}
	if (segment->sequence != from->next)
		return tcp_take_early(flow, segment);
	if (segment->bytes > 0 && !from->broken)
		tcp_gather_add(flow, segment->packet->frame, segment->payload, segment->bytes);
	from->next += segment->bytes;
	from->bytes += segment->bytes;
	tcp_count_busy(flow);
	if (segment->fin) {
		tcp_counters(flow)->tcp_data_on_fin += segment->bytes > 0;
		tcp_take_fin(flow);
	} else if (from->early) {
		tcp_take_kept(flow);
	}
	if (gap)
		tcp_owe_ack(flow);
	else
		tcp_late_said(flow, segment->bytes);
	return DROP_NONE;
}

enum drop_reason tcp_take(struct tcp_flow *flow, struct tcp_segment *segment)
{
	struct tcp *tcp = tcp_state_of(flow);
	enum drop_reason reason = DROP_NONE;

	/* Before anything is decided by `next`: an early flush may take some of it back. */
	if (TCP_GATHER_PIECES - tcp->pieces_used < TCP_TAKE_PIECES)
		tcp_gather_flush(tcp);
	if (segment->header.flags & TCP_RST)
		return tcp_take_reset(flow, segment);
	if (segment->header.flags & TCP_SYN || !(segment->header.flags & TCP_ACK)) {
		tcp_owe_ack(flow); /* RFC 5961 4.2 */
		return DROP_TCP_FLAGS;
	}
	tcp_note_twice(flow, segment);
	if (!tcp_trim(flow, segment)) {
		tcp_heard(flow);
		tcp_owe_ack(flow);
		/* Behind a shut window nothing is acceptable but what it acknowledges (RFC 9293 3.10.7.4): the two directions
		 * would else shut each other. */
		if (flow->from_guest.edge == flow->from_guest.next)
			(void)tcp_acknowledged(flow, segment);
		tcp_finish(flow);
		return DROP_TCP_SEQUENCE;
	}
	tcp_heard(flow);
	if (!tcp_acknowledged(flow, segment)) {
		tcp_owe_ack(flow);
		return DROP_TCP_ACKNOWLEDGEMENT;
	}
	if (segment->bytes > 0 || segment->fin)
		reason = tcp_take_payload(flow, segment);
	if (flow->handing)
		tcp_handover_heard(flow, segment);
	tcp_finish(flow);
	return reason;
}
