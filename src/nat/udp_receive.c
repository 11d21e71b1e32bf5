/* SPDX-License-Identifier: MIT */
/* UDP to guests. A turn lends frames first and receives into them: the beginning of each payload into private memory,
 * where its headers will stand before it, the rest where it will be sent from. Ports that lend their own memory lend one
 * frame at a time; the switch's pool lends several, and one call fills them.
 *
 * The socket is watched by edge: a turn ends when it is empty, when there is no room (and the port wakes the flow), or in
 * the middle (and the flow keeps its turn). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "nat/fragment.h"
#include "nat/udp_state.h"
#include "wire/udp.h"

enum {
	UDP_LENT_LEAST = 2,                /* frames of the pool at once, */
	UDP_LENT_MOST = DATAGRAM_RECEIPTS, /* where they are filled */
	UDP_JOINED_SEGMENTS = 64,
	UDP_JOINED_BYTES = 65535 - 40 - 20, /* behind any headers */
	UDP_ATTEMPTS = 8,
};

enum udp_turn {
	UDP_TURN_MORE,
	UDP_TURN_EMPTY,
	UDP_TURN_WAITS, /* for room: whoever has it wakes the flow */
};

/* All frames to this flow's guest begin alike; the rest is the datagram's. */
static struct nat_head udp_head(const struct udp_flow *flow)
{
	return nat_head_of(&flow->flow);
}

static uint32_t udp_head_bytes(const struct udp_flow *flow)
{
	struct nat_head head = udp_head(flow);

	return nat_head_bytes(&head) + UDP_HEADER_BYTES;
}

/* What of the payload stands in private memory. */
static uint32_t udp_early_bytes(const struct udp_flow *flow)
{
	return FRAME_HEAD_BYTES - udp_head_bytes(flow);
}

/* ---- lending ---- */

/* What goes beyond the room, behind `before` bytes. A port may lend less than there is to come, the last buffers of its
 * guest; it lends one room at a time. */
static struct iovec udp_spill(struct udp *udp, unsigned index, uint32_t before)
{
	if (udp->rooms[index].port)
		return (struct iovec){.iov_base = udp->spill, .iov_len = UDP_PAYLOAD_BYTES - before};
	return (struct iovec){.iov_base = udp->spills[index], .iov_len = UDP_SPILL_BYTES};
}

/* The pieces of a receipt: private memory, the room behind it, and some more private memory. How many. */
static uint32_t udp_receipt_pieces(const struct udp_flow *flow, struct udp *udp, unsigned index, struct iovec *pieces)
{
	const struct room *room = &udp->rooms[index];
	struct frame whole = {.body = room->pieces, .body_pieces = room->piece_count, .length = room->bytes};
	uint32_t early = udp_early_bytes(flow), behind = room->bytes - FRAME_HEAD_BYTES;
	int count = frame_slice(&whole, FRAME_HEAD_BYTES, behind, pieces + 1, ROOM_PIECES_MAX - 2);
	uint32_t used = count < 0 ? 1 : 1 + (uint32_t)count;

	pieces[0] = (struct iovec){.iov_base = udp->heads[index] + udp_head_bytes(flow), .iov_len = early};
	if (count >= 0)
		pieces[used++] = udp_spill(udp, index, early + behind);
	return used;
}

/* How many rooms were lent; 0: none, and the flow waits. */
static unsigned udp_lend(struct udp_flow *flow, struct udp *udp)
{
	const struct destination to = {flow->flow.mac, flow->flow.vlan, flow->flow.steer};
	uint32_t wanted = FRAME_BYTES_MAX;
	struct port *gateway = udp->nat->config.gateway;
	unsigned count = 1;

	if (nat_reserve(&flow->flow, FRAME_HEAD_BYTES, wanted, &udp->rooms[0]) < 0)
		return 0;
	if (flow->lent < UDP_LENT_LEAST)
		flow->lent = UDP_LENT_LEAST;
	while (count < flow->lent && !udp->rooms[0].port) {
		struct room *room = &udp->rooms[count];

		if (ethswitch_reserve(gateway, &to, wanted, wanted, room) < 0)
			break;
		if (room->port) {
			ethswitch_cancel(gateway, room);
			break;
		}
		count++;
	}
	return count;
}

/* ---- a frame ---- */

