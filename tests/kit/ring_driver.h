/* SPDX-License-Identifier: MIT */
/* The guest's side of a ring, split or packed, for tests: it offers buffers cut into pieces of 1 byte to 4 KiB, direct or by an
 * indirect table, from descriptors in random order, and takes back what the device used. It plays an honest driver and
 * checks the device: what comes back must be offered, and no longer than it is. Tests of lies write into the memory
 * themselves: the tables are public.
 *
 * The memory is the caller's, one region of the guest; the ring stands at its start and the data pages behind. */
#ifndef KIT_RING_DRIVER_H
#define KIT_RING_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "virtio/layout.h"
#include "virtio/ring.h"

enum ring_driver_limits {
	RING_DRIVER_PAGE_BYTES = 4096,
	RING_DRIVER_PIECES_MAX = 256, /* one page of indirect table */
};

struct ring_driver_setup {
	void *memory;     /* aligned to 16 */
	size_t bytes;     /* ring_driver_bytes() of the size and as many pages as pieces will be out */
	uint64_t address; /* the guest's, of the memory's start */
	uint16_t size;
	uint16_t start; /* of both indexes; of a packed ring, modulo its size, of both places */
	bool packed;
	bool event_idx;
	bool indirect; /* negotiated, and used for about half of the buffers */
	uint64_t seed;
};

struct ring_driver_piece {
	uint8_t *at;
	uint32_t bytes;
	bool writable;
};

/* By its id, which is its head descriptor in a split ring, from the offer to the release. */
struct ring_driver_buffer {
	bool offered;  /* the device has it */
	bool returned; /* harvested and not yet released */
	uint32_t writable_bytes;
	uint32_t piece_count;
	struct ring_driver_piece *pieces;
	uint16_t *descriptors;
	uint32_t descriptor_count; /* also how many slots it takes in a packed ring */
	uint8_t *table;            /* a page of indirect table, or NULL */
};

struct ring_driver {
	struct ring_driver_setup setup;
	const struct ring_driver_layout *layout;
	struct random random;
	uint16_t *free_descriptors; /* of a packed ring only their number matters, and they are the ids */
	uint32_t free_descriptor_count;
	uint8_t **free_pages;
	uint32_t free_page_count;
	struct ring_driver_buffer *buffers; /* by id */
	uint16_t next_avail;                /* offered up to here; the device sees it after ring_driver_publish() */
	uint16_t published;
	uint16_t next_used;
	uint64_t kicks; /* how often publish said that the device wants to be told */
	uint64_t offered_count, published_count, harvested;
	/* split */
	struct split_desc *desc;
	struct split_avail *avail;
	struct split_used *used;
	/* packed */
	struct packed_desc *packed;
	struct packed_event *own, *device;
	bool avail_wrap, used_wrap;
	uint16_t first, first_flags; /* the first unpublished entry, and the flags that make it visible */
};

struct ring_driver_used {
	uint16_t id;
	uint32_t bytes; /* that the device says it wrote */
};

size_t ring_driver_bytes(uint16_t size, uint32_t pages);
/* Aborts when the memory is too small or there is none left: a test has no other way to go on. */
void ring_driver_init(struct ring_driver *driver, const struct ring_driver_setup *setup);
void ring_driver_done(struct ring_driver *driver);
/* What the device is to be given; `memory` gets the region. */
void ring_driver_connect(struct ring_driver *driver, struct memory *memory, bool mergeable,
			 struct ring_setup *ret_setup);

/* Offers a buffer of such pieces; their places are chosen here, and their content is random. The id, or -ENOSPC when
 * descriptors or pages are short. */
int ring_driver_offer(struct ring_driver *driver, const struct ring_driver_piece *pieces, uint32_t count,
		      bool indirect);
/* Offers `bytes` bytes to be read by the device, cut at random into at most `most` pieces. */
int ring_driver_offer_frame(struct ring_driver *driver, const void *bytes, size_t count, uint32_t most);
/* Offers `bytes` bytes to be written by the device, cut likewise. */
int ring_driver_offer_room(struct ring_driver *driver, size_t bytes, uint32_t most);
/* Shows the device what was offered: true when it wants to be told. */
bool ring_driver_publish(struct ring_driver *driver);

/* The next buffer that the device is done with: true; false when there is none. It stays readable until released. */
bool ring_driver_harvest(struct ring_driver *driver, struct ring_driver_used *ret_used);
/* Copies from the writable part of a harvested buffer. */
void ring_driver_read(const struct ring_driver *driver, uint16_t id, uint32_t offset, void *to, size_t bytes);
void ring_driver_release(struct ring_driver *driver, uint16_t id);
/* One frame to the guest, header included, from as many buffers as its header counts; they are released. How many
 * bytes, or 0 when there is none. */
size_t ring_driver_receive(struct ring_driver *driver, void *to, size_t most);
/* Whether the device should tell when it returns the next buffer. */
void ring_driver_want_interrupt(struct ring_driver *driver, bool wanted);
/* With event indexes: not before it has returned more than so many slots beyond what was harvested, fewer than the ring's. */
void ring_driver_want_interrupt_after(struct ring_driver *driver, uint16_t slots);
/* How many buffers the device has. */
uint32_t ring_driver_out(const struct ring_driver *driver);

#endif
