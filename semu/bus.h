/* SPDX-License-Identifier: MIT */
/* What answers at which physical address outside of RAM. The space of the devices (map.h) is cut into windows of 1 MiB; a
 * device begins with a window and may have several, and a table leads from the window to the device: no search.
 * A device owns nothing here: the description is copied, its owner must outlive the bus. */
#ifndef SEMU_BUS_H
#define SEMU_BUS_H

#include <stdbool.h>
#include <stdint.h>

enum { BUS_DEVICES_MOST = 32, BUS_WINDOWS = 256 };

/* `offset` is from the device's first byte; offset and bytes (1, 2, 4 or 8) are aligned and lie within the device. False: no
 * register is there, or it has not that width, and the guest takes an access fault. What is loaded has zeros above its
 * width; what is stored may have anything there. */
struct bus_device {
	uint64_t start; /* a multiple of MAP_WINDOW_BYTES */
	uint64_t bytes;
	bool (*load)(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value);
	bool (*store)(void *owner, uint64_t offset, unsigned bytes, uint64_t value);
	void (*reset)(void *owner); /* the machine starts anew; may be NULL */
	void *owner;
};

struct bus {
	struct bus_device devices[BUS_DEVICES_MOST];
	unsigned count;
	uint8_t windows[BUS_WINDOWS]; /* the device's place + 1; 0: nothing */
};

void bus_init(struct bus *bus);
/* Where devices are is fixed by map.h: a place that is taken, or that cannot be, is our own bug. */
void bus_add(struct bus *bus, const struct bus_device *device);
/* False: nothing answers. Whatever the guest asks for. */
bool bus_load(const struct bus *bus, uint64_t at, unsigned bytes, uint64_t *ret_value);
bool bus_store(const struct bus *bus, uint64_t at, unsigned bytes, uint64_t value);
/* In the order in which they were added. */
void bus_reset(const struct bus *bus);

#endif
