/* SPDX-License-Identifier: MIT */
/* An honest driver (virtio 1.2, 2.7.13, 2.7.14, 2.8.21 and 2.8.22) with a taste for odd pieces. What the two layouts do
 * differently stands in ring_driver_split.c and ring_driver_packed.c. */
#include "kit/ring_driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/ring_driver_layout.h"
#include "virtio/net.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "ring_driver: %s\n", what);
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

static size_t pages_offset(uint16_t size)
{
	size_t split = ring_driver_split.ring_bytes(size), packed = ring_driver_packed.ring_bytes(size);

	return align_up(split > packed ? split : packed, 64);
}

size_t ring_driver_bytes(uint16_t size, uint32_t pages)
{
	return pages_offset(size) + (size_t)pages * RING_DRIVER_PAGE_BYTES;
}

void ring_driver_init(struct ring_driver *driver, const struct ring_driver_setup *setup)
{
	uint8_t *memory = setup->memory;
	uint32_t pages;

	require(setup->bytes >= ring_driver_bytes(setup->size, 0), "the memory is too small for the ring");
	pages = (uint32_t)((setup->bytes - pages_offset(setup->size)) / RING_DRIVER_PAGE_BYTES);
	*driver = (struct ring_driver){
		.setup = *setup,
		.layout = setup->packed ? &ring_driver_packed : &ring_driver_split,
		.free_descriptors = array_new(setup->size, sizeof(uint16_t)),
		.free_descriptor_count = setup->size,
		.free_pages = array_new(pages, sizeof(uint8_t *)),
		.free_page_count = pages,
		.buffers = array_new(setup->size, sizeof(struct ring_driver_buffer)),
	};
	random_init(&driver->random, setup->seed);
	memset(memory, 0, pages_offset(setup->size));
	driver->layout->init(driver);
	for (uint32_t i = 0; i < setup->size; i++)
		driver->free_descriptors[i] = (uint16_t)i;
	for (uint32_t i = 0; i < pages; i++)
		driver->free_pages[i] = memory + pages_offset(setup->size) + (size_t)i * RING_DRIVER_PAGE_BYTES;
	ring_driver_want_interrupt(driver, true);
}

void ring_driver_done(struct ring_driver *driver)
{
	for (uint32_t i = 0; driver->buffers && i < driver->setup.size; i++) {
		free(driver->buffers[i].pieces);
		free(driver->buffers[i].descriptors);
	}
	free(driver->buffers);
	free(driver->free_descriptors);
	free(driver->free_pages);
	*driver = (struct ring_driver){0};
}

uint64_t ring_driver_address(const struct ring_driver *driver, const void *at)
{
	return driver->setup.address + (uint64_t)((const uint8_t *)at - (const uint8_t *)driver->setup.memory);
}

void ring_driver_connect(struct ring_driver *driver, struct memory *memory, bool mergeable,
			 struct ring_setup *ret_setup)
{
	require(memory_add(memory, driver->setup.address, driver->setup.bytes, driver->setup.memory) == 0,
		"the region does not fit the memory");
	*ret_setup = (struct ring_setup){
		.memory = memory,
		.size = driver->setup.size,
		.packed = driver->setup.packed,
		.event_idx = driver->setup.event_idx,
		.indirect = driver->setup.indirect,
		.mergeable = mergeable,
	};
	driver->layout->connect(driver, ret_setup);
}

static uint16_t descriptor_take(struct ring_driver *driver)
{
	uint32_t at = random_below(&driver->random, driver->free_descriptor_count);
	uint16_t number = driver->free_descriptors[at];

	driver->free_descriptors[at] = driver->free_descriptors[--driver->free_descriptor_count];
	return number;
}

static uint8_t *page_take(struct ring_driver *driver)
{
	uint32_t at = random_below(&driver->random, driver->free_page_count);
	uint8_t *page = driver->free_pages[at];

	driver->free_pages[at] = driver->free_pages[--driver->free_page_count];
	return page;
}

