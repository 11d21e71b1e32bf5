/* SPDX-License-Identifier: MIT */
/* Theory of operation. The guest owns the descriptor table and the avail ring and may change any byte of them at any
 * time, from another processor. So each number is copied once into private memory, then checked, then used; nothing is
 * read twice. A copy ends with a compiler's fence: behind it the compiler may not read the guest's memory a second time
 * in place of the copy.
 *
 * A walk is bounded three ways: each table is followed for at most as many steps as it has entries, a table may be
 * entered once, and the pieces are counted. Whatever the guest wrote, a call ends after size + 1024 steps.
 *
 * Barriers: the guest's index is loaded with acquire before the entries that it announces; ours is stored with release
 * behind the entries that it announces. "Do I have to tell" and "did you see that I went to sleep" are the two places
 * where each side stores one word and then loads the other's, which takes a full fence on both sides. */
#include "virtio/ring_split.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "virtio/net.h"
#include "virtio/pieces.h"

int ring_split_init(struct ring_split *ring, const struct ring_split_setup *setup)
{
	uint16_t size = setup->size;

	if (size == 0 || size > RING_SIZE_MAX || (size & (size - 1)))
		return -EINVAL;
	*ring = (struct ring_split){
		.memory = setup->memory,
		.desc = memory_at(setup->memory, setup->desc, split_desc_bytes(size)),
		.avail = memory_at(setup->memory, setup->avail, split_avail_bytes(size)),
		.used = memory_at(setup->memory, setup->used, split_used_bytes(size)),
		.size = size,
		.event_idx = setup->event_idx,
		.indirect = setup->indirect,
		.mergeable = setup->mergeable,
		.next_avail = setup->start,
		.known_avail = setup->start,
		.next_used = setup->start,
		.published = setup->start,
	};
	if (!ring->desc || !ring->avail || !ring->used)
		return -EFAULT;
	/* Both addresses: the guest's is what the standard aligns, the host's is what our own loads need. */
	if ((setup->desc | (uintptr_t)ring->desc) % SPLIT_DESC_ALIGNMENT ||
	    (setup->avail | (uintptr_t)ring->avail) % SPLIT_AVAIL_ALIGNMENT ||
	    (setup->used | (uintptr_t)ring->used) % SPLIT_USED_ALIGNMENT)
		return -EINVAL;
	return 0;
}

void ring_split_break(struct ring_split *ring, enum drop_reason reason)
{
	if (ring->broken == DROP_NONE)
		ring->broken = reason;
}

/* Whether there is a chain to take; looks at the guest's index only when what is known of it is used up. */
static bool ring_split_offered(struct ring_split *ring)
{
	uint16_t index;

	if (ring->broken != DROP_NONE)
		return false;
	if (ring->next_avail != ring->known_avail)
		return true;
	index = shared16_load(&ring->avail->index, memory_order_acquire);
	if ((uint16_t)(index - ring->next_avail) > ring->size) {
		ring_split_break(ring, DROP_RING_AVAIL_INDEX);
		return false;
	}
	ring->known_avail = index;
	return ring->next_avail != index;
}

/* A chain being walked. */
struct walk {
	const struct split_desc *table;
	uint32_t entries;
	uint32_t index;
	uint32_t steps; /* left in this table */
	bool inside;    /* an indirect table */
	bool full;      /* it needs more pieces than there are: not the guest's fault when others took some */
	uint64_t readable_bytes;
	uint64_t writable_bytes;
	uint32_t readable_pieces;
	uint32_t writable_pieces;
};

struct entry {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags;
	uint16_t next;
};

static struct entry walk_copy(const struct walk *walk)
{
	struct split_desc copy;

	memcpy(&copy, &walk->table[walk->index], sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	return (struct entry){le64_value(copy.address), le32_value(copy.bytes), le16_value(copy.flags),
			      le16_value(copy.next)};
}

static enum drop_reason walk_enter(struct ring_split *ring, struct walk *walk, const struct entry *entry)
{
	uint32_t entries = entry->bytes / (uint32_t)sizeof(struct split_desc);

	if (!ring->indirect || walk->inside || (entry->flags & SPLIT_DESC_NEXT))
		return DROP_RING_INDIRECT;
	if (entries == 0 || entries > RING_INDIRECT_MAX || entry->bytes % sizeof(struct split_desc))
		return DROP_RING_INDIRECT;
	walk->table = memory_at(ring->memory, entry->address, entry->bytes);
	if (!walk->table)
		return DROP_RING_ADDRESS;
	walk->inside = true;
	walk->index = 0;
	walk->entries = walk->steps = entries;
	return DROP_NONE;
}

static enum drop_reason walk_add(struct ring_split *ring, struct walk *walk, const struct entry *entry,
				 enum ring_direction direction, struct iovec *pieces, uint32_t most)
{
	bool write = entry->flags & SPLIT_DESC_WRITE;
	uint32_t used = walk->readable_pieces + walk->writable_pieces;
	int count;

