/* SPDX-License-Identifier: MIT */
/* The honest driver's packed ring. The flags of the first entry of a batch are written last. */
#include <string.h>

#include "kit/ring_driver_layout.h"

static size_t packed_event_offset(uint16_t size)
{
	return (size_t)packed_desc_bytes(size);
}

static size_t packed_ring_bytes(uint16_t size)
{
	return packed_event_offset(size) + 2 * sizeof(struct packed_event);
}

static void packed_init(struct ring_driver *driver)
{
	uint8_t *memory = driver->setup.memory;

	driver->packed = (void *)memory;
	driver->own = (void *)(memory + packed_event_offset(driver->setup.size));
	driver->device = driver->own + 1;
	driver->next_avail = driver->published = driver->next_used = driver->setup.start % driver->setup.size;
	driver->avail_wrap = driver->used_wrap = true;
	/* what an earlier device had used in this round */
	for (uint16_t slot = 0; slot < driver->next_used; slot++)
		shared16_store(&driver->packed[slot].flags, PACKED_DESC_AVAIL | PACKED_DESC_USED, memory_order_relaxed);
}

static uint16_t packed_place(uint16_t slot, bool wrap)
{
	return (uint16_t)(slot | (wrap ? RING_PACKED_START : 0));
}

static void packed_connect(const struct ring_driver *driver, struct ring_setup *setup)
{
	setup->desc = ring_driver_address(driver, driver->packed);
	setup->driver = ring_driver_address(driver, driver->own);
	setup->device = ring_driver_address(driver, driver->device);
	setup->base.avail = packed_place(driver->next_avail, true);
	setup->base.used = packed_place(driver->next_used, true);
}

static void packed_forward(const struct ring_driver *driver, uint16_t *slot, bool *wrap, uint32_t slots)
{
	for (; slots > 0; slots--) {
		*slot = (uint16_t)(*slot + 1);
		if (*slot == driver->setup.size) {
			*slot = 0;
			*wrap = !*wrap;
		}
	}
}

static void packed_write(struct ring_driver *driver, const struct packed_desc *entry, uint16_t flags)
{
	struct packed_desc *to = &driver->packed[driver->next_avail];

	flags = (uint16_t)(flags | (driver->avail_wrap ? PACKED_DESC_AVAIL : PACKED_DESC_USED));
	memcpy(to, entry, offsetof(struct packed_desc, flags));
	if (driver->next_avail == driver->published) {
		driver->first = driver->next_avail;
		driver->first_flags = flags;
	} else {
		shared16_store(&to->flags, flags, memory_order_relaxed);
	}
	packed_forward(driver, &driver->next_avail, &driver->avail_wrap, 1);
}

static struct packed_desc packed_piece(const struct ring_driver *driver, const struct ring_driver_piece *piece,
				       uint16_t id)
{
	return (struct packed_desc){
		.address = le64_from(ring_driver_address(driver, piece->at)),
		.bytes = le32_from(piece->bytes),
		.id = le16_from(id),
	};
}

static void packed_offer_table(struct ring_driver *driver, struct ring_driver_buffer *buffer)
{
	struct packed_desc outer = {
		.address = le64_from(ring_driver_address(driver, buffer->table)),
		.bytes = le32_from((uint32_t)(buffer->piece_count * sizeof(struct packed_desc))),
		.id = le16_from(buffer->descriptors[0]),
	};

	for (uint32_t i = 0; i < buffer->piece_count; i++) {
		struct packed_desc entry = packed_piece(driver, &buffer->pieces[i], 0);

		shared16_store(&entry.flags, buffer->pieces[i].writable ? DESC_WRITE : 0, memory_order_relaxed);
		memcpy(buffer->table + i * sizeof(entry), &entry, sizeof(entry));
	}
	packed_write(driver, &outer, DESC_INDIRECT);
}

static void packed_offer(struct ring_driver *driver, struct ring_driver_buffer *buffer)
{
	if (buffer->table) {
		packed_offer_table(driver, buffer);
		return;
	}
	for (uint32_t i = 0; i < buffer->piece_count; i++) {
		/* the id counts in the last one alone */
		bool is_last = i + 1 == buffer->piece_count;
		struct packed_desc entry =
			packed_piece(driver, &buffer->pieces[i], is_last ? buffer->descriptors[0] : 0xfefe);

		packed_write(driver, &entry,
			     (uint16_t)((buffer->pieces[i].writable ? DESC_WRITE : 0) | (is_last ? 0 : DESC_NEXT)));
	}
}

static bool packed_publish(struct ring_driver *driver)
{
	uint16_t was = driver->published, added, wants, place, event;

	shared16_store(&driver->packed[driver->first].flags, driver->first_flags, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	added = (uint16_t)(driver->next_avail > was ? driver->next_avail - was
						    : driver->next_avail + driver->setup.size - was);
	driver->published = driver->next_avail;
	wants = shared16_load(&driver->device->flags, memory_order_acquire) & PACKED_EVENT_MASK;
	if (wants != PACKED_EVENT_DESC)
		return wants == PACKED_EVENT_ENABLE;
	place = shared16_load(&driver->device->place, memory_order_relaxed);
	event = place & (uint16_t)~RING_PACKED_START;
	if (!!(place & RING_PACKED_START) != driver->avail_wrap)
		event = (uint16_t)(event - driver->setup.size);
	return ring_event_passed(event, driver->next_avail, (uint16_t)(driver->next_avail - added));
}

static bool packed_harvest(struct ring_driver *driver, struct ring_driver_used *ret_used)
{
	const struct packed_desc *entry = &driver->packed[driver->next_used];
	uint16_t flags = shared16_load(&driver->packed[driver->next_used].flags, memory_order_acquire);

	if (!!(flags & PACKED_DESC_AVAIL) != driver->used_wrap || !!(flags & PACKED_DESC_USED) != driver->used_wrap)
		return false;
	*ret_used = (struct ring_driver_used){le16_value(entry->id), le32_value(entry->bytes)};
	return true;
}

static void packed_harvested(struct ring_driver *driver, const struct ring_driver_buffer *buffer)
{
	packed_forward(driver, &driver->next_used, &driver->used_wrap, buffer->descriptor_count);
}

static void packed_want_interrupt(struct ring_driver *driver, bool wanted)
{
	if (wanted && driver->setup.event_idx)
		shared16_store(&driver->own->place, packed_place(driver->next_used, driver->used_wrap),
			       memory_order_relaxed);
	shared16_store(&driver->own->flags,
		       !wanted                   ? PACKED_EVENT_DISABLE
		       : driver->setup.event_idx ? PACKED_EVENT_DESC
						 : PACKED_EVENT_ENABLE,
		       memory_order_release);
}

static void packed_want_interrupt_after(struct ring_driver *driver, uint16_t slots)
{
	uint16_t slot = driver->next_used;
	bool wrap = driver->used_wrap;

	packed_forward(driver, &slot, &wrap, slots);
	shared16_store(&driver->own->place, packed_place(slot, wrap), memory_order_relaxed);
	shared16_store(&driver->own->flags, PACKED_EVENT_DESC, memory_order_release);
}

const struct ring_driver_layout ring_driver_packed = {
	.ring_bytes = packed_ring_bytes,
	.init = packed_init,
	.connect = packed_connect,
	.offer = packed_offer,
	.publish = packed_publish,
	.harvest = packed_harvest,
	.harvested = packed_harvested,
	.want_interrupt = packed_want_interrupt,
	.want_interrupt_after = packed_want_interrupt_after,
};
