/* SPDX-License-Identifier: MIT */
/* Delivery to one port. queue() and flush() may detach any port, this one too: `target` tells, and after such a call no
 * port is touched that it does not name. */
#include "fabric/delivery.h"

#include <assert.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "fabric/ethswitch_state.h"
#include "fabric/segment.h"

enum {
	DELIVERY_ALIGN = 16,
};

_Static_assert(FRAME_BYTES_MAX + sizeof(struct lent_frame) <= FRAME_ROOM_BYTES, "a pool frame holds the largest frame");

void delivery_mark(struct ethswitch *ethswitch, struct port *port)
{
	if (list_empty(&port->dirty))
		list_append(&ethswitch->dirty, &port->dirty);
}

static void delivery_hand(struct ethswitch *ethswitch, struct port *port, const struct frame *frame)
{
	delivery_mark(ethswitch, port);
	if (ethswitch->observer && ethswitch->observer->on_to_guest)
		ethswitch->observer->on_to_guest(ethswitch->observer->owner, port, frame);
	port->ops->queue(port, frame);
}

void delivery_flush_ports(struct ethswitch *ethswitch)
{
	struct list *dirty;

	while ((dirty = list_take(&ethswitch->dirty))) {
		struct port *port = container_of(dirty, struct port, dirty);

		port->ops->flush(port);
	}
	ethswitch->scratch_used = ethswitch->scratch_kept;
}

void delivery_flush(struct ethswitch *ethswitch)
{
	struct list *held;

	ethswitch->scratch_kept = 0;
	delivery_flush_ports(ethswitch);
	while ((held = list_take(&ethswitch->held))) {
		struct lent_frame *lent = container_of(held, struct lent_frame, link);

		pool_give(&ethswitch->frames, (uint8_t *)lent + sizeof(*lent) - FRAME_ROOM_BYTES);
	}
}

struct lent_frame *delivery_lent(uint8_t *bytes)
{
	return (struct lent_frame *)(void *)(bytes + FRAME_ROOM_BYTES - sizeof(struct lent_frame));
}

uint8_t *delivery_borrow(struct ethswitch *ethswitch)
{
	uint8_t *bytes = pool_take(&ethswitch->frames);

	if (!bytes) {
		delivery_flush(ethswitch);
		bytes = pool_take(&ethswitch->frames);
	}
	if (bytes)
		list_init(&delivery_lent(bytes)->link);
	return bytes;
}

void delivery_hold(struct ethswitch *ethswitch, uint8_t *bytes)
{
	list_append(&ethswitch->held, &delivery_lent(bytes)->link);
}

void *delivery_scratch(struct ethswitch *ethswitch, size_t bytes)
{
	uint8_t *at = ethswitch->scratch + ethswitch->scratch_used;

	bytes = (bytes + DELIVERY_ALIGN - 1) / DELIVERY_ALIGN * DELIVERY_ALIGN;
	if (bytes > ETHSWITCH_SCRATCH_BYTES - ethswitch->scratch_used)
		return NULL;
	ethswitch->scratch_used += (uint32_t)bytes;
	return at;
}

/* Copies a segment's head and list of pieces to where they may stay; false when the memory is used up. */
static bool delivery_keep(struct ethswitch *ethswitch, struct segment *segment)
{
	struct frame *frame = &segment->frame;
	size_t list_bytes = frame->body_pieces * sizeof(struct iovec);
	uint8_t *at = delivery_scratch(ethswitch, list_bytes + frame->head_bytes);

	if (!at)
		return false;
	memcpy(at, frame->body, list_bytes);
	memcpy(at + list_bytes, frame->head, frame->head_bytes);
	frame->body = (const struct iovec *)(const void *)at;
	frame->head = at + list_bytes;
	return true;
}

static void delivery_cut(struct ethswitch *ethswitch, struct port *port, const struct frame *frame)
{
	struct segmenter segmenter;
	struct segment segment;

	segmenter_init(&segmenter, frame, &port->accepts);
	while (ethswitch->target == port && segmenter_next(&segmenter, &segment)) {
		bool kept = delivery_keep(ethswitch, &segment);

		if (!kept) {
			delivery_flush_ports(ethswitch);
			kept = delivery_keep(ethswitch, &segment);
		}
		assert(kept); /* an empty scratch holds any segment */
		if (ethswitch->target == port)
			delivery_hand(ethswitch, port, &segment.frame);
	}
}

bool delivery_has_size(const struct port *port, const struct frame *frame)
{
	uint32_t tags = (uint32_t)frame->layout.l3 - ETHERNET_HEADER_BYTES;

	return segment_bytes_max(frame) - tags <= port->accepts.frame_bytes;
}

void delivery_to(struct ethswitch *ethswitch, struct port *port, const struct frame *frame)
{
	if (!delivery_has_size(port, frame)) {
		port_drop(port, DROP_FRAME_TOO_LARGE_FOR_PORT, frame);
		return;
	}
	ethswitch->target = port;
	if (segment_fits(&port->accepts, frame))
		delivery_hand(ethswitch, port, frame);
	else
		delivery_cut(ethswitch, port, frame);
	ethswitch->target = NULL;
}
