/* SPDX-License-Identifier: MIT */
/* The packed layout (virtio 1.2, 2.8): one ring of descriptors, which the guest fills and the device writes over. An entry
 * is offered when its AVAIL flag is the wrap counter's and its USED flag is not; a chain takes as many slots as it has
 * entries, one if it is an indirect table.
 *
 * What surprises: entries that are returned become visible one by one, but a frame of several buffers must not be seen
 * in part. So the flags of the first one that was returned since the last flush are held back: the guest reads them in
 * order and stops there. */
#include <errno.h>
#include <string.h>

#include "virtio/ring_layout.h"

/* What a device that left marked its place with, in bits that no place in a ring of up to 1024 has. The flags beside it
 * would not do: QEMU, which looks at such a ring while nobody serves it, writes them. */
enum { PACKED_LEFT_MASK = 0x7c00, PACKED_LEFT = 0x2c00, PACKED_LEFT_SIZE_MAX = 1024 };

/* Whether an entry was ever given back, or offered in a second round: in a new ring none was. */
static bool packed_was_used(struct packed_desc *desc, uint16_t size)
{
	bool used = false;

	for (uint16_t i = 0; i < size; i++)
		used |= shared16_load(&desc[i].flags, memory_order_relaxed) & PACKED_DESC_USED;
	return used;
}

/* The place that the last device left in the ring; else the one that was guessed. */
static struct ring_base packed_find_base(struct ring *ring, const struct ring_base *guessed)
{
	struct ring_packed *packed = &ring->packed;
	uint16_t place = shared16_load(&packed->device->place, memory_order_relaxed);

	if ((place & PACKED_LEFT_MASK) == PACKED_LEFT) {
		place &= (uint16_t)~PACKED_LEFT_MASK;
		shared16_store(&packed->device->place, place, memory_order_relaxed);
		return (struct ring_base){place, place};
	}
	if (guessed->avail == RING_PACKED_START && guessed->used == RING_PACKED_START &&
	    packed_was_used(packed->desc, ring->size))
		ring_break(ring, DROP_RING_LOST);
	return *guessed;
}

static int packed_init(struct ring *ring, const struct ring_setup *setup)
{
	struct ring_packed *packed = &ring->packed;
	struct ring_base base;

	*packed = (struct ring_packed){
		.desc = memory_at(setup->memory, setup->desc, packed_desc_bytes(setup->size)),
		.driver = memory_at(setup->memory, setup->driver, sizeof(struct packed_event)),
		.device = memory_at(setup->memory, setup->device, sizeof(struct packed_event)),
	};
	if (!packed->desc || !packed->driver || !packed->device)
		return -EFAULT;
	if ((setup->desc | (uintptr_t)packed->desc) % PACKED_DESC_ALIGNMENT ||
	    (setup->driver | (uintptr_t)packed->driver) % PACKED_EVENT_ALIGNMENT ||
	    (setup->device | (uintptr_t)packed->device) % PACKED_EVENT_ALIGNMENT)
		return -EINVAL;
	base = setup->guessed ? packed_find_base(ring, &setup->base) : setup->base;
	packed->avail_wrap = base.avail & RING_PACKED_START;
	packed->used_wrap = base.used & RING_PACKED_START;
	ring->next_avail = base.avail & (uint16_t)~RING_PACKED_START;
	ring->next_used = base.used & (uint16_t)~RING_PACKED_START;
	return ring->next_avail < ring->size && ring->next_used < ring->size ? 0 : -EINVAL;
}

static uint16_t packed_place(uint16_t slot, bool wrap)
{
	return (uint16_t)(slot | (wrap ? RING_PACKED_START : 0));
}

static struct ring_base packed_base(const struct ring *ring)
{
	return (struct ring_base){.avail = packed_place(ring->next_avail, ring->packed.avail_wrap),
				  .used = packed_place(ring->next_used, ring->packed.used_wrap)};
}

/* So many slots from here; the wrap counter turns at the ring's end. `slots` is at most the ring's size. */
static void packed_forward(const struct ring *ring, uint16_t *slot, bool *wrap, uint16_t slots)
{
	uint32_t next = (uint32_t)*slot + slots;

	*wrap = next >= ring->size ? !*wrap : *wrap;
	*slot = (uint16_t)(next >= ring->size ? next - ring->size : next);
}

