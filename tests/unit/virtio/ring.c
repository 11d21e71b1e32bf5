/* SPDX-License-Identifier: MIT */
/* Rings of both layouts against an honest driver of odd tastes, both ways. Each test runs for either. Those that lie are
 * in ring_split_lies.c and ring_packed.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/ring_driver.h"
#include "virtio/net.h"
#include "virtio/pieces.h"
#include "virtio/ring.h"

/* An honest guest. */
struct guest {
	struct ring_driver driver;
	struct memory memory;
	struct ring ring;
	void *bytes;
};

struct guest_setup {
	uint16_t size;
	uint32_t pages;
	uint16_t start;
	bool event_idx;
	bool indirect;
	bool mergeable;
	uint64_t seed;
};

static void guest_init(struct guest *guest, const struct guest_setup *setup, void **state)
{
	struct ring_setup ring;
	size_t bytes = ring_driver_bytes(setup->size, setup->pages);

	guest->bytes = aligned_alloc(64, (bytes + 63) / 64 * 64);
	assert_non_null(guest->bytes);
	ring_driver_init(&guest->driver, &(struct ring_driver_setup){
						 .memory = guest->bytes,
						 .bytes = bytes,
						 .address = 0x40000000,
						 .size = setup->size,
						 .start = setup->start,
						 .packed = *(const bool *)*state,
						 .event_idx = setup->event_idx,
						 .indirect = setup->indirect,
						 .seed = setup->seed,
					 });
	memory_init(&guest->memory);
	ring_driver_connect(&guest->driver, &guest->memory, setup->mergeable, &ring);
	assert_int_equal(ring_init(&guest->ring, &ring), 0);
}

static void guest_done(struct guest *guest)
{
	ring_driver_done(&guest->driver);
	free(guest->bytes);
}

