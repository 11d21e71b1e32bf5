/* SPDX-License-Identifier: MIT */
/* To a virtio guest (virtnet.h): the pair that a conversation is in, frames and room in its ring, and what waits there for
 * room. */
#include "port/virtnet_state.h"

#include <errno.h>
#include <string.h>

#include "fabric/framequeue.h"
#include "fabric/steer.h"
#include "port/steering.h"
#include "port/vnet_header.h"
#include "virtio/pieces.h"

enum { VIRTNET_QUEUE_PIECES = 32 };

bool virtnet_choose(const struct virtnet *virtnet, uint32_t flow, uint32_t *ret_pair)
{
	if (virtnet->used_count > 1 && steering_find(&virtnet->steering, flow, ret_pair) &&
	    virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(*ret_pair)]))
		return true;
	if (virtnet->used_count == 0)
		return false;
	*ret_pair = virtnet->used[(uint64_t)flow * virtnet->used_count >> 32];
	return true;
}

static int virtnet_reserve_in(struct virtnet *virtnet, uint32_t number, uint32_t least, uint32_t wanted)
{
	struct virtnet_ring *ring = &virtnet->rings[number];
	int result = ring_reserve(&ring->ring, least, wanted, &virtnet->scratch->room);

	/* Asked to kick only now that somebody waits; what came just before the asking is seen at once, and when that is not
	 * enough it is asked again, behind what is known by then. One that offers a little each time is left to the next
	 * turn. */
	for (int looks = 0; result == -EAGAIN && ring_arm(&ring->ring); looks++) {
		if (looks == VIRTNET_LOOKS) {
			virtnet->looked |= (uint8_t)(1u << number / 2);
			port_schedule(&virtnet->port);
			break;
		}
		result = ring_reserve(&ring->ring, least, wanted, &virtnet->scratch->room);
	}
	virtnet_check(virtnet, number);
	return result;
}

/* Ends the reservation; the header and the frame's bytes stand in the room. */
static void virtnet_commit_in(struct virtnet *virtnet, uint32_t number, uint32_t bytes)
{
	struct ring_room *room = &virtnet->scratch->room;

	ring_commit(&virtnet->rings[number].ring, room, bytes);
	virtnet->rings[number].dirty = true;
	if (virtnet->owner->on_written)
		virtnet->owner->on_written(virtnet, room->pieces, room->piece_count, bytes);
}

static void virtnet_count(struct virtnet *virtnet, uint32_t bytes)
{
	virtnet->port.counters.to_guest.frames++;
	virtnet->port.counters.to_guest.bytes += bytes;
}

/* A guest that did not ask for checksums is not told that they are right: some believe it and send the frame on. */
static void virtnet_header(const struct virtnet *virtnet, const struct frame *frame, uint8_t *ret_header)
{
	bool untold = !virtnet->port.accepts.csum && frame->offload.csum == CSUM_VERIFIED;

	vnet_header_write_as(frame, untold ? CSUM_UNKNOWN : frame->offload.csum, ret_header);
}

static uint32_t virtnet_header_bytes(const struct virtnet *virtnet, uint32_t pair)
{
	return virtnet->rings[virtnet_to_guest(pair)].ring.header_bytes;
}

/* 0, -EAGAIN, -EMSGSIZE, -EPIPE. */
static int virtnet_put(struct virtnet *virtnet, uint32_t pair, const uint8_t *header, const struct frame *frame)
{
	const struct ring_room *room = &virtnet->scratch->room;
	uint32_t header_bytes = virtnet_header_bytes(virtnet, pair), bytes = header_bytes + frame->length;
	uint32_t number = virtnet_to_guest(pair);
	size_t at = header_bytes;
	int result = virtnet_reserve_in(virtnet, number, bytes, bytes);

	if (result < 0)
		return result;
	/* of a short one the frame begins where the count of buffers stands */
	pieces_write(room->pieces, room->piece_count, 0, header, VNET_HEADER_BYTES);
	at += pieces_write(room->pieces, room->piece_count, at, frame->head, frame->head_bytes);
	for (uint32_t i = 0; i < frame->body_pieces; i++)
		at += pieces_write(room->pieces, room->piece_count, at, frame->body[i].iov_base,
				   frame->body[i].iov_len);
	virtnet_commit_in(virtnet, number, bytes);
	return 0;
}

static enum drop_reason virtnet_verdict(int result)
{
	return result == -EMSGSIZE ? DROP_FRAME_TOO_LARGE_FOR_PORT : result == -EPIPE ? DROP_RING_OFF : DROP_QUEUE_FULL;
}

size_t virtnet_waiting(const struct virtnet *virtnet)
{
	size_t bytes = 0;

	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		bytes += virtnet->waiting[pair].bytes;
	return bytes;
}

static enum drop_reason virtnet_keep(struct virtnet *virtnet, uint32_t pair, const uint8_t *header,
				     const struct frame *frame)
{
	enum drop_reason reason = framequeue_put(&virtnet->waiting[pair], header, VNET_HEADER_BYTES, frame, 0);
	size_t bytes = virtnet_waiting(virtnet);

	if (bytes > virtnet->waiting_peak)
		virtnet->waiting_peak = bytes;
	return reason;
}

