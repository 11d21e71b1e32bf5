/* SPDX-License-Identifier: MIT */
/* A virtio driver that writes to a machine's registers as a kernel does, with a ring of kit/ring_driver in the machine's
 * RAM: what the tests of the devices share. */
#ifndef UNIT_SEMU_VIRTIO_DRIVER_H
#define UNIT_SEMU_VIRTIO_DRIVER_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "kit/ring_driver.h"
#include "semu/machine.h"

enum {
	DRIVER_RAM_BYTES = 16 << 20,
	DRIVER_SPACE = 1 << 20, /* each queue's memory begins at a multiple of it */
	DRIVER_ENTRIES = 64,
	DRIVER_PAGES = 200,
};

/* Registers: virtio 1.2, 4.2.2. */
enum {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_SIZE_MAX = 0x034,
	QUEUE_SIZE = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	SHM_LENGTH = 0x0b0,
	QUEUE_RESET = 0x0c0,
	CONFIG = 0x100,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64, FAILED = 128 };

#define VERSION_1 (UINT64_C(1) << 32)
#define RING_PACKED (UINT64_C(1) << 34)
#define EVENT_IDX (UINT64_C(1) << 29)
#define INDIRECT_DESC (UINT64_C(1) << 28)
#define RING_RESET (UINT64_C(1) << 40)

struct virtio_driver {
	struct machine *machine;
	uint64_t at; /* of the registers */
	unsigned line;
	struct ring_driver rings[2];
};

static inline struct machine *driver_machine(void)
{
	const struct machine_config config = {.word = 64,
					      .harts = 1,
					      .ram_bytes = DRIVER_RAM_BYTES,
					      .timebase_hz = 10000000};
	struct machine *machine;

	assert_int_equal(machine_new(&config, &machine), 0);
	return machine;
}

static inline uint64_t driver_load_of(const struct virtio_driver *driver, unsigned offset, unsigned bytes)
{
	uint64_t value = 0x5555;

	assert_true(bus_load(&driver->machine->bus, driver->at + offset, bytes, &value));
	return value;
}

static inline uint32_t driver_load(const struct virtio_driver *driver, unsigned offset)
{
	return (uint32_t)driver_load_of(driver, offset, 4);
}

static inline void driver_store(const struct virtio_driver *driver, unsigned offset, uint32_t value)
{
	assert_true(bus_store(&driver->machine->bus, driver->at + offset, 4, value));
}

static inline void driver_store_long(const struct virtio_driver *driver, unsigned offset, uint64_t value)
{
	driver_store(driver, offset, (uint32_t)value);
	driver_store(driver, offset + 4, (uint32_t)(value >> 32));
}

static inline bool driver_is_interrupted(const struct virtio_driver *driver)
{
	return driver->machine->plic.up >> driver->line & 1;
}

/* What interrupted, acknowledged. */
static inline uint32_t driver_acknowledge(const struct virtio_driver *driver)
{
	uint32_t status = driver_load(driver, INTERRUPT_STATUS);

	driver_store(driver, INTERRUPT_ACK, status);
	return status;
}

static inline uint64_t driver_offered(const struct virtio_driver *driver)
{
	uint64_t features;

	driver_store(driver, DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)driver_load(driver, DEVICE_FEATURES) << 32;
	driver_store(driver, DEVICE_FEATURES_SEL, 0);
	return features | driver_load(driver, DEVICE_FEATURES);
}

/* Up to FEATURES_OK; whether the device kept it. */
static inline bool driver_negotiate(const struct virtio_driver *driver, uint64_t features)
{
	driver_store(driver, STATUS, 0);
	driver_store(driver, STATUS, ACKNOWLEDGE);
	driver_store(driver, STATUS, ACKNOWLEDGE | DRIVER);
	driver_store(driver, DRIVER_FEATURES_SEL, 0);
	driver_store(driver, DRIVER_FEATURES, (uint32_t)features);
	driver_store(driver, DRIVER_FEATURES_SEL, 1);
	driver_store(driver, DRIVER_FEATURES, (uint32_t)(features >> 32));
	driver_store(driver, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return driver_load(driver, STATUS) & FEATURES_OK;
}

static inline void driver_describe(const struct virtio_driver *driver, unsigned queue, const struct ring_setup *setup)
{
	driver_store(driver, QUEUE_SEL, queue);
	driver_store(driver, QUEUE_SIZE, setup->size);
	driver_store_long(driver, QUEUE_DESC, setup->desc);
	driver_store_long(driver, QUEUE_DRIVER, setup->driver);
	driver_store_long(driver, QUEUE_DEVICE, setup->device);
}

static inline void driver_set_up(struct virtio_driver *driver, unsigned queue, uint64_t features)
{
	uint64_t address = (uint64_t)(queue + 1) * DRIVER_SPACE;
	struct ring_setup setup;
	struct memory memory;

	ring_driver_done(&driver->rings[queue]);
	memset(machine_ram(driver->machine, address, DRIVER_SPACE), 0, DRIVER_SPACE);
	ring_driver_init(&driver->rings[queue], &(struct ring_driver_setup){
							.memory = machine_ram(driver->machine, address, DRIVER_SPACE),
							.bytes = ring_driver_bytes(DRIVER_ENTRIES, DRIVER_PAGES),
							.address = address,
							.size = DRIVER_ENTRIES,
							.packed = features & RING_PACKED,
							.event_idx = features & EVENT_IDX,
							.indirect = features & INDIRECT_DESC,
							.seed = 7,
						});
	memory_init(&memory);
	ring_driver_connect(&driver->rings[queue], &memory, true, &setup);
	driver_describe(driver, queue, &setup);
	driver_store(driver, QUEUE_READY, 1);
}

/* The whole way of a kernel's driver, to DRIVER_OK with so many queues. */
static inline void driver_start(struct virtio_driver *driver, uint64_t features, unsigned queues)
{
	assert_true(driver_negotiate(driver, features));
	for (unsigned i = 0; i < queues; i++)
		driver_set_up(driver, i, features);
	driver_store(driver, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static inline void driver_done(struct virtio_driver *driver)
{
	for (int i = 0; i < 2; i++)
		ring_driver_done(&driver->rings[i]);
}

/* Shows the device what was offered, and notifies if it wants that. */
static inline void driver_publish(struct virtio_driver *driver, unsigned queue)
{
	if (ring_driver_publish(&driver->rings[queue]))
		driver_store(driver, QUEUE_NOTIFY, queue);
}

#endif