static void frame_fill(uint8_t *frame, size_t bytes, uint64_t number)
{
	for (size_t i = 0; i < bytes; i++)
		frame[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

static const struct guest_setup guest_kinds[] = {
	{8, 64, 0, false, false, true, 1},       {64, 128, 65530, false, true, true, 2},
	{128, 300, 32760, true, false, true, 3}, {256, 400, 0, true, true, true, 4},
	{256, 400, 65000, true, true, false, 5},
};

enum {
	FRAMES = 3000,
	FRAME_BYTES = 20000,
};

/* Offers frames of random sizes until the ring or the pages are full; how many. */
static unsigned offer_frames(struct guest *guest, struct random *random, uint64_t *sent)
{
	static uint8_t frame[FRAME_BYTES];
	unsigned offered = 0;

	while (*sent < FRAMES) {
		uint32_t bytes = VIRTIO_NET_HEADER_BYTES + random_below(random, *sent % 5 ? 1600 : FRAME_BYTES - 12);

		frame_fill(frame, bytes, *sent);
		if (ring_driver_offer_frame(&guest->driver, frame, bytes, 6 + random_below(random, 20)) < 0)
			break;
		(*sent)++;
		offered++;
	}
	return offered;
}

static void check_frame(const struct iovec *pieces, const struct ring_chain *chain, uint64_t number)
{
	static uint8_t wanted[FRAME_BYTES];
	static uint8_t got[FRAME_BYTES];

	assert_int_equal(chain->writable_pieces, 0);
	assert_in_range(chain->readable_bytes, VIRTIO_NET_HEADER_BYTES, FRAME_BYTES);
	assert_int_equal(pieces_read(pieces, chain->readable_pieces, 0, got, sizeof(got)), chain->readable_bytes);
	frame_fill(wanted, chain->readable_bytes, number);
	assert_memory_equal(got, wanted, chain->readable_bytes);
}

static void frames_from_an_honest_guest_arrive_whole_and_in_order(void **state)
{
	static struct iovec pieces[RING_PIECES_MAX];

	for (size_t kind = 0; kind < sizeof(guest_kinds) / sizeof(guest_kinds[0]); kind++) {
		struct ring_driver_used used;
		struct ring_chain chain;
		struct random random;
		struct guest guest;
		uint64_t sent = 0;
		uint64_t got = 0;

		guest_init(&guest, &guest_kinds[kind], state);
		random_init(&random, kind);
		while (got < FRAMES) {
			uint32_t batch = 1 + random_below(&random, 70);

			offer_frames(&guest, &random, &sent);
			ring_driver_publish(&guest.driver);
			while (batch-- > 0 &&
			       ring_take(&guest.ring, RING_FROM_GUEST, pieces, RING_PIECES_MAX, &chain)) {
				check_frame(pieces, &chain, got++);
				ring_return(&guest.ring, &chain, 0);
			}
			assert_int_equal(guest.ring.broken, DROP_NONE);
			/* nothing is seen before the flush */
			assert_false(ring_driver_harvest(&guest.driver, &used));
			ring_flush(&guest.ring);
			while (ring_driver_harvest(&guest.driver, &used)) {
				assert_int_equal(used.bytes, 0);
				ring_driver_release(&guest.driver, used.id);
			}
		}
		assert_int_equal(sent, FRAMES);
		assert_int_equal(guest.driver.harvested, FRAMES);
		assert_int_equal(ring_driver_out(&guest.driver), 0);
		guest_done(&guest);
	}
}

/* Keeps the guest's receive ring full: buffers of 12 bytes to a few KiB, or large ones where a frame must fit in one. */
static void offer_rooms(struct guest *guest, struct random *random, bool mergeable)
{
	size_t bytes;

	do {
		if (mergeable)
			bytes = VIRTIO_NET_HEADER_BYTES + random_below(random, 4000);
		else
			bytes = FRAME_BYTES;
	} while (ring_driver_offer_room(&guest->driver, bytes, mergeable ? 3 : 12) >= 0);
	ring_driver_publish(&guest->driver);
}

static uint32_t lend_and_fill(struct guest *guest, struct random *random, uint64_t number)
{
	static struct ring_room room;
	static uint8_t frame[FRAME_BYTES];
	uint32_t wanted = VIRTIO_NET_HEADER_BYTES + random_below(random, number % 4 ? 1600 : FRAME_BYTES - 12);
	uint32_t filled = wanted;
	int result = ring_reserve(&guest->ring, wanted, wanted, &room);

	assert_int_equal(guest->ring.broken, DROP_NONE);
	if (result < 0)
		return 0;
	assert_int_equal(room.bytes, wanted);
	assert_int_equal(pieces_bytes(room.pieces, room.piece_count), wanted);
	if (random_below(random, 5) == 0) {
		ring_cancel(&guest->ring, &room);
		return 0;
	}
	/* as a read from a socket: less than there is room for */
	if (random_below(random, 3) == 0)
		filled = VIRTIO_NET_HEADER_BYTES + random_below(random, wanted - VIRTIO_NET_HEADER_BYTES + 1);
	frame_fill(frame, filled, number);
	virtio_net_write(&(struct virtio_net){0}, frame);
	assert_int_equal(pieces_write(room.pieces, room.piece_count, 0, frame, filled), filled);
	ring_commit(&guest->ring, &room, filled);
	return filled;
}

static void check_received(struct guest *guest, uint32_t bytes, uint64_t number)
{
	static uint8_t wanted[FRAME_BYTES];
	static uint8_t got[FRAME_BYTES];

	assert_int_equal(ring_driver_receive(&guest->driver, got, sizeof(got)), bytes);
	frame_fill(wanted, bytes, number);
	assert_memory_equal(got + VIRTIO_NET_HEADER_BYTES, wanted + VIRTIO_NET_HEADER_BYTES,
			    bytes - VIRTIO_NET_HEADER_BYTES);
}

static void frames_to_an_honest_guest_arrive_whole_and_in_order(void **state)
{
	for (size_t kind = 0; kind < sizeof(guest_kinds) / sizeof(guest_kinds[0]); kind++) {
		struct random random;
		struct guest guest;
		uint64_t given = 0;
		uint64_t tries = 0;

		guest_init(&guest, &guest_kinds[kind], state);
		random_init(&random, kind);
		while (given < FRAMES) {
			uint32_t bytes[64];
			uint64_t first = given;
			uint32_t batch = 1 + random_below(&random, 64);

			assert_true(tries++ < FRAMES * 10);
			offer_rooms(&guest, &random, guest_kinds[kind].mergeable);
			for (uint32_t i = 0; i < batch; i++) {
				uint32_t filled = lend_and_fill(&guest, &random, given);

				if (filled > 0)
					bytes[given++ - first] = filled;
			}
			ring_flush(&guest.ring);
			for (uint64_t i = first; i < given; i++)
				check_received(&guest, bytes[i - first], i);
			assert_int_equal(guest.driver.next_used, guest.ring.next_used);
		}
		guest_done(&guest);
	}
}

static void room_that_is_not_there_is_refused_and_nothing_is_taken(void **state)
{
	static struct ring_room room;
	static const struct guest_setup kind = {8, 64, 0, false, false, true, 9};
	struct guest guest;

	guest_init(&guest, &kind, state);
	assert_int_equal(ring_reserve(&guest.ring, 12, 100, &room), -EAGAIN);
	ring_driver_offer_room(&guest.driver, 50, 1);
	ring_driver_publish(&guest.driver);
	assert_int_equal(ring_reserve(&guest.ring, 51, 100, &room), -EAGAIN);
	assert_int_equal(guest.ring.next_avail, 0);
	/* less than wanted and enough */
	assert_int_equal(ring_reserve(&guest.ring, 50, 100, &room), 0);
	assert_int_equal(room.bytes, 50);
	ring_cancel(&guest.ring, &room);
	assert_int_equal(guest.ring.next_avail, 0);
	for (int i = 0; i < 7; i++)
		assert_true(ring_driver_offer_room(&guest.driver, 50, 1) >= 0);
	ring_driver_publish(&guest.driver);
	/* a full ring that is too small will never do */
	assert_int_equal(ring_reserve(&guest.ring, 401, 1000, &room), -EMSGSIZE);
	assert_int_equal(ring_reserve(&guest.ring, 400, 1000, &room), 0);
	assert_int_equal(room.chain_count, 8);
	/* three are touched, five go back */
	ring_commit(&guest.ring, &room, 101);
	assert_int_equal(guest.ring.next_avail, 3);
	assert_int_equal(guest.ring.next_used, 3);
	assert_true(ring_flush(&guest.ring));
	assert_int_equal(ring_driver_out(&guest.driver), 8);
	guest_done(&guest);
}

static void used_entries_say_how_much_was_written_and_the_header_how_many(void **state)
{
	static struct ring_room room;
	static const struct guest_setup kind = {256, 256, 0, false, false, true, 10};
	static const uint32_t wanted[] = {50, 50, 1};
	struct ring_driver_used used;
	struct guest guest;
	uint8_t header[VIRTIO_NET_HEADER_BYTES];
	struct virtio_net plain;

	guest_init(&guest, &kind, state);
	for (int i = 0; i < 5; i++)
		assert_true(ring_driver_offer_room(&guest.driver, 50, 50) >= 0);
	ring_driver_publish(&guest.driver);
	assert_int_equal(ring_reserve(&guest.ring, 12, 200, &room), 0);
	ring_commit(&guest.ring, &room, 101);
	ring_flush(&guest.ring);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_true(ring_driver_harvest(&guest.driver, &used));
		assert_int_equal(used.bytes, wanted[i]);
		if (i == 0) {
			ring_driver_read(&guest.driver, used.id, 0, header, sizeof(header));
			(void)virtio_net_read(header, &plain);
			assert_int_equal(le16_value((struct le16){{header[10], header[11]}}), 3);
		}
		ring_driver_release(&guest.driver, used.id);
	}
	assert_false(ring_driver_harvest(&guest.driver, &used));
	guest_done(&guest);
}

static void without_mergeable_buffers_a_frame_takes_one_chain(void **state)
{
	static struct ring_room room;
	static const struct guest_setup kind = {8, 64, 0, false, true, false, 11};
	struct guest guest;
	uint8_t frame[2000];

	guest_init(&guest, &kind, state);
	for (int i = 0; i < 3; i++)
		assert_true(ring_driver_offer_room(&guest.driver, 1526, 4) >= 0);
	ring_driver_publish(&guest.driver);
	assert_int_equal(ring_reserve(&guest.ring, 1527, 2000, &room), -EMSGSIZE);
	assert_int_equal(ring_reserve(&guest.ring, 1000, 1200, &room), 0);
	assert_int_equal(room.bytes, 1200);
	memset(frame, 0, sizeof(frame));
	pieces_write(room.pieces, room.piece_count, 0, frame, 1100);
	ring_commit(&guest.ring, &room, 1100);
	ring_flush(&guest.ring);
	assert_int_equal(ring_driver_receive(&guest.driver, frame, sizeof(frame)), 1100);
	assert_int_equal(frame[VIRTIO_NET_BUFFERS_OFFSET], 1);
	guest_done(&guest);
}

/* Nobody waits for room that cannot come: three of the eight descriptors for each, and two are left. */
static void a_ring_without_place_for_another_buffer_is_full(void **state)
{
	static struct ring_room room;
	static const struct guest_setup kind = {8, 64, 0, true, false, true, 18};
	struct ring_driver_piece three[3] = {{NULL, 100, true}, {NULL, 100, true}, {NULL, 100, true}};
	struct guest guest;

	guest_init(&guest, &kind, state);
	assert_true(ring_driver_offer(&guest.driver, three, 3, false) >= 0);
	ring_driver_publish(&guest.driver);
	assert_int_equal(ring_reserve(&guest.ring, 700, 700, &room), -EAGAIN);
	assert_true(ring_driver_offer(&guest.driver, three, 3, false) >= 0);
	ring_driver_publish(&guest.driver);
	assert_int_equal(ring_reserve(&guest.ring, 700, 700, &room), -EMSGSIZE);
	assert_int_equal(ring_driver_offer(&guest.driver, three, 3, false), -ENOSPC);
	assert_int_equal(ring_reserve(&guest.ring, 600, 600, &room), 0);
	ring_cancel(&guest.ring, &room);
	guest_done(&guest);
}

/* One buffer from the guest, returned and flushed: whether the guest wants to be told. */
static bool one_goes_round(struct guest *guest, bool *ret_kick)
{
	static struct iovec pieces[RING_PIECES_MAX];
	struct ring_driver_used used;
	struct ring_chain chain;
	bool told;

	assert_true(ring_driver_offer_frame(&guest->driver, "0123456789abcdef", 16, 4) >= 0);
	*ret_kick = ring_driver_publish(&guest->driver);
	assert_true(ring_take(&guest->ring, RING_FROM_GUEST, pieces, RING_PIECES_MAX, &chain));
	ring_return(&guest->ring, &chain, 0);
	told = ring_flush(&guest->ring);
	assert_false(ring_flush(&guest->ring));
	assert_true(ring_driver_harvest(&guest->driver, &used));
	ring_driver_release(&guest->driver, used.id);
	return told;
}

static void each_side_tells_the_other_only_when_it_asked(void **state)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct guest_setup kind = {16, 64, 65528, event_idx, false, true, 12};
		struct guest guest;
		bool kick;

		guest_init(&guest, &kind, state);
		/* over the end of the indexes, where a comparison that is off by one would show */
		for (int i = 0; i < 20; i++) {
			assert_false(ring_arm(&guest.ring));
			ring_driver_want_interrupt(&guest.driver, true);
			assert_true(one_goes_round(&guest, &kick));
			assert_true(kick);
			ring_disarm(&guest.ring);
			ring_driver_want_interrupt(&guest.driver, false);
			assert_false(one_goes_round(&guest, &kick));
			assert_false(kick);
			assert_false(one_goes_round(&guest, &kick));
			assert_false(kick);
		}
		guest_done(&guest);
	}
}

