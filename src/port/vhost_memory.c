/* SPDX-License-Identifier: MIT */
/* See vhost_memory.h. */
#include "port/vhost_memory.h"

#include <errno.h>
#include <stdbool.h>

int vhost_memory_add(struct vhost_memory *memory, struct memory *guest, const struct vhost_region *region, int fd)
{
	struct handed_memory mapped;
	int error;

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
	memory->slots[memory->count++].mapped = mapped;
	return 0;
}

int vhost_memory_remove(struct vhost_memory *memory, struct memory *guest, const struct vhost_region *region)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *known = &memory->slots[i].region;

		if (known->guest != region->guest || known->user != region->user || known->bytes != region->bytes)
			continue;
		memory_remove(guest, known->guest);
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
