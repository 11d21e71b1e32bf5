/* SPDX-License-Identifier: MIT */
/* See virtnet.h. */
#include "port/virtnet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "fabric/framequeue.h"
#include "port/virtnet_state.h"

_Static_assert((int)VIRTNET_PAIRS_MAX == PORT_QUEUES_MAX && VIRTNET_PAIRS_MAX <= 8, "a bit for each in `kicked`");

struct virtnet_scratch *virtnet_scratch_new(void)
{
	return malloc(sizeof(struct virtnet_scratch));
}

void virtnet_scratch_free(struct virtnet_scratch *scratch)
{
	free(scratch);
}

static bool virtnet_has(const struct virtnet *virtnet, uint64_t feature)
{
	return virtnet->features & feature;
}

/* After anything that a ring's being used hangs on. */
static void virtnet_see_used(struct virtnet *virtnet)
{
	size_t share;

	virtnet->used_count = 0;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++) {
		if (virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(pair)]))
			virtnet->used[virtnet->used_count++] = (uint8_t)pair;
	}
	share = virtnet->waiting_bound / (virtnet->used_count ? virtnet->used_count : 1);
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		virtnet->waiting[pair].bound = share > FRAME_ROOM_BYTES ? share : FRAME_ROOM_BYTES;
	virtnet->unsettled = true;
	port_schedule(&virtnet->port);
}

void virtnet_check(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];

	if (ring->ring.broken == DROP_NONE || ring->told_broken)
		return;
	ring->told_broken = true;
	virtnet_see_used(virtnet);
	port_drop(&virtnet->port, ring->ring.broken, NULL);
	virtnet->owner->on_broken(virtnet, number, ring->ring.broken);
}

void virtnet_flush_ring(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];
	bool wanted;

	if (!ring->dirty)
		return;
	ring->dirty = false;
	wanted = ring_flush(&ring->ring);
	if (virtnet->owner->on_returned)
		virtnet->owner->on_returned(virtnet, number);
	if (wanted)
		virtnet->owner->call(virtnet, number);
}

/* Other pairs are used than before: what waits for one that is not will not be taken there. */
static void virtnet_settle(struct virtnet *virtnet)
{
	virtnet->unsettled = false;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX && virtnet->used_count > 0; pair++) {
		if (virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(pair)]))
			continue;
		virtnet_drop_waiting(virtnet, pair, DROP_RING_OFF);
		port_room_returned(&virtnet->port, pair);
	}
}

/* The rings that offered something each time that they were asked to tell. */
static void virtnet_look_again(struct virtnet *virtnet)
{
	uint32_t pairs = virtnet->looked;

	virtnet->looked = 0;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++) {
		if (pairs & 1u << pair && virtnet_ring_is_used(&virtnet->rings[virtnet_to_guest(pair)]))
			virtnet_room_returned(virtnet, pair);
	}
}

static void virtnet_run(struct port *port)
{
	struct virtnet *virtnet = virtnet_of(port);

	if (virtnet->looked)
		virtnet_look_again(virtnet);
	if (virtnet->commanded)
		virtnet->commanded = virtnet_serve_control(virtnet);
	if (virtnet->unsettled)
		virtnet_settle(virtnet);
	virtnet_serve_all(virtnet);
	if (virtnet->kicked || virtnet->commanded)
		port_schedule(port);
}

/* ---- life ---- */

static void virtnet_look(const struct port *port, struct port_status *ret_status)
{
	const struct virtnet *virtnet = virtnet_of(port);

	ret_status->queued_bytes = virtnet_waiting(virtnet);
	ret_status->queued_peak_bytes = virtnet->waiting_peak;
	ret_status->queue_bound_bytes = virtnet->waiting[0].bound * (virtnet->used_count ? virtnet->used_count : 1);
	if (virtnet->owner->look)
		virtnet->owner->look(virtnet, ret_status);
}

static const struct port_ops virtnet_port_ops = {
	.queue = virtnet_queue,
	.flush = virtnet_flush,
	.run = virtnet_run,
	.reserve = virtnet_reserve,
	.commit = virtnet_commit,
	.cancel = virtnet_cancel,
	.look = virtnet_look,
};

void virtnet_init(struct virtnet *virtnet, const struct virtnet_owner *owner, struct virtnet_scratch *scratch,
		  const char *name, struct pool *blocks, size_t queue_bytes)
{
	memset(virtnet, 0, sizeof(*virtnet));
	port_init(&virtnet->port, &virtnet_port_ops, name);
	virtnet->owner = owner;
	virtnet->scratch = scratch;
	memory_init(&virtnet->memory);
	virtnet->pairs_max = VIRTNET_PAIRS_MAX;
	virtnet->waiting_bound = queue_bytes;
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		framequeue_init(&virtnet->waiting[pair], blocks, queue_bytes);
}

static void virtnet_drop_all(struct virtnet *virtnet, enum drop_reason reason)
{
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		virtnet_drop_waiting(virtnet, pair, reason);
}

void virtnet_done(struct virtnet *virtnet)
{
	virtnet_drop_all(virtnet, DROP_PORT_CLOSED);
	for (uint32_t pair = 0; pair < VIRTNET_PAIRS_MAX; pair++)
		framequeue_done(&virtnet->waiting[pair]);
}