static bool packed_is_offered(const struct ring *ring, uint16_t slot, bool wrap, memory_order order)
{
	uint16_t flags = shared16_load(&ring->packed.desc[slot].flags, order);

	return !!(flags & PACKED_DESC_AVAIL) == wrap && !!(flags & PACKED_DESC_USED) != wrap;
}

static bool packed_offered(struct ring *ring)
{
	struct ring_packed *packed = &ring->packed;
	bool offered = packed_is_offered(ring, ring->next_avail, packed->avail_wrap, memory_order_acquire);

	if (!offered)
		packed->ahead = 0;
	return offered;
}

static struct chain_entry packed_copy(const struct packed_desc *desc, uint16_t *ret_id, uint16_t *ret_flags)
{
	struct packed_desc copy;

	memcpy(&copy, desc, sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	*ret_id = le16_value(copy.id);
	*ret_flags = shared16_load(&copy.flags, memory_order_relaxed);
	return (struct chain_entry){le64_value(copy.address), le32_value(copy.bytes), *ret_flags & DESC_WRITE};
}

/* All of its entries are the chain's: there is no NEXT among them (virtio 1.2, 2.8.8). */
static enum drop_reason packed_walk_table(const struct ring *ring, struct chain *chain, const struct chain_entry *entry,
					  bool is_alone)
{
	const struct packed_desc *table;
	const void *found;
	uint32_t entries;
	enum drop_reason reason;

	if (!ring->indirect || !is_alone)
		return DROP_RING_INDIRECT;
	reason = chain_table(chain, entry, &found, &entries);
	table = found;
#ifdef PLANTED
	entries++; /* the planted fault of `make fuzz` */
#endif
	for (uint32_t i = 0; reason == DROP_NONE && i < entries; i++) {
		uint16_t id, flags;
		struct chain_entry inner = packed_copy(&table[i], &id, &flags);

		reason = flags & DESC_INDIRECT ? DROP_RING_INDIRECT : chain_add(chain, &inner);
	}
	return reason;
}

static enum drop_reason packed_walk(struct ring *ring, struct chain *chain, uint16_t *ret_id, uint16_t *ret_slots)
{
	uint16_t slot = ring->next_avail, flags, steps = 0;
	bool wrap = ring->packed.avail_wrap;
	enum drop_reason reason;

