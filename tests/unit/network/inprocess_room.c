/* SPDX-License-Identifier: MIT */
/* In-process ports that lend memory of theirs, as a ring does: what is written there, when it is full, and what a host program
 * may get wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "unit/network/inprocess.h"

struct ring {
	struct kit_guest guest;
	uint8_t memory[1 << 17];
	struct iovec pieces[1024];
	size_t piece_bytes, rooms, committed, cancelled, flushed, length;
	struct gw_offload offload;
	bool free_at_commit;
};

static int ring_reserve(void *owner, size_t least, size_t wanted, struct gw_room *ret_room)
{
	struct ring *ring = owner;
	size_t count = 0, bytes = 0;

	assert_true(least <= wanted);
	if (wanted > sizeof(ring->memory))
		return -EMSGSIZE;
	if (ring->rooms == 0)
		return -EAGAIN;
	ring->rooms--;
	while (bytes < wanted && count < 1024) {
		ring->pieces[count++] = (struct iovec){ring->memory + bytes, ring->piece_bytes};
		bytes += ring->piece_bytes;
	}
	*ret_room = (struct gw_room){.pieces = ring->pieces, .piece_count = count, .bytes = bytes, .owner = ring};
	return 0;
}

static void ring_commit(void *owner, struct gw_room *room, size_t bytes, const struct gw_offload *offload)
{
	struct ring *ring = owner;

	assert_ptr_equal(room->owner, ring);
	ring->committed++;
	ring->length = bytes;
	ring->offload = *offload;
	if (ring->free_at_commit)
		gw_port_free(ring->guest.port);
}

static void ring_cancel(void *owner, struct gw_room *room)
{
	struct ring *ring = owner;

	assert_ptr_equal(room->owner, ring);
	ring->cancelled++;
}

static void ring_flush(void *owner)
{
	struct ring *ring = owner;

	ring->flushed++;
}

static struct ring *ring_new(struct fixture *fixture, size_t piece_bytes, size_t rooms)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct ring *ring = calloc(1, sizeof(*ring));

	kit_guest_init(&ring->guest, &fixture->kit, 9);
	ring->piece_bytes = piece_bytes;
	ring->rooms = rooms;
	config.reserve = ring_reserve;
	config.commit = ring_commit;
	config.cancel = ring_cancel;
	config.flush = ring_flush;
	config.csum = config.tso4 = true;
	kit_guest_join(&ring->guest, "ring", &config);
	kit_guest_send(&ring->guest, fixture->bytes, kit_frame(fixture->bytes, MAC_BROADCAST, ring->guest.mac, 0));
	kit_settle(&fixture->kit);
	ring->committed = ring->flushed = 0;
	return ring;
}

static void frames_are_written_into_lent_memory_of_any_pieces(void **state)
{
	static const size_t sizes[] = {1, 3, 7, 64, 4096};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct ring *ring = ring_new(fixture, sizes[i], 10);
		size_t count = sizes[i] == 1 ? 900 : 1500, rooms = ring->rooms;

		kit_frame(fixture->bytes, ring->guest.mac, fixture->first.mac, 5);
		for (size_t j = 64; j < count; j++)
			fixture->bytes[j] = (uint8_t)(j * 13);
		kit_guest_send(&fixture->first, fixture->bytes, count);
		assert_int_equal(ring->committed, 1);
		assert_int_equal(ring->rooms, rooms - 1);
		assert_int_equal(ring->length, count);
		assert_int_equal(ring->flushed, 1);
		assert_memory_equal(ring->memory, fixture->bytes, count);
		gw_port_free(ring->guest.port);
		free(ring);
	}
}

static void a_ring_gets_a_large_frame_whole(void **state)
{
	struct fixture *fixture = *state;
	struct ring *ring = ring_new(fixture, 4096, 10);
	struct iovec piece;
	struct gw_frame frame = large_tcp(fixture, &piece, 60000);

	memcpy(fixture->bytes, &ring->guest.mac, 6);
	gw_port_send(fixture->first.port, &frame, 1);
	assert_int_equal(ring->committed, 1);
	assert_int_equal(ring->length, 60054);
	assert_int_equal(ring->offload.gso, GW_GSO_TCP4);
	assert_memory_equal(ring->memory, fixture->bytes, 60054);
	gw_port_free(ring->guest.port);
	free(ring);
}

static void a_full_ring_costs_its_own_frames_only(void **state)
{
	struct fixture *fixture = *state;
	struct ring *ring = ring_new(fixture, 4096, 2);

	ring->rooms = 1;
	for (int i = 0; i < 5; i++) {
		kit_frame(fixture->bytes, ring->guest.mac, fixture->first.mac, 5);
		kit_guest_send(&fixture->first, fixture->bytes, 64);
	}
	assert_int_equal(ring->committed, 1);
	assert_int_equal(kit_drops(&fixture->kit, "ring", "room-refused"), 4);
	ring->rooms = 1;
	gw_port_room(ring->guest.port);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	assert_int_equal(ring->committed, 2);
	gw_port_free(ring->guest.port);
	free(ring);
}

static void the_gateway_writes_into_the_ring_itself(void **state)
{
	struct fixture *fixture = *state;
	struct ring *ring = ring_new(fixture, 13, 10);
	size_t count = kit_arp(fixture->bytes, ring->guest.mac, (struct ip4){{10, 0, 2, 20}}, KIT_GATEWAY);

	kit_guest_send(&ring->guest, fixture->bytes, count);
	kit_settle(&fixture->kit);
	assert_int_equal(ring->committed, 1);
	assert_int_equal(ring->flushed, 1);
	assert_int_equal(ring->memory[12] << 8 | ring->memory[13], ETHERTYPE_ARP);
	assert_int_equal(ring->memory[21], ARP_REPLY);
	gw_port_free(ring->guest.port);
	free(ring);
}

static void a_ring_may_be_freed_while_it_is_written(void **state)
{
	struct fixture *fixture = *state;
	struct ring *ring = ring_new(fixture, 4096, 10);

	ring->free_at_commit = true;
	kit_frame(fixture->bytes, ring->guest.mac, fixture->first.mac, 5);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	kit_settle(&fixture->kit);
	assert_int_equal(ring->committed, 1);
	assert_int_equal(ring->flushed, 0);
	assert_string_equal(kit_event(&fixture->kit, GW_EVENT_GUEST_LEFT)->port, "ring");
	free(ring);
}

static int ring_lend_too_little(void *owner, size_t least, size_t wanted, struct gw_room *ret_room)
{
	int error = ring_reserve(owner, least, wanted, ret_room);

	if (error == 0)
		ret_room->bytes = least - 1;
	return error;
}

static void room_smaller_than_asked_for_is_given_back(void **state)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct fixture *fixture = *state;
	struct ring *ring = calloc(1, sizeof(*ring));

	kit_guest_init(&ring->guest, &fixture->kit, 9);
	ring->piece_bytes = 100;
	ring->rooms = 100;
	config.reserve = ring_lend_too_little;
	config.commit = ring_commit;
	config.cancel = ring_cancel;
	kit_guest_join(&ring->guest, "ring", &config);
	kit_frame(fixture->bytes, ring->guest.mac, fixture->first.mac, 5);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	assert_int_equal(ring->committed, 0);
	assert_true(ring->cancelled > 0);
	gw_port_free(ring->guest.port);
	free(ring);
}

/* What a host program may get wrong in lending room, and what it may do there. */
static struct kit_guest *lender;
static bool lender_ends;