static void arming_tells_of_what_came_since_the_last_look(void **state)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct guest_setup kind = {16, 64, 7, event_idx, false, true, 13};
		struct ring_chain chain;
		struct iovec pieces[4];
		struct guest guest;

		guest_init(&guest, &kind, state);
		assert_false(ring_take(&guest.ring, RING_FROM_GUEST, pieces, 4, &chain));
		ring_driver_offer_frame(&guest.driver, "0123456789abcdef", 16, 4);
		ring_driver_publish(&guest.driver);
		assert_true(ring_arm(&guest.ring));
		assert_true(ring_take(&guest.ring, RING_FROM_GUEST, pieces, 4, &chain));
		assert_false(ring_take(&guest.ring, RING_FROM_GUEST, pieces, 4, &chain));
		assert_false(ring_arm(&guest.ring));
		ring_driver_offer_frame(&guest.driver, "0123456789abcdef", 16, 4);
		assert_true(ring_driver_publish(&guest.driver));
		guest_done(&guest);
	}
}

static void a_room_that_was_too_small_is_armed_for_what_is_still_to_come(void **state)
{
	static struct ring_room room;
	static const struct guest_setup kind = {16, 64, 0, true, false, true, 14};
	struct guest guest;

	guest_init(&guest, &kind, state);
	for (int i = 0; i < 3; i++)
		ring_driver_offer_room(&guest.driver, 100, 2);
	ring_driver_publish(&guest.driver);
	assert_int_equal(ring_reserve(&guest.ring, 400, 500, &room), -EAGAIN);
	/* the three that are known and do not suffice are no reason to look again */
	assert_false(ring_arm(&guest.ring));
	ring_driver_offer_room(&guest.driver, 100, 2);
	assert_true(ring_driver_publish(&guest.driver));
	assert_int_equal(ring_reserve(&guest.ring, 400, 500, &room), 0);
	guest_done(&guest);
}

