/* SPDX-License-Identifier: MIT */
/* Offsets, widths and status bits. Whatever the guest writes is kept, ignored, or handed to the device in an order that the
 * device can rely on. */
#include "semu/virtio_mmio.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* virtio 1.2, 4.2.2 */
enum virtio_mmio_register {
	REGISTER_MAGIC = 0x000,
	REGISTER_VERSION = 0x004,
	REGISTER_DEVICE_ID = 0x008,
	REGISTER_VENDOR_ID = 0x00c,
	REGISTER_DEVICE_FEATURES = 0x010,
	REGISTER_DEVICE_FEATURES_SEL = 0x014,
	REGISTER_DRIVER_FEATURES = 0x020,
	REGISTER_DRIVER_FEATURES_SEL = 0x024,
	REGISTER_QUEUE_SEL = 0x030,
	REGISTER_QUEUE_SIZE_MAX = 0x034,
	REGISTER_QUEUE_SIZE = 0x038,
	REGISTER_QUEUE_READY = 0x044,
	REGISTER_QUEUE_NOTIFY = 0x050,
	REGISTER_INTERRUPT_STATUS = 0x060,
	REGISTER_INTERRUPT_ACK = 0x064,
	REGISTER_STATUS = 0x070,
	REGISTER_QUEUE_DESC = 0x080,
	REGISTER_QUEUE_DESC_HIGH = 0x084,
	REGISTER_QUEUE_DRIVER = 0x090,
	REGISTER_QUEUE_DRIVER_HIGH = 0x094,
	REGISTER_QUEUE_DEVICE = 0x0a0,
	REGISTER_QUEUE_DEVICE_HIGH = 0x0a4,
	REGISTER_SHM_LENGTH = 0x0b0,
	REGISTER_SHM_LENGTH_HIGH = 0x0b4,
	REGISTER_SHM_BASE = 0x0b8,
	REGISTER_SHM_BASE_HIGH = 0x0bc,
	REGISTER_QUEUE_RESET = 0x0c0,
	REGISTER_CONFIG_GENERATION = 0x0fc,
	REGISTER_CONFIG = 0x100,
};

enum virtio_mmio_constant {
	MAGIC = 0x74726976, /* "virt" */
	VERSION = 2,
	VENDOR = 0x554d4553, /* "SEMU" */
	INTERRUPT_USED = 1,
	INTERRUPT_CONFIG = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 64,
};

static void set_interrupts(struct virtio_mmio *mmio, uint32_t interrupts)
{
	mmio->interrupts = interrupts;
	plic_raise(mmio->plic, mmio->line, interrupts != 0);
}

void virtio_mmio_interrupt(struct virtio_mmio *mmio)
{
	set_interrupts(mmio, mmio->interrupts | INTERRUPT_USED);
}

/* The driver is told of it only once it runs: virtio 1.2, 2.1.2. */
void virtio_mmio_need_reset(struct virtio_mmio *mmio)
{
	mmio->status |= STATUS_NEEDS_RESET;
	if (mmio->status & STATUS_DRIVER_OK)
		set_interrupts(mmio, mmio->interrupts | INTERRUPT_CONFIG);
}

uint64_t virtio_mmio_features(const struct virtio_mmio *mmio)
{
	return mmio->status & STATUS_FEATURES_OK ? mmio->driver_features : 0;
}

/* ---- queues ---- */

/* NULL: the driver chose one that is not there. */
static struct virtio_mmio_queue *chosen_queue(struct virtio_mmio *mmio)
{
	return mmio->queue_sel < mmio->device.queue_count ? &mmio->queues[mmio->queue_sel] : NULL;
}

static void start_queue(struct virtio_mmio *mmio, unsigned number)
{
	struct virtio_mmio_queue *queue = &mmio->queues[number];

	if (!queue->ready || queue->started || !(mmio->status & STATUS_DRIVER_OK))
		return;
	queue->started = true;
	if (mmio->device.start(mmio->device.owner, number, queue))
		return;
	queue->started = false;
	virtio_mmio_need_reset(mmio);
}

