/* SPDX-License-Identifier: MIT */
/* See vhost_ring.h. */
#include "port/vhost_ring.h"

#include <stddef.h>
#include <string.h>

static bool vhost_ring_is_packed(const struct vhost_ring *ring)
{
	return ring->virtnet->features & VIRTNET_FEATURE(RING_PACKED);
}

/* ---- running ---- */

bool vhost_ring_runs(const struct vhost_ring *ring)
{
	return ring->virtnet->rings[ring->number].started;
}

/* True when the guest has offered more than was taken. Its kicks are used up: first, since it offers before it kicks. */
static bool vhost_ring_halt(struct vhost_ring *ring)
{
	struct ring *running = &ring->virtnet->rings[ring->number].ring;
	bool more;

	if (!vhost_ring_runs(ring))
		return false;
	handed_event_clear(ring->kick);
	more = ring_offered(running);
	ring->base_is_ours = running->broken != DROP_RING_LOST;
	ring->base = virtnet_stop(ring->virtnet, ring->number);
	return more;
}

void vhost_ring_stop(struct vhost_ring *ring)
{
	vhost_ring_halt(ring);
}

/* The beginning of a packed ring is not 0, but User Mode Linux says so of both places, and DPDK's virtio-user of the used
 * one, and they mean the beginning. 0 is a place in it too: the driver's second time round, when what stands there has
 * been used once. */
static struct ring_base vhost_ring_base(const struct vhost_ring *ring, uint64_t desc)
{
	const uint8_t *first = memory_at(&ring->virtnet->memory, desc, sizeof(struct packed_desc));
	struct le16 flags;

	if (!vhost_ring_is_packed(ring) || (ring->base.avail | RING_PACKED_START) != RING_PACKED_START ||
	    ring->base.used != 0 || !first)
		return ring->base;
	memcpy(&flags, first + offsetof(struct packed_desc, flags), sizeof(flags));
	if (le16_value(flags) & PACKED_DESC_USED)
		return ring->base;
	return (struct ring_base){RING_PACKED_START, RING_PACKED_START};
}

static bool vhost_ring_find(const struct vhost_ring *ring, struct ring_setup *setup)
{
	return vhost_memory_find(ring->memory, ring->address.desc, &setup->desc) &&
	       vhost_memory_find(ring->memory, ring->address.avail, &setup->driver) &&
	       vhost_memory_find(ring->memory, ring->address.used, &setup->device);
}

enum drop_reason vhost_ring_start(struct vhost_ring *ring)
{
	struct ring_setup setup = {.size = (uint16_t)ring->size};

	if (vhost_ring_runs(ring) || ring->size == 0 || !ring->has_address || ring->kick < 0)
		return DROP_NONE;
	ring->bereft = false;
	if (!vhost_ring_find(ring, &setup))
		return DROP_VHOST_RING;
	setup.base = vhost_ring_base(ring, setup.desc);
	setup.guessed = !ring->base_is_ours;
	if (virtnet_start(ring->virtnet, ring->number, &setup) < 0)
		return DROP_VHOST_RING;
	/* Who served it before may have been killed between what it showed the guest and telling it, which then waits for
	 * ever: it is told only of what comes behind what it saw. */
	if (setup.guessed && (setup.base.used & ~RING_PACKED_START) != 0)
		handed_event_signal(ring->bell, ring->call);
	return DROP_NONE;
}

enum drop_reason vhost_ring_resume(struct vhost_ring *ring)
{
	struct ring_setup setup;

	ring->bereft = !vhost_ring_find(ring, &setup);
	return ring->bereft ? DROP_NONE : vhost_ring_start(ring);
}

/* Each write to the event is an edge, whatever its count is: but for the first, which shows that it is one, it need not
 * be read. */
static void vhost_ring_on_kick(void *owner, unsigned events)
{
	struct vhost_ring *ring = owner;
	enum drop_reason reason = DROP_NONE;

	(void)events;
	if (!vhost_ring_runs(ring) && !ring->bereft)
		reason = handed_event_clear(ring->kick) ? vhost_ring_start(ring) : DROP_VHOST_EVENT;
	if (reason != DROP_NONE)
		ring->on_lost(ring->virtnet, reason);
	else
		virtnet_kick(ring->virtnet, ring->number);
}

/* ---- what the front end says ---- */

enum drop_reason vhost_ring_set_size(struct vhost_ring *ring, uint32_t size)
{
	if (vhost_ring_runs(ring) || size == 0 || size > VIRTNET_RING_SIZE_MAX)
		return DROP_VHOST_RING;
	ring->size = size;
	return DROP_NONE;
}

