/* SPDX-License-Identifier: MIT */
/* See virtnet.h. */
#include "port/virtnet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fabric/ethswitch.h"
#include "fabric/steer.h"
#include "port/vnet_header.h"
#include "virtio/net.h"
#include "virtio/pieces.h"

/* A batch, and the one room that is out. */
struct virtnet_scratch {
	struct iovec pieces[VIRTNET_PIECES];
	struct ring_chain chains[PORT_TURN_FRAMES];
	struct frame frames[PORT_TURN_FRAMES];
	uint8_t heads[PORT_TURN_FRAMES][FRAME_HEAD_BYTES];
	struct ring_room room;
	struct iovec lent[RING_PIECES_MAX];
};

enum { VIRTNET_QUEUE_PIECES = 32 };

_Static_assert((int)VIRTNET_PAIRS_MAX == PORT_QUEUES_MAX && VIRTNET_PAIRS_MAX <= 8, "a bit for each in `kicked`");

static struct virtnet *virtnet_of(const struct port *port)
{
	return container_of((uintptr_t)port, struct virtnet, port);
}

struct virtnet_scratch *virtnet_scratch_new(void)
{
	return malloc(sizeof(struct virtnet_scratch));
}

void virtnet_scratch_free(struct virtnet_scratch *scratch)
{
	free(scratch);
}

static bool virtnet_has(const struct virtnet *virtnet, uint64_t feature)
{
	return virtnet->features & feature;
}

static bool virtnet_ring_is_used(const struct virtnet_ring *ring)
{
	return ring->started && ring->on && ring->ring.broken == DROP_NONE;
}

static uint32_t virtnet_to_guest(uint32_t pair)
{
	return 2 * pair;
}

static uint32_t virtnet_from_guest(uint32_t pair)
{
	return 2 * pair + 1;
}

/* After anything that a ring's being used hangs on. */
static void virtnet_see_used(struct virtnet *virtnet)
{
	size_t share;

	virtnet->used_count = 0;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++) {
		if (virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(pair)]))
			virtnet->used[virtnet->used_count++] = (uint8_t)pair;
	}
	share = virtnet->waiting_bound / (virtnet->used_count ? virtnet->used_count : 1);
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		virtnet->waiting[pair].bound = share > FRAME_ROOM_BYTES ? share : FRAME_ROOM_BYTES;
	virtnet->unsettled = true;
	port_schedule(&virtnet->port);
}

/* Tells the owner once that a ring broke. */
static void virtnet_check(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];

	if (ring->ring.broken == DROP_NONE || ring->told_broken)
		return;
	ring->told_broken = true;
	virtnet_see_used(virtnet);
	port_drop(&virtnet->port, ring->ring.broken, NULL);
	virtnet->owner->on_broken(virtnet, number, ring->ring.broken);
}

static void virtnet_flush_ring(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];
	bool wanted;

	if (!ring->dirty)
		return;
	ring->dirty = false;
	wanted = ring_flush(&ring->ring);
	if (virtnet->owner->on_returned)
		virtnet->owner->on_returned(virtnet, number);
	if (wanted)
		virtnet->owner->call(virtnet, number);
}

/* ---- which pair ---- */

/* False: no ring to the guest is used. */
static bool virtnet_choose(const struct virtnet *virtnet, uint32_t flow, uint32_t *ret_pair)
{
	if (virtnet->used_count > 1 && steering_find(&virtnet->steering, flow, ret_pair) &&
	    virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(*ret_pair)]))
		return true;
	if (virtnet->used_count == 0)
		return false;
	*ret_pair = virtnet->used[(uint64_t)flow * virtnet->used_count >> 32];
	return true;
}

static void virtnet_hear(struct virtnet *virtnet, uint32_t flow, uint32_t pair, uint64_t now_us)
{
	uint32_t before;

	/* what waits there is to come first */
	if (virtnet_choose(virtnet, flow, &before) && before != pair && !framequeue_empty(&virtnet->waiting[before]))
		return;
	steering_hear(&virtnet->steering, flow, pair, now_us);
}

