/* SPDX-License-Identifier: MIT */
/* See plain_driver.h. A buffer's number is its descriptor in a split ring and its id in a packed one, where it takes one
 * slot, so that both layouts differ only in how an entry is written and read. */
#include "kit/plain_driver.h"

#include <string.h>

static size_t align_up(size_t value, size_t to)
{
	return (value + to - 1) / to * to;
}

static size_t split_used_offset(uint16_t size)
{
	return align_up((size_t)(split_desc_bytes(size) + split_avail_bytes(size)), SPLIT_USED_ALIGNMENT);
}

/* Both layouts need about as much; the split one's is more. */
static size_t buffers_offset(uint16_t size)
{
	return align_up(split_used_offset(size) + (size_t)split_used_bytes(size), 4096);
}

size_t plain_driver_bytes(uint16_t size, uint32_t buffer_bytes)
{
	return buffers_offset(size) + align_up((size_t)size * buffer_bytes, 4096);
}

void plain_driver_init(struct plain_driver *driver)
{
	driver->desc = (void *)driver->memory;
	driver->avail = (void *)(driver->memory + split_desc_bytes(driver->size));
	driver->used = (void *)(driver->memory + split_used_offset(driver->size));
	driver->slots = (void *)driver->memory;
	driver->own = (void *)(driver->memory + packed_desc_bytes(driver->size));
	driver->device = driver->own + 1;
	driver->next_avail = driver->next_used = driver->unpublished = 0;
	driver->avail_wrap = driver->used_wrap = true;
	driver->free_count = 0;
	memset(driver->memory, 0, buffers_offset(driver->size));
	for (uint16_t id = driver->size; id > 0; id--)
		driver->free[driver->free_count++] = (uint16_t)(id - 1);
	plain_driver_disarm(driver);
}

static uint64_t guest_address(const struct plain_driver *driver, const void *at)
{
	return driver->address + (uint64_t)((const uint8_t *)at - driver->memory);
}

void plain_driver_setup(const struct plain_driver *driver, struct ring_setup *ret_setup)
{
	uint16_t base = driver->packed ? RING_PACKED_START : 0;

	*ret_setup = (struct ring_setup){
		.desc = guest_address(driver, driver->desc),
		.driver = guest_address(driver, driver->packed ? (void *)driver->own : (void *)driver->avail),
		.device = guest_address(driver, driver->packed ? (void *)driver->device : (void *)driver->used),
		.size = driver->size,
		.base = {base, base},
	};
}

bool plain_driver_take(struct plain_driver *driver, uint16_t *ret_id)
{
	if (driver->free_count == 0)
		return false;
	*ret_id = driver->free[--driver->free_count];
	return true;
}

void plain_driver_put_back(struct plain_driver *driver, uint16_t id)
{
	driver->free[driver->free_count++] = id;
}

uint8_t *plain_driver_buffer(const struct plain_driver *driver, uint16_t id)
{
	return driver->memory + buffers_offset(driver->size) + (size_t)id * driver->buffer_bytes;
}

static void packed_step(const struct plain_driver *driver, uint16_t *slot, bool *wrap)
{
	if (++*slot == driver->size) {
		*slot = 0;
		*wrap = !*wrap;
	}
}

static void packed_offer(struct plain_driver *driver, uint16_t id, uint32_t bytes, uint16_t flags)
{
	struct packed_desc *slot = &driver->slots[driver->next_avail];

	slot->address = le64_from(guest_address(driver, plain_driver_buffer(driver, id)));
	slot->bytes = le32_from(bytes);
	slot->id = le16_from(id);
	flags = (uint16_t)(flags | (driver->avail_wrap ? PACKED_DESC_AVAIL : PACKED_DESC_USED));
	if (driver->unpublished == 0) {
		driver->first = driver->next_avail;
		driver->first_flags = flags;
	} else {
		shared16_store(&slot->flags, flags, memory_order_relaxed);
	}
	driver->unpublished++;
	packed_step(driver, &driver->next_avail, &driver->avail_wrap);
}

