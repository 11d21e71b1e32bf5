/* SPDX-License-Identifier: MIT */
/* The split layout (virtio 1.2, 2.7): the guest's table of descriptors, its ring of heads, and ours of what was used. A
 * chain takes one slot of either ring, however long it is. */
#include <errno.h>
#include <string.h>

#include "virtio/ring_layout.h"

static int split_init(struct ring *ring, const struct ring_setup *setup)
{
	struct ring_split *split = &ring->split;
	uint16_t size = setup->size;

	if (size & (size - 1))
		return -EINVAL;
	*split = (struct ring_split){
		.desc = memory_at(setup->memory, setup->desc, split_desc_bytes(size)),
		.avail = memory_at(setup->memory, setup->driver, split_avail_bytes(size)),
		.used = memory_at(setup->memory, setup->device, split_used_bytes(size)),
		.known_avail = setup->base.avail,
		.published = setup->base.used,
	};
	ring->next_avail = setup->base.avail;
	ring->next_used = setup->base.used;
	if (!split->desc || !split->avail || !split->used)
		return -EFAULT;
	/* Both addresses: the guest's is what the standard aligns, the host's is what our own loads need. */
	if ((setup->desc | (uintptr_t)split->desc) % SPLIT_DESC_ALIGNMENT ||
	    (setup->driver | (uintptr_t)split->avail) % SPLIT_AVAIL_ALIGNMENT ||
	    (setup->device | (uintptr_t)split->used) % SPLIT_USED_ALIGNMENT)
		return -EINVAL;
	return 0;
}

static struct ring_base split_base(const struct ring *ring)
{
	return (struct ring_base){.avail = ring->next_avail, .used = ring->next_used};
}

/* Looks at the guest's index only when what is known of it is used up. */
static bool split_offered(struct ring *ring)
{
	uint16_t index;

	if (ring->next_avail != ring->split.known_avail)
		return true;
	index = shared16_load(&ring->split.avail->index, memory_order_acquire);
	if ((uint16_t)(index - ring->next_avail) > ring->size) {
		ring_break(ring, DROP_RING_AVAIL_INDEX);
		return false;
	}
	ring->split.known_avail = index;
	return ring->next_avail != index;
}

/* Where a walk is. */
struct split_place {
	const struct split_desc *table;
	uint32_t entries;
	uint32_t index;
	uint32_t steps; /* left in this table */
	bool inside;    /* an indirect table */
};

static struct split_desc split_copy(const struct split_place *place)
{
	struct split_desc copy;

	memcpy(&copy, &place->table[place->index], sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	return copy;
}

static enum drop_reason split_enter(const struct ring *ring, struct chain *chain, struct split_place *place,
				    const struct chain_entry *entry, bool has_next)
{
	const void *table;
	uint32_t entries;
	enum drop_reason reason;

	if (!ring->indirect || place->inside || has_next)
		return DROP_RING_INDIRECT;
	reason = chain_table(chain, entry, &table, &entries);
	if (reason == DROP_NONE)
		*place = (struct split_place){.table = table, .entries = entries, .steps = entries, .inside = true};
	return reason;
}

static enum drop_reason split_walk_from(struct ring *ring, struct chain *chain, struct split_place *place)
{
	for (;;) {
		struct chain_entry entry;
		struct split_desc copy;
		enum drop_reason reason;
		uint16_t flags;

#ifndef PLANTED
		if (place->index >= place->entries)
			return DROP_RING_DESCRIPTOR_INDEX;
#endif
		if (place->steps-- == 0)
			return DROP_RING_CHAIN_LONG;
		chain->descriptors += !place->inside;
		copy = split_copy(place);
		flags = le16_value(copy.flags);
		entry = (struct chain_entry){le64_value(copy.address), le32_value(copy.bytes), flags & DESC_WRITE};
		if (flags & DESC_INDIRECT) {
			reason = split_enter(ring, chain, place, &entry, flags & DESC_NEXT);
			if (reason != DROP_NONE)
				return reason;
			continue;
		}
		reason = chain_add(chain, &entry);
		if (reason != DROP_NONE || !(flags & DESC_NEXT))
			return reason;
		place->index = le16_value(copy.next);
	}
}

static enum drop_reason split_walk(struct ring *ring, struct chain *chain, uint16_t *ret_id, uint16_t *ret_slots)
{
	uint16_t slot = ring->next_avail & (uint16_t)(ring->size - 1);
	struct split_place place = {.table = ring->split.desc, .entries = ring->size, .steps = ring->size};

