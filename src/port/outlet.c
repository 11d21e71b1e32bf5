/* SPDX-License-Identifier: MIT */
/* See outlet.h. */
#include "port/outlet.h"

#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "fabric/ethswitch.h"

/* The pool's last eighth finishes frames that were sent in part: a stream that cannot finish one is lost, and deaf
 * guests must not be able to do that to others. */
enum outlet_limits {
	OUTLET_RESERVE_SHARE = 8,
	OUTLET_REFUSED_MOST = 8, /* a deaf far end is asked at every 256th flush */
};

static struct outlet *outlet_of(const struct port *port)
{
	return container_of((uintptr_t)port, struct outlet, port);
}

static void outlet_on_turn(void *owner)
{
	struct outlet *outlet = owner;

	outlet->way->leave(outlet, outlet->leaving);
}

void outlet_init(struct outlet *outlet, const struct outlet_way *way, struct endpoint *endpoint, const char *name,
		 const char *far_end)
{
	const struct endpoint_options *options = &endpoint->options;

	port_init(&outlet->port, &outlet_port_ops, name);
	outlet->port.accepts.frame_bytes = ethswitch_mtu(endpoint->setup->ethswitch) + ENDPOINT_ETHERNET_BYTES;
	outlet->port.isolated = options->isolated;
	outlet->port.adopt_csum = options->adopt_csum;
	outlet->port.locked = options->locked;
	outlet->port.lock = options->lock;
	outlet->way = way;
	outlet->endpoint = endpoint;
	gather_init(&outlet->gather, way->prefix_bytes);
	framequeue_init(&outlet->queue, ethswitch_blocks(endpoint->setup->ethswitch), options->queue_bytes);
	snprintf(outlet->far_end, sizeof(outlet->far_end), "%s", far_end);
	outlet->muted = false;
	outlet->leaving = NULL;
	task_init(&outlet->task, outlet_on_turn, outlet);
}

void outlet_join(struct outlet *outlet)
{
	const struct endpoint_setup *setup = outlet->endpoint->setup;

	outlet->endpoint->guests++;
	ethswitch_attach(setup->ethswitch, &outlet->port);
	if (setup->on_joined)
		setup->on_joined(setup->owner, outlet->endpoint, &outlet->port);
}

void outlet_left(struct outlet *outlet, const char *reason)
{
	const struct endpoint_setup *setup = outlet->endpoint->setup;

	outlet->endpoint->guests--;
	loop_cancel(setup->loop, &outlet->task);
	while (!framequeue_empty(&outlet->queue))
		outlet_drop_queued(outlet, DROP_PORT_CLOSED);
	if (setup->on_left)
		setup->on_left(setup->owner, outlet->endpoint, &outlet->port, reason);
	ethswitch_detach(&outlet->port);
}

void outlet_leave_later(struct outlet *outlet, const char *reason)
{
	if (outlet->leaving)
		return;
	outlet->leaving = reason;
	loop_defer(outlet->endpoint->setup->loop, &outlet->task);
}

static void outlet_count(struct outlet *outlet, uint32_t frames, size_t bytes)
{
	outlet->port.counters.to_guest.frames += frames;
	outlet->port.counters.to_guest.bytes += bytes;
}

void outlet_sent(struct outlet *outlet, uint32_t index)
{
	outlet_count(outlet, 1, outlet->gather.entry[index].bytes - outlet->gather.prefix_bytes);
}

void outlet_sent_all(struct outlet *outlet)
{
	const struct gather *gather = &outlet->gather;

	outlet_count(outlet, gather->count, gather->bytes - (size_t)gather->count * gather->prefix_bytes);
}

/* A queue may have as much of the pool as is still free: deaf guests, however many, leave as much as each of them has. */
static size_t outlet_share(const struct outlet *outlet)
{
	const struct pool *blocks = outlet->queue.blocks;
	size_t free_blocks = blocks->count - blocks->taken, reserved = blocks->count / OUTLET_RESERVE_SHARE;

	return free_blocks > reserved ? (free_blocks - reserved) * FRAMEQUEUE_BLOCK_BYTES : 0;
}

/* False when the frame was dropped instead. */
static bool outlet_keep(struct outlet *outlet, const void *prefix, const struct frame *frame, size_t skip)
{
	bool was_empty = framequeue_empty(&outlet->queue);
	enum drop_reason verdict;

	if (skip == 0 && outlet->queue.bytes >= outlet_share(outlet))
		verdict = DROP_POOL_EMPTY;
	else
		verdict = framequeue_put(&outlet->queue, prefix, outlet->way->prefix_bytes, frame, skip);
	if (verdict != DROP_NONE) {
		port_drop(&outlet->port, verdict, frame);
		return false;
	}
	outlet_count(outlet, 1, frame->length);
	if (was_empty)
		outlet->way->wait(outlet);
	return true;
}