/* The page that a place lies in. */
static uint8_t *page_of(const struct ring_driver *driver, uint8_t *at)
{
	uint8_t *first = (uint8_t *)driver->setup.memory + pages_offset(driver->setup.size);
	size_t number = (size_t)(at - first) / RING_DRIVER_PAGE_BYTES;

	return first + number * RING_DRIVER_PAGE_BYTES;
}

/* Each piece gets a page of its own and a place in it. */
static void piece_place(struct ring_driver *driver, struct ring_driver_piece *piece)
{
	uint8_t *page = page_take(driver);

	require(piece->bytes > 0 && piece->bytes <= RING_DRIVER_PAGE_BYTES, "a piece has 1 byte to 4 KiB");
	piece->at = page + random_below(&driver->random, RING_DRIVER_PAGE_BYTES - piece->bytes + 1);
	random_fill(&driver->random, piece->at, piece->bytes);
}

int ring_driver_offer(struct ring_driver *driver, const struct ring_driver_piece *pieces, uint32_t count, bool indirect)
{
	struct ring_driver_buffer buffer = {.offered = true, .piece_count = count};

	require(count > 0 && count <= RING_DRIVER_PIECES_MAX, "a buffer has 1 to 256 pieces");
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
	if (indirect)
		buffer.table = page_take(driver);
	driver->layout->offer(driver, &buffer);
	driver->offered_count++;
	driver->buffers[buffer.descriptors[0]] = buffer;
	return buffer.descriptors[0];
}

/* At most 4 KiB each, and together `bytes`: how many. */
static uint32_t cut_at_random(struct ring_driver *driver, size_t bytes, uint32_t most, bool writable,
			      struct ring_driver_piece *ret_pieces)
{
	uint32_t count = 0;

	if (most > RING_DRIVER_PIECES_MAX)
		most = RING_DRIVER_PIECES_MAX;
	require(bytes > 0 && bytes <= (size_t)most * RING_DRIVER_PAGE_BYTES, "more bytes than the pieces can hold");
	while (bytes > 0) {
		/* What the pieces behind this one cannot hold must go in here. */
		size_t behind = (size_t)(most - count - 1) * RING_DRIVER_PAGE_BYTES;
		size_t least = bytes > behind ? bytes - behind : 1;
		size_t up_to = bytes < RING_DRIVER_PAGE_BYTES ? bytes : RING_DRIVER_PAGE_BYTES;
		/* Every third piece is tiny: headers are to be cut anywhere. */
		size_t range = random_below(&driver->random, 3) == 0 && up_to > 16 && least <= 16 ? 16 : up_to;
		size_t chosen = least + random_below(&driver->random, (uint32_t)(range - least + 1));

		ret_pieces[count++] = (struct ring_driver_piece){.bytes = (uint32_t)chosen, .writable = writable};
		bytes -= chosen;
	}
	return count;
}

static bool choose_indirect(struct ring_driver *driver, uint32_t count)
{
	return driver->setup.indirect && (random_below(&driver->random, 2) || count > driver->free_descriptor_count);
}

int ring_driver_offer_frame(struct ring_driver *driver, const void *bytes, size_t count, uint32_t most)
{
	struct ring_driver_piece pieces[RING_DRIVER_PIECES_MAX];
	uint32_t piece_count = cut_at_random(driver, count, most, false, pieces);
	int id = ring_driver_offer(driver, pieces, piece_count, choose_indirect(driver, piece_count));
	const uint8_t *from = bytes;

	for (uint32_t i = 0; id >= 0 && i < piece_count; i++) {
		const struct ring_driver_piece *piece = &driver->buffers[id].pieces[i];

		memcpy(piece->at, from, piece->bytes);
		from += piece->bytes;
	}
	return id;
}