void virtnet_set_features(struct virtnet *virtnet, uint64_t features, uint32_t mtu_bytes)
{
	struct port_accepts *accepts = &virtnet->port.accepts;
	const struct port_accepts before = *accepts;

	virtnet->features = features;
	accepts->csum = virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_CSUM));
	accepts->tso4 = accepts->csum && virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_TSO4));
	accepts->tso6 = accepts->csum && virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_TSO6));
	accepts->ecn = virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_ECN));
	accepts->uso = accepts->csum && virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_USO4)) &&
		       virtnet_has(virtnet, VIRTNET_FEATURE(GUEST_USO6));
	accepts->frame_bytes = mtu_bytes + FRAME_BYTES_MIN + 8; /* its header and two tags */
	/* What waits was made to fit another driver. */
	if (before.csum != accepts->csum || before.tso4 != accepts->tso4 || before.tso6 != accepts->tso6 ||
	    before.ecn != accepts->ecn || before.uso != accepts->uso)
		virtnet_drop_all(virtnet, DROP_RING_OFF);
}

/* A guest none of whose rings runs is not there to say anything. */
static void virtnet_look_for_guest(struct virtnet *virtnet)
{
	virtnet->port.away = true;
	for (uint32_t number = 1; number < VIRTNET_RINGS_MAX; number += 2)
		virtnet->port.away &= !virtnet->rings[number].started;
}

/* Nothing has passed in it yet: not what the setup says, which may be a guess. */
static bool virtnet_is_new(const struct virtnet *virtnet, const struct virtnet_ring *ring)
{
	const struct ring_base base = ring_base(&ring->ring);
	uint16_t start = virtnet_has(virtnet, VIRTNET_FEATURE(RING_PACKED)) ? RING_PACKED_START : 0;

	return base.avail == start && base.used == start;
}

int virtnet_start(struct virtnet *virtnet, uint32_t number, struct ring_setup *setup)
{
	struct virtnet_ring *ring = &virtnet->rings[number];
	const struct virtnet_ring stopped = {.wanted = ring->wanted, .on = ring->on};
	int error;

	if (setup->size > VIRTNET_RING_SIZE_MAX)
		return -EINVAL;
	setup->memory = &virtnet->memory;
	setup->packed = virtnet_has(virtnet, VIRTNET_FEATURE(RING_PACKED));
	setup->event_idx = virtnet_has(virtnet, VIRTNET_FEATURE(EVENT_IDX));
	setup->indirect = virtnet_has(virtnet, VIRTNET_FEATURE(INDIRECT_DESC));
	setup->mergeable = virtnet_has(virtnet, VIRTNET_FEATURE(MRG_RXBUF));
	setup->short_header = !virtnet_has(virtnet, VIRTNET_FEATURE(MRG_RXBUF) | VIRTNET_FEATURE(VERSION_1));
	*ring = stopped;
	error = ring_init(&ring->ring, setup);
	if (error < 0)
		return error;
	ring->started = true;
	virtnet_check(virtnet, number); /* it may be lost */
	virtnet_look_for_guest(virtnet);
	virtnet_see_used(virtnet);
	if (number == VIRTNET_CONTROL && virtnet_is_new(virtnet, ring))
		virtnet_use(virtnet, 1);
	/* the guest may have kicked before: look */
	virtnet_kick(virtnet, number);
	return 0;
}

struct ring_base virtnet_stop(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];
	struct ring_base base = {0};

	if (ring->started) {
		virtnet_flush_ring(virtnet, number);
		base = ring_base(&ring->ring);
	}
	*ring = (struct virtnet_ring){.wanted = ring->wanted, .on = ring->on};
	virtnet_look_for_guest(virtnet);
	virtnet_see_used(virtnet);
	return base;
}

static bool virtnet_ring_is_on(const struct virtnet *virtnet, uint32_t number)
{
	bool counted = number == VIRTNET_CONTROL || virtnet->pairs == 0 || number < 2 * virtnet->pairs;

	return virtnet->rings[number].wanted && counted;
}

static void virtnet_see_on(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];

	ring->on = virtnet_ring_is_on(virtnet, number);
	virtnet_see_used(virtnet);
	if (ring->on && ring->started)
		virtnet_kick(virtnet, number);
}

void virtnet_switch(struct virtnet *virtnet, uint32_t number, bool on)
{
	virtnet->rings[number].wanted = on;
	virtnet_see_on(virtnet, number);
}

void virtnet_use(struct virtnet *virtnet, uint32_t pairs)
{
	virtnet->pairs = pairs;
	for (uint32_t number = 0; number < VIRTNET_RINGS_MAX; number++) {
		if (virtnet->rings[number].on != virtnet_ring_is_on(virtnet, number))
			virtnet_see_on(virtnet, number);
	}
}

void virtnet_kick(struct virtnet *virtnet, uint32_t number)
{
	struct virtnet_ring *ring = &virtnet->rings[number];

	if (!ring->started || ring->ring.broken != DROP_NONE)
		return;
	ring_disarm(&ring->ring);
	if (number == VIRTNET_CONTROL) {
		virtnet->commanded = true;
		port_schedule(&virtnet->port);
	} else if (!virtnet_is_to_guest(number)) {
		virtnet->kicked |= (uint8_t)(1u << number / 2);
		port_schedule(&virtnet->port);
	} else if (virtnet_ring_is_used(ring)) {
		virtnet_room_returned(virtnet, number / 2);
	}
}
