/* SPDX-License-Identifier: MIT */
/* An honest driver of a split ring (virtio 1.2, 2.7.13 and 2.7.14), with a taste for odd pieces. */
#include "kit/split_driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/net.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "split_driver: %s\n", what);
	abort();
}

static void *array_new(size_t count, size_t bytes)
{
	void *array = calloc(count > 0 ? count : 1, bytes);

	require(array, "no memory");
	return array;
}

static size_t align_up(size_t value, size_t to)
{
	return (value + to - 1) / to * to;
}

static size_t avail_offset(uint16_t size)
{
	return (size_t)split_desc_bytes(size);
}

static size_t used_offset(uint16_t size)
{
	return align_up(avail_offset(size) + (size_t)split_avail_bytes(size), SPLIT_USED_ALIGNMENT);
}

static size_t pages_offset(uint16_t size)
{
	return align_up(used_offset(size) + (size_t)split_used_bytes(size), 64);
}

size_t split_driver_bytes(uint16_t size, uint32_t pages)
{
	return pages_offset(size) + (size_t)pages * SPLIT_DRIVER_PAGE_BYTES;
}

void split_driver_init(struct split_driver *driver, const struct split_driver_setup *setup)
{
	uint8_t *memory = setup->memory;
	uint32_t pages;

	require(setup->bytes >= split_driver_bytes(setup->size, 0), "the memory is too small for the ring");
	pages = (uint32_t)((setup->bytes - pages_offset(setup->size)) / SPLIT_DRIVER_PAGE_BYTES);
	*driver = (struct split_driver){
		.setup = *setup,
		.desc = (void *)memory,
		.avail = (void *)(memory + avail_offset(setup->size)),
		.used = (void *)(memory + used_offset(setup->size)),
		.free_descriptors = array_new(setup->size, sizeof(uint16_t)),
		.free_descriptor_count = setup->size,
		.free_pages = array_new(pages, sizeof(uint8_t *)),
		.free_page_count = pages,
		.buffers = array_new(setup->size, sizeof(struct split_driver_buffer)),
		.next_avail = setup->start,
		.published = setup->start,
		.next_used = setup->start,
	};
	random_init(&driver->random, setup->seed);
	memset(memory, 0, pages_offset(setup->size));
	shared16_store(&driver->avail->index, setup->start, memory_order_relaxed);
	shared16_store(&driver->used->index, setup->start, memory_order_relaxed);
	for (uint32_t i = 0; i < setup->size; i++)
		driver->free_descriptors[i] = (uint16_t)i;
	for (uint32_t i = 0; i < pages; i++)
		driver->free_pages[i] = memory + pages_offset(setup->size) + (size_t)i * SPLIT_DRIVER_PAGE_BYTES;
	split_driver_want_interrupt(driver, true);
}

void split_driver_done(struct split_driver *driver)
{
	for (uint32_t i = 0; driver->buffers && i < driver->setup.size; i++) {
		free(driver->buffers[i].pieces);
		free(driver->buffers[i].descriptors);
	}
	free(driver->buffers);
	free(driver->free_descriptors);
	free(driver->free_pages);
	*driver = (struct split_driver){0};
}

static uint64_t guest_address(const struct split_driver *driver, const void *at)
{
	return driver->setup.address + (uint64_t)((const uint8_t *)at - (const uint8_t *)driver->setup.memory);
}

void split_driver_connect(struct split_driver *driver, struct memory *memory, bool mergeable,
			  struct ring_split_setup *ret_setup)
{
	require(memory_add(memory, driver->setup.address, driver->setup.bytes, driver->setup.memory) == 0,
		"the region does not fit the memory");
	*ret_setup = (struct ring_split_setup){
		.memory = memory,
		.desc = guest_address(driver, driver->desc),
		.avail = guest_address(driver, driver->avail),
		.used = guest_address(driver, driver->used),
		.size = driver->setup.size,
		.start = driver->setup.start,
		.event_idx = driver->setup.event_idx,
		.indirect = driver->setup.indirect,
		.mergeable = mergeable,
	};
}

