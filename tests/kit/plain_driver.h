/* SPDX-License-Identifier: MIT */
/* The guest's side of a ring, split or packed, at speed: for benchmarks. Each buffer is one piece with the virtio-net header
 * in front, and the one that was used last is offered next, so that few are touched. Unlike ring_driver.h it checks
 * nothing and believes the device.
 *
 * The memory is the caller's, one region of the guest: the ring stands at its start and the buffers behind. */
#ifndef KIT_PLAIN_DRIVER_H
#define KIT_PLAIN_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/layout.h"
#include "virtio/ring.h"

struct plain_driver {
	/* the caller's, before plain_driver_init() */
	uint8_t *memory;  /* aligned to a page */
	uint64_t address; /* the guest's, of the memory's start */
	uint16_t size;
	uint32_t buffer_bytes;
	bool packed, event_idx;
	bool writable; /* to the guest */

	struct split_desc *desc;
	struct split_avail *avail;
	struct split_used *used;
	struct packed_desc *slots;
	struct packed_event *own, *device;
	uint16_t next_avail, next_used;
	uint16_t unpublished;        /* entries: of a full packed ring the places are the same */
	bool avail_wrap, used_wrap;  /* of a packed ring */
	uint16_t first, first_flags; /* … held back until they are published */
	uint16_t free_count;
	uint16_t free[RING_SIZE_MAX];
};

size_t plain_driver_bytes(uint16_t size, uint32_t buffer_bytes);
void plain_driver_init(struct plain_driver *driver);
/* Where the back end finds the ring: guest addresses, and the base of a new one. */
void plain_driver_setup(const struct plain_driver *driver, struct ring_setup *ret_setup);

/* A buffer that the device does not have; false: it has them all. */
bool plain_driver_take(struct plain_driver *driver, uint16_t *ret_id);
void plain_driver_put_back(struct plain_driver *driver, uint16_t id);
uint8_t *plain_driver_buffer(const struct plain_driver *driver, uint16_t id);
void plain_driver_offer(struct plain_driver *driver, uint16_t id, uint32_t bytes);
/* Shows the device all that was offered; true when it wants to be told. */
bool plain_driver_publish(struct plain_driver *driver);
/* What the device used, and how much it wrote; false: nothing more. */
bool plain_driver_harvest(struct plain_driver *driver, uint16_t *ret_id, uint32_t *ret_bytes);

/* Asks to be told of the next that is used; true when it is there already. */
bool plain_driver_arm(struct plain_driver *driver);
void plain_driver_disarm(struct plain_driver *driver);

#endif
