/* SPDX-License-Identifier: MIT */
/* What guests' datagrams become on the host's side: gathered into messages, sent by one call, and what the kernel refuses
 * taken apart. A message of several datagrams is tried one by one; an error that an earlier datagram left behind is read
 * from the queue and the send repeated; what is then still refused is told to the guest. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "nat/datagram_error.h"
#include "nat/udp_state.h"
#include "wire/udp.h"

enum {
	UDP_MESSAGE_MAX = 65487, /* of several datagrams: behind an IPv6 header it still is a packet */
	UDP_SEGMENTS_OLD = 64,   /* before Linux 6.10 or so */
	UDP_ERRORS_TURN = 64,
	UDP_QUOTED = 520, /* of a payload: ICMP4_ERROR_PACKET_MAX without the headers */
};

/* ---- errors ---- */

/* Header and beginning of a datagram of the guest's; how many bytes. */
static uint32_t udp_quote(const struct udp_flow *flow, const struct nat_address *far, uint32_t payload_bytes,
			  uint8_t *message)
{
	struct udp_header header = {.from_port = flow->flow.key.guest_port,
				    .to_port = far->port,
				    .bytes = (uint16_t)(UDP_HEADER_BYTES + payload_bytes)};
	struct writer writer;

	writer_init(&writer, message, UDP_HEADER_BYTES);
	udp_header_write(&writer, &header);
	return UDP_HEADER_BYTES;
}

static void udp_error_told(struct udp_flow *flow, const struct datagram_error *error)
{
	bool is6 = flow->flow.key.is6;
	uint8_t message[UDP_HEADER_BYTES + UDP_QUOTED];
	uint32_t shown = error->bytes < UDP_QUOTED ? error->bytes : UDP_QUOTED, bytes;
	struct nat_address far, from;
	bool has_from = datagram_error_from(flow->flow.nat, error, is6, &from);

	nat_far_address(flow->flow.nat, (const struct sockaddr *)(const void *)&error->to, is6, &far);
	bytes = udp_quote(flow, &far, error->bytes, message);
	memcpy(message + bytes, error->message, shown);
	datagram_error_tell(&flow->flow, &far, IP_PROTOCOL_UDP, message, bytes + shown, UDP_HEADER_BYTES + error->bytes,
			    datagram_error_refusal(error, flow->is6), error->mtu, has_from ? &from : NULL);
}

unsigned udp_errors(struct udp_flow *flow)
{
	struct udp *udp = flow->udp;
	struct datagram_error *error = &udp->error;
	unsigned told = 0;

	udp->local_mtu = 0;
	for (int i = 0;; i++) {
		flow->has_errors = i == UDP_ERRORS_TURN;
		if (flow->has_errors || udp->ops->error(udp->ops_owner, flow->watch.fd, flow->is6, error) < 0)
			break;
		/* What this host itself refuses is told where it was sent. */
		if (!error->icmp) {
			udp->local_mtu = error->error == -EMSGSIZE ? error->mtu : udp->local_mtu;
			continue;
		}
		told++;
		if (error->has_to)
			udp_error_told(flow, error);
	}
	return told;
}

/* ---- sending what was gathered ---- */

static void udp_drop(const struct udp_flow *flow, enum drop_reason reason, const struct datagram_send *send)
{
	uint32_t segment = send->segment_bytes ? send->segment_bytes : send->bytes;

	for (uint32_t bytes = 0; bytes < send->bytes || bytes == 0; bytes += segment ? segment : 1)
		port_drop(flow->flow.port, reason, NULL);
}

static uint32_t udp_copy(const struct datagram_send *send, uint8_t *to, uint32_t room)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < send->piece_count && used < room; i++) {
		size_t count = send->pieces[i].iov_len < room - used ? send->pieces[i].iov_len : room - used;

		memcpy(to + used, send->pieces[i].iov_base, count);
		used += (uint32_t)count;
	}
	return used;
}

/* The host will not send it: the guest hears why. */
static void udp_refused(struct udp_flow *flow, const struct datagram_send *send, const struct udp_target *target,
			int error)
{
	uint8_t message[UDP_HEADER_BYTES + UDP_QUOTED];
	uint32_t bytes = udp_quote(flow, &target->far, send->bytes, message);
	uint32_t mtu = flow->udp->local_mtu;

	bytes += udp_copy(send, message + bytes, UDP_QUOTED);
	/* Too long for any packet, or nobody says for which: there is no number that would help. */
	if (error == -EMSGSIZE && mtu == 0)
		mtu = flow->flow.key.is6 ? IP6_MTU_MIN : 576;
	datagram_error_tell(&flow->flow, &target->far, IP_PROTOCOL_UDP, message, bytes, UDP_HEADER_BYTES + send->bytes,
			    nat_refusal_of(error), mtu, NULL);
	udp_drop(flow, error == -EMSGSIZE ? DROP_UDP_SEND_LONG : DROP_UDP_SEND_REFUSED, send);
}

