/* SPDX-License-Identifier: MIT */
/* The wire between guests and a gateway in the simulator: frames fly for a while, some are lost, some come twice, some
 * overtake others. What lands in one turn of the loop is handed in as one batch. And the port that the guests are behind,
 * of each kind that a producer can meet. */
#ifndef KIT_MODEL_WIRE_H
#define KIT_MODEL_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/random.h"
#include "fabric/frame.h"
#include "fabric/port.h"
#include "loop/loop.h"

enum model_wire_limits {
	MODEL_ROOM_BYTES = 66000,
	MODEL_ROOM_PIECES = 512,
};

enum model_port_kind {
	MODEL_PORT_PLAIN,    /* takes everything, without offloads */
	MODEL_PORT_OFFLOADS, /* takes everything, with them */
	MODEL_PORT_QUEUED,   /* says that its queue is full, now and then */
	MODEL_PORT_LENDS,    /* lends room in pieces, less than was wanted, or none, now and then */
	MODEL_PORT_KINDS,
};

struct model_wire {
	/* the user's */
	struct loop *loop;    /* of the guests */
	struct loop *gateway; /* of who is behind the port */
	struct random *random;
	enum model_port_kind kind;
	uint32_t loss, duplicate; /* of 1000 */
	uint32_t delay_us, jitter_us;
	void (*to_guests)(void *owner, const struct frame *frame);
	void *owner;

	struct port port; /* attached and detached by the user */
	uint64_t frames;

	uint64_t number;
	struct list flying;
	struct list landed[2]; /* to guests, from guests */
	struct task arrivals, landings;
	bool busy; /* the port has no room */
	struct timer room;
	uint8_t room_bytes[MODEL_ROOM_BYTES];
	struct iovec room_pieces[MODEL_ROOM_PIECES];
};

/* The user's part has been filled in. */
void model_wire_init(struct model_wire *wire);
/* What is in the air is gone. */
void model_wire_done(struct model_wire *wire);
/* A guest's frame sets out. */
void model_wire_send(struct model_wire *wire, const void *bytes, uint32_t count, const struct offload *offload);

#endif
