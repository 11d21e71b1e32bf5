/* SPDX-License-Identifier: MIT */
/* What a guest is sent: a flow's turn. Data is read from the socket straight into the room that the guest's port lends,
 * behind headers that are written afterwards, up to 64 KiB in one frame that the fabric cuts where it must. A turn ends in
 * one of: nothing left (the socket's edge will tell), the window is full (an acknowledgement will), no room (the port
 * will), or the budget is used up and the flow stays in the round. One flow may use all of it: segments that follow each
 * other are acknowledged together. */
#include <errno.h>
#include <string.h>

#include "base/writer.h"
#include "nat/tcp.h"

enum {
	/* Of a segment that is larger, so much is sent rather than nothing: the port's buffers may end a little before it, and
	 * for a few bytes one more would be taken. Measured with vhost-user's pages of 4 KiB at 65520: six frames in a hundred
	 * more in the ring, and 3 to 7 % less CPU. */
	TCP_LEAST_BYTES = 60 * 1024,
	TCP_CONSUME_BYTES = 512, /* well below any receive buffer: what is left in it must not shut the window */
	TCP_CONSUME_TURNS = 16,
};

enum tcp_sent {
	TCP_SENT,
	TCP_NOTHING, /* nothing to send, or nothing that may be sent now */
	TCP_WAITS,   /* for room: flow_wait_room() was called */
	TCP_GONE,    /* the flow is no more */
};

/* ---- frames ---- */

static struct tcp_header tcp_header_for(struct tcp_flow *flow, uint8_t flags, uint32_t sequence)
{
	uint32_t window = tcp_offer_window(flow);

	if (flags & TCP_SYN)
		window = window > UINT16_MAX ? UINT16_MAX : window; /* RFC 7323 2.2: never scaled */
	else if (flow->to_guest.scaled)
		window >>= flow->to_guest.our_scale;
	return (struct tcp_header){
		.from_port = flow->flow.key.far_port,
		.to_port = flow->flow.key.guest_port,
		.sequence = sequence,
		.acknowledgement = flags & TCP_ACK ? flow->from_guest.next : 0,
		.flags = flags,
		.window = (uint16_t)(window > UINT16_MAX ? UINT16_MAX : window),
	};
}

/* All headers of a segment with so much payload, its checksum left to be completed. */
static uint32_t tcp_write_headers(struct tcp_flow *flow, uint8_t flags, uint32_t sequence,
				  const struct tcp_options *options, uint32_t payload, struct offload *ret_offload)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct nat_head head = nat_head_of(&flow->flow);
	struct tcp_header header = tcp_header_for(flow, flags, sequence);
	uint8_t segment[TCP_HEADER_MAX];
	struct checksum pseudo;
	struct writer writer;
	uint32_t bytes, l4;

	head.dont_fragment = true;
	writer_init(&writer, segment, sizeof(segment));
	tcp_header_write(&writer, &header, options);
	bytes = (uint32_t)writer_used(&writer);
	pseudo = nat_head_pseudo(&head, bytes + payload);
	header.checksum = be16_value(checksum_partial(&pseudo));
	writer_init(&writer, segment, sizeof(segment));
	tcp_header_write(&writer, &header, options);
	l4 = nat_head_write(tcp->nat, &head, bytes + payload, tcp->head);
	memcpy(tcp->head + l4, segment, bytes);
	*ret_offload =
		(struct offload){.csum = CSUM_PARTIAL, .csum_start = (uint16_t)l4, .csum_offset = TCP_CHECKSUM_AT};
	return l4 + bytes;
}

static uint32_t tcp_header_bytes(const struct tcp_flow *flow)
{
	const struct nat_head head = nat_head_of(&flow->flow);

	return nat_head_bytes(&head) + TCP_HEADER_BYTES;
}