/* One message of one datagram; `error` is what its first try met, 0: there was none. False: the socket is full. */
static bool udp_send_one(struct udp_flow *flow, const struct datagram_send *send, const struct udp_target *target,
			 int error)
{
	struct udp *udp = flow->udp;

	for (int tries = 0;; tries++) {
		if (error == 0)
			error = udp->ops->send(udp->ops_owner, flow->watch.fd, send, 1);
		if (error > 0)
			return true;
		if (error == -EAGAIN || error == -ENOBUFS)
			return false;
		/* An error of an earlier datagram's, perhaps; then the queue has it, and this one goes. */
		if (udp_errors(flow) == 0 || tries == 2) {
			udp_refused(flow, send, target, error);
			return true;
		}
		error = 0;
	}
}

/* A message of several datagrams, one by one. */
static bool udp_send_apart(struct udp_flow *flow, const struct datagram_send *send, const struct udp_target *target)
{
	struct frame whole = {.body = send->pieces, .body_pieces = send->piece_count, .length = send->bytes};
	struct iovec pieces[FRAME_PIECES_MAX + 1];

	for (uint32_t offset = 0; offset < send->bytes; offset += send->segment_bytes) {
		uint32_t left = send->bytes - offset;
		struct datagram_send part = {.pieces = pieces,
					     .to = send->to,
					     .to_bytes = send->to_bytes,
					     .from = send->from};
		int count;

		part.bytes = left < send->segment_bytes ? left : send->segment_bytes;
		count = frame_slice(&whole, offset, part.bytes, pieces, FRAME_PIECES_MAX + 1);
		assert(count >= 0); /* a datagram has a frame's pieces at most */
		part.piece_count = (uint32_t)count;
		if (!udp_send_one(flow, &part, target, 0)) {
			part.bytes = left;
			part.segment_bytes = send->segment_bytes;
			udp_drop(flow, DROP_UDP_SEND_FULL, &part);
			return false;
		}
	}
	return true;
}

static bool udp_send_is_several(const struct datagram_send *send)
{
	return send->segment_bytes > 0 && send->segment_bytes < send->bytes;
}

/* The first of these was refused; false: the socket takes no more. */
static bool udp_send_refused(struct udp_flow *flow, const struct datagram_send *send, const struct udp_target *target,
			     int error)
{
	struct udp *udp = flow->udp;

	bool full = error == -EAGAIN || error == -ENOBUFS;

	if (full || !udp_send_is_several(send)) {
		if (!full && udp_send_one(flow, send, target, error))
			return true;
		udp_drop(flow, DROP_UDP_SEND_FULL, send);
		return false;
	}
	if (error == -EINVAL && (send->bytes + send->segment_bytes - 1) / send->segment_bytes > UDP_SEGMENTS_OLD)
		udp->segments_max = UDP_SEGMENTS_OLD;
	else if (error == -EIO || error == -EINVAL)
		flow->segment_most = 0; /* its device computes no checksums (EIO), or the kernel knows no UDP_SEGMENT */
	else if (error == -EMSGSIZE)
		flow->segment_most = send->segment_bytes - 1; /* more than the path takes without fragments */
	return udp_send_apart(flow, send, target);
}

void udp_send(struct udp *udp)
{
	struct udp_batch *batch = &udp->batch;
	struct udp_flow *flow = batch->flow;
	unsigned done = 0;
	bool full = false;

	while (done < batch->count && !full) {
		int sent = udp->ops->send(udp->ops_owner, flow->watch.fd, batch->sends + done, batch->count - done);

		if (sent > 0) {
			done += (unsigned)sent;
			continue;
		}
		full = !udp_send_refused(flow, &batch->sends[done], &batch->targets[done], sent);
		done++;
	}
	for (; done < batch->count; done++)
		udp_drop(flow, DROP_UDP_SEND_FULL, &batch->sends[done]);
	batch->flow = NULL;
	batch->count = 0;
	batch->pieces_used = 0;
	batch->open = false;
}

/* ---- gathering ---- */

static uint32_t udp_segments_max(const struct udp *udp, const struct udp_outgoing *out)
{
	return out->segment_bytes > out->flow->segment_most ? 1 : udp->segments_max;
}

