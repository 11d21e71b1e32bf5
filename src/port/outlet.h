/* SPDX-License-Identifier: MIT */
/* The way to one guest, the same for every kind of endpoint: its port, the frames gathered during a delivery, and the
 * bounded queue of those that the far end did not take. Order is kept: while the queue is not empty every frame goes
 * behind it. A far end says late that it takes more (AF_UNIX: when three quarters of its buffer are free), so it is asked
 * again with what comes next: each time as long as it takes something, and ever more rarely when it does not, so that a
 * deaf guest costs next to nothing. What differs (the bytes before a frame, the system call, how one learns that there is
 * room again) is the kind's outlet_way.
 *
 * A guest that turns out to be gone during a delivery is not taken apart there: outlet_leave_later() refuses what still
 * comes (PORT_CLOSED) and does the rest at the end of the loop's turn. */
#ifndef PORT_OUTLET_H
#define PORT_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fabric/framequeue.h"
#include "fabric/port.h"
#include "loop/loop.h"
#include "port/endpoint.h"
#include "port/gather.h"

struct outlet;

struct outlet_way {
	/* What stands before the frame, GATHER_PREFIX_BYTES at most. NULL: nothing. */
	void (*prefix)(const struct frame *frame, uint8_t *ret_prefix);
	uint32_t prefix_bytes;
	/* A frame that a stream brought and nobody changed goes out with the prefix that stands before it. */
	bool keeps_framing;
	/* The far end has no call for several frames: each is sent as it comes, and none waits for those behind it. */
	bool one_by_one;
	/* Sends what is gathered; each frame is sent, kept (outlet_keep_from) or dropped by name. */
	void (*send)(struct outlet *outlet);
	/* Sends of the queue what the far end takes now: NULL, or why the guest leaves. No such call: the far end is not asked
	 * before it says that it takes more. */
	const char *(*drain)(struct outlet *outlet);
	/* The port was scheduled (port_schedule); NULL: it never is. */
	void (*run)(struct outlet *outlet);
	/* The queue holds something: ask to be told when the far end takes more. */
	void (*wait)(struct outlet *outlet);
	/* Closes what the guest has, calls outlet_left() and frees it. Never during a delivery. */
	void (*leave)(struct outlet *outlet, const char *reason);
};

struct outlet {
	struct port port;
	const struct outlet_way *way;
	struct endpoint *endpoint;
	struct gather gather;
	struct framequeue queue;
	uint32_t refused; /* how often in a row the far end was asked to take of the queue and took nothing */
	uint32_t passed;  /* flushes since, with something in the queue */
	char far_end[128];
	bool muted;          /* a shared dgram socket's guest that does not read */
	const char *leaving; /* why, for a person; a constant. NULL: it stays */
	struct task task;
};

/* The port takes its options and bound from the endpoint. */
void outlet_init(struct outlet *outlet, const struct outlet_way *way, struct endpoint *endpoint, const char *name,
		 const char *far_end);
/* On the network from now on. */
void outlet_join(struct outlet *outlet);
/* Off the network: the last step of leaving but for the memory. */
void outlet_left(struct outlet *outlet, const char *reason);
void outlet_leave_later(struct outlet *outlet, const char *reason);

/* Counts gathered frame `index` as given to the far end. What is queued is counted then. */
void outlet_sent(struct outlet *outlet, uint32_t index);
void outlet_sent_all(struct outlet *outlet);
/* Queues the gathered frames from `index` on; `skip` bytes of the first and its prefix have gone already. False when
 * that one, sent in part, was dropped: then all are. */
bool outlet_keep_from(struct outlet *outlet, uint32_t index, size_t skip);
/* Drops the gathered frames from `index` on. */
void outlet_drop_from(struct outlet *outlet, uint32_t index, enum drop_reason reason);

/* Drops the oldest queued frame, which the far end will not have: what was counted as given to it is taken back. */
void outlet_drop_queued(struct outlet *outlet, enum drop_reason reason);

/* The far end is asked to take of the queue (drain): NULL, or why the guest leaves. */
const char *outlet_drain(struct outlet *outlet);

extern const struct port_ops outlet_port_ops;

#endif
