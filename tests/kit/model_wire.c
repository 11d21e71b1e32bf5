/* SPDX-License-Identifier: MIT */
/* Timers that are due at once go off in any order, so frames that land together are put back into the order in which they
 * set out: only jitter makes one overtake another. */
#include "kit/model_wire.h"

#include <errno.h>
#include <stdlib.h>

#include "fabric/ethswitch.h"

enum {
	WIRE_BATCH = 64,
	WIRE_STEP_US = 10, /* what sets out a little later lands in the same turn */
};

/* A frame on its way. */
struct flight {
	struct model_wire *wire;
	struct timer timer;
	struct list link;
	bool from_guest;
	uint64_t number;
	uint32_t bytes;
	struct offload offload;
	uint8_t frame[];
};

static uint32_t wire_below(struct model_wire *wire, uint32_t bound)
{
	return random_below(wire->random, bound);
}

static bool wire_chance(struct model_wire *wire, uint32_t of_100)
{
	return wire_below(wire, 100) < of_100;
}

/* ---- flights ---- */

static void flight_land(struct flight *flight)
{
	list_remove(&flight->link);
	timer_clear(loop_timers(flight->wire->loop), &flight->timer);
	free(flight);
}

static void flight_on_landing(void *owner, uint64_t now_us)
{
	struct flight *flight = owner;
	struct model_wire *wire = flight->wire;
	struct list *head = &wire->landed[flight->from_guest], *after = head->previous;

	(void)now_us;
	list_remove(&flight->link);
	while (after != head && container_of(after, struct flight, link)->number > flight->number)
		after = after->previous;
	list_append(after->next, &flight->link);
	if (flight->from_guest)
		loop_defer(wire->gateway, &wire->arrivals);
	else
		loop_defer(wire->loop, &wire->landings);
}

static void flight_new(struct model_wire *wire, const struct frame *frame, bool from_guest)
{
	struct flight *flight = malloc(sizeof(*flight) + frame->length);
	uint64_t delay_us = wire->delay_us + (wire->jitter_us ? wire_below(wire, wire->jitter_us) : 0);
	uint64_t lands_us = loop_now_us(wire->loop) + delay_us;

	*flight = (struct flight){.wire = wire,
				  .from_guest = from_guest,
				  .number = wire->number++,
				  .bytes = frame->length,
				  .offload = frame->offload};
	frame_copy(frame, 0, flight->frame, frame->length);
	timer_init(&flight->timer, flight_on_landing, flight);
	list_append(&wire->flying, &flight->link);
	timer_set(loop_timers(wire->loop), &flight->timer, lands_us / WIRE_STEP_US * WIRE_STEP_US + WIRE_STEP_US);
}

static void wire_fly(struct model_wire *wire, const struct frame *frame, bool from_guest)
{
	wire->frames++;
	if (wire_below(wire, 1000) < wire->loss)
		return;
	if (wire_below(wire, 1000) < wire->duplicate)
		flight_new(wire, frame, from_guest);
	flight_new(wire, frame, from_guest);
}

void model_wire_send(struct model_wire *wire, const void *bytes, uint32_t count, const struct offload *offload)
{
	struct frame frame;

	frame_init(&frame, bytes, count);
	frame.offload = *offload;
	wire_fly(wire, &frame, true);
}

static void wire_on_landings(void *owner)
{
	struct model_wire *wire = owner;
	struct list *link;

	while ((link = list_take(&wire->landed[false]))) {
		struct flight *flight = container_of(link, struct flight, link);
		struct frame frame;

		frame_init(&frame, flight->frame, flight->bytes);
		frame.offload = flight->offload;
		wire->to_guests(wire->owner, &frame);
		flight_land(flight);
	}
}

/* All that arrived in this turn is one batch. A port that lends room has its guest's frames in pieces. */
static void wire_on_arrivals(void *owner)
{
	struct model_wire *wire = owner;
	struct frame frames[WIRE_BATCH];
	struct iovec bodies[WIRE_BATCH];
	struct flight *flights[WIRE_BATCH];
	size_t count = 0;
	struct list *link;

	while (count < WIRE_BATCH && (link = list_take(&wire->landed[true]))) {
		struct flight *flight = flights[count] = container_of(link, struct flight, link);

		frame_init(&frames[count], flight->frame, flight->bytes);
		if (flight->bytes > FRAME_HEAD_BYTES && wire->kind == MODEL_PORT_LENDS) {
			bodies[count] =
				(struct iovec){flight->frame + FRAME_HEAD_BYTES, flight->bytes - FRAME_HEAD_BYTES};
			frames[count].head_bytes = FRAME_HEAD_BYTES;
			frames[count].body = &bodies[count];
			frames[count].body_pieces = 1;
		}
		frames[count].offload = flight->offload;
		count++;
	}
	ethswitch_input(&wire->port, frames, count);
	for (size_t i = 0; i < count; i++)
		flight_land(flights[i]);
	if (!list_empty(&wire->landed[true]))
		loop_defer(wire->gateway, &wire->arrivals);
}