int ring_driver_offer_room(struct ring_driver *driver, size_t bytes, uint32_t most)
{
	struct ring_driver_piece pieces[RING_DRIVER_PIECES_MAX];
	uint32_t count = cut_at_random(driver, bytes, most, true, pieces);

	return ring_driver_offer(driver, pieces, count, choose_indirect(driver, count));
}

bool ring_driver_publish(struct ring_driver *driver)
{
	bool wanted;

	if (driver->published_count == driver->offered_count)
		return false;
	wanted = driver->layout->publish(driver);
	driver->published_count = driver->offered_count;
	driver->kicks += wanted;
	return wanted;
}

bool ring_driver_harvest(struct ring_driver *driver, struct ring_driver_used *ret_used)
{
	struct ring_driver_buffer *buffer;
	struct ring_driver_used used;

	if (!driver->layout->harvest(driver, &used))
		return false;
	require(ring_driver_out(driver) > 0, "the device returned more than it had");
	require(used.id < driver->setup.size && driver->buffers[used.id].offered,
		"the device returned what it did not have");
	buffer = &driver->buffers[used.id];
	require(used.bytes <= buffer->writable_bytes, "the device wrote more than there was room");
	buffer->offered = false;
	buffer->returned = true;
	driver->layout->harvested(driver, buffer);
	driver->harvested++;
	*ret_used = used;
	return true;
}

void ring_driver_read(const struct ring_driver *driver, uint16_t id, uint32_t offset, void *to, size_t bytes)
{
	const struct ring_driver_buffer *buffer = &driver->buffers[id];
	uint8_t *at = to;

	require(buffer->returned, "a buffer is read that was not harvested");
	for (uint32_t i = 0; i < buffer->piece_count && bytes > 0; i++) {
		const struct ring_driver_piece *piece = &buffer->pieces[i];
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

void ring_driver_release(struct ring_driver *driver, uint16_t id)
{
	struct ring_driver_buffer *buffer = &driver->buffers[id];

	require(buffer->returned, "a buffer is released that was not harvested");
	for (uint32_t i = 0; i < buffer->piece_count; i++)
		driver->free_pages[driver->free_page_count++] = page_of(driver, buffer->pieces[i].at);
	if (buffer->table)
		driver->free_pages[driver->free_page_count++] = buffer->table;
	for (uint32_t i = 0; i < buffer->descriptor_count; i++)
		driver->free_descriptors[driver->free_descriptor_count++] = buffer->descriptors[i];
	free(buffer->pieces);
	free(buffer->descriptors);
	*buffer = (struct ring_driver_buffer){0};
}

size_t ring_driver_receive(struct ring_driver *driver, void *to, size_t most)
{
	struct virtio_net header = {.buffers = 1};
	struct ring_driver_used used;
	size_t bytes = 0;

	for (unsigned i = 0; i < header.buffers; i++) {
		bool there = ring_driver_harvest(driver, &used);

		if (!there && i == 0)
			return 0;
		require(there, "a frame's buffers were not returned together");
		require(used.bytes <= most - bytes, "a frame is larger than the test takes");
		ring_driver_read(driver, used.id, 0, (uint8_t *)to + bytes, used.bytes);
		ring_driver_release(driver, used.id);
		if (i == 0) {
			require(used.bytes >= VIRTIO_NET_HEADER_BYTES, "a frame without its header");
			require(virtio_net_read(to, &header) == DROP_NONE && header.buffers > 0,
				"a header that counts no buffer");
		}
		bytes += used.bytes;
	}
	return bytes;
}

void ring_driver_want_interrupt(struct ring_driver *driver, bool wanted)
{
	driver->layout->want_interrupt(driver, wanted);
	atomic_thread_fence(memory_order_seq_cst);
}

void ring_driver_want_interrupt_after(struct ring_driver *driver, uint16_t slots)
{
	driver->layout->want_interrupt_after(driver, slots);
	atomic_thread_fence(memory_order_seq_cst);
}

uint32_t ring_driver_out(const struct ring_driver *driver)
{
	return (uint32_t)(driver->published_count - driver->harvested);
}
