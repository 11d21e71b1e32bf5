/* SPDX-License-Identifier: MIT */
/* The last step of a frame: made to fit one port, given to its queue(), flushed. And the memory that frames borrow on
 * that way: all of it is given up at the flush. Inside a switch only. */
#ifndef FABRIC_DELIVERY_H
#define FABRIC_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "fabric/frame.h"
#include "fabric/port.h"

struct ethswitch;

/* The end of a pool frame, behind the bytes. */
struct lent_frame {
	struct list link; /* held until the flush */
	struct iovec piece;
};

/* Would this port take a frame of that size? */
bool delivery_has_size(const struct port *port, const struct frame *frame);
/* Parsed frames of at most FRAME_PIECES_MAX pieces. The port may be gone afterwards. */
void delivery_to(struct ethswitch *ethswitch, struct port *port, const struct frame *frame);
/* The port has something for its far end. */
void delivery_mark(struct ethswitch *ethswitch, struct port *port);
/* Tells the far ends, and gives up what frames borrowed. */
void delivery_flush(struct ethswitch *ethswitch);
/* In the middle of a frame: tells the far ends, and gives up scratch memory but for what the frame itself keeps. */
void delivery_flush_ports(struct ethswitch *ethswitch);

/* A pool frame, if need be after a flush; NULL. Its bytes come first, FRAME_ROOM_BYTES less struct lent_frame. */
uint8_t *delivery_borrow(struct ethswitch *ethswitch);
struct lent_frame *delivery_lent(uint8_t *bytes);
/* Until the flush. */
void delivery_hold(struct ethswitch *ethswitch, uint8_t *bytes);
/* Memory until the flush; NULL when there is none left, and delivery_flush() helps. */
void *delivery_scratch(struct ethswitch *ethswitch, size_t bytes);

#endif