	if (!(direction & (write ? RING_TO_GUEST : RING_FROM_GUEST)) || (!write && walk->writable_pieces > 0))
		return DROP_RING_DIRECTION;
	if (entry->bytes == 0)
		return DROP_RING_LENGTH;
	count = memory_slice(ring->memory, entry->address, entry->bytes, pieces + used, most - used);
	if (count == -ENOSPC) {
		walk->full = true;
		return DROP_RING_CHAIN_LONG;
	}
	if (count < 0)
		return DROP_RING_ADDRESS;
	*(write ? &walk->writable_pieces : &walk->readable_pieces) += (uint32_t)count;
	*(write ? &walk->writable_bytes : &walk->readable_bytes) += entry->bytes;
	return walk->readable_bytes + walk->writable_bytes > UINT32_MAX ? DROP_RING_LENGTH : DROP_NONE;
}

static enum drop_reason walk_chain(struct ring_split *ring, struct walk *walk, enum ring_direction direction,
				   struct iovec *pieces, uint32_t most)
{
	for (;;) {
		enum drop_reason reason;
		struct entry entry;

#ifndef PLANTED
		if (walk->index >= walk->entries)
			return DROP_RING_DESCRIPTOR_INDEX;
#endif
		if (walk->steps-- == 0)
			return DROP_RING_CHAIN_LONG;
		entry = walk_copy(walk);
		if (entry.flags & SPLIT_DESC_INDIRECT) {
			reason = walk_enter(ring, walk, &entry);
			if (reason != DROP_NONE)
				return reason;
			continue;
		}
		reason = walk_add(ring, walk, &entry, direction, pieces, most);
		if (reason != DROP_NONE || !(entry.flags & SPLIT_DESC_NEXT))
			return reason;
		walk->index = entry.next;
	}
}

/* The chain at next_avail, which stays there. */
static enum drop_reason ring_split_look(struct ring_split *ring, enum ring_direction direction, struct iovec *pieces,
					uint32_t most, struct ring_chain *ret_chain, bool *ret_full)
{
	uint16_t slot = ring->next_avail & (uint16_t)(ring->size - 1);
	uint16_t head = shared16_load(&ring->avail->ring[slot], memory_order_relaxed);
	struct walk walk = {.table = ring->desc, .entries = ring->size, .steps = ring->size, .index = head};
	enum drop_reason reason = walk_chain(ring, &walk, direction, pieces, most);

	*ret_full = walk.full;
	if (reason == DROP_NONE)
		*ret_chain = (struct ring_chain){
			.head = head,
			.readable_pieces = walk.readable_pieces,
			.writable_pieces = walk.writable_pieces,
			.readable_bytes = (uint32_t)walk.readable_bytes,
			.writable_bytes = (uint32_t)walk.writable_bytes,
		};
	return reason;
}

bool ring_split_take(struct ring_split *ring, enum ring_direction direction, struct iovec *ret_pieces, uint32_t most,
		     struct ring_chain *ret_chain)
{
	enum drop_reason reason;
	bool full;