/* Two threads: each side sleeps only when the other has been asked to tell, so that one lost telling stops both for ever,
 * and the alarm ends the test. It finds a comparison that is off by one; a missing fence it may meet or not. */
enum {
	TOLD_FRAMES = 30000,
	SPINS = 2000,
};

struct bell {
	atomic_uint rings;
	unsigned heard;
};

static void bell_ring(struct bell *bell)
{
	atomic_fetch_add_explicit(&bell->rings, 1, memory_order_relaxed);
}

static void bell_wait(struct bell *bell)
{
	unsigned spins = 0;

	while (atomic_load_explicit(&bell->rings, memory_order_relaxed) == bell->heard) {
		if (++spins > SPINS)
			sched_yield();
	}
	bell->heard = atomic_load_explicit(&bell->rings, memory_order_relaxed);
}

struct conversation {
	struct guest guest;
	struct bell kick;
	struct bell call;
};

static void *driver_thread(void *owner)
{
	struct conversation *conversation = owner;
	struct ring_driver *driver = &conversation->guest.driver;
	struct ring_driver_used used;
	uint64_t offered = 0;

	while (driver->harvested < TOLD_FRAMES) {
		while (offered < TOLD_FRAMES && ring_driver_offer_frame(driver, "0123456789abcdef", 16, 2) >= 0)
			offered++;
		if (ring_driver_publish(driver))
			bell_ring(&conversation->kick);
		ring_driver_want_interrupt(driver, true);
		if (!ring_driver_harvest(driver, &used)) {
			bell_wait(&conversation->call);
			continue;
		}
		do {
			ring_driver_release(driver, used.id);
		} while (ring_driver_harvest(driver, &used));
	}
	return NULL;
}