void virtnet_queue(struct port *port, const struct frame *frame)
{
	struct virtnet *virtnet = virtnet_of(port);
	uint8_t header[VNET_HEADER_BYTES];
	enum drop_reason reason = DROP_NONE;
	int result = -EAGAIN;
	uint32_t pair;

	if (!virtnet_choose(virtnet, virtnet->used_count > 1 ? steer_frame(frame, false) : 0, &pair)) {
		port_drop(port, DROP_RING_OFF, frame);
		return;
	}
	virtnet_header(virtnet, frame, header);
	if (framequeue_empty(&virtnet->waiting[pair]))
		result = virtnet_put(virtnet, pair, header, frame);
	if (result == -EAGAIN)
		reason = virtnet_keep(virtnet, pair, header, frame);
	else if (result < 0)
		reason = virtnet_verdict(result);
	if (reason != DROP_NONE)
		port_drop(port, reason, frame);
	else
		virtnet_count(virtnet, frame->length);
}

void virtnet_flush(struct port *port)
{
	struct virtnet *virtnet = virtnet_of(port);

	for (uint32_t number = 0; number < VIRTNET_RINGS_MAX; number += 2)
		virtnet_flush_ring(virtnet, number);
}

int virtnet_reserve(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	struct virtnet *virtnet = virtnet_of(port);
	struct virtnet_scratch *scratch = virtnet->scratch;
	uint32_t header_bytes;
	int result;

	/* with none used, who waits for any is called as soon as one is */
	if (!virtnet_choose(virtnet, flow, &virtnet->lent))
		return -EAGAIN;
	ret_room->queue = virtnet->lent;
	if (!framequeue_empty(&virtnet->waiting[virtnet->lent]))
		return -EAGAIN;
	header_bytes = virtnet_header_bytes(virtnet, virtnet->lent);
	result = virtnet_reserve_in(virtnet, virtnet_to_guest(virtnet->lent), least + header_bytes,
				    wanted + header_bytes);
	if (result < 0)
		return result == -EPIPE ? -EAGAIN : result;
	memcpy(scratch->lent, scratch->room.pieces, scratch->room.piece_count * sizeof(scratch->lent[0]));
	*ret_room = (struct room){
		.pieces = scratch->lent,
		.queue = virtnet->lent,
		.piece_count = pieces_skip(scratch->lent, scratch->room.piece_count, header_bytes),
		.bytes = scratch->room.bytes - header_bytes,
	};
	return 0;
}

void virtnet_commit(struct port *port, struct room *room, const struct frame *frame)
{
	struct virtnet *virtnet = virtnet_of(port);
	const struct ring_room *lent = &virtnet->scratch->room;
	uint32_t header_bytes = virtnet_header_bytes(virtnet, virtnet->lent);
	uint8_t header[VNET_HEADER_BYTES];

	(void)room;
	virtnet_header(virtnet, frame, header);
	pieces_write(lent->pieces, lent->piece_count, 0, header, header_bytes);
	virtnet_commit_in(virtnet, virtnet_to_guest(virtnet->lent), header_bytes + frame->length);
	virtnet_count(virtnet, frame->length);
}

void virtnet_cancel(struct port *port, struct room *room)
{
	struct virtnet *virtnet = virtnet_of(port);

	(void)room;
	ring_cancel(&virtnet->rings[virtnet_to_guest(virtnet->lent)].ring, &virtnet->scratch->room);
}

/* The oldest that waits, which the guest will not have: what was counted as given to it is taken back. */
static void virtnet_drop_oldest(struct virtnet *virtnet, uint32_t pair, size_t bytes, enum drop_reason reason)
{
	framequeue_consume_frame(&virtnet->waiting[pair]);
	virtnet->port.counters.to_guest.frames--;
	virtnet->port.counters.to_guest.bytes -= bytes - VNET_HEADER_BYTES;
	port_drop(&virtnet->port, reason, NULL);
}

/* Into its ring what waited for room; true when nothing waits any more. */
static bool virtnet_drain(struct virtnet *virtnet, uint32_t pair)
{
	struct framequeue *queue = &virtnet->waiting[pair];
	struct iovec pieces[VIRTNET_QUEUE_PIECES];
	size_t bytes;
	int count;

	while ((count = framequeue_peek_frame(queue, pieces, VIRTNET_QUEUE_PIECES, &bytes)) > 0) {
		struct frame frame = {.length = (uint32_t)bytes - VNET_HEADER_BYTES, .body = pieces};
		uint8_t header[VNET_HEADER_BYTES];
		int result;

		pieces_read(pieces, (uint32_t)count, 0, header, sizeof(header));
		frame.body_pieces = pieces_skip(pieces, (uint32_t)count, sizeof(header));
		result = virtnet_put(virtnet, pair, header, &frame);
		if (result == -EAGAIN)
			return false;
		if (result < 0)
			virtnet_drop_oldest(virtnet, pair, bytes, virtnet_verdict(result));
		else
			framequeue_consume_frame(queue);
	}
	return true;
}

void virtnet_room_returned(struct virtnet *virtnet, uint32_t pair)
{
	if (virtnet_drain(virtnet, pair))
		port_room_returned(&virtnet->port, pair);
	virtnet_flush(&virtnet->port);
}

void virtnet_drop_waiting(struct virtnet *virtnet, uint32_t pair, enum drop_reason reason)
{
	struct iovec pieces[VIRTNET_QUEUE_PIECES];
	size_t bytes;

	while (framequeue_peek_frame(&virtnet->waiting[pair], pieces, VIRTNET_QUEUE_PIECES, &bytes) > 0)
		virtnet_drop_oldest(virtnet, pair, bytes, reason);
}
