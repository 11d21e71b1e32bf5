/* SPDX-License-Identifier: MIT */
/* The data plane of a virtio network device as a port of the switch: pairs of rings in a guest's memory, the even ones to
 * the guest and the odd ones from it (virtio 1.2, 5.1.2). Its owner (vhost-user's messages, an emulator's registers) says
 * where memory and rings are, which are on, and when the guest kicked; it says when the guest is to be told.
 *
 * States of a ring: absent -> started (its addresses are known and the guest has kicked once) -> absent. A started ring
 * is on or off: one from the guest that is off is emptied and what was in it counted, one to the guest is not filled.
 * A ring whose guest lied is broken until it is started anew; the others go on.
 *
 * The control queue is one more ring, with the number VIRTNET_CONTROL whatever the guest's driver counts it as. By it the
 * guest says how many pairs it uses: the rings behind those are off whatever the owner says. A new control queue's guest
 * uses one; with one that goes on where another ran, here or elsewhere, what was said last is not known, and all that
 * the owner has on may be used, as where there is no control queue.
 *
 * Several pairs. A conversation stays in one (port.h, "Several queues"): in that which the guest sent it in last
 * (steering.h), else in one that its number chooses among those whose ring to the guest is used. Each pair has its own
 * bounded memory for frames that found no room, and its own waiters. What the guest asks by sending elsewhere is done
 * when nothing waits where the conversation was, so that it does not overtake itself. When a ring is used no more while
 * others are, what waits for it is dropped by name, and who waits is called to choose again; with none used, all stays
 * until one is. A turn's budget is the port's: pairs share it, round robin.
 *
 * The hot path. From the guest: descriptors are walked into one array of pieces, 256 bytes of each frame are copied and
 * believed, the rest is read from the guest's memory by whoever the frame goes to; the chains go back when the batch is
 * delivered, and the guest is told once. To the guest: a producer writes into the chains themselves, or a frame is
 * copied there; what finds no room waits in a bounded queue, and the guest is asked to kick only then. */
#ifndef PORT_VIRTNET_H
#define PORT_VIRTNET_H

#include <stdbool.h>
#include <stdint.h>

#include "fabric/framequeue.h"
#include "fabric/port.h"
#include "port/steering.h"
#include "virtio/memory.h"
#include "virtio/ring.h"

enum virtnet_limits {
	VIRTNET_PAIRS_MAX = 8,
	VIRTNET_RINGS_MAX = 2 * VIRTNET_PAIRS_MAX,
	VIRTNET_CONTROL = VIRTNET_RINGS_MAX, /* the number of the control queue's ring */
	VIRTNET_RINGS_ALL,
	VIRTNET_RING_SIZE_MAX = 1024, /* virtio-net drivers and front ends use 256 to 1024 */
	VIRTNET_PIECES = 4 * RING_PIECES_MAX,
	VIRTNET_LOOKS = 4,     /* for room, in a turn, while the guest offers more and more */
	VIRTNET_COMMANDS = 16, /* of the control queue, in a turn */
};

/* virtio 1.2, 5.1.3 and 6. */
enum virtnet_feature {
	VIRTNET_F_CSUM = 0,
	VIRTNET_F_GUEST_CSUM = 1,
	VIRTNET_F_MTU = 3,
	VIRTNET_F_MAC = 5,
	VIRTNET_F_GUEST_TSO4 = 7,
	VIRTNET_F_GUEST_TSO6 = 8,
	VIRTNET_F_GUEST_ECN = 9,
	VIRTNET_F_HOST_TSO4 = 11,
	VIRTNET_F_HOST_TSO6 = 12,
	VIRTNET_F_HOST_ECN = 13,
	VIRTNET_F_MRG_RXBUF = 15,
	VIRTNET_F_STATUS = 16,
	VIRTNET_F_CTRL_VQ = 17,
	VIRTNET_F_MQ = 22,
	VIRTNET_F_INDIRECT_DESC = 28,
	VIRTNET_F_EVENT_IDX = 29,
	VIRTNET_F_VERSION_1 = 32,
	VIRTNET_F_RING_PACKED = 34,
	VIRTNET_F_GUEST_USO4 = 54,
	VIRTNET_F_GUEST_USO6 = 55,
	VIRTNET_F_HOST_USO = 56,
};

#define VIRTNET_FEATURE(name) (UINT64_C(1) << VIRTNET_F_##name)