	do {
		struct chain_entry entry;

		if (steps++ == ring->size)
			return DROP_RING_CHAIN_LONG;
		chain->descriptors++;
		entry = packed_copy(&ring->packed.desc[slot], ret_id, &flags);
		if (flags & DESC_INDIRECT) {
			*ret_slots = steps;
			return packed_walk_table(ring, chain, &entry, steps == 1 && !(flags & DESC_NEXT));
		}
		reason = chain_add(chain, &entry);
		packed_forward(ring, &slot, &wrap, 1);
	} while (reason == DROP_NONE && flags & DESC_NEXT);
	*ret_slots = steps;
	return reason;
}

static void packed_fetch(const struct ring *ring)
{
	uint16_t near = ring->next_avail, far = ring->next_avail;
	bool wrap = false;

	if (ring->size <= RING_FETCH_FAR)
		return;
	packed_forward(ring, &near, &wrap, RING_FETCH_NEAR);
	packed_forward(ring, &far, &wrap, RING_FETCH_FAR);
	__builtin_prefetch(&ring->packed.desc[far]);
	chain_fetch(ring->memory, le64_value(ring->packed.desc[near].address));
}

static void packed_step(struct ring *ring, uint16_t slots)
{
	struct ring_packed *packed = &ring->packed;

	packed_forward(ring, &ring->next_avail, &packed->avail_wrap, slots);
	packed->ahead = packed->ahead > slots ? (uint16_t)(packed->ahead - slots) : 0;
}

static void packed_step_back(struct ring *ring, uint16_t slots)
{
	struct ring_packed *packed = &ring->packed;

	packed->avail_wrap = slots > ring->next_avail ? !packed->avail_wrap : packed->avail_wrap;
	ring->next_avail = (uint16_t)(ring->next_avail + (slots > ring->next_avail ? ring->size : 0) - slots);
	packed->ahead = (uint16_t)(packed->ahead + slots);
}

static void packed_give(struct ring *ring, uint16_t id, uint16_t slots, uint32_t written_bytes)
{
	struct ring_packed *packed = &ring->packed;
	struct packed_desc *desc = &packed->desc[ring->next_used];
	uint16_t flags = (uint16_t)((packed->used_wrap ? PACKED_DESC_AVAIL | PACKED_DESC_USED : 0) |
				    (written_bytes ? DESC_WRITE : 0));

	desc->id = le16_from(id);
	desc->bytes = le32_from(written_bytes);
	if (packed->unpublished) {
		shared16_store(&desc->flags, flags, memory_order_relaxed);
	} else {
		packed->unpublished = true;
		packed->first = ring->next_used;
		packed->first_flags = flags;
		packed->unpublished_slots = 0;
	}
	packed->unpublished_slots = (uint16_t)(packed->unpublished_slots + slots);
	packed_forward(ring, &ring->next_used, &packed->used_wrap, slots);
}

static bool packed_flush(struct ring *ring)
{
	struct ring_packed *packed = &ring->packed;
	uint16_t wants, place, event;

	if (!packed->unpublished)
		return false;
	packed->unpublished = false;
	shared16_store(&packed->desc[packed->first].flags, packed->first_flags, memory_order_release);
	/* As in the split ring: our store, then a look at the guest's wish. Its flags announce its place. */
	atomic_thread_fence(memory_order_seq_cst);
	wants = shared16_load(&packed->driver->flags, memory_order_acquire) & PACKED_EVENT_MASK;
	if (wants == PACKED_EVENT_DISABLE)
		return false;
	if (wants != PACKED_EVENT_DESC || !ring->event_idx)
		return true;
	place = shared16_load(&packed->driver->place, memory_order_relaxed);
	event = place & (uint16_t)~RING_PACKED_START;
	if (!!(place & RING_PACKED_START) != packed->used_wrap)
		event = (uint16_t)(event - ring->size);
	return ring_event_passed(event, ring->next_used, (uint16_t)(ring->next_used - packed->unpublished_slots));
}

static bool packed_arm(struct ring *ring)
{
	struct ring_packed *packed = &ring->packed;
	uint16_t slot = ring->next_avail;
	bool wrap = packed->avail_wrap;

	packed_forward(ring, &slot, &wrap, packed->ahead);
	if (ring->event_idx) {
		shared16_store(&packed->device->place, packed_place(slot, wrap), memory_order_relaxed);
		shared16_store(&packed->device->flags, PACKED_EVENT_DESC, memory_order_release);
	} else {
		shared16_store(&packed->device->flags, PACKED_EVENT_ENABLE, memory_order_relaxed);
	}
	atomic_thread_fence(memory_order_seq_cst);
	return packed_is_offered(ring, slot, wrap, memory_order_relaxed);
}

static void packed_disarm(struct ring *ring)
{
	shared16_store(&ring->packed.device->flags, PACKED_EVENT_DISABLE, memory_order_relaxed);
}

static void packed_leave(struct ring *ring)
{
	const struct ring_base base = packed_base(ring);

	if (base.avail != base.used || ring->size > PACKED_LEFT_SIZE_MAX)
		return;
	/* and to a guest that offers something meanwhile: tell of it */
	shared16_store(&ring->packed.device->flags, PACKED_EVENT_ENABLE, memory_order_relaxed);
	shared16_store(&ring->packed.device->place, base.avail | PACKED_LEFT, memory_order_release);
}

const struct ring_layout ring_layout_packed = {
	.init = packed_init,
	.base = packed_base,
	.offered = packed_offered,
	.walk = packed_walk,
	.step = packed_step,
	.fetch = packed_fetch,
	.step_back = packed_step_back,
	.give = packed_give,
	.flush = packed_flush,
	.arm = packed_arm,
	.disarm = packed_disarm,
	.leave = packed_leave,
};
