/* SPDX-License-Identifier: MIT */
/* What the two layouts of a ring differ in: for ring.c, ring_split.c and ring_packed.c, and nobody else. */
#ifndef VIRTIO_RING_LAYOUT_H
#define VIRTIO_RING_LAYOUT_H

#include "virtio/chain.h"
#include "virtio/ring.h"

enum ring_fetch {
	RING_FETCH_NEAR = 3, /* chains ahead: a buffer, whose descriptor is there by then */
	RING_FETCH_FAR = 8,  /* a descriptor */
};

struct ring_layout {
	/* The common fields are set. As ring_init(). */
	int (*init)(struct ring *ring, const struct ring_setup *setup);
	struct ring_base (*base)(const struct ring *ring);
	/* Whether there is a chain at next_avail; breaks the ring for an index that cannot be. Not of a broken ring. */
	bool (*offered)(struct ring *ring);
	/* Walks that chain, which stays where it is; sets the id and slots. */
	enum drop_reason (*walk)(struct ring *ring, struct chain *chain, uint16_t *ret_id, uint16_t *ret_slots);
	/* next_avail goes so many slots on, or back to where it was. */
	void (*step)(struct ring *ring, uint16_t slots);
	void (*step_back)(struct ring *ring, uint16_t slots);
	/* Asks the cache for what the chains behind next_avail will need, of which nothing is believed yet. */
	void (*fetch)(const struct ring *ring);
	void (*give)(struct ring *ring, uint16_t id, uint16_t slots, uint32_t written_bytes);
	bool (*flush)(struct ring *ring);
	bool (*arm)(struct ring *ring);
	void (*disarm)(struct ring *ring);
	/* NULL: the place stands in the ring anyhow. */
	void (*leave)(struct ring *ring);
};

extern const struct ring_layout ring_layout_split;
extern const struct ring_layout ring_layout_packed;

#endif
