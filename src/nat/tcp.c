/* SPDX-License-Identifier: MIT */
/* TCP: a guest's connections, each joined to a connection of the host's kernel. We are the guest's far end on a wire of a
 * few microseconds; the real far end, with its round trips and losses, is the kernel's business.
 *
 * Theory of operation.
 *
 * Opening. A guest's SYN makes a flow and a non-blocking connect(), and is answered only when that is over: SYN|ACK when it
 * went well, a reset when it was refused, the ICMP error of its errno when there is no way; a time-out is silence. So a
 * guest sees what the host would see, as late as the host would see it. A connection that a forward accepted begins with a
 * SYN to the guest. Until both have answered the flow may make way for another when the table or the descriptors are used up,
 * so that a flood of SYNs pushes out itself alone. Sequence numbers start at a keyed hash of the addresses plus a clock (RFC 6528).
 *
 * From the guest. In-order payload of a batch is gathered as pieces of the guest's own memory, per flow, and goes to
 * the socket by one sendmsg at the batch's end; then one ACK is owed, or the answer carries it (tcp_late.c). A socket
 * takes as much as it likes. What it left is copied into the flow's tail, out of a pool that all flows share, and is
 * acknowledged too: it is promised and kept (dropping it costs a factor of ten, because the guest must find out by
 * retransmission). So that the tail is bounded the window is W less the tail; the edge that was once told never moves
 * back. The tail goes when the socket is writable again. With the pool empty what found no place is simply not
 * acknowledged, and who has no tail may go on with a small window. What comes ahead of a gap is kept in blocks of the
 * same pool, while half of it is free (tcp_early.c), and told by duplicate ACKs with SACK, so that the guest sends the
 * gap alone again at once. (Thrown away instead, 2 MiB over a wire with 1 % loss, duplication and 10 % reordering took
 * 39 s; now 0.3 s.)
 *
 * To the guest. Bytes stay in the kernel until the guest acknowledges them. We peek from an offset straight into the room
 * that the guest's port lends, up to 64 KiB behind one header, and consume what is acknowledged. Sending again is peeking
 * again from a smaller offset: for a timeout all from `una` on, for a hole that duplicates or SACK tell of that hole alone.
 * Where a socket has no peek offset a bounded ring holds the same bytes under the same numbers (tcp_source.c).
 * Events are told by edge. A flow that stops therefore stands where something will wake it, always: at the socket's edge
 * (a read said "no more"), at the guest's window (an ACK or the persist timer), at the port's room (flow_wait_room), at the
 * pool (tcp->poor), or in the round of turns.
 *
 * Closing. Each direction ends by itself. The guest's FIN is acknowledged when taken, and passed on by shutdown() when the
 * tail is gone. The socket's end is found by a peek of 0, which comes as soon as all was peeked, however much of it is
 * unacknowledged: then the FIN's number is known, and it follows the data. A reset of the host's comes behind the data that
 * the socket still has: the kernel tells it once and gives the bytes afterwards. One that comes behind the socket's end
 * follows the FIN, when the guest has that. A guest's reset closes the socket with a reset. When both FINs are
 * acknowledged the socket closes; if ours came first the flow stays in TIME_WAIT, without a socket, to acknowledge the
 * guest's FIN again, and makes way for a new SYN or a full table.
 *
 * What is not done: timestamps, ECN, Nagle, congestion control beyond slow start after a loss; urgent
 * data is data. */
#include "nat/tcp.h"

#include <errno.h>
#include <stdlib.h>

#include "base/reader.h"

_Static_assert(sizeof(struct tcp_flow) <= FLOW_BYTES, "the table's items");

/* ---- life ---- */