static void stop_queue(struct virtio_mmio *mmio, unsigned number)
{
	struct virtio_mmio_queue *queue = &mmio->queues[number];

	queue->ready = false;
	if (!queue->started)
		return;
	queue->started = false;
	mmio->device.stop(mmio->device.owner, number);
}

static void set_queue_ready(struct virtio_mmio *mmio, bool ready)
{
	struct virtio_mmio_queue *queue = chosen_queue(mmio);

	if (!queue || !(mmio->status & STATUS_FEATURES_OK) || queue->ready == ready)
		return;
	if (!ready) {
		stop_queue(mmio, mmio->queue_sel);
		return;
	}
	queue->ready = true;
	start_queue(mmio, mmio->queue_sel);
}

static void reset_queue(struct virtio_mmio *mmio)
{
	if (chosen_queue(mmio) && virtio_mmio_features(mmio) & VIRTIO_MMIO_RING_RESET)
		stop_queue(mmio, mmio->queue_sel);
}

static void notify_queue(struct virtio_mmio *mmio, uint32_t number)
{
	if (number < mmio->device.queue_count && mmio->queues[number].started)
		mmio->device.notify(mmio->device.owner, number);
}

/* ---- the device's life ---- */

static void reset(void *owner)
{
	struct virtio_mmio *mmio = owner;

	for (unsigned i = 0; i < mmio->device.queue_count; i++)
		stop_queue(mmio, i);
	mmio->device.reset(mmio->device.owner);
	memset(mmio->queues, 0, sizeof(mmio->queues));
	mmio->device_features_sel = mmio->driver_features_sel = mmio->queue_sel = 0;
	mmio->driver_features = 0;
	mmio->status = 0;
	set_interrupts(mmio, 0);
}

/* A driver only ever adds bits; NEEDS_RESET is not its to say: virtio 1.2, 2.1.1. */
static void set_status(struct virtio_mmio *mmio, uint32_t value)
{
	uint32_t added = value & 0xff & ~mmio->status & ~(uint32_t)STATUS_NEEDS_RESET;

	if (value == 0) {
		reset(mmio);
		return;
	}
	if (added & STATUS_FEATURES_OK && (mmio->driver_features & ~mmio->device.features ||
					   !mmio->device.accept(mmio->device.owner, mmio->driver_features)))
		added &= ~(uint32_t)STATUS_FEATURES_OK;
	if (!((mmio->status | added) & STATUS_FEATURES_OK))
		added &= ~(uint32_t)STATUS_DRIVER_OK;
	mmio->status |= added;
	if (!(added & STATUS_DRIVER_OK))
		return;
	for (unsigned i = 0; i < mmio->device.queue_count; i++)
		start_queue(mmio, i);
}

/* ---- registers ---- */

/* Features are shown and chosen 32 at a time; there are none beyond 63. */
static uint32_t features_part(uint64_t features, uint32_t part)
{
	return part < 2 ? (uint32_t)(features >> 32 * part) : 0;
}

static void set_features_part(struct virtio_mmio *mmio, uint32_t value)
{
	unsigned shift = 32 * mmio->driver_features_sel;

	if (mmio->driver_features_sel >= 2 || mmio->status & STATUS_FEATURES_OK)
		return;
	mmio->driver_features &= ~((uint64_t)UINT32_MAX << shift);
	mmio->driver_features |= (uint64_t)value << shift;
}

static uint32_t load_register(struct virtio_mmio *mmio, unsigned offset)
{
	const struct virtio_mmio_queue *queue = chosen_queue(mmio);

	switch (offset) {
	case REGISTER_MAGIC:
		return MAGIC;
	case REGISTER_VERSION:
		return VERSION;
	case REGISTER_DEVICE_ID:
		return mmio->device.id;
	case REGISTER_VENDOR_ID:
		return VENDOR;
	case REGISTER_DEVICE_FEATURES:
		return features_part(mmio->device.features, mmio->device_features_sel);
	case REGISTER_QUEUE_SIZE_MAX:
		return queue ? mmio->device.entries_most : 0;
	case REGISTER_QUEUE_READY:
		return queue && queue->ready;
	case REGISTER_INTERRUPT_STATUS:
		return mmio->interrupts;
	case REGISTER_STATUS:
		return mmio->status;
	case REGISTER_SHM_LENGTH: /* there is none: virtio 1.2, 4.2.2.1 */
	case REGISTER_SHM_LENGTH_HIGH:
	case REGISTER_SHM_BASE:
	case REGISTER_SHM_BASE_HIGH:
		return UINT32_MAX;
	default: /* CONFIG_GENERATION too: no configuration here ever changes */
		return 0;
	}
}

