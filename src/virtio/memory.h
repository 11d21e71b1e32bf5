/* SPDX-License-Identifier: MIT */
/* A guest's memory as the device knows it: regions of guest addresses, each mapped somewhere here. A range that a guest
 * names becomes pointers by this file alone, and only when all of it lies inside. */
#ifndef VIRTIO_MEMORY_H
#define VIRTIO_MEMORY_H

#include <stdint.h>
#include <sys/uio.h>

enum memory_limits {
	MEMORY_REGIONS_MAX = 64, /* a front end may use fewer; QEMU starts with 2 to 8 */
};

struct memory_region {
	uint64_t address;
	uint64_t bytes;
	uint8_t *host; /* the owner's, mapped as long as the region stands here */
};

struct memory {
	struct memory_region regions[MEMORY_REGIONS_MAX]; /* by address */
	uint32_t count;
	uint32_t last; /* where the last range was found: the next is mostly there too */
};

void memory_init(struct memory *memory);
/* 0; -EINVAL: empty, beyond 2^64, or over another region; -ENOSPC. Rings that were set up before must be set up anew. */
int memory_add(struct memory *memory, uint64_t address, uint64_t bytes, void *host);
/* 0, or -ENOENT. */
int memory_remove(struct memory *memory, uint64_t address);
/* The range in one piece, or NULL: for rings and tables. */
void *memory_at(struct memory *memory, uint64_t address, uint64_t bytes);
/* The range as pieces, more than one where regions meet: how many, at least 1. -EFAULT: it is empty, or a byte of
 * it is not the guest's. -ENOSPC: it needs more than `most`. */
int memory_slice(struct memory *memory, uint64_t address, uint64_t bytes, struct iovec *ret_pieces, uint32_t most);

#endif
