/* SPDX-License-Identifier: MIT */
/* The device's side of a ring (virtio 1.2, 2.7 and 2.8): chains of buffers that the guest offers are taken, checked and
 * returned, whichever of the two layouts was negotiated. Pure: when to look and how to tell the guest is the caller's,
 * who learns from each call whether telling is needed.
 *
 * A ring whose guest lies is broken with the reason, and stays so until it is set up anew: nothing more is taken from
 * it. The caller counts the reason once and goes on with its other guests.
 *
 *   from the guest:  while (ring_take()) { … use the pieces …; ring_return(); }
 *                    if (ring_flush()) tell the guest; if (ring_arm()) there is more already
 *   to the guest:    ring_reserve(), fill, ring_commit() or _cancel(); then ring_flush() */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/drop.h"
#include "virtio/layout.h"
#include "virtio/memory.h"

enum ring_limits {
	RING_SIZE_MAX = 32768,    /* virtio 1.2, 2.7 and 2.8.10.1 */
	RING_INDIRECT_MAX = 1024, /* entries of one indirect table; the ring's own size is what the standard allows */
	RING_PIECES_MAX = 1024,   /* IOV_MAX: one readv fills what was reserved */
};

/* Where a ring goes on: 0 where it is new. Of a packed ring bit 15 is the wrap counter, and new is RING_PACKED_START. */
struct ring_base {
	uint16_t avail, used;
};

enum { RING_PACKED_START = 1 << 15 };

struct ring_setup {
	struct memory *memory; /* outlives the ring */
	uint64_t desc;         /* guest addresses */
	uint64_t driver;       /* split: the avail ring; packed: the driver's event suppression */
	uint64_t device;       /* split: the used ring; packed: the device's event suppression */
	uint16_t size;
	struct ring_base base;
	bool guessed; /* who says the base may have been cut off from the last device: see ring_leave() */
	/* features, as negotiated */
	bool packed;
	bool event_idx;
	bool indirect;
	bool mergeable; /* a frame to the guest may take several chains */
	/* neither VERSION_1 nor mergeable: its frames' headers end before the count of buffers (virtio 1.2, 5.1.6.1) */
	bool short_header;
};

struct ring_layout;

struct ring_split {
	struct split_desc *desc;
	struct split_avail *avail;
	struct split_used *used;
	uint16_t known_avail; /* the guest's index when last looked */
	uint16_t published;   /* what the guest was told of the returned ones */
};

struct ring_packed {
	struct packed_desc *desc;
	struct packed_event *driver, *device;
	bool avail_wrap, used_wrap;
	bool unpublished; /* something was returned since the last flush: */
	uint16_t first;   /* … this entry, whose flags are held back, so that the guest sees all or nothing */
	uint16_t first_flags;
	uint16_t unpublished_slots;
	uint16_t ahead; /* from next_avail to the first entry that was not offered when last looked */
};

struct ring {
	const struct ring_layout *layout;
	struct memory *memory;
	uint16_t size;
	bool event_idx, indirect, mergeable;
	uint8_t header_bytes;    /* of virtio-net, before each frame */
	uint16_t next_avail;     /* the next to take */
	uint16_t next_used;      /* the next to return */
	enum drop_reason broken; /* DROP_NONE: sound */
	union {
		struct ring_split split;
		struct ring_packed packed;
	};
};

/* What a chain's buffers may be. */
enum ring_direction {
	RING_FROM_GUEST = 1,
	RING_TO_GUEST = 2,
	RING_BOTH = 3, /* first those from the guest, then those to it (virtio 1.2, 2.7.4.2) */
};

struct ring_chain {
	uint16_t id;              /* the guest's name for it */
	uint16_t slots;           /* of the ring, that it takes */
	uint32_t readable_pieces; /* the first of the caller's pieces */
	uint32_t writable_pieces; /* those behind */
	uint32_t readable_bytes;
	uint32_t writable_bytes;
};

/* 0; -EINVAL: a size that is 0 or too large, of a split ring no power of two, or an address that is not aligned, or a
 * base beyond the ring; -EFAULT: not the guest's memory, or not one piece of it. */
int ring_init(struct ring *ring, const struct ring_setup *setup);
/* Where another device could go on. Between a take and its return it is not known. */
struct ring_base ring_base(const struct ring *ring);
/* The device goes without having been asked where it stands: says it in the ring, in the part that is the device's alone,
 * where ring_init() finds it if the base is guessed. A split ring says it always. A packed one that is to begin anew, but
 * was used by a device that left no word, is broken from the start: where it goes on nobody knows. */
void ring_leave(struct ring *ring);

/* The next chain, as at most `most` pieces; false when there is none or the ring is broken. A chain that needs more
 * breaks it: RING_PIECES_MAX is always enough for an honest guest. */
bool ring_take(struct ring *ring, enum ring_direction direction, struct iovec *ret_pieces, uint32_t most,
	       struct ring_chain *ret_chain);
/* Gives a chain back, with so many bytes written to it. The guest sees it after the next flush. */
void ring_return(struct ring *ring, const struct ring_chain *chain, uint32_t written_bytes);
/* Shows the guest all that was returned, at once: true when it wants to be told. */
bool ring_flush(struct ring *ring);

/* Asks the guest to tell when it offers more: true when it already did since the last look, so that the caller looks
 * again instead of waiting. */
bool ring_arm(struct ring *ring);
/* Whether there is something to take. */
bool ring_offered(struct ring *ring);
/* It need not tell. */
void ring_disarm(struct ring *ring);

/* For a lie that the caller finds. The first reason stays. */
void ring_break(struct ring *ring, enum drop_reason reason);

struct ring_lent {
	uint16_t id, slots;
	uint32_t bytes;
};

/* Room for one frame to the guest with its virtio-net header. About 24 KiB, the caller's; one is enough for all rings of
 * a thread. */
struct ring_room {
	uint32_t bytes;
	uint32_t piece_count;
	uint32_t chain_count;
	uint32_t descriptors, last_descriptors; /* of the ring, that all chains take, and the last */
	struct iovec pieces[RING_PIECES_MAX];
	struct ring_lent chains[RING_PIECES_MAX];
};

/* Collects chains until there are `wanted` bytes, header included, and lends at most that many: 0 when there are at
 * least `least`. When there are, a chain that would stay nearly empty is not taken for what is missing. -EAGAIN: not now;
 * arm the ring and wait. -EMSGSIZE: never as much, with the buffers that this guest offers. -EPIPE: the ring is broken. At
 * most one room of a ring is out, and nothing is taken meanwhile. */
int ring_reserve(struct ring *ring, uint32_t least, uint32_t wanted, struct ring_room *ret_room);
/* The first `bytes` of the room are filled, at least those of the header, whose count of buffers is written here.
 * Chains that were not touched stay offered. */
void ring_commit(struct ring *ring, const struct ring_room *room, uint32_t bytes);
void ring_cancel(struct ring *ring, const struct ring_room *room);

#endif