/* All that the data plane can do; what else a device offers (MAC, MTU, STATUS, MQ, CTRL_VQ) is its owner's. */
#define VIRTNET_FEATURES                                                                            \
	(VIRTNET_FEATURE(CSUM) | VIRTNET_FEATURE(GUEST_CSUM) | VIRTNET_FEATURE(GUEST_TSO4) |        \
	 VIRTNET_FEATURE(GUEST_TSO6) | VIRTNET_FEATURE(GUEST_ECN) | VIRTNET_FEATURE(HOST_TSO4) |    \
	 VIRTNET_FEATURE(HOST_TSO6) | VIRTNET_FEATURE(HOST_ECN) | VIRTNET_FEATURE(MRG_RXBUF) |      \
	 VIRTNET_FEATURE(INDIRECT_DESC) | VIRTNET_FEATURE(EVENT_IDX) | VIRTNET_FEATURE(VERSION_1) | \
	 VIRTNET_FEATURE(RING_PACKED) | VIRTNET_FEATURE(GUEST_USO4) | VIRTNET_FEATURE(GUEST_USO6) | \
	 VIRTNET_FEATURE(HOST_USO))

struct virtnet;

struct virtnet_owner {
	/* The guest wants to be told about this ring. During a delivery too. */
	void (*call)(struct virtnet *virtnet, uint32_t ring);
	/* The guest lied; counted already. Not the place to end the guest: a delivery may be under way. */
	void (*on_broken)(struct virtnet *virtnet, uint32_t ring, enum drop_reason reason);
	/* For a log of dirty pages, each behind what it tells of, since the log may be read and cleared at any time; NULL
	 * while nobody asks. So many bytes from the front of these pieces of the guest's memory were written. */
	void (*on_written)(struct virtnet *virtnet, const struct iovec *pieces, uint32_t count, uint32_t bytes);
	/* The ring's own memory was written. */
	void (*on_returned)(struct virtnet *virtnet, uint32_t ring);
	/* For show. */
	void (*look)(const struct virtnet *virtnet, struct port_status *ret_status);
};

struct virtnet_ring {
	struct ring ring;
	bool started;
	bool wanted; /* its owner has it on, */
	bool on;     /* … and it is of the pairs that the guest uses */
	bool told_broken;
	bool dirty; /* returned to, and not flushed yet */
};

/* What all virtio ports of a thread share for the time of one call. */
struct virtnet_scratch;

struct virtnet {
	struct port port;
	const struct virtnet_owner *owner;
	struct virtnet_scratch *scratch;
	struct memory memory;
	uint64_t features; /* as negotiated */
	struct virtnet_ring rings[VIRTNET_RINGS_ALL];
	uint32_t pairs_max; /* that the control queue may be told; all, unless the owner says less */
	uint32_t pairs;     /* that the guest uses; 0: it has not said */
	struct framequeue waiting[VIRTNET_PAIRS_MAX]; /* what found no room, by pair */
	size_t waiting_bound, waiting_peak;           /* bytes, of all */
	uint32_t used_count;
	uint8_t used[VIRTNET_PAIRS_MAX]; /* the pairs whose ring to the guest is used */
	uint8_t kicked;                  /* a bit for each pair whose ring from the guest may have something */
	uint8_t looked;                  /* a bit for each pair whose ring to the guest run() looks at again */
	bool commanded;                  /* the control queue may have something */
	bool unsettled;                  /* other pairs are used than before: run() sees to what waits */
	uint32_t lent;                   /* the pair whose room is out */
	uint32_t turn;                   /* the pair that is served first in the next turn */
	struct steering steering;
};

/* NULL: no memory. Outlives its ports. */
struct virtnet_scratch *virtnet_scratch_new(void);
void virtnet_scratch_free(struct virtnet_scratch *scratch);

/* The caller's memory; then the port's options, then ethswitch_attach(). */
void virtnet_init(struct virtnet *virtnet, const struct virtnet_owner *owner, struct virtnet_scratch *scratch,
		  const char *name, struct pool *blocks, size_t queue_bytes);
/* What is queued is dropped by name. Before the port is detached. */
void virtnet_done(struct virtnet *virtnet);

/* What the guest accepted; `mtu_bytes` is the network's. Rings that are started keep what they have; what waits for room
 * is dropped by name when the guest does not accept the same offloads any more. */
void virtnet_set_features(struct virtnet *virtnet, uint64_t features, uint32_t mtu_bytes);
/* The setup's memory and features are filled in here. As ring_init(); -EINVAL too for a ring that is too large. */
int virtnet_start(struct virtnet *virtnet, uint32_t ring, struct ring_setup *setup);
/* Where it would go on. */
struct ring_base virtnet_stop(struct virtnet *virtnet, uint32_t ring);
void virtnet_switch(struct virtnet *virtnet, uint32_t ring, bool on);
/* So many pairs from the first are used; 0: nobody has said. */
void virtnet_use(struct virtnet *virtnet, uint32_t pairs);
/* The guest offers more. Outside a delivery. */
void virtnet_kick(struct virtnet *virtnet, uint32_t ring);

static inline bool virtnet_is_to_guest(uint32_t ring)
{
	return ring % 2 == 0;
}

#endif
