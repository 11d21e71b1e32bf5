/* SPDX-License-Identifier: MIT */
/* What is inside the data plane of a virtio network device: for virtnet.c (its rings' use and its life),
 * virtnet_from_guest.c, virtnet_to_guest.c and virtnet_control.c, and nobody else. */
#ifndef PORT_VIRTNET_STATE_H
#define PORT_VIRTNET_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "fabric/frame.h"
#include "fabric/port.h"
#include "port/virtnet.h"
#include "port/vnet_header.h"
#include "virtio/ring.h"

/* A batch, and the one room that is out. */
struct virtnet_scratch {
	struct iovec pieces[VIRTNET_PIECES];
	struct ring_chain chains[PORT_TURN_FRAMES];
	struct frame frames[PORT_TURN_FRAMES];
	uint8_t heads[PORT_TURN_FRAMES][VNET_HEADER_BYTES + FRAME_HEAD_BYTES];
	struct ring_room room;
	struct iovec lent[RING_PIECES_MAX];
};

static inline struct virtnet *virtnet_of(const struct port *port)
{
	return container_of((uintptr_t)port, struct virtnet, port);
}

static inline bool virtnet_ring_is_used(const struct virtnet_ring *ring)
{
	return ring->started && ring->on && ring->ring.broken == DROP_NONE;
}

static inline uint32_t virtnet_to_guest(uint32_t pair)
{
	return 2 * pair;
}

static inline uint32_t virtnet_from_guest(uint32_t pair)
{
	return 2 * pair + 1;
}

/* ---- virtnet.c ---- */

/* Behind what may have broken the ring: tells the owner, once. */
void virtnet_check(struct virtnet *virtnet, uint32_t number);
/* The guest sees what was returned to the ring, and is told if it asked for that. */
void virtnet_flush_ring(struct virtnet *virtnet, uint32_t number);

/* ---- virtnet_from_guest.c ---- */

/* A turn of the pairs that the guest kicked. */
void virtnet_serve_all(struct virtnet *virtnet);

/* ---- virtnet_control.c ---- */

/* Up to a turn's commands; true when there may be more. */
bool virtnet_serve_control(struct virtnet *virtnet);

/* ---- virtnet_to_guest.c ---- */

/* The port's own (port.h). */
void virtnet_queue(struct port *port, const struct frame *frame);
void virtnet_flush(struct port *port);
int virtnet_reserve(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room);
void virtnet_commit(struct port *port, struct room *room, const struct frame *frame);
void virtnet_cancel(struct port *port, struct room *room);

/* The pair that a conversation is in. False: no ring to the guest is used. */
bool virtnet_choose(const struct virtnet *virtnet, uint32_t flow, uint32_t *ret_pair);
/* What waited goes first, then who waits for room is called. */
void virtnet_room_returned(struct virtnet *virtnet, uint32_t pair);
/* Bytes that wait for room, of all pairs. */
size_t virtnet_waiting(const struct virtnet *virtnet);
void virtnet_drop_waiting(struct virtnet *virtnet, uint32_t pair, enum drop_reason reason);

#endif
