/* SPDX-License-Identifier: MIT */
/* The port contract: how frames enter and leave a network. Each kind of port is one file that fills in port_ops and
 * embeds struct port.
 *
 * To the guest, pushed:  the switch calls queue() for each frame of a batch, already cut and completed to what
 *   `accepts` says and in at most FRAME_PIECES_MAX pieces, then flush() once. The frame's bytes and its pieces (not
 *   struct frame itself) stay valid until flush() returns, so a port gathers pieces and makes one writev or sendmmsg of
 *   them; what does not go it copies into its bounded queue or drops by name.
 * To the guest, lent:  a producer that knows its destination (the gateway, NAT) calls ethswitch_reserve(), which asks
 *   the one port for room by reserve(), writes the bytes in place and ends with commit() or cancel() before it
 *   returns. A port without reserve() lends a pool frame of the switch's and gets it back by queue().
 * Several queues:  a far end may take frames in more than one (the pairs of a virtio device). Who asks for room says of
 *   which conversation the frame will be (steer.h), and the port keeps each in one queue, and its order with it: that is
 *   what a queue stands for. Each has its own room, its own bounded memory for what did not fit, and its own waiters, so
 *   that one which is full holds up nobody but its own conversations. The far end chooses which is whose, and may move
 *   one; a frame that is pushed tells by itself. A port of one queue does not look at any of this.
 * From the guest:  the port calls ethswitch_input() with a batch from its own turn. Never during a delivery: what is
 *   handed in then is kept by the port, which calls port_schedule() and gets run() in the next round.
 *
 * Counting:  the switch counts from_guest, every frame handed in, whatever becomes of it. The port counts to_guest itself,
 *   when the far end or the port's queue has taken a frame, in queue() and flush() as well as in commit(): nobody else
 *   knows. What it could not give away it counts with port_drop(); what it takes out of its queue again, when the guest
 *   leaves too, it takes back from to_guest.
 *
 * A port has one producer at a time, of all its queues. Nothing here blocks; nothing a port does on behalf of one guest waits for another. */
#ifndef FABRIC_PORT_H
#define FABRIC_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/list.h"
#include "fabric/frame.h"
#include "wire/ethernet.h"

struct ethswitch;
struct port;

enum port_limits {
	PORT_NAME_BYTES = 64,
	PORT_TURN_FRAMES = 64, /* what a port may hand in before others get their turn */
	PORT_TURN_BYTES = 256 * 1024,
	PORT_QUEUES_MAX = 8,    /* to the guest */
	ROOM_PIECES_MAX = 1024, /* IOV_MAX: one readv fills a room */
};

/* What the far end takes, after negotiation where there is one. The fabric makes frames fit. */
struct port_accepts {
	bool csum;       /* CSUM_PARTIAL */
	bool tso4, tso6; /* need csum */
	bool ecn;
	bool uso;
	uint32_t frame_bytes; /* the largest frame that is not segmented there, Ethernet header included */
};

/* Room lent by a port: `bytes` bytes in pieces of any size, a header may straddle them. The pieces belong to the port
 * until commit or cancel. */
struct room {
	struct port *port;
	uint32_t queue; /* of the port's: who was refused room waits for that one */
	const struct iovec *pieces;
	uint32_t piece_count;
	uint32_t bytes;
	void *owner; /* the port's own: a pool frame, a ring position */
};

/* Whom a frame is for, before it is written. */
struct destination {
	struct mac mac;
	uint16_t vlan;
	uint32_t flow; /* steer.h; 0: of no conversation */
};

/* What show says of a port beside its counters. */
struct port_status {
	char far_end[128]; /* "/run/vm.sock", "pid 4711", "127.0.0.1:40312", "tap0"; "" where nothing is known */
	bool muted;        /* a shared dgram socket's guest that does not read */
	size_t queued_bytes, queued_peak_bytes, queue_bound_bytes;
};