static void set_low(uint64_t *number, uint32_t value)
{
	*number = (*number & ~(uint64_t)UINT32_MAX) | value;
}

static void set_high(uint64_t *number, uint32_t value)
{
	*number = (*number & UINT32_MAX) | (uint64_t)value << 32;
}

/* What describes a queue stays as it is while the queue is ready: virtio 1.2, 4.2.2.2. */
static void store_queue_register(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
	struct virtio_mmio_queue *queue = chosen_queue(mmio);

	if (!queue || queue->ready)
		return;
	switch (offset) {
	case REGISTER_QUEUE_SIZE:
		queue->entries = value;
		break;
	case REGISTER_QUEUE_DESC:
		set_low(&queue->desc, value);
		break;
	case REGISTER_QUEUE_DESC_HIGH:
		set_high(&queue->desc, value);
		break;
	case REGISTER_QUEUE_DRIVER:
		set_low(&queue->driver, value);
		break;
	case REGISTER_QUEUE_DRIVER_HIGH:
		set_high(&queue->driver, value);
		break;
	case REGISTER_QUEUE_DEVICE:
		set_low(&queue->device, value);
		break;
	case REGISTER_QUEUE_DEVICE_HIGH:
		set_high(&queue->device, value);
		break;
	}
}

static void store_register(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
	switch (offset) {
	case REGISTER_DEVICE_FEATURES_SEL:
		mmio->device_features_sel = value;
		break;
	case REGISTER_DRIVER_FEATURES:
		set_features_part(mmio, value);
		break;
	case REGISTER_DRIVER_FEATURES_SEL:
		mmio->driver_features_sel = value;
		break;
	case REGISTER_QUEUE_SEL:
		mmio->queue_sel = value;
		break;
	case REGISTER_QUEUE_READY:
		set_queue_ready(mmio, value & 1);
		break;
	case REGISTER_QUEUE_NOTIFY:
		notify_queue(mmio, value);
		break;
	case REGISTER_INTERRUPT_ACK:
		set_interrupts(mmio, mmio->interrupts & ~value);
		break;
	case REGISTER_STATUS:
		set_status(mmio, value);
		break;
	case REGISTER_QUEUE_RESET:
		if (value & 1)
			reset_queue(mmio);
		break;
	default:
		store_queue_register(mmio, offset, value);
		break;
	}
}

/* The configuration has fields of every width and may be read in any; the registers before it have 32 bits. */
static bool load(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value)
{
	struct virtio_mmio *mmio = owner;
	uint8_t config[8] = {0};

	*ret_value = 0;
	if (offset >= REGISTER_CONFIG) {
		mmio->device.config_read(mmio->device.owner, (unsigned)offset - REGISTER_CONFIG, config, bytes);
		for (unsigned i = 0; i < bytes; i++)
			*ret_value |= (uint64_t)config[i] << 8 * i;
	} else if (bytes == 4) {
		*ret_value = load_register(mmio, (unsigned)offset);
	}
	return true;
}

/* No configuration here can be written. */
static bool store(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	if (offset < REGISTER_CONFIG && bytes == 4)
		store_register(owner, (unsigned)offset, (uint32_t)value);
	return true;
}

void virtio_mmio_init(struct virtio_mmio *mmio, struct machine *machine, uint64_t start, unsigned line,
		      const struct virtio_device *device)
{
	assert(device->queue_count <= VIRTIO_MMIO_QUEUES_MOST);
	*mmio = (struct virtio_mmio){.device = *device, .plic = &machine->plic, .line = line};
	bus_add(&machine->bus, &(struct bus_device){.start = start,
						    .bytes = MAP_VIRTIO_BYTES,
						    .load = load,
						    .store = store,
						    .reset = reset,
						    .owner = mmio});
}
