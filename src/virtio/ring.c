/* SPDX-License-Identifier: MIT */
/* Theory of operation. The guest owns its part of the ring and may change any byte of it at any time, from another
 * processor. So each number is copied once into private memory, then checked, then used; nothing is read twice. A copy
 * ends with a compiler's fence: behind it the compiler may not read the guest's memory a second time in place of the copy.
 *
 * A walk is bounded three ways: each table is followed for at most as many steps as it has entries, a table may be
 * entered once, and the pieces are counted. Whatever the guest wrote, a call ends after size + 1024 steps.
 *
 * Barriers: what announces entries is loaded with acquire before them; what announces ours is stored with release behind
 * them. "Do I have to tell" and "did you see that I went to sleep" are the two places where each side stores one word
 * and then loads the other's, which takes a full fence on both sides.
 *
 * What is the same in both layouts stands here: the order of these steps, and room for a frame made of several chains. */
#include "virtio/ring.h"

#include <assert.h>
#include <errno.h>

#include "virtio/net.h"
#include "virtio/pieces.h"
#include "virtio/ring_layout.h"

int ring_init(struct ring *ring, const struct ring_setup *setup)
{
	if (setup->size == 0 || setup->size > RING_SIZE_MAX)
		return -EINVAL;
	*ring = (struct ring){
		.layout = setup->packed ? &ring_layout_packed : &ring_layout_split,
		.memory = setup->memory,
		.size = setup->size,
		.event_idx = setup->event_idx,
		.indirect = setup->indirect,
		.mergeable = setup->mergeable,
		.header_bytes = setup->short_header ? VIRTIO_NET_SHORT_HEADER_BYTES : VIRTIO_NET_HEADER_BYTES,
	};
	return ring->layout->init(ring, setup);
}

struct ring_base ring_base(const struct ring *ring)
{
	return ring->layout->base(ring);
}

void ring_leave(struct ring *ring)
{
	if (ring->broken == DROP_NONE && ring->layout->leave)
		ring->layout->leave(ring);
}

void ring_break(struct ring *ring, enum drop_reason reason)
{
	if (ring->broken == DROP_NONE)
		ring->broken = reason;
}

bool ring_offered(struct ring *ring)
{
	return ring->broken == DROP_NONE && ring->layout->offered(ring);
}

/* The chain at next_avail, which stays there. */
static enum drop_reason ring_look(struct ring *ring, struct chain *chain, struct ring_chain *ret_chain)
{
	uint16_t id, slots;
	enum drop_reason reason;

	chain->memory = ring->memory;
	reason = ring->layout->walk(ring, chain, &id, &slots);
	if (reason == DROP_NONE)
		*ret_chain = (struct ring_chain){
			.id = id,
			.slots = slots,
			.readable_pieces = chain->readable_pieces,
			.writable_pieces = chain->writable_pieces,
			.readable_bytes = (uint32_t)chain->readable_bytes,
			.writable_bytes = (uint32_t)chain->writable_bytes,
		};
	return reason;
}

bool ring_take(struct ring *ring, enum ring_direction direction, struct iovec *ret_pieces, uint32_t most,
	       struct ring_chain *ret_chain)
{
	struct chain chain = {.direction = direction, .pieces = ret_pieces, .most = most};
	enum drop_reason reason;

	if (!ring_offered(ring))
		return false;
	reason = ring_look(ring, &chain, ret_chain);
	if (reason != DROP_NONE) {
		ring_break(ring, reason);
		return false;
	}
	ring->layout->step(ring, ret_chain->slots);
	return true;
}

void ring_return(struct ring *ring, const struct ring_chain *chain, uint32_t written_bytes)
{
	ring->layout->give(ring, chain->id, chain->slots, written_bytes);
}

bool ring_flush(struct ring *ring)
{
	return ring->layout->flush(ring);
}

bool ring_arm(struct ring *ring)
{
	return ring->broken == DROP_NONE && ring->layout->arm(ring);
}

void ring_disarm(struct ring *ring)
{
	ring->layout->disarm(ring);
}

/* ---- room ---- */

enum room_end {
	ROOM_ADDED,
	ROOM_NO_CHAIN,
	ROOM_NO_PIECES, /* the next chain does not fit in what pieces are left */
	ROOM_BROKEN,
};

static enum room_end room_add(struct ring *ring, struct ring_room *room)
{
	struct chain chain = {.direction = RING_TO_GUEST,
			      .pieces = room->pieces + room->piece_count,
			      .most = RING_PIECES_MAX - room->piece_count};
	struct ring_chain found = {0};
	enum drop_reason reason;