/* Frames that the guest sent, as the switch has parsed them. */
static void virtnet_hear_all(struct virtnet *virtnet, uint32_t pair, const struct frame *frames, uint32_t count)
{
	const struct ethswitch *ethswitch = virtnet->port.ethswitch;
	uint32_t last = 0;

	if (!ethswitch || virtnet->used_count < 2)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t flow = steer_frame(&frames[i], true);

		if (flow != last)
			virtnet_hear(virtnet, flow, pair, ethswitch_now_us(ethswitch));
		last = flow;
	}
}

/* ---- from the guest ---- */

struct virtnet_batch {
	uint32_t chains;
	uint32_t frames;
	uint32_t pieces;
	uint32_t bytes;
};

/* A chain that was taken as a frame, or dropped by name. */
static void virtnet_add(struct virtnet *virtnet, struct virtnet_batch *batch, struct iovec *pieces, uint32_t count,
			uint32_t bytes)
{
	struct virtnet_scratch *scratch = virtnet->scratch;
	struct frame *frame = &scratch->frames[batch->frames];
	uint8_t *head = scratch->heads[batch->frames];
	uint8_t header[VNET_HEADER_BYTES];
	struct offload offload;
	enum drop_reason reason;

	pieces_read(pieces, count, 0, header, sizeof(header));
	reason = vnet_header_read(header, &offload);
	if (reason != DROP_NONE) {
		port_drop(&virtnet->port, reason, NULL);
		return;
	}
	*frame = (struct frame){.head = head, .length = bytes - VNET_HEADER_BYTES, .offload = offload};
	frame->head_bytes = (uint32_t)pieces_read(pieces, count, VNET_HEADER_BYTES, head, FRAME_HEAD_BYTES);
	frame->body_pieces = pieces_skip(pieces, count, VNET_HEADER_BYTES + frame->head_bytes);
	frame->body = pieces;
	batch->frames++;
	batch->pieces += frame->body_pieces;
	batch->bytes += bytes;
}

/* False when there is no more for now. */
static bool virtnet_take_one(struct virtnet *virtnet, struct virtnet_ring *ring, struct virtnet_batch *batch)
{
	struct iovec *pieces = virtnet->scratch->pieces + batch->pieces;
	struct ring_chain *chain = &virtnet->scratch->chains[batch->chains];

	if (!ring_take(&ring->ring, RING_FROM_GUEST, pieces, RING_PIECES_MAX, chain))
		return false;
	if (chain->readable_bytes < VNET_HEADER_BYTES) {
		ring_break(&ring->ring, DROP_RING_HEADER);
		return false;
	}
	batch->chains++;
	if (ring->on)
		virtnet_add(virtnet, batch, pieces, chain->readable_pieces, chain->readable_bytes);
	else
		port_drop(&virtnet->port, DROP_RING_OFF, NULL);
	return true;
}

/* What is left of a turn. */
struct virtnet_budget {
	uint32_t chains;
	uint32_t bytes;
};

/* One pair's part of a turn; true when there may be more. */
static bool virtnet_serve(struct virtnet *virtnet, uint32_t pair, struct virtnet_budget *budget)
{
	uint32_t number = virtnet_from_guest(pair);
	struct virtnet_ring *ring = &virtnet->rings[number];
	struct virtnet_batch batch = {0};
	bool more = true;

	while (more && batch.chains < budget->chains && batch.bytes < budget->bytes &&
	       batch.pieces + RING_PIECES_MAX <= VIRTNET_PIECES)
		more = virtnet_take_one(virtnet, ring, &batch);
	budget->chains -= batch.chains;
	budget->bytes -= batch.bytes < budget->bytes ? batch.bytes : budget->bytes;
	if (batch.frames > 0) {
		ethswitch_input(&virtnet->port, virtnet->scratch->frames, batch.frames);
		virtnet_hear_all(virtnet, pair, virtnet->scratch->frames, batch.frames);
	}
	/* A ring that broke meanwhile still returns what it gave: the memory is there. */
	for (uint32_t i = 0; i < batch.chains; i++)
		ring_return(&ring->ring, &virtnet->scratch->chains[i], 0);
	if (batch.chains > 0)
		ring->dirty = true;
	virtnet_flush_ring(virtnet, number);
	virtnet_check(virtnet, number);
	return more || ring_arm(&ring->ring);
}

