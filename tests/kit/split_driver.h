/* SPDX-License-Identifier: MIT */
/* The guest's side of a split ring, for tests: it offers buffers cut into pieces of 1 byte to 4 KiB, direct or by an
 * indirect table, from descriptors in random order, and takes back what the device used. It plays an honest driver and
 * checks the device: what comes back must be offered, and no longer than it is. Tests of lies write into the memory
 * themselves: the tables are public.
 *
 * The memory is the caller's, one region of the guest; the ring stands at its start and the data pages behind. */
#ifndef KIT_SPLIT_DRIVER_H
#define KIT_SPLIT_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "virtio/layout.h"
#include "virtio/ring_split.h"

enum split_driver_limits {
	SPLIT_DRIVER_PAGE_BYTES = 4096,
	SPLIT_DRIVER_PIECES_MAX = 256, /* one page of indirect table */
};

struct split_driver_setup {
	void *memory;     /* aligned to 16 */
	size_t bytes;     /* split_driver_bytes() of the size and as many pages as pieces will be out */
	uint64_t address; /* the guest's, of the memory's start */
	uint16_t size;
	uint16_t start; /* of both indexes */
	bool event_idx;
	bool indirect; /* negotiated, and used for about half of the buffers */
	uint64_t seed;
};

struct split_driver_piece {
	uint8_t *at;
	uint32_t bytes;
	bool writable;
};

/* By its head descriptor, from the offer to the release. */
struct split_driver_buffer {
	bool offered;  /* the device has it */
	bool returned; /* harvested and not yet released */
	uint32_t writable_bytes;
	uint32_t piece_count;
	struct split_driver_piece *pieces;
	uint16_t *descriptors;
	uint32_t descriptor_count;
	uint8_t *table; /* a page of indirect table, or NULL */
};

struct split_driver {
	struct split_driver_setup setup;
	struct split_desc *desc;
	struct split_avail *avail;
	struct split_used *used;
	struct random random;
	uint16_t *free_descriptors;
	uint32_t free_descriptor_count;
	uint8_t **free_pages;
	uint32_t free_page_count;
	struct split_driver_buffer *buffers; /* by head */
	uint16_t next_avail;                 /* offered up to here; the device sees it after split_driver_publish() */
	uint16_t published;
	uint16_t next_used;
	uint64_t kicks; /* how often publish said that the device wants to be told */
	uint64_t harvested;
};

struct split_driver_used {
	uint16_t head;
	uint32_t bytes; /* that the device says it wrote */
};

size_t split_driver_bytes(uint16_t size, uint32_t pages);
/* Aborts when the memory is too small or there is none left: a test has no other way to go on. */
void split_driver_init(struct split_driver *driver, const struct split_driver_setup *setup);
void split_driver_done(struct split_driver *driver);
/* What the device is to be given; `memory` gets the region. */
void split_driver_connect(struct split_driver *driver, struct memory *memory, bool mergeable,
			  struct ring_split_setup *ret_setup);

/* Offers a buffer of such pieces; their places are chosen here, and their content is random. The head, or -ENOSPC when
 * descriptors or pages are short. */
int split_driver_offer(struct split_driver *driver, const struct split_driver_piece *pieces, uint32_t count,
		       bool indirect);
/* Offers `bytes` bytes to be read by the device, cut at random into at most `most` pieces. */
int split_driver_offer_frame(struct split_driver *driver, const void *bytes, size_t count, uint32_t most);
/* Offers `bytes` bytes to be written by the device, cut likewise. */
int split_driver_offer_room(struct split_driver *driver, size_t bytes, uint32_t most);
/* Shows the device what was offered: true when it wants to be told. */
bool split_driver_publish(struct split_driver *driver);

/* The next buffer that the device is done with: true; false when there is none. It stays readable until released. */
bool split_driver_harvest(struct split_driver *driver, struct split_driver_used *ret_used);
/* Copies from the writable part of a harvested buffer. */
void split_driver_read(const struct split_driver *driver, uint16_t head, uint32_t offset, void *to, size_t bytes);
void split_driver_release(struct split_driver *driver, uint16_t head);
/* One frame to the guest, header included, from as many buffers as its header counts; they are released. How many
 * bytes, or 0 when there is none. */
size_t split_driver_receive(struct split_driver *driver, void *to, size_t most);
/* Whether the device should tell when it returns the next buffer. */
void split_driver_want_interrupt(struct split_driver *driver, bool wanted);
/* How many buffers the device has. */
uint32_t split_driver_out(const struct split_driver *driver);

#endif
