/* SPDX-License-Identifier: MIT */
/* Whether each side tells the other, in any order of what both may do: offers and returns in batches of any size, rooms that
 * are cancelled or filled in part, a guest that wants to be told only after some more. Beside the ring stands a model of it
 * that counts slots from the beginning, without end, so that nothing in it can wrap. One thread: who sleeps is woken by the
 * other's step, or never. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "kit/ring_driver.h"
#include "virtio/net.h"
#include "virtio/ring.h"

enum {
	STEPS = 20000,
	SEEDS = 6,
	NAP_STEPS = 30,
	PAGES = 300,
	ROOM_BYTES = 100, /* of what a frame needs, for each slot of the ring */
};

struct world {
	const char *what;
	uint64_t seed;
	bool event_idx, packed, to_guest;
	struct random random;
	struct ring_driver driver;
	struct memory memory;
	struct ring ring;
	void *bytes;
	/* slots, since the beginning */
	uint64_t published, harvested, returned, shown;
	uint64_t event; /* of the driver: it is to be told when more than so many are shown */
	bool driver_sleeps, device_sleeps;
	bool device_lags;   /* it has seen that there is no more, and rests at its next step */
	uint64_t sleeps[2]; /* of the driver, of the device */
};

static void world_init(struct world *world, uint16_t size)
{
	size_t bytes = ring_driver_bytes(size, PAGES);
	struct ring_setup setup;

	random_init(&world->random, world->seed);
	world->bytes = aligned_alloc(64, (bytes + 63) / 64 * 64);
	assert_non_null(world->bytes);
	ring_driver_init(&world->driver, &(struct ring_driver_setup){
						 .memory = world->bytes,
						 .bytes = bytes,
						 .address = 0x40000000,
						 .size = size,
						 .start = (uint16_t)random_below(&world->random, 65536),
						 .packed = world->packed,
						 .event_idx = world->event_idx,
						 .indirect = true,
						 .seed = world->seed,
					 });
	memory_init(&world->memory);
	ring_driver_connect(&world->driver, &world->memory, true, &setup);
	assert_int_equal(ring_init(&world->ring, &setup), 0);
	world->driver_sleeps = true; /* until the first is returned */
}

static void world_done(struct world *world)
{
	ring_driver_done(&world->driver);
	free(world->bytes);
}

static void world_fail(const struct world *world, const char *why)
{
	fail_msg("%s, seed %llu: %s, with %llu slots published, %llu shown, %llu harvested, the event behind %llu",
		 world->what, (unsigned long long)world->seed, why, (unsigned long long)world->published,
		 (unsigned long long)world->shown, (unsigned long long)world->harvested,
		 (unsigned long long)world->event);
}

static uint32_t world_slots(const struct world *world, uint16_t id)
{
	return world->packed ? world->driver.buffers[id].descriptor_count : 1;
}

/* ---- the driver ---- */

static void driver_offer(struct world *world)
{
	static const uint8_t frame[64];
	uint32_t most = 1 + random_below(&world->random, 20), count = 0;
	uint64_t slots = 0;
	bool kicks;

	while (count < most) {
		int id =
			world->to_guest
				? ring_driver_offer_room(&world->driver,
							 VIRTIO_NET_HEADER_BYTES + random_below(&world->random, 600), 3)
				: ring_driver_offer_frame(&world->driver, frame, sizeof(frame), 3);

		if (id < 0)
			break;
		slots += world_slots(world, (uint16_t)id);
		count++;
	}
	if (count == 0)
		return;
	kicks = ring_driver_publish(&world->driver);
	world->published += slots;
	if (world->device_sleeps && !kicks)
		world_fail(world, "the device sleeps and is not kicked");
	world->device_sleeps &= !kicks;
}

static void driver_sleep(struct world *world)
{
	uint64_t out = world->published - world->harvested;

	if (out == 0)
		return;
	world->event = world->harvested;
	if (world->event_idx) {
		uint16_t after = (uint16_t)random_below(&world->random, (uint32_t)out);

		ring_driver_want_interrupt_after(&world->driver, after);
		world->event += after;
	} else {
		ring_driver_want_interrupt(&world->driver, true);
	}
	/* what came before the asking is seen by a look */
	world->driver_sleeps = world->shown <= world->event;
	world->sleeps[0] += world->driver_sleeps;
}

static void driver_harvest(struct world *world)
{
	uint32_t most = random_below(&world->random, 40);
	struct ring_driver_used used;

	if (random_below(&world->random, 2))
		ring_driver_want_interrupt(&world->driver, false);
	while (most-- > 0 && ring_driver_harvest(&world->driver, &used)) {
		world->harvested += world_slots(world, used.id);
		ring_driver_release(&world->driver, used.id);
	}
	assert_true(world->harvested <= world->shown);
	if (random_below(&world->random, 2))
		driver_sleep(world);
}

