/* SPDX-License-Identifier: MIT */
/* The honest driver's split ring: descriptors in random order, tables too. */
#include <string.h>

#include "kit/ring_driver_layout.h"

static size_t avail_offset(uint16_t size)
{
	return (size_t)split_desc_bytes(size);
}

static size_t used_offset(uint16_t size)
{
	size_t end = avail_offset(size) + (size_t)split_avail_bytes(size);

	return (end + SPLIT_USED_ALIGNMENT - 1) / SPLIT_USED_ALIGNMENT * SPLIT_USED_ALIGNMENT;
}

static size_t split_ring_bytes(uint16_t size)
{
	return used_offset(size) + (size_t)split_used_bytes(size);
}

static void split_init(struct ring_driver *driver)
{
	uint8_t *memory = driver->setup.memory;

	driver->desc = (void *)memory;
	driver->avail = (void *)(memory + avail_offset(driver->setup.size));
	driver->used = (void *)(memory + used_offset(driver->setup.size));
	driver->next_avail = driver->published = driver->next_used = driver->setup.start;
	shared16_store(&driver->avail->index, driver->setup.start, memory_order_relaxed);
	shared16_store(&driver->used->index, driver->setup.start, memory_order_relaxed);
}

static void split_connect(const struct ring_driver *driver, struct ring_setup *setup)
{
	setup->desc = ring_driver_address(driver, driver->desc);
	setup->driver = ring_driver_address(driver, driver->avail);
	setup->device = ring_driver_address(driver, driver->used);
	setup->base = (struct ring_base){driver->setup.start, driver->setup.start};
}

static struct split_desc piece_descriptor(const struct ring_driver *driver, const struct ring_driver_piece *piece)
{
	return (struct split_desc){
		.address = le64_from(ring_driver_address(driver, piece->at)),
		.bytes = le32_from(piece->bytes),
		.flags = le16_from(piece->writable ? DESC_WRITE : 0),
	};
}

static void chain_direct(struct ring_driver *driver, struct ring_driver_buffer *buffer)
{
	for (uint32_t i = 0; i < buffer->piece_count; i++) {
		struct split_desc entry = piece_descriptor(driver, &buffer->pieces[i]);

		if (i + 1 < buffer->piece_count) {
			entry.flags = le16_from((uint16_t)(le16_value(entry.flags) | DESC_NEXT));
			entry.next = le16_from(buffer->descriptors[i + 1]);
		}
		driver->desc[buffer->descriptors[i]] = entry;
	}
}

/* Entries of the table in random order too, but for the first. */
static void chain_indirect(struct ring_driver *driver, struct ring_driver_buffer *buffer)
{
	uint16_t order[RING_DRIVER_PIECES_MAX];

	for (uint32_t i = 0; i < buffer->piece_count; i++)
		order[i] = (uint16_t)i;
	for (uint32_t i = buffer->piece_count - 1; i > 1; i--) {
		uint32_t with = 1 + random_below(&driver->random, i);
		uint16_t kept = order[i];

		order[i] = order[with];
		order[with] = kept;
	}
	for (uint32_t i = 0; i < buffer->piece_count; i++) {
		struct split_desc entry = piece_descriptor(driver, &buffer->pieces[i]);

		if (i + 1 < buffer->piece_count) {
			entry.flags = le16_from((uint16_t)(le16_value(entry.flags) | DESC_NEXT));
			entry.next = le16_from(order[i + 1]);
		}
		memcpy(buffer->table + order[i] * sizeof(entry), &entry, sizeof(entry));
	}
	driver->desc[buffer->descriptors[0]] = (struct split_desc){
		.address = le64_from(ring_driver_address(driver, buffer->table)),
		.bytes = le32_from((uint32_t)(buffer->piece_count * sizeof(struct split_desc))),
		.flags = le16_from(DESC_INDIRECT),
	};
}

static void split_offer(struct ring_driver *driver, struct ring_driver_buffer *buffer)
{
	uint32_t slot = driver->next_avail % driver->setup.size;

	if (buffer->table)
		chain_indirect(driver, buffer);
	else
		chain_direct(driver, buffer);
	shared16_store(&driver->avail->ring[slot], buffer->descriptors[0], memory_order_relaxed);
	driver->next_avail++;
}

static bool split_publish(struct ring_driver *driver)
{
	uint16_t was = driver->published;

	driver->published = driver->next_avail;
	shared16_store(&driver->avail->index, driver->published, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (driver->setup.event_idx)
		return ring_event_passed(shared16_load(split_avail_event(driver->used, driver->setup.size),
						       memory_order_relaxed),
					 driver->published, was);
	return !(shared16_load(&driver->used->flags, memory_order_relaxed) & SPLIT_USED_NO_NOTIFY);
}

static bool split_harvest(struct ring_driver *driver, struct ring_driver_used *ret_used)
{
	struct split_used_entry entry;

	if (shared16_load(&driver->used->index, memory_order_acquire) == driver->next_used)
		return false;
	entry = driver->used->ring[driver->next_used % driver->setup.size];
	*ret_used = (struct ring_driver_used){(uint16_t)le32_value(entry.head), le32_value(entry.bytes)};
	return true;
}

static void split_harvested(struct ring_driver *driver, const struct ring_driver_buffer *buffer)
{
	(void)buffer;
	driver->next_used++;
}

static void split_want_interrupt(struct ring_driver *driver, bool wanted)
{
	/* Behind what was harvested it is not passed until the index has gone all around. */
	uint16_t event = (uint16_t)(wanted ? driver->next_used : driver->next_used - 1);

	if (driver->setup.event_idx)
		shared16_store(split_used_event(driver->avail, driver->setup.size), event, memory_order_relaxed);
	else
		shared16_store(&driver->avail->flags, wanted ? 0 : SPLIT_AVAIL_NO_INTERRUPT, memory_order_relaxed);
}

static void split_want_interrupt_after(struct ring_driver *driver, uint16_t slots)
{
	shared16_store(split_used_event(driver->avail, driver->setup.size), (uint16_t)(driver->next_used + slots),
		       memory_order_relaxed);
}

const struct ring_driver_layout ring_driver_split = {
	.ring_bytes = split_ring_bytes,
	.init = split_init,
	.connect = split_connect,
	.offer = split_offer,
	.publish = split_publish,
	.harvest = split_harvest,
	.harvested = split_harvested,
	.want_interrupt = split_want_interrupt,
	.want_interrupt_after = split_want_interrupt_after,
};