static uint16_t descriptor_take(struct split_driver *driver)
{
	uint32_t at = random_below(&driver->random, driver->free_descriptor_count);
	uint16_t number = driver->free_descriptors[at];

	driver->free_descriptors[at] = driver->free_descriptors[--driver->free_descriptor_count];
	return number;
}

static uint8_t *page_take(struct split_driver *driver)
{
	uint32_t at = random_below(&driver->random, driver->free_page_count);
	uint8_t *page = driver->free_pages[at];

	driver->free_pages[at] = driver->free_pages[--driver->free_page_count];
	return page;
}

/* The page that a place lies in. */
static uint8_t *page_of(const struct split_driver *driver, uint8_t *at)
{
	uint8_t *first = (uint8_t *)driver->setup.memory + pages_offset(driver->setup.size);
	size_t number = (size_t)(at - first) / SPLIT_DRIVER_PAGE_BYTES;

	return first + number * SPLIT_DRIVER_PAGE_BYTES;
}

static struct split_desc piece_descriptor(const struct split_driver *driver, const struct split_driver_piece *piece)
{
	return (struct split_desc){
		.address = le64_from(guest_address(driver, piece->at)),
		.bytes = le32_from(piece->bytes),
		.flags = le16_from(piece->writable ? SPLIT_DESC_WRITE : 0),
	};
}

static void chain_direct(struct split_driver *driver, struct split_driver_buffer *buffer)
{
	for (uint32_t i = 0; i < buffer->piece_count; i++) {
		struct split_desc entry = piece_descriptor(driver, &buffer->pieces[i]);

		if (i + 1 < buffer->piece_count) {
			entry.flags = le16_from((uint16_t)(le16_value(entry.flags) | SPLIT_DESC_NEXT));
			entry.next = le16_from(buffer->descriptors[i + 1]);
		}
		driver->desc[buffer->descriptors[i]] = entry;
	}
}

/* Entries of the table in random order too, but for the first. */
static void chain_indirect(struct split_driver *driver, struct split_driver_buffer *buffer)
{
	uint16_t order[SPLIT_DRIVER_PIECES_MAX];

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
			entry.flags = le16_from((uint16_t)(le16_value(entry.flags) | SPLIT_DESC_NEXT));
			entry.next = le16_from(order[i + 1]);
		}
		memcpy(buffer->table + order[i] * sizeof(entry), &entry, sizeof(entry));
	}
	driver->desc[buffer->descriptors[0]] = (struct split_desc){
		.address = le64_from(guest_address(driver, buffer->table)),
		.bytes = le32_from((uint32_t)(buffer->piece_count * sizeof(struct split_desc))),
		.flags = le16_from(SPLIT_DESC_INDIRECT),
	};
}

/* Each piece gets a page of its own and a place in it. */
static void piece_place(struct split_driver *driver, struct split_driver_piece *piece)
{
	uint8_t *page = page_take(driver);

	require(piece->bytes > 0 && piece->bytes <= SPLIT_DRIVER_PAGE_BYTES, "a piece has 1 byte to 4 KiB");
	piece->at = page + random_below(&driver->random, SPLIT_DRIVER_PAGE_BYTES - piece->bytes + 1);
	random_fill(&driver->random, piece->at, piece->bytes);
}

int split_driver_offer(struct split_driver *driver, const struct split_driver_piece *pieces, uint32_t count,
		       bool indirect)
{
	struct split_driver_buffer buffer = {.offered = true, .piece_count = count};
	uint32_t slot = driver->next_avail % driver->setup.size;

	require(count > 0 && count <= SPLIT_DRIVER_PIECES_MAX, "a buffer has 1 to 256 pieces");
	require(!indirect || driver->setup.indirect, "indirect tables were not negotiated");
	buffer.descriptor_count = indirect ? 1 : count;
	if (buffer.descriptor_count > driver->free_descriptor_count || count + indirect > driver->free_page_count)
		return -ENOSPC;
	buffer.pieces = array_new(count, sizeof(*buffer.pieces));
	buffer.descriptors = array_new(buffer.descriptor_count, sizeof(*buffer.descriptors));
	for (uint32_t i = 0; i < count; i++) {
		buffer.pieces[i] = pieces[i];
		piece_place(driver, &buffer.pieces[i]);
		buffer.writable_bytes += pieces[i].writable ? pieces[i].bytes : 0;
	}
	for (uint32_t i = 0; i < buffer.descriptor_count; i++)
		buffer.descriptors[i] = descriptor_take(driver);
	if (indirect) {
		buffer.table = page_take(driver);
		chain_indirect(driver, &buffer);
	} else {
		chain_direct(driver, &buffer);
	}
	shared16_store(&driver->avail->ring[slot], buffer.descriptors[0], memory_order_relaxed);
	driver->next_avail++;
	driver->buffers[buffer.descriptors[0]] = buffer;
	return buffer.descriptors[0];
}