void plain_driver_offer(struct plain_driver *driver, uint16_t id, uint32_t bytes)
{
	uint16_t flags = driver->writable ? DESC_WRITE : 0;

	if (driver->packed) {
		packed_offer(driver, id, bytes, flags);
		return;
	}
	driver->unpublished++;
	driver->desc[id] = (struct split_desc){
		.address = le64_from(guest_address(driver, plain_driver_buffer(driver, id))),
		.bytes = le32_from(bytes),
		.flags = le16_from(flags),
	};
	shared16_store(&driver->avail->ring[driver->next_avail++ % driver->size], id, memory_order_relaxed);
}

static bool packed_publish(struct plain_driver *driver, uint16_t added)
{
	uint16_t now = driver->next_avail, wants, place, event;

	shared16_store(&driver->slots[driver->first].flags, driver->first_flags, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	wants = shared16_load(&driver->device->flags, memory_order_acquire) & PACKED_EVENT_MASK;
	if (wants != PACKED_EVENT_DESC)
		return wants == PACKED_EVENT_ENABLE;
	place = shared16_load(&driver->device->place, memory_order_relaxed);
	event = place & (uint16_t)~RING_PACKED_START;
	if (!!(place & RING_PACKED_START) != driver->avail_wrap)
		event = (uint16_t)(event - driver->size);
	return ring_event_passed(event, now, (uint16_t)(now - added));
}

bool plain_driver_publish(struct plain_driver *driver)
{
	uint16_t added = driver->unpublished;

	driver->unpublished = 0;
	if (added == 0)
		return false;
	if (driver->packed)
		return packed_publish(driver, added);
	shared16_store(&driver->avail->index, driver->next_avail, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (driver->event_idx)
		return ring_event_passed(shared16_load(split_avail_event(driver->used, driver->size),
						       memory_order_relaxed),
					 driver->next_avail, (uint16_t)(driver->next_avail - added));
	return !(shared16_load(&driver->used->flags, memory_order_relaxed) & SPLIT_USED_NO_NOTIFY);
}

static bool is_used(const struct plain_driver *driver)
{
	uint16_t flags;

	if (!driver->packed)
		return shared16_load(&driver->used->index, memory_order_acquire) != driver->next_used;
	flags = shared16_load(&driver->slots[driver->next_used].flags, memory_order_acquire);
	return !!(flags & PACKED_DESC_AVAIL) == driver->used_wrap && !!(flags & PACKED_DESC_USED) == driver->used_wrap;
}

bool plain_driver_harvest(struct plain_driver *driver, uint16_t *ret_id, uint32_t *ret_bytes)
{
	if (!is_used(driver))
		return false;
	if (driver->packed) {
		*ret_id = le16_value(driver->slots[driver->next_used].id);
		*ret_bytes = le32_value(driver->slots[driver->next_used].bytes);
		packed_step(driver, &driver->next_used, &driver->used_wrap);
	} else {
		const struct split_used_entry *entry = &driver->used->ring[driver->next_used++ % driver->size];

		*ret_id = (uint16_t)le32_value(entry->head);
		*ret_bytes = le32_value(entry->bytes);
	}
	return true;
}

bool plain_driver_arm(struct plain_driver *driver)
{
	if (driver->packed) {
		shared16_store(&driver->own->place,
			       (uint16_t)(driver->next_used | (driver->used_wrap ? RING_PACKED_START : 0)),
			       memory_order_relaxed);
		shared16_store(&driver->own->flags, driver->event_idx ? PACKED_EVENT_DESC : PACKED_EVENT_ENABLE,
			       memory_order_release);
	} else if (driver->event_idx) {
		shared16_store(split_used_event(driver->avail, driver->size), driver->next_used, memory_order_relaxed);
	} else {
		shared16_store(&driver->avail->flags, 0, memory_order_relaxed);
	}
	atomic_thread_fence(memory_order_seq_cst);
	return is_used(driver);
}

void plain_driver_disarm(struct plain_driver *driver)
{
	if (driver->packed)
		shared16_store(&driver->own->flags, PACKED_EVENT_DISABLE, memory_order_relaxed);
	else if (driver->event_idx) /* behind what was harvested: not passed until the index has gone all around */
		shared16_store(split_used_event(driver->avail, driver->size), (uint16_t)(driver->next_used - 1),
			       memory_order_relaxed);
	else
		shared16_store(&driver->avail->flags, SPLIT_AVAIL_NO_INTERRUPT, memory_order_relaxed);
}