/* Ethernet, IP and UDP header of a datagram, or of several as one; how many bytes. */
static uint32_t udp_head_write(const struct udp_flow *flow, const struct nat_head *head, const struct nat_address *far,
			       uint32_t payload_bytes, uint8_t *to)
{
	struct checksum pseudo = nat_head_pseudo(head, UDP_HEADER_BYTES + payload_bytes);
	struct udp_header header = {
		.from_port = far->port,
		.to_port = flow->flow.key.guest_port,
		.bytes = (uint16_t)(UDP_HEADER_BYTES + payload_bytes),
		.checksum = be16_value(checksum_partial(&pseudo)),
	};
	uint32_t bytes = nat_head_write(flow->flow.nat, head, UDP_HEADER_BYTES + payload_bytes, to);
	struct writer writer;

	writer_init(&writer, to + bytes, UDP_HEADER_BYTES);
	udp_header_write(&writer, &header);
	return bytes + UDP_HEADER_BYTES;
}

static void udp_commit(struct udp_flow *flow, struct udp *udp, unsigned index, const struct nat_head *head,
		       const struct nat_address *far, struct flow_budget *budget)
{
	const struct datagram_receipt *receipt = &udp->receipts[index];
	uint32_t head_bytes = udp_head_write(flow, head, far, receipt->bytes, udp->heads[index]);
	struct offload offload = {
		.csum = CSUM_PARTIAL,
		.csum_start = (uint16_t)(head_bytes - UDP_HEADER_BYTES),
		.csum_offset = UDP_CHECKSUM_AT,
	};

	if (receipt->segment_bytes > 0 && receipt->segment_bytes < receipt->bytes) {
		offload.gso = GSO_UDP;
		offload.segment_bytes = (uint16_t)receipt->segment_bytes;
	}
	nat_commit(&flow->flow, &udp->rooms[index], udp->heads[index], head_bytes + receipt->bytes, &offload, budget);
}

/* ---- datagrams that are larger than the link ---- */

/* The payload out of the lent room, which goes back. */
static void udp_take_back(struct udp_flow *flow, struct udp *udp, unsigned index)
{
	const struct datagram_receipt *receipt = &udp->receipts[index];
	uint32_t used = 0;

	for (uint32_t i = 0; i < receipt->piece_count && used < receipt->bytes; i++) {
		size_t count = receipt->pieces[i].iov_len;

		if (count > receipt->bytes - used)
			count = receipt->bytes - used;
		memcpy(udp->payload + used, receipt->pieces[i].iov_base, count);
		used += (uint32_t)count;
	}
	nat_cancel(&flow->flow, &udp->rooms[index]);
}

static int udp_send_cut(struct udp_flow *flow, struct udp *udp, const struct nat_head *head,
			const struct nat_address *far, const uint8_t *payload, uint32_t bytes,
			struct flow_budget *budget)
{
	struct checksum pseudo = nat_head_pseudo(head, UDP_HEADER_BYTES + bytes);
	struct udp_header header = {.from_port = far->port,
				    .to_port = flow->flow.key.guest_port,
				    .bytes = (uint16_t)(UDP_HEADER_BYTES + bytes)};
	struct nat_head part = *head;
	struct writer writer;

	part.id = udp->id++;
	writer_init(&writer, udp->message, sizeof(udp->message));
	udp_header_write(&writer, &header);
	writer_copy(&writer, payload, bytes);
	if (writer.failed)
		return -EMSGSIZE;
	udp_checksum_fill(&pseudo, udp->message, UDP_HEADER_BYTES + bytes);
	return fragment_send(&flow->flow, &part, udp->id6++, udp->message, UDP_HEADER_BYTES + bytes, budget);
}

/* False: there was no room for all of it, and the flow waits. */
static bool udp_commit_cut(struct udp_flow *flow, struct udp *udp, unsigned index, const struct nat_head *head,
			   const struct nat_address *far, struct flow_budget *budget)
{
	const struct datagram_receipt *receipt = &udp->receipts[index];
	uint32_t segment = receipt->segment_bytes ? receipt->segment_bytes : receipt->bytes;

	udp_take_back(flow, udp, index);
	for (uint32_t offset = 0; offset < receipt->bytes; offset += segment) {
		uint32_t bytes = receipt->bytes - offset;
		int error;

		if (bytes > segment)
			bytes = segment;
		error = udp_send_cut(flow, udp, head, far, udp->payload + offset, bytes, budget);
		if (error == 0)
			continue;
		port_drop(flow->flow.port, error == -EMSGSIZE ? DROP_FRAME_TOO_LARGE_FOR_PORT : DROP_ROOM_REFUSED,
			  NULL);
		if (error == -EAGAIN)
			return false;
	}
	return true;
}

