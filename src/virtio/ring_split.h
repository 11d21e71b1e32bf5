/* SPDX-License-Identifier: MIT */
/* The device's side of a split ring (virtio 1.2, 2.7): chains of buffers that the guest offers are taken, checked and
 * returned. Pure: when to look and how to tell the guest is the caller's, who learns from each call whether telling is
 * needed.
 *
 * A ring whose guest lies is broken with the reason, and stays so until it is set up anew: nothing more is taken from
 * it. The caller counts the reason once and goes on with its other guests.
 *
 *   from the guest:  while (ring_split_take()) { … use the pieces …; ring_split_return(); }
 *                    if (ring_split_flush()) tell the guest; if (ring_split_arm()) there is more already
 *   to the guest:    ring_split_reserve(), fill, ring_split_commit() or _cancel(); then ring_split_flush() */
#ifndef VIRTIO_RING_SPLIT_H
#define VIRTIO_RING_SPLIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/drop.h"
#include "virtio/layout.h"
#include "virtio/memory.h"

enum ring_split_limits {
	RING_SIZE_MAX = 32768,    /* virtio 1.2, 2.7 */
	RING_INDIRECT_MAX = 1024, /* entries of one indirect table; the ring's own size is what the standard allows */
	RING_PIECES_MAX = 1024,   /* IOV_MAX: one readv fills what was reserved */
};

struct ring_split_setup {
	struct memory *memory;      /* outlives the ring */
	uint64_t desc, avail, used; /* guest addresses */
	uint16_t size;
	uint16_t start; /* both indexes: not 0 where another device stopped */
	/* features, as negotiated */
	bool event_idx;
	bool indirect;
	bool mergeable; /* a frame to the guest may take several chains */
};

struct ring_split {
	struct memory *memory;
	struct split_desc *desc;
	struct split_avail *avail;
	struct split_used *used;
	uint16_t size;
	bool event_idx, indirect, mergeable;
	uint16_t next_avail;     /* the next to take */
	uint16_t known_avail;    /* the guest's index when last looked */
	uint16_t next_used;      /* the next to return */
	uint16_t published;      /* what the guest was told of those */
	enum drop_reason broken; /* DROP_NONE: sound */
};

/* What a chain's buffers may be. */
enum ring_direction {
	RING_FROM_GUEST = 1,
	RING_TO_GUEST = 2,
	RING_BOTH = 3, /* first those from the guest, then those to it (virtio 1.2, 2.7.4.2) */
};

struct ring_chain {
	uint16_t head;
	uint32_t readable_pieces; /* the first of the caller's pieces */
	uint32_t writable_pieces; /* those behind */
	uint32_t readable_bytes;
	uint32_t writable_bytes;
};

/* 0; -EINVAL: a size that is no power of two or too large, or an address that is not aligned; -EFAULT: not the guest's
 * memory, or not one piece of it. */
int ring_split_init(struct ring_split *ring, const struct ring_split_setup *setup);

/* The next chain, as at most `most` pieces; false when there is none or the ring is broken. A chain that needs more
 * breaks it: RING_PIECES_MAX is always enough for an honest guest. */
bool ring_split_take(struct ring_split *ring, enum ring_direction direction, struct iovec *ret_pieces, uint32_t most,
		     struct ring_chain *ret_chain);
/* Gives a chain back, with so many bytes written to it. The guest sees it after the next flush. */
void ring_split_return(struct ring_split *ring, uint16_t head, uint32_t written_bytes);
/* Shows the guest all that was returned, at once: true when it wants to be told. */
bool ring_split_flush(struct ring_split *ring);

/* Asks the guest to tell when it offers more: true when it already did since the last look, so that the caller looks
 * again instead of waiting. */
bool ring_split_arm(struct ring_split *ring);
/* It need not tell. */
void ring_split_disarm(struct ring_split *ring);

/* For a lie that the caller finds. The first reason stays. */
void ring_split_break(struct ring_split *ring, enum drop_reason reason);

struct ring_lent {
	uint16_t head;
	uint32_t bytes;
};

/* Room for one frame to the guest with its virtio-net header. About 24 KiB, the caller's; one is enough for all rings of
 * a thread. */
struct ring_room {
	uint32_t bytes;
	uint32_t piece_count;
	uint32_t chain_count;
	struct iovec pieces[RING_PIECES_MAX];
	struct ring_lent chains[RING_PIECES_MAX];
};

/* Collects chains until there are `wanted` bytes, header included, and lends at most that many: 0 when there are at
 * least `least`. -EAGAIN: not now; arm the ring and wait. -EMSGSIZE: never as much, with the buffers that this guest
 * offers. -EPIPE: the ring is broken. At most one room of a ring is out, and nothing is taken meanwhile. */
int ring_split_reserve(struct ring_split *ring, uint32_t least, uint32_t wanted, struct ring_room *ret_room);
/* The first `bytes` of the room are filled, at least the 12 of the header, whose count of buffers is written here.
 * Chains that were not touched stay offered. */
void ring_split_commit(struct ring_split *ring, const struct ring_room *room, uint32_t bytes);
void ring_split_cancel(struct ring_split *ring, const struct ring_room *room);

#endif