/* The guest was told all that there is to tell; but data has no room for selective acknowledgements. */
static void tcp_told(struct tcp_flow *flow, bool by_data)
{
	struct tcp_from_guest *from = &flow->from_guest;

	if (by_data && (from->early || from->twice_owed))
		return;
	from->ack_owed = false;
	from->duplicates_owed = 0;
	from->twice_owed = false;
	list_remove(&flow->late);
}

static enum tcp_sent tcp_no_room(struct tcp_flow *flow, int error)
{
	if (error == -EAGAIN)
		return TCP_WAITS;
	tcp_drop(flow, true); /* the port takes no frame of this size: it never will */
	return TCP_GONE;
}

/* A segment without payload. */
static enum tcp_sent tcp_send_control(struct tcp_flow *flow, uint8_t flags, uint32_t sequence,
				      const struct tcp_options *options, struct flow_budget *budget)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct offload offload;
	uint32_t bytes = tcp_write_headers(flow, flags, sequence, options, 0, &offload);
	struct room room;
	int error = nat_reserve(&flow->flow, bytes, bytes, &room);

	if (error < 0)
		return tcp_no_room(flow, error);
	nat_commit(&flow->flow, &room, tcp->head, bytes, &offload, budget);
	tcp_told(flow, false);
	return TCP_SENT;
}

/* ---- data ---- */

/* Where a read goes: the head's rest first, then the room behind it. */
static int tcp_room_pieces(struct tcp *tcp, const struct room *room, uint32_t header_bytes, uint32_t bytes,
			   uint32_t *ret_bytes)
{
	uint32_t here = FRAME_HEAD_BYTES - header_bytes, skip = FRAME_HEAD_BYTES, left = bytes;
	int count = 0;

	here = here < left ? here : left;
	tcp->iov[count++] = (struct iovec){.iov_base = tcp->head + header_bytes, .iov_len = here};
	left -= here;
	for (uint32_t i = 0; left > 0 && i < room->piece_count && count < TCP_GATHER_PIECES; i++) {
		const struct iovec *piece = &room->pieces[i];

		if (skip >= piece->iov_len) {
			skip -= (uint32_t)piece->iov_len;
			continue;
		}
		here = (uint32_t)piece->iov_len - skip < left ? (uint32_t)piece->iov_len - skip : left;
		tcp->iov[count++] = (struct iovec){.iov_base = (uint8_t *)piece->iov_base + skip, .iov_len = here};
		left -= here;
		skip = 0;
	}
	*ret_bytes = bytes - left;
	return count;
}

/* The socket has no more, for now or for ever, or it failed. */
static enum tcp_sent tcp_source_told(struct tcp_flow *flow, uint32_t sequence, ssize_t told)
{
	struct tcp_to_guest *to = &flow->to_guest;

	if (told == -ENOBUFS) {
		/* The ring or its pool is full: an acknowledgement empties the one, others the other. */
		if (to->una == to->max && list_empty(&flow->poor))
			list_append(&tcp_state_of(flow)->poor, &flow->poor);
		return TCP_NOTHING;
	}
	if (told == -EAGAIN && !to->reset) {
		to->readable = to->hangup = false;
		return TCP_NOTHING;
	}
	if (told < 0 && told != -EAGAIN) {
		if (!flow->from_guest.broken) {
			tcp_break(flow);
			return TCP_SENT; /* once more: what it had is still there (measured on Linux) */
		}
	}
	if (tcp_before(sequence, to->max)) {
		tcp_abort(flow); /* what must be sent again is gone */
		return TCP_GONE;
	}
	if (!to->reset)
		tcp_counters(flow)->tcp_half_closes_from_host++;
	else if (!flow->from_guest.broken)
		tcp_break(flow);
	to->ended = true;
	to->end = sequence;
	return TCP_SENT;
}

static void tcp_sent_to(struct tcp_flow *flow, uint32_t sequence, uint32_t end)
{
	struct tcp_to_guest *to = &flow->to_guest;

	if (!tcp_before(to->max, end)) {
		to->timing = to->timing && !tcp_before(sequence, to->timed); /* Karn */
		return;
	}
	if (!to->timing && sequence == to->max) {
		to->timing = true;
		to->timed = end;
		to->timed_us = nat_now_us(flow->flow.nat);
	}
	to->max = end;
}