/* ---- datagrams that came one by one ---- */

/* Copies a receipt's payload behind that of another. */
static void udp_join_copy(struct datagram_receipt *to, const struct datagram_receipt *from)
{
	struct frame room = {.body = to->pieces, .body_pieces = to->piece_count};
	struct iovec pieces[FRAME_PIECES_MAX];
	uint32_t left = from->bytes;

	for (uint32_t i = 0; i < to->piece_count; i++)
		room.length += (uint32_t)to->pieces[i].iov_len;
	for (uint32_t i = 0; i < from->piece_count && left > 0; i++) {
		uint32_t here = from->pieces[i].iov_len < left ? (uint32_t)from->pieces[i].iov_len : left, done = 0;
		int count = frame_slice(&room, to->bytes, here, pieces, FRAME_PIECES_MAX);

		for (int j = 0; j < count; j++) {
			memcpy(pieces[j].iov_base, (const uint8_t *)from->pieces[i].iov_base + done, pieces[j].iov_len);
			done += (uint32_t)pieces[j].iov_len;
		}
		to->bytes += here;
		left -= here;
	}
}

static bool udp_is_same_sender(const struct datagram_receipt *a, const struct datagram_receipt *b)
{
	size_t bytes = a->from.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	return memcmp(&a->from, &b->from, bytes) == 0 && a->service == b->service;
}

/* All have the size of the first, but the last, which may be shorter. */
static bool udp_may_join(const struct udp_flow *flow, const struct datagram_receipt *first, uint32_t segment,
			 const struct datagram_receipt *next, const struct room *room)
{
	return next->segment_bytes == 0 && !first->truncated && !next->truncated && next->bytes > 0 &&
	       next->bytes <= segment && first->bytes % segment == 0 && first->bytes / segment < UDP_JOINED_SEGMENTS &&
	       first->bytes + next->bytes <= UDP_JOINED_BYTES &&
	       udp_head_bytes(flow) + first->bytes + next->bytes <= room->bytes && udp_is_same_sender(first, next);
}

/* One frame of several segments costs the guest's port one call, and its kernel one way through; a copy is cheap beside it
 * (measured with calls that strace makes slow, of 1400 bytes at 1 Gbit/s: 12 to a frame, and 91 % came, before 10 %). */
static void udp_join(struct udp_flow *flow, struct udp *udp, unsigned got)
{
	unsigned at = 0;

	memset(udp->joined, 0, sizeof(udp->joined));
	/* A forward's clients are told apart first. */
	if (flow->role == UDP_LISTENER || !flow->flow.port || !flow->flow.port->accepts.uso)
		return;
	for (unsigned next = 1; next < got; next++) {
		struct datagram_receipt *first = &udp->receipts[at];
		uint32_t segment = first->segment_bytes ? first->segment_bytes : first->bytes;

		if (segment == 0 || !udp_may_join(flow, first, segment, &udp->receipts[next], &udp->rooms[at])) {
			at = next;
			continue;
		}
		udp_join_copy(first, &udp->receipts[next]);
		first->segment_bytes = segment;
		udp->joined[next] = true;
		nat_cancel(&flow->flow, &udp->rooms[next]);
	}
}

/* ---- a turn ---- */

/* A datagram beyond the network's MTU, or more of them than the room that was lent. */
static bool udp_must_be_cut(const struct udp_flow *flow, const struct datagram_receipt *receipt,
			    const struct room *room)
{
	uint32_t headers = (flow->flow.key.is6 ? IP6_HEADER_BYTES : IP4_HEADER_BYTES) + UDP_HEADER_BYTES;
	uint32_t bytes = receipt->bytes;

	if (udp_head_bytes(flow) + bytes > room->bytes)
		return true;
	if (receipt->segment_bytes > 0 && receipt->segment_bytes < bytes)
		bytes = receipt->segment_bytes;
	return headers + bytes > ethswitch_mtu(flow->flow.nat->config.ethswitch);
}

/* Who sent it, as the guest sees it; DROP_NONE: and it may, and `ret_used` is its mapping, or its peer. */
static enum drop_reason udp_sender(struct udp_flow *flow, const struct datagram_receipt *receipt,
				   struct nat_address *ret_far, struct udp_flow **ret_used)
{
	if (flow->role == UDP_LISTENER) {
		*ret_used = udp_peer_of(flow, receipt, ret_far);
		return *ret_used ? DROP_NONE : DROP_NAT_FLOWS_FULL;
	}
	*ret_used = flow;
	nat_far_address(flow->udp->nat, (const struct sockaddr *)(const void *)&receipt->from, flow->flow.key.is6,
			ret_far);
	return flow->udp->nat->config.udp_filter_none || udp_knows(flow, ret_far) ? DROP_NONE : DROP_UDP_FILTERED;
}