enum drop_reason vhost_ring_set_address(struct vhost_ring *ring, const struct vhost_address *address)
{
	bool runs = vhost_ring_runs(ring);

	if (runs && (address->desc != ring->address.desc || address->avail != ring->address.avail ||
		     address->used != ring->address.used))
		vhost_ring_stop(ring);
	ring->address = *address;
	ring->has_address = true;
	return runs ? vhost_ring_start(ring) : DROP_NONE;
}

enum drop_reason vhost_ring_set_base(struct vhost_ring *ring, uint32_t base)
{
	struct ring_base said = {(uint16_t)base, (uint16_t)(vhost_ring_is_packed(ring) ? base >> 16 : base)};

	if (vhost_ring_runs(ring))
		return DROP_VHOST_RING;
	ring->base_is_ours &= said.avail == ring->base.avail && said.used == ring->base.used;
	ring->base = said;
	return DROP_NONE;
}

static void vhost_ring_forget_kick(struct vhost_ring *ring)
{
	if (ring->kick >= 0)
		loop_unwatch(ring->loop, &ring->watch);
	limbo_close_one(ring->limbo, &ring->kick);
}

/* A kick that is under way would start it anew: its memory may be another's by then, or its guest's copy of it run
 * somewhere else. Who starts it again gives it a kick again. */
void vhost_ring_end(struct vhost_ring *ring)
{
	/* whoever looks at the event next is told of what was not seen, and of nothing else */
	if (vhost_ring_halt(ring))
		bell_ring(ring->bell, ring->kick);
	ring->bereft = false;
	vhost_ring_forget_kick(ring);
}

uint32_t vhost_ring_take_base(struct vhost_ring *ring)
{
	vhost_ring_end(ring);
	return ring->base.avail | (vhost_ring_is_packed(ring) ? (uint32_t)ring->base.used << 16 : 0);
}

enum drop_reason vhost_ring_set_kick(struct vhost_ring *ring, int fd)
{
	/* a ring without one would have to be polled */
	if (fd < 0 || handed_event_in(ring->bell, fd) < 0)
		return DROP_VHOST_EVENT;
	vhost_ring_forget_kick(ring);
	watch_init(&ring->watch, fd, vhost_ring_on_kick, ring);
	/* By edge: an eventfd that counts down by one (EFD_SEMAPHORE) stays readable for ever. */
	if (loop_watch(ring->loop, &ring->watch, LOOP_READ | LOOP_EDGE) < 0)
		return DROP_VHOST_EVENT;
	ring->kick = fd;
	/* The guest may have kicked the old one meanwhile. */
	virtnet_kick(ring->virtnet, ring->number);
	return DROP_NONE;
}

static enum drop_reason vhost_ring_set_event(const struct vhost_ring *ring, struct handed_event *to, int fd)
{
	struct handed_event event = {.fd = -1};

	if (fd >= 0 && handed_event_out(ring->bell, fd, &event) < 0)
		return DROP_VHOST_EVENT;
	limbo_close_one(ring->limbo, &to->fd);
	*to = event;
	return DROP_NONE;
}

enum drop_reason vhost_ring_set_call(struct vhost_ring *ring, int fd)
{
	enum drop_reason reason = vhost_ring_set_event(ring, &ring->call, fd);

	/* What was returned under the old one may not have been told. */
	if (reason == DROP_NONE && vhost_ring_runs(ring))
		handed_event_signal(ring->bell, ring->call);
	return reason;
}

enum drop_reason vhost_ring_set_err(struct vhost_ring *ring, int fd)
{
	return vhost_ring_set_event(ring, &ring->err, fd);
}

/* ---- life ---- */

void vhost_ring_init(struct vhost_ring *ring, uint32_t number, struct virtnet *virtnet,
		     const struct vhost_memory *memory, const struct endpoint_setup *setup,
		     void (*on_lost)(struct virtnet *virtnet, enum drop_reason reason))
{
	*ring = (struct vhost_ring){.number = number,
				    .virtnet = virtnet,
				    .memory = memory,
				    .loop = setup->loop,
				    .bell = setup->bell,
				    .limbo = setup->limbo,
				    .on_lost = on_lost,
				    .kick = -1,
				    .call.fd = -1,
				    .err.fd = -1};
}

void vhost_ring_done(struct vhost_ring *ring)
{
	/* the guest may go on with another process, which a front end that was cut off cannot tell where */
	if (vhost_ring_runs(ring))
		ring_leave(&ring->virtnet->rings[ring->number].ring);
	vhost_ring_end(ring);
	limbo_close_one(ring->limbo, &ring->call.fd);
	limbo_close_one(ring->limbo, &ring->err.fd);
}