static void tcp_close(struct tcp_flow *flow, bool reset)
{
	struct tcp *tcp = tcp_state_of(flow);

	tcp_tell_caller(flow, -ETIMEDOUT);
	tcp_gather_forget(flow);
	list_remove(&flow->poor);
	list_remove(&flow->late);
	tcp_chain_clear(&flow->from_guest.tail, &tcp->pool);
	tcp_early_clear(&flow->from_guest.early, &tcp->pool);
	tcp_source_stop(flow);
	if (flow->carrier) {
		flow->carrier->flow = NULL;
		flow->carrier->end(flow->carrier->owner);
		flow->carrier = NULL;
	}
	if (flow->fd >= 0) {
		if (flow->watch.watched)
			tcp->sockets->unwatch(tcp->sockets_owner, tcp->nat->config.loop, &flow->watch, true);
		tcp->sockets->close(tcp->sockets_owner, flow->fd, reset);
	}
	flow->fd = -1;
	tcp_feed_poor(tcp);
}

void tcp_drop(struct tcp_flow *flow, bool reset_host)
{
	tcp_close(flow, reset_host);
	flow_free(&flow->flow);
}

/* A reset that found no room would leave the guest with half a connection: the flow waits with it, as with data. */
void tcp_abort(struct tcp_flow *flow)
{
	if (flow->state == TCP_HANDED) {
		tcp_drop(flow, true);
		return;
	}
	tcp_close(flow, true);
	flow->state = TCP_RESETTING;
	flow->to_guest.retries = 0;
	flow_set_spare(&flow->flow, FLOW_SPARE_DONE);
	flow_schedule(&flow->flow);
	tcp_restart_timer(flow);
}

bool tcp_finish(struct tcp_flow *flow)
{
	const struct tcp_to_guest *to = &flow->to_guest;

	if (flow->state != TCP_OPEN || !flow->from_guest.shut || !to->ended || to->reset || to->una != to->end + 1)
		return false;
	tcp_source_consume(flow);
	if (!to->closed_first) {
		tcp_drop(flow, false);
		return true;
	}
	tcp_close(flow, false);
	flow->state = TCP_TIME_WAIT;
	flow->to_guest.retries = 0;
	flow_set_spare(&flow->flow, FLOW_SPARE_DONE);
	tcp_counters(flow)->tcp_time_waits++;
	tcp_restart_timer(flow);
	return false;
}

static void tcp_end(struct flow *base)
{
	struct tcp_flow *flow = tcp_of(base);

	tcp_drop(flow, true);
}

static const char *tcp_state_name(const struct tcp_flow *flow)
{
	switch (flow->state) {
	case TCP_CONNECTING:
		return "connecting";
	case TCP_ANSWERING:
	case TCP_CALLING:
		return "opening";
	case TCP_OPEN:
		return flow->from_guest.ended || flow->to_guest.ended ? "closing" : "open";
	case TCP_HANDED:
		return "spliced";
	case TCP_TIME_WAIT:
		return "time-wait";
	case TCP_RESETTING:
		return "resetting";
	}
	return "";
}

static void tcp_look_carried(const struct tcp_flow *flow, struct nat_flow_info *info)
{
	uint64_t from_guest_bytes, to_guest_bytes, moved_us;

	flow->carrier->look(flow->carrier->owner, &from_guest_bytes, &to_guest_bytes, &moved_us);
	info->from_guest_bytes += from_guest_bytes;
	info->to_guest_bytes += to_guest_bytes;
	if (moved_us > flow->heard_us)
		info->idle_us = nat_now_us(flow->flow.nat) - moved_us;
}

static void tcp_look(const struct flow *base, struct nat_flow_info *ret_info)
{
	const struct tcp_flow *flow = container_of((uintptr_t)base, struct tcp_flow, flow);

	ret_info->state = tcp_state_name(flow);
	ret_info->from_guest_bytes = flow->from_guest.bytes;
	ret_info->to_guest_bytes = flow->to_guest.bytes;
	ret_info->idle_us = nat_now_us(base->nat) - flow->heard_us;
	if (flow->carrier)
		tcp_look_carried(flow, ret_info);
}