static void device_serve(struct conversation *conversation)
{
	static struct iovec pieces[RING_PIECES_MAX];
	struct ring *ring = &conversation->guest.ring;
	struct ring_chain chain;
	unsigned taken = 0;

	while (taken < TOLD_FRAMES) {
		unsigned batch = 0;

		while (batch < 64 && ring_take(ring, RING_FROM_GUEST, pieces, RING_PIECES_MAX, &chain)) {
			assert_int_equal(chain.readable_bytes, 16);
			ring_return(ring, &chain, 0);
			batch++;
		}
		assert_int_equal(ring->broken, DROP_NONE);
		taken += batch;
		if (ring_flush(ring))
			bell_ring(&conversation->call);
		if (batch == 0 && !ring_arm(ring))
			bell_wait(&conversation->kick);
	}
}

static void no_telling_is_lost_between_two_threads(void **state)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct guest_setup kind = {32, 64, 0, event_idx, true, true, 16};
		static struct conversation conversation;
		pthread_t thread;

		memset(&conversation, 0, sizeof(conversation));
		guest_init(&conversation.guest, &kind, state);
		alarm(60);
		assert_int_equal(pthread_create(&thread, NULL, driver_thread, &conversation), 0);
		device_serve(&conversation);
		pthread_join(thread, NULL);
		alarm(0);
		assert_int_equal(conversation.guest.driver.harvested, TOLD_FRAMES);
		guest_done(&conversation.guest);
	}
}