/* With how little of `limit` a frame is worth sending: a segment. */
static uint32_t tcp_least(const struct tcp_to_guest *to, uint32_t limit)
{
	uint32_t segment = limit < to->mss ? limit : to->mss;

	return segment < TCP_LEAST_BYTES ? segment : TCP_LEAST_BYTES;
}

/* At most `limit` bytes from `sequence` on; *ret_bytes of them when TCP_SENT, which may be 0. */
static enum tcp_sent tcp_send_data(struct tcp_flow *flow, uint32_t sequence, uint32_t limit, struct flow_budget *budget,
				   uint32_t *ret_bytes)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t header_bytes = tcp_header_bytes(flow), least = tcp_least(to, limit), bytes;
	struct offload offload;
	struct room room;
	ssize_t got;
	int count, error;

	*ret_bytes = 0;
	error = nat_reserve(&flow->flow, header_bytes + least, header_bytes + limit, &room);
	if (error < 0)
		return tcp_no_room(flow, error);
	if (room.bytes < header_bytes + limit)
		limit = room.bytes - header_bytes;
	if (limit > to->mss)
		limit -= limit % to->mss;
	count = tcp_room_pieces(tcp, &room, header_bytes, limit, &bytes);
	got = tcp_source_read(flow, sequence, tcp->iov, count, bytes);
	if (got <= 0) {
		nat_cancel(&flow->flow, &room);
		return tcp_source_told(flow, sequence, got);
	}
	tcp_write_headers(flow, TCP_ACK | TCP_PSH, sequence, NULL, (uint32_t)got, &offload);
	if ((uint32_t)got > to->mss) {
		offload.gso = flow->flow.key.is6 ? GSO_TCP6 : GSO_TCP4;
		offload.segment_bytes = to->mss;
	}
	tcp_sent_to(flow, sequence, sequence + (uint32_t)got);
	nat_commit(&flow->flow, &room, tcp->head, header_bytes + (uint32_t)got, &offload, budget);
	tcp_told(flow, true);
	linger_answered(&tcp->nat->linger, &flow->conversation);
	*ret_bytes = (uint32_t)got;
	return TCP_SENT;
}

static enum tcp_sent tcp_send_hole(struct tcp_flow *flow, const struct tcp_range *hole, struct flow_budget *budget)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t bytes = hole->right - hole->left;
	enum tcp_sent sent;

	if (to->ended && !to->reset && hole->left == to->end) {
		to->rexmit = to->end + 1;
		return tcp_send_control(flow, TCP_FIN | TCP_ACK, to->end, NULL, budget);
	}
	if (to->ended && tcp_before(to->end, hole->right))
		bytes = to->end - hole->left;
	sent = tcp_send_data(flow, hole->left, bytes < TCP_SEND_BYTES ? bytes : TCP_SEND_BYTES, budget, &bytes);
	if (sent == TCP_SENT)
		to->rexmit = hole->left + bytes;
	return sent;
}

bool tcp_has_pending(const struct tcp_flow *flow)
{
	const struct tcp_to_guest *to = &flow->to_guest;

	if (!to->ended)
		return to->readable || tcp_before(to->next, to->max);
	/* A reset comes when all that was before it is acknowledged. */
	if (to->next == to->end)
		return !to->reset || to->una == to->end;
	return tcp_before(to->next, to->end) || (to->reset_late && to->una == to->next);
}

/* How much may be sent at `next`, of `left` that there may be. Less than a segment is not, while more is on its way
 * whose acknowledgement will let it go (RFC 9293 3.8.6.2.1). */
static uint32_t tcp_usable(const struct tcp_to_guest *to, uint32_t left)
{
	uint32_t most = to->window < to->flight ? to->window : to->flight, in_flight = to->next - to->una;
	uint32_t usable = most > in_flight ? most - in_flight : 0;

	if (usable < to->mss && usable < left && in_flight > 0)
		return 0;
	if (usable > TCP_SEND_BYTES)
		usable = TCP_SEND_BYTES;
	return usable < left ? usable : left;
}

