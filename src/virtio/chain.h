/* SPDX-License-Identifier: MIT */
/* A chain while it is walked: its entries, one after the other, become pieces of the guest's memory that are checked for
 * direction, length and place. Where the next entry stands is the layout's to know (ring_split.c, ring_packed.c). */
#ifndef VIRTIO_CHAIN_H
#define VIRTIO_CHAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/drop.h"
#include "virtio/memory.h"
#include "virtio/ring.h"

struct chain {
	struct memory *memory;
	enum ring_direction direction;
	struct iovec *pieces;
	uint32_t most;
	bool full; /* it needs more pieces than there are: not the guest's fault when others took some */
	uint64_t readable_bytes, writable_bytes;
	uint32_t readable_pieces, writable_pieces;
	uint32_t descriptors; /* of the ring itself, that it took so far */
};

/* A descriptor's private copy. */
struct chain_entry {
	uint64_t address;
	uint32_t bytes;
	bool writable;
};

/* The first bytes of a buffer will be written soon: asks the cache for them, if they are the guest's memory at all. */
static inline void chain_fetch(struct memory *memory, uint64_t address)
{
	const uint8_t *at = memory_at(memory, address, 1);

	if (at)
		__builtin_prefetch(at, 1);
}

enum drop_reason chain_add(struct chain *chain, const struct chain_entry *entry);
/* The indirect table that an entry names: its descriptors, 16 bytes each in both layouts, and how many. */
enum drop_reason chain_table(struct chain *chain, const struct chain_entry *entry, const void **ret_table,
			     uint32_t *ret_entries);

#endif