static void many_small_buffers_fill_a_room_up_to_its_pieces(void **state)
{
	static struct ring_room room;
	static const struct guest_setup kind = {2048, 2000, 0, false, false, true, 15};
	struct ring_driver_piece tiny[3] = {{NULL, 4, true}, {NULL, 4, true}, {NULL, 4, true}};
	struct guest guest;

	guest_init(&guest, &kind, state);
	for (int i = 0; i < 500; i++)
		assert_true(ring_driver_offer(&guest.driver, tiny, 3, false) >= 0);
	ring_driver_publish(&guest.driver);
	assert_int_equal(ring_reserve(&guest.ring, 12, 100000, &room), 0);
	assert_int_equal(room.chain_count, 341);
	assert_int_equal(room.piece_count, 1023);
	ring_cancel(&guest.ring, &room);
	assert_int_equal(ring_reserve(&guest.ring, 341 * 12 + 1, 100000, &room), -EMSGSIZE);
	assert_int_equal(guest.ring.broken, DROP_NONE);
	assert_int_equal(guest.ring.next_avail, 0);
	guest_done(&guest);
}

static void a_chain_that_would_stay_nearly_empty_is_taken_only_when_it_must(void **state)
{
	static struct ring_room room;
	static const struct guest_setup kind = {8, 64, 0, false, false, true, 17};
	struct guest guest;

	guest_init(&guest, &kind, state);
	for (int i = 0; i < 4; i++)
		assert_true(ring_driver_offer_room(&guest.driver, 400, 1) >= 0);
	ring_driver_publish(&guest.driver);
	/* 99 bytes are less than a quarter of 400, and 100 are not */
	assert_int_equal(ring_reserve(&guest.ring, 800, 899, &room), 0);
	assert_int_equal(room.bytes, 800);
	assert_int_equal(room.chain_count, 2);
	ring_commit(&guest.ring, &room, 800);
	assert_int_equal(guest.ring.next_avail, 2);
	assert_int_equal(ring_reserve(&guest.ring, 400, 500, &room), 0);
	assert_int_equal(room.bytes, 500);
	assert_int_equal(room.chain_count, 2);
	ring_cancel(&guest.ring, &room);
	assert_int_equal(ring_reserve(&guest.ring, 401, 410, &room), 0);
	assert_int_equal(room.bytes, 410);
	ring_cancel(&guest.ring, &room);
	guest_done(&guest);
}

static bool layout_split = false, layout_packed = true;

/* clang-format off */
#define IN_BOTH(test)                                            \
	{#test "_split", test, NULL, NULL, &layout_split},       \
	{#test "_packed", test, NULL, NULL, &layout_packed}
/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH(frames_from_an_honest_guest_arrive_whole_and_in_order),
		IN_BOTH(frames_to_an_honest_guest_arrive_whole_and_in_order),
		IN_BOTH(room_that_is_not_there_is_refused_and_nothing_is_taken),
		IN_BOTH(used_entries_say_how_much_was_written_and_the_header_how_many),
		IN_BOTH(without_mergeable_buffers_a_frame_takes_one_chain),
		IN_BOTH(a_ring_without_place_for_another_buffer_is_full),
		IN_BOTH(each_side_tells_the_other_only_when_it_asked),
		IN_BOTH(arming_tells_of_what_came_since_the_last_look),
		IN_BOTH(a_room_that_was_too_small_is_armed_for_what_is_still_to_come),
		IN_BOTH(no_telling_is_lost_between_two_threads),
		IN_BOTH(many_small_buffers_fill_a_room_up_to_its_pieces),
		IN_BOTH(a_chain_that_would_stay_nearly_empty_is_taken_only_when_it_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