static enum tcp_sent tcp_send_end(struct tcp_flow *flow, struct flow_budget *budget)
{
	struct tcp_to_guest *to = &flow->to_guest;
	enum tcp_sent sent;

	if (to->reset || to->next != to->end) {
		tcp_abort(flow);
		return TCP_GONE;
	}
	/* It takes a number of the window. */
	if (to->window <= to->end - to->una)
		return TCP_NOTHING;
	sent = tcp_send_control(flow, TCP_FIN | TCP_ACK, to->end, NULL, budget);
	if (sent != TCP_SENT)
		return sent;
	to->closed_first |= !flow->from_guest.ended;
	to->next = to->end + 1;
	to->max = tcp_later(to->max, to->next);
	return TCP_SENT;
}

/* How much there may be from `next` on, as far as is known. Of a flow that comes to a stand it is what was sent, and what lies
 * in the ring. */
static uint32_t tcp_left(const struct tcp_flow *flow)
{
	const struct tcp_to_guest *to = &flow->to_guest;

	if (to->ended)
		return to->end - to->next;
	if (flow->handing)
		return tcp_later(to->max, to->una + tcp_source_kept(flow)) - to->next;
	return UINT32_MAX;
}

static enum tcp_sent tcp_send_next(struct tcp_flow *flow, struct flow_budget *budget)
{
	struct tcp_to_guest *to = &flow->to_guest;
	struct tcp_range hole;
	uint32_t left = tcp_left(flow), bytes;
	enum tcp_sent sent;

	if (tcp_hole(flow, &hole))
		return tcp_send_hole(flow, &hole, budget);
	if (!tcp_has_pending(flow) || (flow->handing && left == 0))
		return TCP_NOTHING;
	if (to->ended && !tcp_before(to->next, to->end))
		return tcp_send_end(flow, budget);
	bytes = tcp_usable(to, left);
	if (bytes == 0) {
		if (to->window == 0 && !to->shut_window)
			tcp_counters(flow)->tcp_zero_windows++;
		to->shut_window |= to->window == 0;
		return TCP_NOTHING;
	}
	sent = tcp_send_data(flow, to->next, bytes, budget, &bytes);
	if (sent == TCP_SENT)
		to->next += bytes;
	return sent;
}

/* ---- a turn ---- */

static bool tcp_run_syn(struct tcp_flow *flow, struct flow_budget *budget)
{
	const struct tcp_to_guest *to = &flow->to_guest;
	bool calls = flow->state == TCP_CALLING;
	struct tcp_options options = {
		.has_mss = true,
		.mss = tcp_mss_here(flow),
		.sack_permitted = calls || to->sack,
		.has_window_scale = calls || to->scaled,
		.window_scale = TCP_WINDOW_SCALE,
	};
	enum tcp_sent sent;

	if (!flow->syn_owed)
		return false;
	sent = tcp_send_control(flow, calls ? TCP_SYN : TCP_SYN | TCP_ACK, to->first, &options, budget);
	if (sent == TCP_GONE)
		return false;
	flow->syn_owed = sent != TCP_SENT;
	if (sent == TCP_SENT && !to->retries) {
		flow->to_guest.timing = true;
		flow->to_guest.timed = to->first + 1;
		flow->to_guest.timed_us = nat_now_us(flow->flow.nat);
	}
	tcp_set_timer(flow); /* without room, too: who never reads is not waited for without end */
	return false;
}

/* What came twice, then what waits behind a gap (RFC 2883 4). */
static void tcp_sacks_write(const struct tcp_flow *flow, struct tcp_options *ret_options)
{
	const struct tcp_from_guest *from = &flow->from_guest;
	uint8_t count = 0;

	if (!flow->to_guest.sack)
		return;
	if (from->twice_owed)
		ret_options->sacks[count++] = (struct tcp_sack){from->twice.left, from->twice.right};
	count += tcp_early_sacks(from->early, ret_options->sacks + count, (uint8_t)(TCP_SACKS_MAX - count));
	ret_options->sack_count = count;
}

