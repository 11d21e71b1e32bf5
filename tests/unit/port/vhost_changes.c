/* SPDX-License-Identifier: MIT */
/* A front end that is honest and never rests: rings are stopped and go on, are switched off and on, lose their memory and
 * have it back, and their events are replaced, in any order, while frames go both ways. Beside it stands what must come of
 * it: each frame of a ring that runs and is on arrives, once and in order; those of one that does not run arrive when it
 * does; and with a dirty log each page of the guest's that the device changed is marked in it, also while it is replaced. */
#include "unit/port/vhost_bed.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/random.h"
#include "kit/vhost_front.h"
#include "virtio/net.h"

enum {
	STEPS = 150,
	SEEDS = 3,
	RINGS = 2,
	PENDING_MOST = 3, /* a frame may take many descriptors */
	PAGE = 4096,
	LOG_BYTES = 1 << 18,
	SEQUENCE_AT = 20,
};

struct world {
	struct bed bed;
	struct random random;
	char what[64];
	struct {
		bool runs, on, there;
		uint32_t base;
	} rings[RINGS];
	uint32_t pending;    /* frames of the guest that wait for their ring to run */
	uint32_t sent, said; /* sequences, from the guest and to it */
	size_t delivered;    /* that the probe must have */
	bool logs;
	uint8_t *log, *old_log; /* old: still in use until the message that replaces it is done */
	uint8_t *before;        /* the guest's memory */
};

static bool world_ring_is_active(const struct world *world, uint32_t ring)
{
	return world->rings[ring].runs && world->rings[ring].there;
}

/* ---- the log ---- */

static bool log_has(const uint8_t *log, uint64_t page)
{
	return log && log[page / 8] & 1 << page % 8;
}

/* What the device changed while it ran is marked. */
static void world_check_log(const struct world *world)
{
	const struct vhost_front *front = &world->bed.front;

	for (size_t at = 0; at < RINGS * front->ring_bytes; at += PAGE) {
		uint32_t ring = (uint32_t)(at / front->ring_bytes);
		uint64_t page = (0x40000000 + ring * front->ring_bytes + at) / PAGE;

		if (memcmp(world->before + at, front->memory + at, PAGE) != 0 && !log_has(world->log, page) &&
		    !log_has(world->old_log, page))
			fail_msg("%s: a page of ring %u was changed and is not in the log", world->what, ring);
	}
}

static void world_pump(void *owner)
{
	struct world *world = owner;
	size_t bytes = RINGS * world->bed.front.ring_bytes;

	if (!world->logs) {
		pump(world->bed.fixture);
		return;
	}
	memset(world->log, 0, LOG_BYTES);
	memcpy(world->before, world->bed.front.memory, bytes);
	pump(world->bed.fixture);
	world_check_log(world);
}

static void world_replace_log(struct world *world)
{
	const struct vhost_log_place place = {.bytes = LOG_BYTES};
	union vhost_payload answer;
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, LOG_BYTES), 0);
	world->old_log = world->log;
	world->log = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(world->log != MAP_FAILED);
	vhost_front_send(&world->bed.front, VHOST_SET_LOG_BASE, VHOST_VERSION, &place, sizeof(place), &fd, 1);
	assert_int_equal(vhost_front_answer(&world->bed.front, &answer), 8);
	if (world->old_log)
		munmap(world->old_log, LOG_BYTES);
	world->old_log = NULL;
	close(fd);
}

static void world_switch_log(struct world *world)
{
	bool logs = !world->logs;
	uint64_t features = world->bed.front.features;

	if (logs)
		world_replace_log(world);
	world->logs = false;
	assert_int_equal(vhost_front_tell(&world->bed.front, VHOST_SET_FEATURES,
					  features | (logs ? UINT64_C(1) << VHOST_F_LOG_ALL : 0)),
			 0);
	world->logs = logs;
}

/* ---- frames ---- */

static void world_check_delivered(const struct world *world)
{
	const struct probe *probe = &world->bed.fixture->probe;
	uint32_t last;

	if (probe->frames != world->delivered)
		fail_msg("%s: %zu frames came from the guest, and %zu should have", world->what, probe->frames,
			 world->delivered);
	memcpy(&last, probe->last + SEQUENCE_AT, sizeof(last));
	/* those behind it wait, or were dropped with their ring off */
	assert_true(last <= world->sent);
}