/* A pair that was served goes to the end; one that the budget did not reach comes first in the next turn. */
static void virtnet_serve_all(struct virtnet *virtnet)
{
	struct virtnet_budget budget = {.chains = PORT_TURN_FRAMES, .bytes = PORT_TURN_BYTES};
	uint32_t first = virtnet->turn;

	for (uint32_t i = 0; i < VIRTNET_PAIRS_MAX && budget.chains > 0 && budget.bytes > 0; i++) {
		uint32_t pair = (first + i) % VIRTNET_PAIRS_MAX;
		const struct virtnet_ring *ring = &virtnet->rings[virtnet_from_guest(pair)];

		if (!(virtnet->kicked & 1u << pair))
			continue;
		virtnet->kicked &= (uint8_t) ~(1u << pair);
		virtnet->turn = (pair + 1) % VIRTNET_PAIRS_MAX;
		/* it may be stopped by what another's frames brought about */
		if (ring->started && ring->ring.broken == DROP_NONE && virtnet_serve(virtnet, pair, &budget))
			virtnet->kicked |= (uint8_t)(1u << pair);
	}
}

/* ---- to the guest ---- */

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
	struct frame plain = *frame;

	if (!virtnet->port.accepts.csum && plain.offload.csum == CSUM_VERIFIED)
		plain.offload.csum = CSUM_UNKNOWN;
	vnet_header_write(&plain, ret_header);
}

/* 0, -EAGAIN, -EMSGSIZE, -EPIPE. */
static int virtnet_put(struct virtnet *virtnet, uint32_t pair, const uint8_t *header, const struct frame *frame)
{
	const struct ring_room *room = &virtnet->scratch->room;
	uint32_t bytes = VNET_HEADER_BYTES + frame->length, number = virtnet_to_guest(pair);
	size_t at = VNET_HEADER_BYTES;
	int result = virtnet_reserve_in(virtnet, number, bytes, bytes);

	if (result < 0)
		return result;
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

static size_t virtnet_waiting(const struct virtnet *virtnet)
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

static void virtnet_queue(struct port *port, const struct frame *frame)
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

static void virtnet_flush(struct port *port)
{
	struct virtnet *virtnet = virtnet_of(port);

	for (uint32_t number = 0; number < VIRTNET_RINGS_MAX; number += 2)
		virtnet_flush_ring(virtnet, number);
}

static int virtnet_reserve(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	struct virtnet *virtnet = virtnet_of(port);
	struct virtnet_scratch *scratch = virtnet->scratch;
	int result;

	/* with none used, who waits for any is called as soon as one is */
	if (!virtnet_choose(virtnet, flow, &virtnet->lent))
		return -EAGAIN;
	ret_room->queue = virtnet->lent;
	if (!framequeue_empty(&virtnet->waiting[virtnet->lent]))
		return -EAGAIN;
	result = virtnet_reserve_in(virtnet, virtnet_to_guest(virtnet->lent), least + VNET_HEADER_BYTES,
				    wanted + VNET_HEADER_BYTES);
	if (result < 0)
		return result == -EPIPE ? -EAGAIN : result;
	memcpy(scratch->lent, scratch->room.pieces, scratch->room.piece_count * sizeof(scratch->lent[0]));
	*ret_room = (struct room){
		.pieces = scratch->lent,
		.queue = virtnet->lent,
		.piece_count = pieces_skip(scratch->lent, scratch->room.piece_count, VNET_HEADER_BYTES),
		.bytes = scratch->room.bytes - VNET_HEADER_BYTES,
	};
	return 0;
}

static void virtnet_commit(struct port *port, struct room *room, uint32_t bytes, const struct offload *offload)
{
	struct virtnet *virtnet = virtnet_of(port);
	const struct ring_room *lent = &virtnet->scratch->room;
	struct frame frame = {.length = bytes, .offload = *offload};
	uint8_t header[VNET_HEADER_BYTES];

	(void)room;
	virtnet_header(virtnet, &frame, header);
	pieces_write(lent->pieces, lent->piece_count, 0, header, sizeof(header));
	virtnet_commit_in(virtnet, virtnet_to_guest(virtnet->lent), VNET_HEADER_BYTES + bytes);
	virtnet_count(virtnet, bytes);
}

static void virtnet_cancel(struct port *port, struct room *room)
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

static void virtnet_room_returned(struct virtnet *virtnet, uint32_t pair)
{
	if (virtnet_drain(virtnet, pair))
		port_room_returned(&virtnet->port, pair);
	virtnet_flush(&virtnet->port);
}

static void virtnet_drop_waiting(struct virtnet *virtnet, uint32_t pair, enum drop_reason reason)
{
	struct iovec pieces[VIRTNET_QUEUE_PIECES];
	size_t bytes;

	while (framequeue_peek_frame(&virtnet->waiting[pair], pieces, VIRTNET_QUEUE_PIECES, &bytes) > 0)
		virtnet_drop_oldest(virtnet, pair, bytes, reason);
}

/* Other pairs are used than before: what waits for one that is not will not be taken there. */
static void virtnet_settle(struct virtnet *virtnet)
{
	virtnet->unsettled = false;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX && virtnet->used_count > 0; pair++) {
		if (virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(pair)]))
			continue;
		virtnet_drop_waiting(virtnet, pair, DROP_RING_OFF);
		port_room_returned(&virtnet->port, pair);
	}
}