/* At most 4 KiB each, and together `bytes`: how many. */
static uint32_t cut_at_random(struct split_driver *driver, size_t bytes, uint32_t most, bool writable,
			      struct split_driver_piece *ret_pieces)
{
	uint32_t count = 0;

	if (most > SPLIT_DRIVER_PIECES_MAX)
		most = SPLIT_DRIVER_PIECES_MAX;
	require(bytes > 0 && bytes <= (size_t)most * SPLIT_DRIVER_PAGE_BYTES, "more bytes than the pieces can hold");
	while (bytes > 0) {
		/* What the pieces behind this one cannot hold must go in here. */
		size_t behind = (size_t)(most - count - 1) * SPLIT_DRIVER_PAGE_BYTES;
		size_t least = bytes > behind ? bytes - behind : 1;
		size_t up_to = bytes < SPLIT_DRIVER_PAGE_BYTES ? bytes : SPLIT_DRIVER_PAGE_BYTES;
		/* Every third piece is tiny: headers are to be cut anywhere. */
		size_t range = random_below(&driver->random, 3) == 0 && up_to > 16 && least <= 16 ? 16 : up_to;
		size_t chosen = least + random_below(&driver->random, (uint32_t)(range - least + 1));

		ret_pieces[count++] = (struct split_driver_piece){.bytes = (uint32_t)chosen, .writable = writable};
		bytes -= chosen;
	}
	return count;
}

static bool choose_indirect(struct split_driver *driver, uint32_t count)
{
	return driver->setup.indirect && (random_below(&driver->random, 2) || count > driver->free_descriptor_count);
}

int split_driver_offer_frame(struct split_driver *driver, const void *bytes, size_t count, uint32_t most)
{
	struct split_driver_piece pieces[SPLIT_DRIVER_PIECES_MAX];
	uint32_t piece_count = cut_at_random(driver, count, most, false, pieces);
	int head = split_driver_offer(driver, pieces, piece_count, choose_indirect(driver, piece_count));
	const uint8_t *from = bytes;

	for (uint32_t i = 0; head >= 0 && i < piece_count; i++) {
		const struct split_driver_piece *piece = &driver->buffers[head].pieces[i];

		memcpy(piece->at, from, piece->bytes);
		from += piece->bytes;
	}
	return head;
}

int split_driver_offer_room(struct split_driver *driver, size_t bytes, uint32_t most)
{
	struct split_driver_piece pieces[SPLIT_DRIVER_PIECES_MAX];
	uint32_t count = cut_at_random(driver, bytes, most, true, pieces);

	return split_driver_offer(driver, pieces, count, choose_indirect(driver, count));
}