	if (!ring_split_offered(ring))
		return false;
	reason = ring_split_look(ring, direction, ret_pieces, most, ret_chain, &full);
	if (reason != DROP_NONE) {
		ring_split_break(ring, reason);
		return false;
	}
	ring->next_avail++;
	return true;
}

void ring_split_return(struct ring_split *ring, uint16_t head, uint32_t written_bytes)
{
	uint16_t slot = ring->next_used & (uint16_t)(ring->size - 1);

	ring->used->ring[slot] = (struct split_used_entry){le32_from(head), le32_from(written_bytes)};
	ring->next_used++;
}

bool ring_split_flush(struct ring_split *ring)
{
	uint16_t was = ring->published;

	if (was == ring->next_used)
		return false;
	ring->published = ring->next_used;
	shared16_store(&ring->used->index, ring->published, memory_order_release);
	/* The guest arms by a store and then looks at our index; we stored that and look whether it armed. */
	atomic_thread_fence(memory_order_seq_cst);
	if (ring->event_idx)
		return split_event_passed(shared16_load(split_used_event(ring->avail, ring->size),
							memory_order_relaxed),
					  ring->published, was);
	return !(shared16_load(&ring->avail->flags, memory_order_relaxed) & SPLIT_AVAIL_NO_INTERRUPT);
}

bool ring_split_arm(struct ring_split *ring)
{
	if (ring->broken != DROP_NONE)
		return false;
	if (ring->event_idx)
		shared16_store(split_avail_event(ring->used, ring->size), ring->known_avail, memory_order_relaxed);
	else
		shared16_store(&ring->used->flags, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return shared16_load(&ring->avail->index, memory_order_relaxed) != ring->known_avail;
}

void ring_split_disarm(struct ring_split *ring)
{
	/* With event indexes the last one stays behind the guest's: it tells nothing until it has gone all around. */
	if (!ring->event_idx)
		shared16_store(&ring->used->flags, SPLIT_USED_NO_NOTIFY, memory_order_relaxed);
}

/* Adds the chain at next_avail to the room; false when there is none, or it does not fit in what pieces are left. */
static bool room_add(struct ring_split *ring, struct ring_room *room)
{
	enum drop_reason reason;
	struct ring_chain chain;
	bool full;

	if (!ring_split_offered(ring))
		return false;
	reason = ring_split_look(ring, RING_TO_GUEST, room->pieces + room->piece_count,
				 RING_PIECES_MAX - room->piece_count, &chain, &full);
	if (full && room->chain_count > 0)
		return false;
	/* The first, where the header goes, holds all of it (virtio 1.2, 5.1.6.3.1); and no driver makes a smaller one. */
	if (reason == DROP_NONE && chain.writable_bytes < VIRTIO_NET_HEADER_BYTES)
		reason = DROP_RING_HEADER;
	if (reason != DROP_NONE) {
		ring_split_break(ring, reason);
		return false;
	}
	ring->next_avail++;
	room->chains[room->chain_count++] = (struct ring_lent){chain.head, chain.writable_bytes};
	room->piece_count += chain.writable_pieces;
	/* 1024 chains of 4 GiB do not fit the number; what is beyond any frame does not count. */
	room->bytes = chain.writable_bytes > UINT32_MAX - room->bytes ? UINT32_MAX : room->bytes + chain.writable_bytes;
	return true;
}

static int room_refusal(const struct ring_split *ring, const struct ring_room *room)
{
	if (ring->broken != DROP_NONE)
		return -EPIPE;
	/* More room comes only with more chains: of one there is nothing to wait for, and of a full ring neither. */
	if (room->chain_count > 0 && !ring->mergeable)
		return -EMSGSIZE;
	if (ring->next_avail != ring->known_avail || room->chain_count >= ring->size)
		return -EMSGSIZE;
	return -EAGAIN;
}

int ring_split_reserve(struct ring_split *ring, uint32_t least, uint32_t wanted, struct ring_room *ret_room)
{
	uint32_t most = ring->mergeable ? ring->size : 1;
	int result;

	ret_room->bytes = ret_room->piece_count = ret_room->chain_count = 0;
	while (ret_room->bytes < wanted && ret_room->chain_count < most && room_add(ring, ret_room))
		;
	if (ring->broken != DROP_NONE || ret_room->bytes < least) {
		result = room_refusal(ring, ret_room);
		ring_split_cancel(ring, ret_room);
		return result;
	}
	if (ret_room->bytes > wanted) {
		ret_room->bytes = wanted;
		ret_room->piece_count = pieces_cut(ret_room->pieces, ret_room->piece_count, wanted);
	}
	return 0;
}

void ring_split_commit(struct ring_split *ring, const struct ring_room *room, uint32_t bytes)
{
	uint32_t left = bytes;
	uint32_t count = 0;
	struct le16 buffers;

	assert(bytes >= VIRTIO_NET_HEADER_BYTES && bytes <= room->bytes);
	while (left > 0) {
		const struct ring_lent *chain = &room->chains[count++];
		uint32_t part = left < chain->bytes ? left : chain->bytes;

		ring_split_return(ring, chain->head, part);
		left -= part;
	}
	/* Before the flush that shows the guest any of it. */
	buffers = le16_from((uint16_t)count);
	pieces_write(room->pieces, room->piece_count, VIRTIO_NET_BUFFERS_OFFSET, &buffers, sizeof(buffers));
	ring->next_avail = (uint16_t)(ring->next_avail - (room->chain_count - count));
}

void ring_split_cancel(struct ring_split *ring, const struct ring_room *room)
{
	ring->next_avail = (uint16_t)(ring->next_avail - room->chain_count);
}