	*ret_id = shared16_load(&ring->split.avail->ring[slot], memory_order_relaxed);
	*ret_slots = 1;
	place.index = *ret_id;
	return split_walk_from(ring, chain, &place);
}

static const struct split_desc *split_ahead(const struct ring *ring, uint16_t chains)
{
	uint16_t slot = (uint16_t)(ring->next_avail + chains), id;

	if ((uint16_t)(ring->split.known_avail - ring->next_avail) <= chains)
		return NULL;
	id = shared16_load(&ring->split.avail->ring[slot & (ring->size - 1)], memory_order_relaxed);
	return id < ring->size ? &ring->split.desc[id] : NULL;
}

static void split_fetch(const struct ring *ring)
{
	const struct split_desc *near = split_ahead(ring, RING_FETCH_NEAR), *far = split_ahead(ring, RING_FETCH_FAR);

	if (far)
		__builtin_prefetch(far);
	if (near)
		chain_fetch(ring->memory, le64_value(near->address));
}

static void split_step(struct ring *ring, uint16_t slots)
{
	ring->next_avail = (uint16_t)(ring->next_avail + slots);
}

static void split_step_back(struct ring *ring, uint16_t slots)
{
	ring->next_avail = (uint16_t)(ring->next_avail - slots);
}

static void split_give(struct ring *ring, uint16_t id, uint16_t slots, uint32_t written_bytes)
{
	uint16_t slot = ring->next_used & (uint16_t)(ring->size - 1);

	ring->split.used->ring[slot] = (struct split_used_entry){le32_from(id), le32_from(written_bytes)};
	ring->next_used = (uint16_t)(ring->next_used + slots);
}

static bool split_flush(struct ring *ring)
{
	struct ring_split *split = &ring->split;
	uint16_t was = split->published;

	if (was == ring->next_used)
		return false;
	split->published = ring->next_used;
	shared16_store(&split->used->index, split->published, memory_order_release);
	/* The guest arms by a store and then looks at our index; we stored that and look whether it armed. */
	atomic_thread_fence(memory_order_seq_cst);
	if (ring->event_idx)
		return ring_event_passed(shared16_load(split_used_event(split->avail, ring->size),
						       memory_order_relaxed),
					 split->published, was);
	return !(shared16_load(&split->avail->flags, memory_order_relaxed) & SPLIT_AVAIL_NO_INTERRUPT);
}

static bool split_arm(struct ring *ring)
{
	struct ring_split *split = &ring->split;

	if (ring->event_idx)
		shared16_store(split_avail_event(split->used, ring->size), split->known_avail, memory_order_relaxed);
	else
		shared16_store(&split->used->flags, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return shared16_load(&split->avail->index, memory_order_relaxed) != split->known_avail;
}

static void split_disarm(struct ring *ring)
{
	/* With event indexes the last one stays behind the guest's: it tells nothing until it has gone all around. */
	if (!ring->event_idx)
		shared16_store(&ring->split.used->flags, SPLIT_USED_NO_NOTIFY, memory_order_relaxed);
}

const struct ring_layout ring_layout_split = {
	.init = split_init,
	.base = split_base,
	.offered = split_offered,
	.walk = split_walk,
	.step = split_step,
	.fetch = split_fetch,
	.step_back = split_step_back,
	.give = split_give,
	.flush = split_flush,
	.arm = split_arm,
	.disarm = split_disarm,
};