/* How many more bytes of this the last message takes; 0: none. */
static uint32_t udp_may_grow(const struct udp *udp, const struct udp_outgoing *out, uint32_t left)
{
	const struct udp_batch *batch = &udp->batch;
	const struct datagram_send *last;
	uint32_t segments, most;

	if (!batch->open || batch->count == 0 || left == 0)
		return 0;
	last = &batch->sends[batch->count - 1];
	if (last->to_bytes != out->to_bytes || memcmp(last->to, out->to, out->to_bytes) != 0 ||
	    out->segment_bytes > last->segment_bytes || last->segment_bytes > out->flow->segment_most ||
	    memcmp(&batch->targets[batch->count - 1].here, &out->here, sizeof(out->here)) != 0)
		return 0;
	/* A shorter one may only be the last. */
	if (out->segment_bytes < last->segment_bytes && left > out->segment_bytes)
		return 0;
	segments = (last->bytes + last->segment_bytes - 1) / last->segment_bytes;
	if (segments >= udp_segments_max(udp, out))
		return 0;
	most = (udp_segments_max(udp, out) - segments) * out->segment_bytes;
	if (last->bytes + out->segment_bytes > UDP_MESSAGE_MAX)
		return 0;
	if (most > (UDP_MESSAGE_MAX - last->bytes) / out->segment_bytes * out->segment_bytes)
		most = (UDP_MESSAGE_MAX - last->bytes) / out->segment_bytes * out->segment_bytes;
	return left < most ? left : most;
}

/* How many bytes of this make a message of its own. */
static uint32_t udp_first_part(const struct udp *udp, const struct udp_outgoing *out, uint32_t left)
{
	uint32_t most = udp_segments_max(udp, out), fitting;

	if (left <= out->segment_bytes)
		return left;
	fitting = UDP_MESSAGE_MAX / out->segment_bytes;
	if (most > fitting)
		most = fitting > 0 ? fitting : 1;
	return left < most * out->segment_bytes ? left : most * out->segment_bytes;
}

/* The pieces of a part, behind those that are there; false: no more go in. */
static bool udp_append_pieces(struct udp_batch *batch, const struct udp_outgoing *out, uint32_t offset, uint32_t bytes,
			      uint32_t *ret_count)
{
	int count = frame_slice(out->frame, out->at + offset, bytes, batch->pieces + batch->pieces_used,
				(int)(UDP_PIECES_MAX - batch->pieces_used));

	if (count < 0)
		return false;
	batch->pieces_used += (uint32_t)count;
	*ret_count = (uint32_t)count;
	return true;
}

static bool udp_append_new(struct udp *udp, const struct udp_outgoing *out, uint32_t offset, uint32_t bytes)
{
	struct udp_batch *batch = &udp->batch;
	struct udp_target *target = &batch->targets[batch->count];
	struct datagram_send *send = &batch->sends[batch->count];
	const struct iovec *pieces = batch->pieces + batch->pieces_used;
	uint32_t count;

	if (batch->count == DATAGRAM_BATCH || !udp_append_pieces(batch, out, offset, bytes, &count))
		return false;
	target->far = out->far;
	target->address = *out->to;
	target->bytes = out->to_bytes;
	target->here = out->here;
	*send = (struct datagram_send){
		.pieces = pieces,
		.piece_count = count,
		.bytes = bytes,
		.segment_bytes = out->segment_bytes,
		.to = (const struct sockaddr *)(const void *)&target->address,
		.to_bytes = target->bytes,
		.from = target->here.ip_bytes > 0 ? &target->here : NULL,
	};
	batch->count++;
	batch->open = bytes > 0 && bytes % out->segment_bytes == 0;
	return true;
}

static bool udp_append_grown(struct udp *udp, const struct udp_outgoing *out, uint32_t offset, uint32_t bytes)
{
	struct udp_batch *batch = &udp->batch;
	struct datagram_send *last = &batch->sends[batch->count - 1];
	uint32_t count;

	if (!udp_append_pieces(batch, out, offset, bytes, &count))
		return false;
	last->piece_count += count;
	last->bytes += bytes;
	batch->open = last->bytes % last->segment_bytes == 0;
	return true;
}

void udp_append(struct udp *udp, const struct udp_outgoing *out)
{
	uint32_t offset = 0;

	for (;;) {
		uint32_t left = out->bytes - offset, bytes = udp_may_grow(udp, out, left);
		bool appended;

		if (bytes > 0) {
			appended = udp_append_grown(udp, out, offset, bytes);
		} else {
			bytes = udp_first_part(udp, out, left);
			appended = udp_append_new(udp, out, offset, bytes);
		}
		if (appended) {
			offset += bytes;
			if (offset == out->bytes)
				return;
		} else {
			udp_send(udp); /* an empty batch takes any part of any frame */
			udp->batch.flow = out->flow;
		}
	}
}
