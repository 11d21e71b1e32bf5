/* SPDX-License-Identifier: MIT */
/* Room for one frame at a time, lent to a producer that knows whom it is for: of the one port's own, where a frame that the
 * port takes as it is never moves again, or a pool frame, which goes the way of every frame (ethswitch.c). What is
 * committed is judged like any other, by the producer's own copy of its head. */
#include "fabric/ethswitch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "fabric/delivery.h"
#include "fabric/ethswitch_state.h"
#include "fabric/segment.h"

/* The one port that an address leads to, when it may be written to directly. */
static struct port *ethswitch_lender(struct ethswitch *ethswitch, struct port *from, const struct destination *to)
{
	struct port *port = mactable_find(&ethswitch->addresses, mactable_number(to->mac), to->vlan, ethswitch->now_us);

	return port && port != from && port->ops->reserve && !ethswitch_isolates(from, port) ? port : NULL;
}

/* True when that is the answer. What is larger than a frame of the port's and has to be cut for it is pushed, out of a pool
 * frame; that there is room for the least frame says that nothing waits in the port's queue, which will hold the others. */
static bool ethswitch_reserve_in(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted,
				 struct room *ret_room, int *ret_error)
{
	bool whole = wanted <= port->accepts.frame_bytes || (port->accepts.tso4 && port->accepts.tso6);

	*ret_room = (struct room){.queue = 0};
	if (!whole)
		least = wanted = FRAME_BYTES_MIN;
	*ret_error = port->ops->reserve(port, flow, least, wanted, ret_room);
	ret_room->port = port;
	if (*ret_error < 0 || whole)
		return true;
	port->ops->cancel(port, ret_room);
	return false;
}

int ethswitch_reserve(struct port *from, const struct destination *to, uint32_t least, uint32_t wanted,
		      struct room *ret_room)
{
	struct ethswitch *ethswitch = from->ethswitch;
	struct port *port;
	struct lent_frame *lent;
	uint8_t *bytes;
	int error;

	assert(ethswitch && !ethswitch->busy && least <= wanted);
	if (least > FRAME_BYTES_MAX)
		return -EMSGSIZE;
	if (wanted > FRAME_BYTES_MAX)
		wanted = FRAME_BYTES_MAX;
	port = ethswitch_lender(ethswitch, from, to);
	if (port && ethswitch_reserve_in(port, to->flow, least, wanted, ret_room, &error))
		return error;
	ethswitch->busy = true; /* a borrowed frame may need a flush */
	bytes = delivery_borrow(ethswitch);
	ethswitch->busy = false;
	*ret_room = (struct room){0};
	if (!bytes || !from->ethswitch) {
		if (bytes)
			pool_give(&ethswitch->frames, bytes);
		return -EAGAIN;
	}
	lent = delivery_lent(bytes);
	lent->piece = (struct iovec){.iov_base = bytes, .iov_len = wanted};
	*ret_room = (struct room){.pieces = &lent->piece, .piece_count = 1, .bytes = wanted, .owner = bytes};
	return 0;
}

/* A room that was written to, as a frame: the head as the producer has it, the rest where it lies. */
static void ethswitch_view(struct ethswitch *ethswitch, const struct room *room, const void *head, uint32_t bytes,
			   const struct offload *offload, struct frame *ret_frame)
{
	struct frame whole = {.length = room->bytes, .body = room->pieces, .body_pieces = room->piece_count};
	uint32_t head_bytes = bytes < FRAME_HEAD_BYTES ? bytes : FRAME_HEAD_BYTES;
	int pieces = frame_slice(&whole, head_bytes, bytes - head_bytes, ethswitch->view, ROOM_PIECES_MAX);

	assert(pieces >= 0);
	*ret_frame = (struct frame){
		.head = head,
		.head_bytes = head_bytes,
		.length = bytes,
		.body = ethswitch->view,
		.body_pieces = (uint32_t)pieces,
		.offload = *offload,
	};
}

static void ethswitch_commit_lent(struct ethswitch *ethswitch, struct port *from, uint8_t *bytes, const void *head,
				  uint32_t count, const struct offload *offload)
{
	struct frame frame;

	memcpy(bytes, head, count < FRAME_HEAD_BYTES ? count : FRAME_HEAD_BYTES);
	delivery_hold(ethswitch, bytes);
	frame_init(&frame, bytes, count);
	frame.offload = *offload;
	ethswitch_input_one(ethswitch, from, &frame);
}

/* The port lent room for a frame that it does not take as it is: out of its memory again, and through the cutter. */
static void ethswitch_commit_copied(struct ethswitch *ethswitch, struct port *from, struct room *room,
				    struct frame *frame)
{
	struct port *port = room->port;
	enum drop_reason reason;

	ethswitch->target = port;
	reason = ethswitch_gather(ethswitch, frame);
	if (ethswitch->target != port) {
		/* The pool was empty, and in the flush that was to help the port went, and its room with it. */
		port_drop(from, DROP_PORT_CLOSED, NULL);
		return;
	}
	port->ops->cancel(port, room);
	if (reason)
		port_drop(port, reason, NULL);
	else
		delivery_to(ethswitch, port, frame);
}

static void ethswitch_commit_direct(struct ethswitch *ethswitch, struct port *from, struct room *room,
				    struct frame *frame)
{
	const struct observer *observer = ethswitch->observer;
	struct port *port = room->port;
	enum drop_reason reason = frame_parse(frame);

	if (!reason)
		reason = ethswitch_judge(ethswitch, from, frame);
	if (reason) {
		port->ops->cancel(port, room);
		port_drop(from, reason, frame);
		return;
	}
	if (observer && observer->on_from_guest)
		observer->on_from_guest(observer->owner, from, frame);
	if (!delivery_has_size(port, frame)) {
		port->ops->cancel(port, room);
		port_drop(port, DROP_FRAME_TOO_LARGE_FOR_PORT, frame);
		return;
	}
	if (!segment_fits(&port->accepts, frame)) {
		ethswitch_commit_copied(ethswitch, from, room, frame);
		return;
	}
	if (observer && observer->on_to_guest)
		observer->on_to_guest(observer->owner, port, frame);
	delivery_mark(ethswitch, port);
	port->ops->commit(port, room, frame);
}

void ethswitch_commit(struct port *from, struct room *room, const void *head, uint32_t bytes,
		      const struct offload *offload)
{
	struct ethswitch *ethswitch = from->ethswitch;
	struct frame frame;

	assert(ethswitch && !ethswitch->busy && bytes <= room->bytes);
	ethswitch_count(from, bytes);
	ethswitch->busy = true;
	ethswitch->source = from;
	if (room->port) {
		ethswitch_view(ethswitch, room, head, bytes, offload, &frame);
		ethswitch_commit_direct(ethswitch, from, room, &frame);
	} else {
		ethswitch_commit_lent(ethswitch, from, room->owner, head, bytes, offload);
	}
	ethswitch->source = NULL;
	ethswitch->busy = false;
}

void ethswitch_cancel(struct port *from, struct room *room)
{
	struct ethswitch *ethswitch = from->ethswitch;

	if (room->port)
		room->port->ops->cancel(room->port, room);
	else
		pool_give(&ethswitch->frames, room->owner);
}
