/* SPDX-License-Identifier: MIT */
/* A vhost-user guest's memory: the regions that its front end shared, mapped here. The front end names places in it by
 * addresses of its own process; the rings by the guest's. */
#ifndef PORT_VHOST_MEMORY_H
#define PORT_VHOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "os/handed.h"
#include "virtio/memory.h"
#include "wire/vhost.h"

struct vhost_memory {
	struct {
		struct vhost_region region;
		struct handed_memory mapped;
		uint32_t times; /* that it was added: QEMU 7.2 does so once for each pair of queues */
	} slots[MEMORY_REGIONS_MAX];
	uint32_t count;
};

/* Maps and adds one; the same once more is to be removed as often. 0, -EINVAL (not shared memory, over another,
 * overflows), -ENOSPC, or what mmap() said. The descriptor stays the caller's. */
int vhost_memory_add(struct vhost_memory *memory, struct memory *guest, const struct vhost_region *region, int fd);
/* By its addresses; 0 or -ENOENT. */
int vhost_memory_remove(struct vhost_memory *memory, struct memory *guest, const struct vhost_region *region);
void vhost_memory_clear(struct vhost_memory *memory, struct memory *guest);
/* A front end's address as the guest's; false when it is in no region. */
bool vhost_memory_find(const struct vhost_memory *memory, uint64_t user, uint64_t *ret_guest);
/* A place here as the guest's address; false when it is in no region. */
bool vhost_memory_guest(const struct vhost_memory *memory, const void *at, uint64_t *ret_guest);
/* For a handler of SIGBUS: true when the address was this guest's, which has empty memory there from now on. */
bool vhost_memory_fault(const struct vhost_memory *memory, const void *at);

#endif
