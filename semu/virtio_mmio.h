/* SPDX-License-Identifier: MIT */
/* The registers of a virtio device, version 2 of virtio-mmio (virtio 1.2, 4.2): one register file for every kind of device,
 * which stands behind it as a table of functions and knows nothing of addresses, widths and status bits.
 *
 * What the guest's driver does goes through four states: reset -> FEATURES_OK (the device accepted) -> DRIVER_OK (queues
 * that are ready run) -> reset. A queue that the driver makes ready before DRIVER_OK waits for it, since a device may not
 * touch a buffer before (3.1.1); after it the queue starts at once. A write out of that order, of the wrong width or to a
 * register that is none changes nothing; a read of one gives 0. When a queue cannot be started, or its ring lies, the
 * device asks to be reset (2.1.1). */
#ifndef SEMU_VIRTIO_MMIO_H
#define SEMU_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>

#include "semu/machine.h"

enum virtio_mmio_limits {
	VIRTIO_MMIO_QUEUES_MOST = 4,
};

/* Of the transport, whatever the device (virtio 1.2, 6). */
#define VIRTIO_MMIO_RING_RESET (UINT64_C(1) << 40)

/* A queue as the driver described it; the addresses are the guest's, and nothing here was checked. */
struct virtio_mmio_queue {
	uint32_t entries;
	uint64_t desc, driver, device;
	bool ready;   /* the driver says so */
	bool started; /* the device has it */
};

/* What stands behind the registers. */
struct virtio_device {
	uint32_t id; /* virtio 1.2, 5 */
	unsigned queue_count;
	uint16_t entries_most; /* of each queue */
	uint64_t features;     /* that are offered */
	/* False: this choice of what was offered is none that the device can work with. */
	bool (*accept)(void *owner, uint64_t features);
	/* Behind the end of the device's configuration are zeros. */
	void (*config_read)(void *owner, unsigned offset, void *ret_bytes, unsigned bytes);
	/* Interrupts may be raised before the return. False: that cannot be a queue. */
	bool (*start)(void *owner, unsigned queue, const struct virtio_mmio_queue *setup);
	/* The queue was started; none of it is touched after the return. */
	void (*stop)(void *owner, unsigned queue);
	/* The queue is started. */
	void (*notify)(void *owner, unsigned queue);
	/* All queues were stopped: nothing is accepted any more. */
	void (*reset)(void *owner);
	void *owner;
};

struct virtio_mmio {
	struct virtio_device device;
	struct plic *plic;
	unsigned line;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features;
	uint32_t status, interrupts;
	struct virtio_mmio_queue queues[VIRTIO_MMIO_QUEUES_MOST];
};

/* Puts the registers on the machine's bus, from `start` on. The structure stays where it is as long as the machine. */
void virtio_mmio_init(struct virtio_mmio *mmio, struct machine *machine, uint64_t start, unsigned line,
		      const struct virtio_device *device);
/* What the driver accepted; 0 before FEATURES_OK. */
uint64_t virtio_mmio_features(const struct virtio_mmio *mmio);
/* Buffers were used: the driver is to be told. */
void virtio_mmio_interrupt(struct virtio_mmio *mmio);
/* DEVICE_NEEDS_RESET: the guest lied. */
void virtio_mmio_need_reset(struct virtio_mmio *mmio);

#endif