static int lend_none(void *owner, size_t least, size_t wanted, struct gw_room *ret_room)
{
	(void)owner;
	(void)least;
	(void)wanted;
	(void)ret_room;
	return 1;
}

static int lend_little_or_end(void *owner, size_t least, size_t wanted, struct gw_room *ret_room)
{
	static struct iovec gone;

	(void)owner;
	gone = (struct iovec){.iov_base = lender_ends ? NULL : &gone, .iov_len = lender_ends ? wanted : least - 1};
	*ret_room = (struct gw_room){.pieces = &gone, .piece_count = 1, .bytes = gone.iov_len};
	if (lender_ends)
		gw_port_free(lender->port);
	return 0;
}

static void never_commit(void *owner, struct gw_room *room, size_t bytes, const struct gw_offload *offload)
{
	(void)owner;
	(void)room;
	(void)bytes;
	(void)offload;
	fail_msg("nothing was lent");
}

static void count_cancelled(void *owner, struct gw_room *room)
{
	(void)owner;
	(void)room;
	assert_false(lender_ends);
}

/* It asks by ARP; the gateway writes the answer into room of its own, after it is known. */
static void room_that_is_no_room_is_not_written_to(void **state)
{
	static int (*const reserves[])(void *owner, size_t least, size_t wanted,
				       struct gw_room *ret_room) = {lend_none, lend_little_or_end, lend_little_or_end};
	struct fixture *fixture = *state;

	lender = &fixture->third;
	for (size_t i = 0; i < 3; i++) {
		struct gw_port_config config = GW_INIT(struct gw_port_config);

		lender_ends = i == 2;
		config.reserve = reserves[i];
		config.commit = never_commit;
		config.cancel = count_cancelled;
		kit_guest_join(lender, "lender", &config);
		kit_guest_send(lender, fixture->bytes,
			       kit_arp(fixture->bytes, lender->mac, (struct ip4){{10, 0, 2, 20}},
				       (struct ip4){{10, 0, 2, 2}}));
		kit_settle(&fixture->kit);
		if (!lender_ends)
			gw_port_free(lender->port);
	}
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(frames_are_written_into_lent_memory_of_any_pieces),
		with_fixture(a_ring_gets_a_large_frame_whole),
		with_fixture(a_full_ring_costs_its_own_frames_only),
		with_fixture(the_gateway_writes_into_the_ring_itself),
		with_fixture(a_ring_may_be_freed_while_it_is_written),
		with_fixture(room_smaller_than_asked_for_is_given_back),
		with_fixture(room_that_is_no_room_is_not_written_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