const struct flow_ops tcp_flow_ops = {.run = tcp_run, .on_due = tcp_on_due, .end = tcp_end, .look = tcp_look};

/* ---- segments ---- */

static enum drop_reason tcp_segment_read(const struct nat_packet *packet, struct tcp_segment *segment)
{
	const struct frame *frame = packet->frame;
	struct reader reader;
	enum drop_reason reason;

	if (packet->l4 > frame->head_bytes)
		return DROP_TCP_SHORT;
	*segment = (struct tcp_segment){.packet = packet};
	reader_init(&reader, frame->head + packet->l4, frame->head_bytes - packet->l4);
	if (reader.left > packet->transport_bytes)
		reader.left = packet->transport_bytes;
	reason = tcp_header_read(&reader, packet->transport_bytes, &segment->header);
	if (!reason)
		reason = tcp_options_read(&segment->header, &segment->options);
	if (reason)
		return reason;
	segment->payload = packet->l4 + segment->header.header_bytes;
	segment->bytes = packet->transport_bytes - segment->header.header_bytes;
	segment->fin = segment->header.flags & TCP_FIN;
	segment->sequence = segment->header.sequence + ((segment->header.flags & TCP_SYN) != 0);
	return DROP_NONE;
}

/* A sum that nobody vouches for is checked over the whole segment. */
static enum drop_reason tcp_segment_verify(const struct nat_packet *packet)
{
	const struct nat_head head = {.is6 = packet->is6,
				      .from = packet->guest.ip,
				      .to = packet->far.ip,
				      .protocol = IP_PROTOCOL_TCP};
	struct iovec pieces[FRAME_PIECES_MAX + 1];
	struct checksum checksum;
	int count;

	if (packet->frame->offload.csum != CSUM_UNKNOWN)
		return DROP_NONE;
	checksum = nat_head_pseudo(&head, packet->transport_bytes);
	count = frame_slice(packet->frame, packet->l4, packet->transport_bytes, pieces, FRAME_PIECES_MAX + 1);
	for (int i = 0; i < count; i++)
		checksum_add(&checksum, pieces[i].iov_base, pieces[i].iov_len);
	return be16_value(checksum_final(&checksum)) == 0 ? DROP_NONE : DROP_TCP_CHECKSUM;
}