bool outlet_keep_from(struct outlet *outlet, uint32_t index, size_t skip)
{
	struct frame frame;

	for (; index < outlet->gather.count; index++) {
		gather_frame(&outlet->gather, index, &frame);
		if (!outlet_keep(outlet, gather_prefix(&outlet->gather, index), &frame, skip) && skip > 0) {
			outlet_drop_from(outlet, index + 1, DROP_PORT_CLOSED);
			return false;
		}
		skip = 0;
	}
	return true;
}

void outlet_drop_from(struct outlet *outlet, uint32_t index, enum drop_reason reason)
{
	struct frame frame;

	for (; index < outlet->gather.count; index++) {
		gather_frame(&outlet->gather, index, &frame);
		port_drop(&outlet->port, reason, &frame);
	}
}

void outlet_drop_queued(struct outlet *outlet, enum drop_reason reason)
{
	struct traffic *to_guest = &outlet->port.counters.to_guest;
	uint32_t left = outlet->queue.left, prefix_bytes = outlet->way->prefix_bytes;

	to_guest->frames--;
	to_guest->bytes -= left > prefix_bytes ? left - prefix_bytes : 0; /* what went of it stays counted */
	framequeue_consume_frame(&outlet->queue);
	port_drop(&outlet->port, reason, NULL);
}

const char *outlet_drain(struct outlet *outlet)
{
	size_t before = outlet->queue.bytes;
	const char *reason = outlet->way->drain(outlet);

	outlet->passed = 0;
	if (outlet->queue.bytes < before)
		outlet->refused = 0;
	else if (outlet->refused < OUTLET_REFUSED_MOST)
		outlet->refused++;
	return reason;
}

/* More has come while the queue holds something. */
static void outlet_retry(struct outlet *outlet)
{
	const char *reason;

	if (!outlet->way->drain || ++outlet->passed < 1u << outlet->refused)
		return;
	reason = outlet_drain(outlet);
	if (reason)
		outlet_leave_later(outlet, reason);
}

static void outlet_flush(struct port *port)
{
	struct outlet *outlet = outlet_of(port);

	if (outlet->gather.count == 0)
		return;
	if (!outlet->leaving && !framequeue_empty(&outlet->queue))
		outlet_retry(outlet);
	if (outlet->leaving)
		outlet_drop_from(outlet, 0, DROP_PORT_CLOSED);
	else if (framequeue_empty(&outlet->queue))
		outlet->way->send(outlet);
	else
		outlet_keep_from(outlet, 0, 0);
	gather_clear(&outlet->gather);
}

static bool outlet_gather(struct outlet *outlet, const uint8_t *prefix, const struct frame *frame)
{
	if (prefix + outlet->way->prefix_bytes == frame->head)
		return gather_add_standing(&outlet->gather, prefix, frame);
	return gather_add(&outlet->gather, prefix, frame);
}

/* An empty gather takes any frame: FRAME_PIECES_MAX. */
static void outlet_put(struct outlet *outlet, const uint8_t *prefix, const struct frame *frame)
{
	if (!outlet_gather(outlet, prefix, frame)) {
		outlet_flush(&outlet->port);
		outlet_gather(outlet, prefix, frame);
	}
	if (outlet->way->one_by_one)
		outlet_flush(&outlet->port);
}

/* Not inlined: a frame that needs no prefix of its own would pay for the room on the stack. */
static __attribute__((noinline)) void outlet_put_prefixed(struct outlet *outlet, const struct frame *frame)
{
	uint8_t prefix[GATHER_PREFIX_BYTES] = {0};

	if (outlet->way->prefix)
		outlet->way->prefix(frame, prefix);
	outlet_put(outlet, prefix, frame);
}

static void outlet_queue(struct port *port, const struct frame *frame)
{
	struct outlet *outlet = outlet_of(port);

	if (outlet->leaving || outlet->muted)
		port_drop(port, outlet->leaving ? DROP_PORT_CLOSED : DROP_DATAGRAM_GUEST_MUTED, frame);
	else if (outlet->way->keeps_framing && frame->framed && frame->framed == frame->head && frame->body_pieces == 0)
		outlet_put(outlet, frame->head - outlet->way->prefix_bytes, frame);
	else
		outlet_put_prefixed(outlet, frame);
}

static void outlet_run(struct port *port)
{
	struct outlet *outlet = outlet_of(port);

	outlet->way->run(outlet);
}

static void outlet_look(const struct port *port, struct port_status *ret_status)
{
	const struct outlet *outlet = outlet_of(port);

	snprintf(ret_status->far_end, sizeof(ret_status->far_end), "%s", outlet->far_end);
	ret_status->muted = outlet->muted;
	ret_status->queued_bytes = outlet->queue.bytes;
	ret_status->queued_peak_bytes = outlet->queue.peak;
	ret_status->queue_bound_bytes = outlet->queue.bound;
}

const struct port_ops outlet_port_ops = {
	.queue = outlet_queue,
	.flush = outlet_flush,
	.run = outlet_run,
	.look = outlet_look,
};
