/* SPDX-License-Identifier: MIT */
/* See vhost_memory.h. */
#include "port/vhost_memory.h"

#include <errno.h>
#include <stdbool.h>

/* The slot of the very same region, or none: the count. */
static uint32_t vhost_memory_slot(const struct vhost_memory *memory, const struct vhost_region *region)
{
	uint32_t i = 0;

	while (i < memory->count &&
	       (memory->slots[i].region.guest != region->guest || memory->slots[i].region.user != region->user ||
		memory->slots[i].region.bytes != region->bytes))
		i++;
	return i;
}

int vhost_memory_add(struct vhost_memory *memory, struct memory *guest, const struct vhost_region *region, int fd)
{
	uint32_t same = vhost_memory_slot(memory, region);
	struct handed_memory mapped;
	int error;

	if (same < memory->count) {
		memory->slots[same].times++;
		return 0;
	}
	if (memory->count == MEMORY_REGIONS_MAX)
		return -ENOSPC;
	if (region->bytes == 0 || region->guest > UINT64_MAX - region->bytes ||
	    region->user > UINT64_MAX - region->bytes)
		return -EINVAL;
	error = handed_map(fd, region->offset, region->bytes, &mapped);
	if (error < 0)
		return error;
	error = memory_add(guest, region->guest, region->bytes, mapped.at);
	if (error < 0) {
		handed_unmap(&mapped);
		return error;
	}
	memory->slots[memory->count].region = *region;
	memory->slots[memory->count].times = 1;
	memory->slots[memory->count++].mapped = mapped;
	return 0;
}

int vhost_memory_remove(struct vhost_memory *memory, struct memory *guest, const struct vhost_region *region)
{
	uint32_t i = vhost_memory_slot(memory, region);

	if (i < memory->count && --memory->slots[i].times > 0)
		return 0;
	if (i < memory->count) {
		memory_remove(guest, region->guest);
		handed_unmap(&memory->slots[i].mapped);
		memory->slots[i] = memory->slots[--memory->count];
		return 0;
	}
	return -ENOENT;
}

void vhost_memory_clear(struct vhost_memory *memory, struct memory *guest)
{
	while (memory->count > 0)
		handed_unmap(&memory->slots[--memory->count].mapped);
	memory_init(guest);
}

bool vhost_memory_find(const struct vhost_memory *memory, uint64_t user, uint64_t *ret_guest)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *region = &memory->slots[i].region;

		if (user >= region->user && user - region->user < region->bytes) {
			*ret_guest = region->guest + (user - region->user);
			return true;
		}
	}
	return false;
}

bool vhost_memory_guest(const struct vhost_memory *memory, const void *at, uint64_t *ret_guest)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *region = &memory->slots[i].region;
		uintptr_t first = (uintptr_t)memory->slots[i].mapped.at;

		if ((uintptr_t)at >= first && (uintptr_t)at - first < region->bytes) {
			*ret_guest = region->guest + ((uintptr_t)at - first);
			return true;
		}
	}
	return false;
}

bool vhost_memory_fault(const struct vhost_memory *memory, const void *at)
{
	uint64_t guest;

	if (!vhost_memory_guest(memory, at, &guest))
		return false;
	for (uint32_t i = 0; i < memory->count; i++)
		(void)handed_empty(&memory->slots[i].mapped);
	return true;
}