/* What waited for its ring has been seen to. */
static void world_ring_goes_on(struct world *world, uint32_t ring)
{
	if (ring == 1 && world_ring_is_active(world, 1)) {
		world->delivered += world->rings[1].on ? world->pending : 0;
		world->pending = 0;
	}
	world_pump(world);
	world_check_delivered(world);
}

static void world_fill(const struct world *world, uint8_t *bytes, uint32_t count, unsigned from, uint32_t sequence)
{
	(void)world;
	frame_make(bytes, count, 0xffff, from);
	memset(bytes, 0xff, 6);
	memcpy(bytes + SEQUENCE_AT, &sequence, sizeof(sequence));
}

static void world_send(struct world *world)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint32_t count = 60 + random_below(&world->random, 1400), last;
	uint8_t bytes[1500];

	if (world->pending == PENDING_MOST)
		return;
	world_fill(world, bytes, count, 2, ++world->sent);
	vhost_front_frame(&world->bed.front, header, bytes, count);
	world->pending++;
	world_ring_goes_on(world, 1);
	if (world_ring_is_active(world, 1) && world->rings[1].on) {
		memcpy(&last, world->bed.fixture->probe.last + SEQUENCE_AT, sizeof(last));
		assert_int_equal(last, world->sent);
		assert_int_equal(world->bed.fixture->probe.lengths[world->delivered - 1], count);
	}
}

static void world_say(struct world *world)
{
	uint32_t count = 60 + random_below(&world->random, 1400), sequence;
	bool comes = world_ring_is_active(world, 0) && world->rings[0].on;
	uint8_t bytes[1500], got[2000];
	struct frame frame;
	size_t length;

	world_fill(world, bytes, count, 1, ++world->said);
	if (world->logs) {
		memset(world->log, 0, LOG_BYTES);
		memcpy(world->before, world->bed.front.memory, RINGS * world->bed.front.ring_bytes);
	}
	frame_init(&frame, bytes, count);
	ethswitch_input(&world->bed.fixture->probe.port, &frame, 1);
	pump(world->bed.fixture);
	if (world->logs)
		world_check_log(world);
	length = vhost_front_receive(&world->bed.front, got, sizeof(got));
	if (length != (comes ? count + VIRTIO_NET_HEADER_BYTES : 0))
		fail_msg("%s: %zu bytes came to the guest instead of %u", world->what, length, comes ? count : 0);
	if (!comes)
		return;
	memcpy(&sequence, got + VIRTIO_NET_HEADER_BYTES + SEQUENCE_AT, sizeof(sequence));
	assert_int_equal(sequence, world->said);
	world_pump(world);
}

/* ---- what the front end says ---- */

static void world_tell(struct world *world, uint32_t request, const void *payload, uint32_t bytes, int fd)
{
	union vhost_payload answer;

	vhost_front_send(&world->bed.front, request, VHOST_VERSION | VHOST_NEED_REPLY, payload, bytes, &fd, fd >= 0);
	if (vhost_front_answer(&world->bed.front, &answer) != sizeof(uint64_t) || answer.number != 0)
		fail_msg("%s: %s was refused", world->what, vhost_request_name(request));
}

static void world_stop(struct world *world, uint32_t ring)
{
	const struct vhost_state state = {.ring = ring};
	union vhost_payload answer;

	vhost_front_send(&world->bed.front, VHOST_GET_VRING_BASE, VHOST_VERSION, &state, sizeof(state), NULL, 0);
	assert_int_equal(vhost_front_answer(&world->bed.front, &answer), sizeof(answer.state));
	world->rings[ring].base = answer.state.number;
	world->rings[ring].runs = false;
}

static void world_start(struct world *world, uint32_t ring)
{
	const struct vhost_state state = {.ring = ring, .number = world->rings[ring].base};
	const uint64_t number = ring;

	if (!world->rings[ring].there)
		return;
	world_tell(world, VHOST_SET_VRING_BASE, &state, sizeof(state), -1);
	world_tell(world, VHOST_SET_VRING_CALL, &number, sizeof(number), world->bed.front.call[ring]);
	/* as QEMU does, the new one's event says at once that there may be something */
	eventfd_write(world->bed.front.kick[ring], 1);
	world->rings[ring].runs = true;
	if (ring == 1) {
		world->delivered += world->rings[1].on ? world->pending : 0;
		world->pending = 0;
	}
	world_tell(world, VHOST_SET_VRING_KICK, &number, sizeof(number), world->bed.front.kick[ring]);
	world_ring_goes_on(world, ring);
}