bool split_driver_publish(struct split_driver *driver)
{
	uint16_t was = driver->published;
	bool wanted;

	if (was == driver->next_avail)
		return false;
	driver->published = driver->next_avail;
	shared16_store(&driver->avail->index, driver->published, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (driver->setup.event_idx)
		wanted = split_event_passed(shared16_load(split_avail_event(driver->used, driver->setup.size),
							  memory_order_relaxed),
					    driver->published, was);
	else
		wanted = !(shared16_load(&driver->used->flags, memory_order_relaxed) & SPLIT_USED_NO_NOTIFY);
	driver->kicks += wanted;
	return wanted;
}

bool split_driver_harvest(struct split_driver *driver, struct split_driver_used *ret_used)
{
	uint16_t index = shared16_load(&driver->used->index, memory_order_acquire);
	struct split_driver_buffer *buffer;
	struct split_used_entry entry;
	uint32_t head;

	if (index == driver->next_used)
		return false;
	require((uint16_t)(index - driver->next_used) <= split_driver_out(driver),
		"the device returned more than it had");
	entry = driver->used->ring[driver->next_used % driver->setup.size];
	head = le32_value(entry.head);
	require(head < driver->setup.size && driver->buffers[head].offered, "the device returned what it did not have");
	buffer = &driver->buffers[head];
	require(le32_value(entry.bytes) <= buffer->writable_bytes, "the device wrote more than there was room");
	buffer->offered = false;
	buffer->returned = true;
	driver->next_used++;
	driver->harvested++;
	*ret_used = (struct split_driver_used){(uint16_t)head, le32_value(entry.bytes)};
	return true;
}

void split_driver_read(const struct split_driver *driver, uint16_t head, uint32_t offset, void *to, size_t bytes)
{
	const struct split_driver_buffer *buffer = &driver->buffers[head];
	uint8_t *at = to;

	require(buffer->returned, "a buffer is read that was not harvested");
	for (uint32_t i = 0; i < buffer->piece_count && bytes > 0; i++) {
		const struct split_driver_piece *piece = &buffer->pieces[i];
		size_t part;

		if (!piece->writable)
			continue;
		if (offset >= piece->bytes) {
			offset -= piece->bytes;
			continue;
		}
		part = piece->bytes - offset < bytes ? piece->bytes - offset : bytes;
		memcpy(at, piece->at + offset, part);
		at += part;
		bytes -= part;
		offset = 0;
	}
	require(bytes == 0, "more is read than the buffer has");
}

void split_driver_release(struct split_driver *driver, uint16_t head)
{
	struct split_driver_buffer *buffer = &driver->buffers[head];

	require(buffer->returned, "a buffer is released that was not harvested");
	for (uint32_t i = 0; i < buffer->piece_count; i++)
		driver->free_pages[driver->free_page_count++] = page_of(driver, buffer->pieces[i].at);
	if (buffer->table)
		driver->free_pages[driver->free_page_count++] = buffer->table;
	for (uint32_t i = 0; i < buffer->descriptor_count; i++)
		driver->free_descriptors[driver->free_descriptor_count++] = buffer->descriptors[i];
	free(buffer->pieces);
	free(buffer->descriptors);
	*buffer = (struct split_driver_buffer){0};
}

size_t split_driver_receive(struct split_driver *driver, void *to, size_t most)
{
	struct virtio_net header = {.buffers = 1};
	struct split_driver_used used;
	size_t bytes = 0;

	for (unsigned i = 0; i < header.buffers; i++) {
		bool there = split_driver_harvest(driver, &used);

		if (!there && i == 0)
			return 0;
		require(there, "a frame's buffers were not returned together");
		require(used.bytes <= most - bytes, "a frame is larger than the test takes");
		split_driver_read(driver, used.head, 0, (uint8_t *)to + bytes, used.bytes);
		split_driver_release(driver, used.head);
		if (i == 0) {
			require(used.bytes >= VIRTIO_NET_HEADER_BYTES, "a frame without its header");
			require(virtio_net_read(to, &header) == DROP_NONE && header.buffers > 0,
				"a header that counts no buffer");
		}
		bytes += used.bytes;
	}
	return bytes;
}

void split_driver_want_interrupt(struct split_driver *driver, bool wanted)
{
	if (driver->setup.event_idx) {
		/* Behind what was harvested it is not passed until the index has gone all around. */
		uint16_t event = (uint16_t)(wanted ? driver->next_used : driver->next_used - 1);

		shared16_store(split_used_event(driver->avail, driver->setup.size), event, memory_order_relaxed);
	} else {
		shared16_store(&driver->avail->flags, wanted ? 0 : SPLIT_AVAIL_NO_INTERRUPT, memory_order_relaxed);
	}
	atomic_thread_fence(memory_order_seq_cst);
}

uint32_t split_driver_out(const struct split_driver *driver)
{
	return (uint16_t)(driver->published - driver->next_used);
}
