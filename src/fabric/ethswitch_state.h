/* SPDX-License-Identifier: MIT */
/* What is inside a switch: for ethswitch.c, ethswitch_reserve.c, delivery.c and port.c, and nobody else. */
#ifndef FABRIC_ETHSWITCH_STATE_H
#define FABRIC_ETHSWITCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/pool.h"
#include "fabric/ethswitch.h"
#include "fabric/mactable.h"
#include "fabric/port.h"

struct ethswitch {
	struct ethswitch_config config;
	const struct observer *observer;
	uint64_t now_us;
	uint64_t gateway_number; /* the configured address as a number; 0: there is none */
	struct port *gateway;    /* the first uplink that used it */
	bool busy;

	struct list ports;
	struct list ready; /* scheduled */
	struct list dirty; /* queued to, and not flushed */

	/* Of the delivery under way, so that a port which is detached meanwhile is not touched again. */
	struct list *cursor; /* the next port of a flood; NULL: no flood */
	struct port *source;
	struct port *target;

	struct drops drops; /* of all ports, those that left too */
	struct mactable addresses;
	struct pool frames;
	struct pool blocks;

	/* What lives until the flush: heads and pieces of frames that were adapted, pool frames that were handed on. */
	uint8_t *scratch;
	uint32_t scratch_used;
	uint32_t scratch_kept; /* from here on it may be given up in the middle of a frame */
	struct list held;
	struct iovec *view; /* [ROOM_PIECES_MAX]: a room as a frame's body */
};

static inline void ethswitch_count(struct port *from, uint32_t bytes)
{
	from->counters.from_guest.frames++;
	from->counters.from_guest.bytes += bytes;
}

static inline bool ethswitch_isolates(const struct port *from, const struct port *to)
{
	return from->isolated && to->isolated && !from->uplink && !to->uplink;
}

/* The size and the source of a frame that was parsed; the source is learnt. */
enum drop_reason ethswitch_judge(struct ethswitch *ethswitch, struct port *from, const struct frame *frame);
/* All of a frame in a pool frame: for one in too many pieces. */
enum drop_reason ethswitch_gather(struct ethswitch *ethswitch, struct frame *frame);
/* One frame of a batch, or one that was written to a pool frame: to whom it is for, or dropped. */
void ethswitch_input_one(struct ethswitch *ethswitch, struct port *from, struct frame *frame);

#endif