/* ---- the port ---- */

static struct model_wire *wire_of(struct port *port)
{
	return container_of(port, struct model_wire, port);
}

static void wire_on_room(void *owner, uint64_t now_us)
{
	struct model_wire *wire = owner;

	(void)now_us;
	wire->busy = false;
	port_room_returned(&wire->port, 0);
}

/* Not for a while. */
static void wire_refuse(struct model_wire *wire)
{
	wire->busy = true;
	timer_set(loop_timers(wire->gateway), &wire->room, loop_now_us(wire->gateway) + 50 + wire_below(wire, 2000));
}

static void port_queue(struct port *port, const struct frame *frame)
{
	struct model_wire *wire = wire_of(port);

	if (wire->kind == MODEL_PORT_QUEUED && !wire->busy && wire_chance(wire, 10))
		wire_refuse(wire);
	wire_fly(wire, frame, false);
}

static void port_flush(struct port *port)
{
	(void)port;
}

static void port_look(const struct port *port, struct port_status *ret_status)
{
	const struct model_wire *wire = container_of((uintptr_t)port, struct model_wire, port);

	ret_status->queued_bytes = wire->busy ? 1 : 0;
	ret_status->queue_bound_bytes = 1;
}

static int port_reserve(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	struct model_wire *wire = wire_of(port);
	uint32_t bytes = 0, count = 0;

	(void)flow;
	if (!wire->busy && wire_chance(wire, 5))
		wire_refuse(wire);
	if (wire->busy)
		return -EAGAIN;
	if (wanted > least && wire_chance(wire, 20))
		wanted = least + wire_below(wire, wanted - least);
	while (bytes < wanted) {
		uint32_t here = 130 + wire_below(wire, 4000);

		here = here < wanted - bytes ? here : wanted - bytes;
		wire->room_pieces[count++] = (struct iovec){wire->room_bytes + bytes, here};
		bytes += here;
	}
	*ret_room = (struct room){.pieces = wire->room_pieces, .piece_count = count, .bytes = bytes};
	return 0;
}

static void port_commit(struct port *port, struct room *room, const struct frame *frame)
{
	struct model_wire *wire = wire_of(port);
	struct frame written;

	(void)room;
	frame_init(&written, wire->room_bytes, frame->length);
	written.offload = frame->offload;
	wire_fly(wire, &written, false);
}

static void port_cancel(struct port *port, struct room *room)
{
	(void)port;
	(void)room;
}

static const struct port_ops port_takes = {.queue = port_queue, .flush = port_flush};
static const struct port_ops port_queues = {.queue = port_queue, .flush = port_flush, .look = port_look};
static const struct port_ops port_lends = {.queue = port_queue,
					   .flush = port_flush,
					   .reserve = port_reserve,
					   .commit = port_commit,
					   .cancel = port_cancel};

static const struct port_ops *const port_ops_of[MODEL_PORT_KINDS] = {
	[MODEL_PORT_PLAIN] = &port_takes,
	[MODEL_PORT_OFFLOADS] = &port_takes,
	[MODEL_PORT_QUEUED] = &port_queues,
	[MODEL_PORT_LENDS] = &port_lends,
};

/* ---- life ---- */

void model_wire_init(struct model_wire *wire)
{
	bool offloads = wire->kind == MODEL_PORT_OFFLOADS || wire->kind == MODEL_PORT_LENDS;

	list_init(&wire->flying);
	list_init(&wire->landed[0]);
	list_init(&wire->landed[1]);
	task_init(&wire->arrivals, wire_on_arrivals, wire);
	task_init(&wire->landings, wire_on_landings, wire);
	timer_init(&wire->room, wire_on_room, wire);
	wire->busy = false;
	wire->number = 0;
	port_init(&wire->port, port_ops_of[wire->kind], "guest");
	wire->port.accepts =
		(struct port_accepts){.csum = offloads, .tso4 = offloads, .tso6 = offloads, .frame_bytes = 1522};
}

static void wire_empty(struct list *list)
{
	while (list->next != list)
		flight_land(container_of(list->next, struct flight, link));
}

void model_wire_done(struct model_wire *wire)
{
	wire_empty(&wire->flying);
	wire_empty(&wire->landed[0]);
	wire_empty(&wire->landed[1]);
	timer_clear(loop_timers(wire->gateway), &wire->room);
	loop_cancel(wire->gateway, &wire->arrivals);
	loop_cancel(wire->loop, &wire->landings);
}