/* The rings that offered something each time that they were asked to tell. */
static void virtnet_look_again(struct virtnet *virtnet)
{
	uint32_t pairs = virtnet->looked;

	virtnet->looked = 0;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++) {
		if (pairs & 1u << pair && virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(pair)]))
			virtnet_room_returned(virtnet, pair);
	}
}

static void virtnet_run(struct port *port)
{
	struct virtnet *virtnet = virtnet_of(port);

	if (virtnet->looked)
		virtnet_look_again(virtnet);
	if (virtnet->unsettled)
		virtnet_settle(virtnet);
	virtnet_serve_all(virtnet);
	if (virtnet->kicked)
		port_schedule(port);
}

/* ---- life ---- */

static void virtnet_look(const struct port *port, struct port_status *ret_status)
{
	const struct virtnet *virtnet = virtnet_of(port);

	ret_status->queued_bytes = virtnet_waiting(virtnet);
	ret_status->queued_peak_bytes = virtnet->waiting_peak;
	ret_status->queue_bound_bytes = virtnet->waiting[0].bound * (virtnet->used_count ? virtnet->used_count : 1);
	if (virtnet->owner->look)
		virtnet->owner->look(virtnet, ret_status);
}

static const struct port_ops virtnet_port_ops = {
	.queue = virtnet_queue,
	.flush = virtnet_flush,
	.run = virtnet_run,
	.reserve = virtnet_reserve,
	.commit = virtnet_commit,
	.cancel = virtnet_cancel,
	.look = virtnet_look,
};

void virtnet_init(struct virtnet *virtnet, const struct virtnet_owner *owner, struct virtnet_scratch *scratch,
		  const char *name, struct pool *blocks, size_t queue_bytes)
{
	memset(virtnet, 0, sizeof(*virtnet));
	port_init(&virtnet->port, &virtnet_port_ops, name);
	virtnet->owner = owner;
	virtnet->scratch = scratch;
	memory_init(&virtnet->memory);
	virtnet->waiting_bound = queue_bytes;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		framequeue_init(&virtnet->waiting[pair], blocks, queue_bytes);
}