static void world_switch(struct world *world, uint32_t ring)
{
	const struct vhost_state state = {.ring = ring, .number = !world->rings[ring].on};

	world_tell(world, VHOST_SET_VRING_ENABLE, &state, sizeof(state), -1);
	world->rings[ring].on = !world->rings[ring].on;
	world_ring_goes_on(world, ring);
}

static void world_move_memory(struct world *world, uint32_t ring)
{
	const uint64_t at = ring * world->bed.front.ring_bytes;
	const struct vhost_one_region region = {.region = {.guest = 0x40000000 + 2 * at,
							   .bytes = world->bed.front.ring_bytes,
							   .user = 0x70000000 + 3 * at,
							   .offset = at}};

	if (world->rings[ring].there) {
		world_tell(world, VHOST_REM_MEM_REG, &region, sizeof(region), -1);
		world->rings[ring].there = false;
		return;
	}
	world->rings[ring].there = true;
	if (ring == 1 && world->rings[1].runs) {
		world->delivered += world->rings[1].on ? world->pending : 0;
		world->pending = 0;
	}
	world_tell(world, VHOST_ADD_MEM_REG, &region, sizeof(region), world->bed.front.memory_fd);
	world_ring_goes_on(world, ring);
}

static void world_tell_memory_anew(struct world *world)
{
	for (uint32_t ring = 0; ring < RINGS; ring++) {
		if (!world->rings[ring].there)
			return;
	}
	assert_int_equal(vhost_front_set_memory(&world->bed.front), 0);
}

static void world_replace_event(struct world *world, uint32_t ring, uint32_t request)
{
	int *event = request == VHOST_SET_VRING_KICK ? &world->bed.front.kick[ring] : &world->bed.front.call[ring];
	int fresh = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const uint64_t number = ring;

	/* that of one that does not run is given with its start */
	if (world->rings[ring].runs)
		world_tell(world, request, &number, sizeof(number), fresh);
	close(*event);
	*event = fresh;
}

/* ---- all of it ---- */

static void world_change(struct world *world)
{
	uint32_t ring = random_below(&world->random, RINGS);

	switch (random_below(&world->random, 9)) {
	case 0:
	case 1:
		if (world->rings[ring].runs)
			world_stop(world, ring);
		else
			world_start(world, ring);
		break;
	case 2:
		world_switch(world, ring);
		break;
	case 3:
		world_move_memory(world, ring);
		break;
	case 4:
		world_tell_memory_anew(world);
		break;
	case 5:
		world_replace_event(world, ring, VHOST_SET_VRING_KICK);
		break;
	case 6:
		world_replace_event(world, ring, VHOST_SET_VRING_CALL);
		break;
	case 7:
		world_switch_log(world);
		break;
	default:
		if (world->logs)
			world_replace_log(world);
	}
}

static void world_init(struct world *world, uint64_t features)
{
	bed_init(&world->bed);
	vhost_front_start(&world->bed.front, features);
	world->bed.front.pump = world_pump;
	world->bed.front.owner = world;
	world->before = malloc(RINGS * world->bed.front.ring_bytes);
	assert_non_null(world->before);
	for (uint32_t ring = 0; ring < RINGS; ring++)
		world->rings[ring].runs = world->rings[ring].on = world->rings[ring].there = true;
}

static void world_done(struct world *world)
{
	check_verdict(&world->bed, world->what, "all of it", DROP_NONE);
	check_rest(&world->bed);
	free(world->before);
	if (world->log)
		munmap(world->log, LOG_BYTES);
	bed_done(&world->bed);
}

static void whatever_a_front_end_changes_frames_go_on(void **state)
{
	size_t delivered = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		for (unsigned kind = 0; kind < 4; kind++) {
			static struct world world;

			world = (struct world){.logs = false};
			random_init(&world.random, seed * 4 + kind);
			snprintf(world.what, sizeof(world.what), "%s ring, event indexes %s, seed %u",
				 kind & 1 ? "packed" : "split", kind & 2 ? "on" : "off", (unsigned)seed);
			world_init(&world, plain | FEATURES(INDIRECT_DESC) | (kind & 1 ? FEATURES(RING_PACKED) : 0) |
						   (kind & 2 ? FEATURES(EVENT_IDX) : 0));
			for (int step = 0; step < STEPS; step++) {
				world_change(&world);
				world_send(&world);
				world_say(&world);
			}
			delivered += world.delivered;
			world_done(&world);
		}
	}
	/* and that was not because nothing did */
	assert_true(delivered > SEEDS * 4 * STEPS / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_a_front_end_changes_frames_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
