/* SPDX-License-Identifier: MIT */
/* Regions never end beyond 2^64 - 1 and never overlap, so that the arithmetic on what a guest names cannot wrap once the
 * region of its first byte is found. */
#include "virtio/memory.h"

#include <errno.h>
#include <string.h>

void memory_init(struct memory *memory)
{
	*memory = (struct memory){0};
}

int memory_add(struct memory *memory, uint64_t address, uint64_t bytes, void *host)
{
	uint32_t at = 0;

	if (bytes == 0 || address > UINT64_MAX - bytes || bytes > SIZE_MAX)
		return -EINVAL;
	while (at < memory->count && memory->regions[at].address < address)
		at++;
	if (at < memory->count && memory->regions[at].address - address < bytes)
		return -EINVAL;
	if (at > 0 && address - memory->regions[at - 1].address < memory->regions[at - 1].bytes)
		return -EINVAL;
	if (memory->count == MEMORY_REGIONS_MAX)
		return -ENOSPC;
	memmove(&memory->regions[at + 1], &memory->regions[at], (memory->count - at) * sizeof(memory->regions[0]));
	memory->regions[at] = (struct memory_region){address, bytes, host};
	memory->count++;
	return 0;
}

int memory_remove(struct memory *memory, uint64_t address)
{
	for (uint32_t at = 0; at < memory->count; at++) {
		if (memory->regions[at].address != address)
			continue;
		memory->count--;
		memmove(&memory->regions[at], &memory->regions[at + 1],
			(memory->count - at) * sizeof(memory->regions[0]));
		memory->last = 0;
		return 0;
	}
	return -ENOENT;
}

/* The number of the region of one address; count when there is none. */
static uint32_t memory_find(struct memory *memory, uint64_t address)
{
	uint32_t low = 0;
	uint32_t high = memory->count;

	/* An address below the region wraps to a large number, and fails as well. */
	if (memory->last < memory->count &&
	    address - memory->regions[memory->last].address < memory->regions[memory->last].bytes)
		return memory->last;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		const struct memory_region *region = &memory->regions[middle];

		if (address < region->address) {
			high = middle;
		} else if (address - region->address < region->bytes) {
			memory->last = middle;
			return middle;
		} else {
			low = middle + 1;
		}
	}
	return memory->count;
}

void *memory_at(struct memory *memory, uint64_t address, uint64_t bytes)
{
	uint32_t at = memory_find(memory, address);
	const struct memory_region *region;

	if (at == memory->count)
		return NULL;
	region = &memory->regions[at];
	if (bytes == 0 || bytes > region->bytes - (address - region->address))
		return NULL;
	return region->host + (address - region->address);
}

int memory_slice(struct memory *memory, uint64_t address, uint64_t bytes, struct iovec *ret_pieces, uint32_t most)
{
	uint32_t at = memory_find(memory, address);
	uint32_t count = 0;

	while (bytes > 0) {
		const struct memory_region *region;
		uint64_t offset;
		uint64_t part;

		if (at >= memory->count)
			return -EFAULT;
		region = &memory->regions[at];
		/* The next region must begin where the last one ended. */
		if (address - region->address >= region->bytes)
			return -EFAULT;
		if (count == most)
			return -ENOSPC;
		offset = address - region->address;
		part = region->bytes - offset < bytes ? region->bytes - offset : bytes;
		ret_pieces[count++] = (struct iovec){region->host + offset, (size_t)part};
		address += part;
		bytes -= part;
		at++;
	}
	return count > 0 ? (int)count : -EFAULT;
}