/* What was received into room `index`; false: the flow waits for room. */
static bool udp_deliver(struct udp_flow *flow, struct udp *udp, unsigned index, struct flow_budget *budget)
{
	const struct datagram_receipt *receipt = &udp->receipts[index];
	struct nat_head head = udp_head(flow);
	struct udp_flow *used;
	struct nat_address far;
	enum drop_reason reason = udp_sender(flow, receipt, &far, &used);

	if (!reason && receipt->truncated)
		reason = DROP_DATAGRAM_TRUNCATED;
	if (reason) {
		nat_cancel(&flow->flow, &udp->rooms[index]);
		port_drop(flow->flow.port, reason, NULL);
		return true;
	}
	udp_used(used, false, receipt->bytes);
	head.from = far.ip;
	head.service = receipt->service;
	head.id = udp->id;
	udp->id = (uint16_t)(udp->id + 1 + (receipt->segment_bytes ? receipt->bytes / receipt->segment_bytes : 0));
	if (udp_must_be_cut(flow, receipt, &udp->rooms[index]))
		return udp_commit_cut(flow, udp, index, &head, &far, budget);
	udp_commit(flow, udp, index, &head, &far, budget);
	return true;
}

static void udp_give_back(struct udp_flow *flow, struct udp *udp, unsigned from, unsigned to)
{
	while (to > from)
		nat_cancel(&flow->flow, &udp->rooms[--to]);
}

/* Receives as many as there are rooms; the errors that stand in the way are read. */
static int udp_receive(struct udp_flow *flow, struct udp *udp, unsigned count)
{
	struct iovec *pieces = udp->pieces;

	for (unsigned i = 0; i < count; i++) {
		udp->receipts[i].pieces = pieces;
		udp->receipts[i].piece_count = udp_receipt_pieces(flow, udp, i, pieces);
		pieces += udp->receipts[i].piece_count;
	}
	for (int attempts = 0; attempts < UDP_ATTEMPTS; attempts++) {
		int got = udp->ops->receive(udp->ops_owner, flow->watch.fd, udp->receipts, count);

		if (got > 0 || got == -EAGAIN)
			return got;
		udp_errors(flow);
	}
	return -EAGAIN;
}

static enum udp_turn udp_turn(struct udp_flow *flow, struct udp *udp, struct flow_budget *budget)
{
	unsigned lent = udp_lend(flow, udp), got;
	bool waits = false;
	int received;

	if (lent == 0)
		return UDP_TURN_WAITS;
	received = udp_receive(flow, udp, lent);
	got = received > 0 ? (unsigned)received : 0;
	/* Last lent, first given back. */
	udp_give_back(flow, udp, got, lent);
	udp_join(flow, udp, got);
	if (got == lent && flow->lent < UDP_LENT_MOST)
		flow->lent *= 2;
	else if (got < lent / 2)
		flow->lent /= 2;
	for (unsigned i = 0; i < got; i++) {
		if (udp->joined[i])
			continue;
		if (waits) {
			nat_cancel(&flow->flow, &udp->rooms[i]);
			port_drop(flow->flow.port, DROP_ROOM_REFUSED, NULL);
		} else {
			waits = !udp_deliver(flow, udp, i, budget);
		}
	}
	if (waits)
		return UDP_TURN_WAITS;
	/* Fewer than fitted: the next one is told by an edge, without asking. */
	return got == lent ? UDP_TURN_MORE : UDP_TURN_EMPTY;
}

bool udp_run(struct flow *base, struct flow_budget *budget)
{
	struct udp_flow *flow = container_of(base, struct udp_flow, flow);
	int32_t until = budget->bytes - NAT_RUN_BYTES;

	if (flow->has_errors)
		udp_errors(flow);
	for (;;) {
		switch (udp_turn(flow, flow->udp, budget)) {
		case UDP_TURN_EMPTY:
			return flow->has_errors;
		case UDP_TURN_WAITS:
			return false;
		case UDP_TURN_MORE:
			break;
		}
		if (budget->frames <= 0 || budget->bytes <= 0 || budget->bytes <= until)
			return true;
	}
}