/* ---- the device ---- */

static void device_flush(struct world *world)
{
	uint64_t was = world->shown;
	bool tells = ring_flush(&world->ring);

	world->shown = world->returned;
	if (!world->driver_sleeps)
		return;
	if (!tells && was <= world->event && world->event < world->shown)
		world_fail(world, "the driver sleeps and is not told");
	if (tells && world->event_idx && world->shown <= world->event)
		world_fail(world, "the driver is told before it wants to be");
	world->driver_sleeps &= !tells;
}

static void device_rest(struct world *world)
{
	device_flush(world);
	world->device_sleeps = !ring_arm(&world->ring);
	if (world->device_sleeps && ring_offered(&world->ring) && !world->to_guest)
		world_fail(world, "the device sleeps on what was offered");
	world->sleeps[1] += world->device_sleeps;
}

static void device_take(struct world *world)
{
	static struct iovec pieces[RING_PIECES_MAX];
	uint32_t most = random_below(&world->random, 70);
	struct ring_chain chain;

	if (world->device_lags) {
		world->device_lags = false;
		device_rest(world);
		return;
	}
	if (random_below(&world->random, 2))
		ring_disarm(&world->ring);
	while (most > 0 && ring_take(&world->ring, RING_FROM_GUEST, pieces, RING_PIECES_MAX, &chain)) {
		ring_return(&world->ring, &chain, 0);
		world->returned += chain.slots;
		most--;
	}
	world->device_lags = most > 0 && random_below(&world->random, 2);
	if (most > 0 && !world->device_lags)
		device_rest(world);
	else if (random_below(&world->random, 2))
		device_flush(world);
}

static uint64_t room_slots(const struct ring_room *room, uint32_t bytes)
{
	uint64_t slots = 0;

	for (uint32_t i = 0; bytes > 0; i++) {
		slots += room->chains[i].slots;
		bytes -= bytes < room->chains[i].bytes ? bytes : room->chains[i].bytes;
	}
	return slots;
}

static void device_fill(struct world *world)
{
	static struct ring_room room;
	uint32_t most = world->ring.size * ROOM_BYTES, bytes;
	uint32_t least = VIRTIO_NET_HEADER_BYTES + random_below(&world->random, most);
	int result = ring_reserve(&world->ring, least, least + random_below(&world->random, most), &room);

	if (result == -EAGAIN) {
		device_rest(world);
		return;
	}
	if (result < 0)
		return;
	if (random_below(&world->random, 4) == 0) {
		ring_cancel(&world->ring, &room);
		return;
	}
	bytes = VIRTIO_NET_HEADER_BYTES + random_below(&world->random, room.bytes - VIRTIO_NET_HEADER_BYTES + 1);
	ring_commit(&world->ring, &room, bytes);
	world->returned += room_slots(&room, bytes);
	if (random_below(&world->random, 3) == 0)
		device_flush(world);
}

/* ---- both ---- */

static void world_step(struct world *world)
{
	switch (random_below(&world->random, 3)) {
	case 0:
		driver_offer(world);
		break;
	case 1:
		/* it may want more than fits where the device waits for more room: something else wakes it now and then */
		if (random_below(&world->random, NAP_STEPS) == 0)
			world->driver_sleeps = false;
		if (!world->driver_sleeps)
			driver_harvest(world);
		break;
	default:
		if (!world->device_sleeps && world->to_guest)
			device_fill(world);
		else if (!world->device_sleeps)
			device_take(world);
	}
	if (world->ring.broken != DROP_NONE)
		world_fail(world, drop_name(world->ring.broken));
}

static void run(const char *what, bool packed, bool to_guest, bool event_idx)
{
	static const uint16_t sizes[] = {4, 8, 32, 128, 256, 64};

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		static struct world world;
		uint16_t size = (uint16_t)(sizes[seed % 6] + (packed && seed % 2 ? 3 : 0));

		world = (struct world){
			.what = what, .seed = seed, .packed = packed, .to_guest = to_guest, .event_idx = event_idx};
		world_init(&world, size);
		for (int i = 0; i < STEPS; i++)
			world_step(&world);
		/* both slept and were woken, all the time */
		if (world.sleeps[0] < STEPS / 200 || world.sleeps[1] < STEPS / 200 || world.harvested < STEPS / 16)
			world_fail(&world, "too little of it happened");
		world_done(&world);
	}
}

static void who_sleeps_is_told_from_the_guest(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		run(i & 1 ? "packed" : "split", i & 1, false, i & 2);
}

static void who_sleeps_is_told_to_the_guest(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		run(i & 1 ? "packed" : "split", i & 1, true, i & 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sleeps_is_told_from_the_guest),
		cmocka_unit_test(who_sleeps_is_told_to_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