	if (!ring_offered(ring))
		return ring->broken == DROP_NONE ? ROOM_NO_CHAIN : ROOM_BROKEN;
	reason = ring_look(ring, &chain, &found);
	if (chain.full && room->chain_count > 0)
		return ROOM_NO_PIECES;
	/* The first, where the header goes, holds all of it (virtio 1.2, 5.1.6.3.1); and no driver makes a smaller one. */
	if (reason == DROP_NONE && found.writable_bytes < ring->header_bytes)
		reason = DROP_RING_HEADER;
	if (reason != DROP_NONE) {
		ring_break(ring, reason);
		return ROOM_BROKEN;
	}
	ring->layout->step(ring, found.slots);
	room->chains[room->chain_count++] = (struct ring_lent){found.id, found.slots, found.writable_bytes};
	room->piece_count += found.writable_pieces;
	room->descriptors += chain.descriptors;
	room->last_descriptors = chain.descriptors;
	/* 1024 chains of 4 GiB do not fit the number; what is beyond any frame does not count. */
	room->bytes = found.writable_bytes > UINT32_MAX - room->bytes ? UINT32_MAX : room->bytes + found.writable_bytes;
	return ROOM_ADDED;
}

/* Puts back all chains but the first `kept`. */
static void room_put_back(struct ring *ring, const struct ring_room *room, uint32_t kept)
{
	for (uint32_t i = room->chain_count; i > kept; i--)
		ring->layout->step_back(ring, room->chains[i - 1].slots);
}

static int room_refusal(const struct ring *ring, const struct ring_room *room, enum room_end end)
{
	if (ring->broken != DROP_NONE)
		return -EPIPE;
	/* More room comes only with more chains: of one there is nothing to wait for, and neither of a ring in which there
	 * is no place for another like the last. */
	if (room->chain_count > 0 && !ring->mergeable)
		return -EMSGSIZE;
	return end == ROOM_NO_CHAIN && room->descriptors + room->last_descriptors <= ring->size ? -EAGAIN : -EMSGSIZE;
}

/* There is as much as there must be, and what is missing would fill less than a quarter of a chain like the last. A frame
 * of 64 KiB with its headers is a few bytes too long for sixteen pages. */
static bool room_is_enough(const struct ring_room *room, uint32_t least, uint32_t wanted)
{
	if (room->bytes >= wanted)
		return true;
	return room->chain_count > 0 && room->bytes >= least &&
	       wanted - room->bytes < room->chains[room->chain_count - 1].bytes / 4;
}

int ring_reserve(struct ring *ring, uint32_t least, uint32_t wanted, struct ring_room *ret_room)
{
	uint32_t most = ring->mergeable ? ring->size : 1;
	enum room_end end = ring->broken == DROP_NONE ? ROOM_ADDED : ROOM_BROKEN;
	int result;

	ret_room->bytes = ret_room->piece_count = ret_room->chain_count = 0;
	ret_room->descriptors = ret_room->last_descriptors = 0;
	while (end == ROOM_ADDED && !room_is_enough(ret_room, least, wanted) && ret_room->chain_count < most)
		end = room_add(ring, ret_room);
	if (end == ROOM_BROKEN || ret_room->bytes < least) {
		result = room_refusal(ring, ret_room, end);
		ring_cancel(ring, ret_room);
		return result;
	}
	if (ret_room->chain_count == 1)
		ring->layout->fetch(ring); /* small frames: many will come */
	if (ret_room->bytes > wanted) {
		ret_room->bytes = wanted;
		ret_room->piece_count = pieces_cut(ret_room->pieces, ret_room->piece_count, wanted);
	}
	return 0;
}

void ring_commit(struct ring *ring, const struct ring_room *room, uint32_t bytes)
{
	uint32_t left = bytes;
	uint32_t count = 0;
	struct le16 buffers;

	assert(bytes >= ring->header_bytes && bytes <= room->bytes);
	while (left > 0) {
		const struct ring_lent *chain = &room->chains[count++];
		uint32_t part = left < chain->bytes ? left : chain->bytes;

		ring->layout->give(ring, chain->id, chain->slots, part);
		left -= part;
	}
	/* Before the flush that shows the guest any of it. */
	buffers = le16_from((uint16_t)count);
	if (ring->header_bytes > VIRTIO_NET_BUFFERS_OFFSET)
		pieces_write(room->pieces, room->piece_count, VIRTIO_NET_BUFFERS_OFFSET, &buffers, sizeof(buffers));
	room_put_back(ring, room, count);
}

void ring_cancel(struct ring *ring, const struct ring_room *room)
{
	room_put_back(ring, room, 0);
}
