/* SPDX-License-Identifier: MIT */
/* From a physical address to the device that answers there. */
#include "semu/bus.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "semu/map.h"

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
}

void bus_add(struct bus *bus, const struct bus_device *device)
{
	const uint64_t first = (device->start - MAP_DEVICES) / MAP_WINDOW_BYTES;
	const uint64_t windows = (device->bytes + MAP_WINDOW_BYTES - 1) / MAP_WINDOW_BYTES;

	assert(device->start >= MAP_DEVICES && device->start % MAP_WINDOW_BYTES == 0 && device->bytes);
	assert(first + windows <= BUS_WINDOWS && bus->count < BUS_DEVICES_MOST);
	bus->devices[bus->count++] = *device;
	for (uint64_t i = first; i < first + windows; i++) {
		assert(!bus->windows[i]);
		bus->windows[i] = (uint8_t)bus->count;
	}
}

static const struct bus_device *device_at(const struct bus *bus, uint64_t at, unsigned bytes)
{
	const struct bus_device *device;
	unsigned place;

	if (at - MAP_DEVICES >= MAP_DEVICES_BYTES)
		return NULL;
	place = bus->windows[(at - MAP_DEVICES) / MAP_WINDOW_BYTES];
	if (!place)
		return NULL;
	device = &bus->devices[place - 1];
	return at & (bytes - 1) || at - device->start + bytes > device->bytes ? NULL : device;
}

bool bus_load(const struct bus *bus, uint64_t at, unsigned bytes, uint64_t *ret_value)
{
	const struct bus_device *device = device_at(bus, at, bytes);

	return device && device->load(device->owner, at - device->start, bytes, ret_value);
}

bool bus_store(const struct bus *bus, uint64_t at, unsigned bytes, uint64_t value)
{
	const struct bus_device *device = device_at(bus, at, bytes);

	return device && device->store(device->owner, at - device->start, bytes, value);
}

void bus_reset(const struct bus *bus)
{
	for (unsigned i = 0; i < bus->count; i++)
		if (bus->devices[i].reset)
			bus->devices[i].reset(bus->devices[i].owner);
}