struct port_ops {
	void (*queue)(struct port *port, const struct frame *frame);
	void (*flush)(struct port *port);
	/* NULL: never scheduled. Hands in at most a turn's budget and schedules itself again for the rest. */
	void (*run)(struct port *port);
	/* NULL: the switch lends a pool frame. At least `least` bytes, at most `wanted`: 0; -EAGAIN: none now, the
	 * producer may wait (port_wait) for the queue that was filled in, even so; -EMSGSIZE: never that much. */
	int (*reserve)(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room);
	/* frame->length <= room->bytes are filled, and are this frame, which the switch has parsed; the rest goes back
	 * untouched. The far end is told at flush(). */
	void (*commit)(struct port *port, struct room *room, const struct frame *frame);
	void (*cancel)(struct port *port, struct room *room);
	/* NULL: there is nothing to tell. For show; `ret_status` comes zeroed. */
	void (*look)(const struct port *port, struct port_status *ret_status);
};

struct traffic {
	uint64_t frames;
	uint64_t bytes;
};

struct counters {
	struct traffic from_guest; /* taken from the far end */
	struct traffic to_guest;   /* given to the far end, or to its queue; what is dropped from there is taken back */
	struct drops drops;        /* in either direction: the reason tells which */
};

/* A producer that was refused room. Stands inside the producer. */
struct port_waiter {
	struct list link;
	void (*on_room)(void *owner, struct port *port);
	void *owner;
};

struct port {
	const struct port_ops *ops;
	char name[PORT_NAME_BYTES]; /* unique on its network: "vm1", "stream0.3" */
	struct port_accepts accepts;

	/* options, set before the port is attached */
	bool isolated;   /* reaches only ports that are not */
	bool uplink;     /* the gateway and other trusted ports: no lock, no conflict, never isolated */
	bool adopt_csum; /* csum=partial: the far end leaves TCP and UDP sums unfinished and does not say so */
	bool locked;     /* mac=: only this source address */
	struct mac lock;

	bool away; /* its kind's own: nothing can come from the far end now, so its addresses go to whoever uses them */

	struct counters counters;
	void *owner; /* network's record of the guest */

	/* the switch's own */
	struct ethswitch *ethswitch;          /* NULL: not attached */
	struct list link;                     /* all ports */
	struct list dirty;                    /* has frames queued that flush() must send */
	struct list ready;                    /* scheduled */
	struct list waiters[PORT_QUEUES_MAX]; /* struct port_waiter, in the order of their asking */
	uint32_t learned;                     /* addresses in the table that point here */
	struct mac conflict;                  /* refused with this source, which another port owns; all zero: none */
	uint64_t conflict_us;                 /* when last */
	uint64_t told_us;                     /* when a conflict of it was told first */
	uint32_t told;                        /* how many of its addresses since: two at most in ETHSWITCH_AGE_US */
};

/* The caller's memory; the name is cut to fit. Then options, then ethswitch_attach(). */
void port_init(struct port *port, const struct port_ops *ops, const char *name);
/* Counts, and tells the switch's observer; frame may be NULL when none was formed. */
void port_drop(struct port *port, enum drop_reason reason, const struct frame *frame);
/* run() in the next round. */
void port_schedule(struct port *port);
/* After a reserve() that said -EAGAIN, for the queue that it named. A waiter waits at one at most; port_unwait() may be
 * called twice. */
void port_wait(struct port *port, uint32_t queue, struct port_waiter *waiter,
	       void (*on_room)(void *owner, struct port *port), void *owner);
void port_unwait(struct port_waiter *waiter);
/* The port's kind calls it when room returned to a queue: each waiter is taken off its list and called once, in order. */
void port_room_returned(struct port *port, uint32_t queue);

/* Copies into a room's pieces; offset + count must lie inside. */
void room_write(const struct room *room, uint32_t offset, const void *bytes, size_t count);

#endif