static bool tcp_is_opening(const struct tcp_segment *segment)
{
	return (segment->header.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

static enum drop_reason tcp_input_none(struct tcp *tcp, const struct flow_key *key, const struct tcp_segment *segment)
{
	if (tcp_is_opening(segment))
		return tcp_open(tcp, key, segment);
	tcp_reset_segment(tcp->nat, segment);
	return DROP_NAT_NO_FLOW;
}

/* The old flow makes way: its guest has begun anew. */
static enum drop_reason tcp_reopen(struct tcp *tcp, struct tcp_flow *flow, const struct tcp_segment *segment)
{
	struct flow_key key = flow->flow.key;

	tcp->nat->counters.tcp_reused++;
	tcp_drop(flow, flow->state == TCP_CONNECTING || flow->state == TCP_ANSWERING);
	return tcp_open(tcp, &key, segment);
}

static enum drop_reason tcp_input_connecting(struct tcp *tcp, struct tcp_flow *flow, const struct tcp_segment *segment)
{
	if (tcp_is_opening(segment))
		return segment->header.sequence == flow->from_guest.first ? DROP_NONE : tcp_reopen(tcp, flow, segment);
	if (segment->header.flags & TCP_RST && segment->header.sequence == flow->from_guest.next) {
		tcp->nat->counters.tcp_resets_from_guest++;
		tcp_drop(flow, true);
		return DROP_NONE;
	}
	return DROP_TCP_FLAGS;
}

static enum drop_reason tcp_input_answering(struct tcp *tcp, struct tcp_flow *flow, struct tcp_segment *segment)
{
	if (tcp_is_opening(segment)) {
		if (segment->header.sequence != flow->from_guest.first)
			return tcp_reopen(tcp, flow, segment);
		flow->syn_owed = true;
		flow_schedule(&flow->flow);
		return DROP_NONE;
	}
	if ((segment->header.flags & (TCP_ACK | TCP_RST | TCP_SYN)) != TCP_ACK)
		return tcp_take(flow, segment);
	if (segment->header.acknowledgement != flow->to_guest.first + 1) {
		tcp_reset_segment(tcp->nat, segment);
		return DROP_TCP_ACKNOWLEDGEMENT;
	}
	if (segment->sequence - flow->from_guest.next > flow->from_guest.edge - flow->from_guest.next) {
		tcp_owe_ack(flow);
		return DROP_TCP_SEQUENCE;
	}
	flow->syn_owed = false;
	tcp_opened(flow);
	return tcp_take(flow, segment);
}

/* RFC 9293 3.10.7.3, of which a simultaneous open is left out: the guest would have to call a port that calls it. */
static enum drop_reason tcp_input_calling(struct tcp *tcp, struct tcp_flow *flow, struct tcp_segment *segment)
{
	uint8_t flags = segment->header.flags;
	bool right = flags & TCP_ACK && segment->header.acknowledgement == flow->to_guest.first + 1;

	if (flags & TCP_RST) {
		if (!right)
			return DROP_TCP_ACKNOWLEDGEMENT;
		tcp->nat->counters.tcp_resets_from_guest++;
		tcp_tell_caller(flow, -ECONNREFUSED);
		tcp_drop(flow, true);
		return DROP_NONE;
	}
	/* What the guest has there is of an earlier life, and ends by our reset. */
	if (flags & TCP_ACK && !right) {
		tcp_reset_segment(tcp->nat, segment);
		tcp_call_again(flow);
		return DROP_TCP_ACKNOWLEDGEMENT;
	}
	if ((flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
		return DROP_TCP_FLAGS;
	tcp_learn_options(flow, segment);
	flow->syn_owed = false;
	tcp_opened(flow);
	tcp_heard(flow);
	tcp_owe_ack(flow);
	return DROP_NONE;
}

/* RFC 9293 3.10.7.4 and 3.6.1: FIN again, or a new life of the same port. */
static enum drop_reason tcp_input_time_wait(struct tcp *tcp, struct tcp_flow *flow, const struct tcp_segment *segment)
{
	if (tcp_is_opening(segment) && tcp_before(flow->from_guest.next - 1, segment->header.sequence))
		return tcp_reopen(tcp, flow, segment);
	if (segment->header.flags & TCP_RST) {
		if (segment->header.sequence == flow->from_guest.next)
			tcp_drop(flow, false);
		return DROP_NONE;
	}
	if (segment->bytes > 0 || segment->fin || segment->header.flags & TCP_SYN) {
		if (flow->to_guest.retries < TCP_TIME_WAIT_AGAIN)
			flow->to_guest.retries++;
		tcp_restart_timer(flow);
		tcp_owe_ack(flow);
	}
	return DROP_NONE;
}

static enum drop_reason tcp_input_flow(struct tcp *tcp, struct tcp_flow *flow, struct tcp_segment *segment)
{
	switch (flow->state) {
	case TCP_CONNECTING:
		return tcp_input_connecting(tcp, flow, segment);
	case TCP_ANSWERING:
		return tcp_input_answering(tcp, flow, segment);
	case TCP_CALLING:
		return tcp_input_calling(tcp, flow, segment);
	case TCP_OPEN:
		/* A guest whose last ACK was lost may use the port again before we know that it is free. */
		if (tcp_is_opening(segment) && flow->from_guest.shut && flow->to_guest.ended &&
		    tcp_before(flow->from_guest.next - 1, segment->header.sequence))
			return tcp_reopen(tcp, flow, segment);
		return tcp_take(flow, segment);
	case TCP_HANDED:
		return tcp_is_opening(segment) ? tcp_reopen(tcp, flow, segment) : tcp_handover_input(flow, segment);
	case TCP_TIME_WAIT:
		return tcp_input_time_wait(tcp, flow, segment);
	case TCP_RESETTING:
		return tcp_is_opening(segment) ? tcp_reopen(tcp, flow, segment) : DROP_NAT_NO_FLOW;
	}
	return DROP_NONE;
}

static enum drop_reason tcp_input(void *state, const struct nat_packet *packet)
{
	struct tcp *tcp = state;
	struct nat_address guest = packet->guest, far = packet->far;
	struct tcp_segment segment;
	struct flow_key key;
	struct flow *flow;
	enum drop_reason reason = tcp_segment_read(packet, &segment);

	if (!reason)
		reason = tcp_segment_verify(packet);
	if (reason)
		return reason;
	guest.port = segment.header.from_port;
	far.port = segment.header.to_port;
	key = flow_key(IP_PROTOCOL_TCP, packet->is6, &guest, &far);
	flow = flow_find(&tcp->nat->flows, &key);
	if (!flow)
		return tcp_input_none(tcp, &key, &segment);
	if (!flow_is_owner(flow, packet->from, packet->mac, packet->vlan)) {
		/* A guest that was given another MAC address would else go on into the void. */
		if (flow->port == packet->from && segment.header.flags & TCP_ACK)
			tcp_reset_segment(tcp->nat, &segment);
		return DROP_NAT_FLOW_OWNER;
	}
	return tcp_input_flow(tcp, tcp_of(flow), &segment);
}

static void tcp_flush(void *state)
{
	tcp_gather_flush(state);
}

static int tcp_fd(const struct tcp_flow *flow)
{
	return flow->carrier ? flow->carrier->fd : flow->fd;
}

/* The kernel would go on trying to send from there for a quarter of an hour. */
static void tcp_address_lost(void *state)
{
	struct tcp *tcp = state;

	list_for_each_safe (at, &tcp->nat->flows.all) {
		struct flow *flow = container_of(at, struct flow, all);

		if (flow->ops == &tcp_flow_ops && tcp_fd(tcp_of(flow)) >= 0 &&
		    tcp->sockets->is_homeless(tcp->sockets_owner, tcp_fd(tcp_of(flow))))
			tcp_abort(tcp_of(flow));
	}
}

/* ---- the protocol ---- */

static int tcp_start(struct nat *nat, void **ret_state)
{
	size_t bytes = nat->config.tail_bytes ? nat->config.tail_bytes : NAT_TAIL_POOL_BYTES;
	struct tcp *tcp = calloc(1, sizeof(*tcp));
	int error;

	if (!tcp)
		return -ENOMEM;
	tcp->nat = nat;
	tcp->sockets = nat->config.sockets;
	tcp->sockets_owner = nat->config.sockets_owner;
	list_init(&tcp->poor);
	list_init(&tcp->gathering);
	list_init(&tcp->late);
	error = pool_init(&tcp->pool, TCP_CHAIN_BLOCK_BYTES, bytes / TCP_CHAIN_BLOCK_BYTES);
	if (error < 0) {
		free(tcp);
		return error;
	}
	*ret_state = tcp;
	return 0;
}

static void tcp_stop(void *state)
{
	struct tcp *tcp = state;

	pool_done(&tcp->pool);
	free(tcp);
}

static void tcp_linger(void *state, uint64_t now_us)
{
	tcp_late_on_turn(state, now_us);
}

const struct nat_protocol tcp_protocol = {
	.name = "tcp",
	.start = tcp_start,
	.stop = tcp_stop,
	.input = tcp_input,
	.flush = tcp_flush,
	.linger = tcp_linger,
	.address_lost = tcp_address_lost,
};