/* Acknowledgements that no data carried, and probes. */
static enum tcp_sent tcp_run_acks(struct tcp_flow *flow, struct flow_budget *budget)
{
	struct tcp_from_guest *from = &flow->from_guest;
	struct tcp_to_guest *to = &flow->to_guest;
	enum tcp_sent sent = TCP_SENT;
	int acks = from->duplicates_owed > 0 ? from->duplicates_owed : from->ack_owed;
	struct tcp_options options = {.sack_count = 0};

	tcp_sacks_write(flow, &options);
	for (; acks > 0 && sent == TCP_SENT; acks--)
		sent = tcp_send_control(flow, TCP_ACK, tcp_later(to->next, to->max), &options, budget);
	/* A number that the guest has already: it must say what it has, and its window (RFC 9293 3.8.4). */
	if (sent == TCP_SENT && to->probe_owed) {
		sent = tcp_send_control(flow, TCP_ACK, to->una - 1, NULL, budget);
		to->probe_owed = false;
	}
	return sent;
}

/* Where the guest expects us to be: behind all that it was sent. */
static bool tcp_run_reset(struct tcp_flow *flow, struct flow_budget *budget)
{
	if (tcp_send_control(flow, TCP_RST | TCP_ACK, flow->to_guest.max, NULL, budget) == TCP_SENT)
		tcp_drop(flow, true);
	return false;
}

/* What the guest has acknowledged goes from the socket, whose kernel may tell its far end so. In a conversation of few
 * bytes the guest acknowledges an answer with its next question, and the kernel does: then they go later, by one call. */
static void tcp_consume(struct tcp_flow *flow)
{
	struct tcp_to_guest *to = &flow->to_guest;

	if (!to->consume_owed && flow->sends == TCP_SENDS_SETTLED && to->una - to->base < TCP_CONSUME_BYTES &&
	    to->unconsumed < TCP_CONSUME_TURNS) {
		to->unconsumed++;
		return;
	}
	to->consume_owed = false;
	to->unconsumed = 0;
	tcp_source_consume(flow);
}

bool tcp_run(struct flow *base, struct flow_budget *budget)
{
	struct tcp_flow *flow = tcp_of(base);
	enum tcp_sent sent = TCP_SENT;

	if (flow->state == TCP_CONNECTING)
		return false;
	if (flow->state == TCP_ANSWERING || flow->state == TCP_CALLING)
		return tcp_run_syn(flow, budget);
	if (flow->state == TCP_RESETTING)
		return tcp_run_reset(flow, budget);
	if (flow->state == TCP_HANDED) {
		(void)tcp_run_acks(flow, budget);
		return false;
	}
	/* A socket that was connected at once is watched from here on: until the guest's first word went to it nobody wanted
	 * to know. */
	if (flow->state == TCP_OPEN && !flow->watch.watched && tcp_watch(flow) < 0) {
		tcp_abort(flow);
		return false;
	}
	if (flow->state == TCP_OPEN)
		tcp_handover_run(flow);
	if (flow->state == TCP_OPEN)
		tcp_consume(flow);
	while (flow->state == TCP_OPEN && sent == TCP_SENT && !base->nat->doomed) {
		if (budget->frames <= 0 || budget->bytes <= 0)
			break;
		sent = tcp_send_next(flow, budget);
	}
	if (sent == TCP_GONE)
		return false;
	if (sent == TCP_NOTHING || flow->state == TCP_HANDED || flow->state == TCP_TIME_WAIT) {
		if (tcp_run_acks(flow, budget) == TCP_GONE)
			return false;
		sent = TCP_NOTHING;
	}
	if (tcp_finish(flow))
		return false;
	tcp_set_timer(flow);
	return sent == TCP_SENT;
}
