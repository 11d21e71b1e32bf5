/* SPDX-License-Identifier: MIT */
/* A ring, walked to its end whenever the driver notifies. */
#include "semu/virtio_single.h"

#include <string.h>

/* virtio 1.2, 6 */
#define FEATURE_INDIRECT_DESC (UINT64_C(1) << 28)
#define FEATURE_EVENT_IDX (UINT64_C(1) << 29)
#define FEATURE_VERSION_1 (UINT64_C(1) << 32)
#define FEATURE_RING_PACKED (UINT64_C(1) << 34)
#define FEATURES \
	(FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX | FEATURE_VERSION_1 | FEATURE_RING_PACKED | VIRTIO_MMIO_RING_RESET)

/* Drivers from before virtio 1.0 are not served. */
static bool accept(void *owner, uint64_t features)
{
	(void)owner;
	return features & FEATURE_VERSION_1;
}

static void config_read(void *owner, unsigned offset, void *ret_bytes, unsigned bytes)
{
	const struct virtio_single *single = owner;
	size_t there = offset < single->kind.config_bytes ? single->kind.config_bytes - offset : 0;

	memset(ret_bytes, 0, bytes);
	if (there > 0)
		memcpy(ret_bytes, (const char *)single->kind.config + offset, there < bytes ? there : bytes);
}

static void answer(struct virtio_single *single, const struct ring_chain *chain)
{
	struct virtio_single_request request = {.readable = single->pieces,
						.writable = single->pieces + chain->readable_pieces,
						.readable_pieces = chain->readable_pieces,
						.writable_pieces = chain->writable_pieces,
						.readable_bytes = chain->readable_bytes,
						.writable_bytes = chain->writable_bytes};
	int64_t written = single->kind.answer(single->kind.owner, &request);

	if (written < 0)
		ring_break(&single->ring, (enum drop_reason) - written);
	else
		ring_return(&single->ring, chain, (uint32_t)written);
}

/* No hart runs meanwhile, so that a driver can have offered a ringful and no more. Beyond that the requests wrote into
 * their own ring, and might do so for ever. */
static void notify(void *owner, unsigned queue)
{
	struct virtio_single *single = owner;
	struct ring *ring = &single->ring;
	struct ring_chain chain;

	(void)queue;
	if (ring->broken != DROP_NONE)
		return;
	for (unsigned i = 0; ring_take(ring, RING_BOTH, single->pieces, RING_PIECES_MAX, &chain); i++) {
		if (i == ring->size)
			ring_break(ring, DROP_RING_AVAIL_INDEX);
		else
			answer(single, &chain);
	}
	if (ring_flush(ring))
		virtio_mmio_interrupt(&single->mmio);
	if (ring_arm(ring))
		ring_break(ring, DROP_RING_AVAIL_INDEX);
	if (ring->broken != DROP_NONE)
		virtio_mmio_need_reset(&single->mmio);
}

static bool start(void *owner, unsigned queue, const struct virtio_mmio_queue *given)
{
	struct virtio_single *single = owner;
	uint64_t features = virtio_mmio_features(&single->mmio);
	struct ring_setup setup = {.memory = &single->memory,
				   .desc = given->desc,
				   .driver = given->driver,
				   .device = given->device,
				   .size = (uint16_t)given->entries,
				   .packed = features & FEATURE_RING_PACKED,
				   .event_idx = features & FEATURE_EVENT_IDX,
				   .indirect = features & FEATURE_INDIRECT_DESC};

	if (setup.packed)
		setup.base = (struct ring_base){RING_PACKED_START, RING_PACKED_START};
	if (given->entries > VIRTIO_SINGLE_ENTRIES_MOST || ring_init(&single->ring, &setup) < 0)
		return false;
	notify(single, queue);
	return true;
}

/* Nothing is ever under way between two notifications. */
static void stop(void *owner, unsigned queue)
{
	(void)owner;
	(void)queue;
}

static void reset(void *owner)
{
	(void)owner;
}

void virtio_single_init(struct virtio_single *single, struct machine *machine, uint64_t start_address, unsigned line,
			const struct virtio_single_kind *kind)
{
	struct virtio_device device = {.id = kind->id,
				       .queue_count = 1,
				       .entries_most = VIRTIO_SINGLE_ENTRIES_MOST,
				       .features = FEATURES | kind->features,
				       .accept = accept,
				       .config_read = config_read,
				       .start = start,
				       .stop = stop,
				       .notify = notify,
				       .reset = reset,
				       .owner = single};

	single->kind = *kind;
	memory_init(&single->memory);
	/* It cannot fail: there is room for more regions than one. */
	(void)memory_add(&single->memory, machine->for_harts.ram_start, machine->for_harts.ram_bytes,
			 machine->for_harts.ram);
	virtio_mmio_init(&single->mmio, machine, start_address, line, &device);
}