static void virtnet_drop_all(struct virtnet *virtnet, enum drop_reason reason)
{
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		virtnet_drop_waiting(virtnet, pair, reason);
}

void virtnet_done(struct virtnet *virtnet)
{
	virtnet_drop_all(virtnet, DROP_PORT_CLOSED);
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		framequeue_done(&virtnet->waiting[pair]);
}

void virtnet_set_features(struct virtnet *virtnet, uint64_t features, uint32_t mtu_bytes)
{
	struct port_accepts *accepts = &virtnet->port.accepts;
	const struct port_accepts before = *accepts;

	virtnet->features = features;
	accepts->csum = virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_CSUM));
	accepts->tso4 = accepts->csum && virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_TSO4));
	accepts->tso6 = accepts->csum && virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_TSO6));
	accepts->ecn = virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_ECN));
	accepts->uso = accepts->csum && virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_USO4)) &&
		       virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_USO6));
	accepts->frame_bytes = mtu_bytes + FRAME_BYTES_MIN + 8; /* its header and two tags */
	/* What waits was made to fit another driver. */
	if (before.csum != accepts->csum || before.tso4 != accepts->tso4 || before.tso6 != accepts->tso6 ||
	    before.ecn != accepts->ecn || before.uso != accepts->uso)
		virtnet_drop_all(virtnet, DROP_RING_OFF);
}

/* A guest none of whose rings runs is not there to say anything. */
static void virtnet_look_for_guest(struct virtnet *virtnet)
{
	virtnet->port.away = true;
	for (uint32_t number = 1; number < VIRTNET_RINGS_MAX; number += 2)
		virtnet->port.away &= !virtnet->rings[number].started;
}

int virtnet_start(struct virtnet *virtnet, uint32_t number, struct ring_setup *setup)
{
	struct virtnet_ring *ring = &virtnet->rings[number];
	bool on = ring->on;
	int error;

	if (setup->size > VIRTNET_RING_SIZE_MAX)
		return -EINVAL;
	setup->memory = &virtnet->memory;
	setup->packed = virtnet_has(virtnet, VIRTNET_FEATURE(RING_PACKED));
	setup->event_idx = virtnet_has(virtnet, VIRTNET_FEATURE(EVENT_IDX));
	setup->indirect = virtnet_has(virtnet, VIRTNET_FEATURE(INDIRECT_DESC));
	setup->mergeable = virtnet_has(virtnet, VIRTNET_FEATURE(MRG_RXBUF));
	*ring = (struct virtnet_ring){.on = on};
	error = ring_init(&ring->ring, setup);
	if (error < 0)
		return error;
	ring->started = true;
	virtnet_check(virtnet, number); /* it may be lost */
	virtnet_look_for_guest(virtnet);
	virtnet_see_used(virtnet);
	/* the guest may have kicked before: look */
	virtnet_kick(virtnet, number);
	return 0;
}

struct ring_base virtnet_stop(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];
	struct ring_base base = {0};

	if (ring->started) {
		virtnet_flush_ring(virtnet, number);
		base = ring_base(&ring->ring);
	}
	*ring = (struct virtnet_ring){.on = ring->on};
	virtnet_look_for_guest(virtnet);
	virtnet_see_used(virtnet);
	return base;
}

void virtnet_switch(struct virtnet *virtnet, uint32_t number, bool on)
{
	virtnet->rings[number].on = on;
	virtnet_see_used(virtnet);
	if (on && virtnet->rings[number].started)
		virtnet_kick(virtnet, number);
}

void virtnet_kick(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];

	if (!ring->started || ring->ring.broken != DROP_NONE)
		return;
	ring_disarm(&ring->ring);
	if (!virtnet_is_to_guest(number)) {
		virtnet->kicked |= (uint8_t)(1u << number / 2);
		port_schedule(&virtnet->port);
	} else if (virtnet_ring_is_used(ring)) {
		virtnet_room_returned(virtnet, number / 2);
	}
}
