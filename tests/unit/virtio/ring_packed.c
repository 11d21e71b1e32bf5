/* SPDX-License-Identifier: MIT */
/* A packed ring written by hand: lies, and the places where its layout differs. An honest driver is in ring.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/pieces.h"
#include "virtio/ring.h"

enum {
	SIZE = 5, /* a packed ring's need not be a power of two */
	GUEST = 0x10000,
	GUEST_BYTES = 0x8000,
	END = GUEST + GUEST_BYTES,
	DESC = GUEST,
	DRIVER = GUEST + 0x100,
	DEVICE = GUEST + 0x104,
	TABLE = GUEST + 0x200,
	DATA = GUEST + 0x1000,
	NEXT = DESC_NEXT,
	WRITE = DESC_WRITE,
	INDIRECT = DESC_INDIRECT,
};

struct plain_desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags;
	uint16_t id;
};

struct lie {
	const char *what;
	struct plain_desc desc[SIZE];
	struct plain_desc table[3];
	bool no_indirect;
	enum ring_direction direction;
	enum drop_reason verdict;
	uint16_t id, slots;
	uint32_t readable_bytes, writable_bytes;
};

/* clang-format off */
static const struct lie lies[] = {
	/* the truth */
	{"one buffer", {{DATA, 100, 0, 7}}, {{0}}, false, RING_FROM_GUEST, DROP_NONE, 7, 1, 100, 0},
	{"the last one's id counts",
	 {{DATA, 1, NEXT, 1}, {DATA, 2, NEXT, 2}, {DATA, 3, 0, 3}}, {{0}}, false, RING_FROM_GUEST, DROP_NONE, 3, 3, 6, 0},
	{"read, then write",
	 {{DATA, 1, NEXT, 0}, {DATA, 2, WRITE, 4}}, {{0}}, false, RING_BOTH, DROP_NONE, 4, 2, 1, 2},
	{"an indirect table takes one slot, and its NEXT flags say nothing",
	 {{TABLE, 48, INDIRECT, 9}}, {{DATA, 1, NEXT, 0}, {DATA, 2, 0, 0}, {DATA, 4, NEXT, 0}}, false,
	 RING_FROM_GUEST, DROP_NONE, 9, 1, 7, 0},
	{"all of the ring", {{DATA, 1, NEXT, 0}, {DATA, 1, NEXT, 0}, {DATA, 1, NEXT, 0}, {DATA, 1, NEXT, 0}, {DATA, 1, 0, 8}},
	 {{0}}, false, RING_FROM_GUEST, DROP_NONE, 8, 5, 5, 0},
	/* lies */
	{"a chain around the ring",
	 {{DATA, 1, NEXT, 0}, {DATA, 1, NEXT, 0}, {DATA, 1, NEXT, 0}, {DATA, 1, NEXT, 0}, {DATA, 1, NEXT, 0}},
	 {{0}}, false, RING_FROM_GUEST, DROP_RING_CHAIN_LONG, 0, 0, 0, 0},
	{"indirect and not negotiated",
	 {{TABLE, 16, INDIRECT, 0}}, {{DATA, 1, 0, 0}}, true, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, 0, 0},
	{"indirect, and more behind",
	 {{TABLE, 16, INDIRECT | NEXT, 0}, {DATA, 1, 0, 0}}, {{DATA, 1, 0, 0}}, false, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, 0, 0},
	{"indirect behind another",
	 {{DATA, 1, NEXT, 0}, {TABLE, 16, INDIRECT, 0}}, {{DATA, 1, 0, 0}}, false, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, 0, 0},
	{"a table in a table",
	 {{TABLE, 16, INDIRECT, 0}}, {{TABLE, 16, INDIRECT, 0}}, false, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, 0, 0},
	{"a table of nothing", {{TABLE, 0, INDIRECT, 0}}, {{0}}, false, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, 0, 0},
	{"a table of an entry and a half",
	 {{TABLE, 24, INDIRECT, 0}}, {{DATA, 1, 0, 0}}, false, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, 0, 0},
	{"a table of 1025", {{GUEST, 1025 * 16, INDIRECT, 0}}, {{0}}, false, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, 0, 0},
	{"a table that leaves the memory", {{END - 16, 32, INDIRECT, 0}}, {{0}}, false, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, 0, 0},
	{"a buffer that leaves the memory", {{END - 1, 2, 0, 0}}, {{0}}, false, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, 0, 0},
	{"a buffer that wraps", {{UINT64_MAX, 2, WRITE, 0}}, {{0}}, false, RING_TO_GUEST, DROP_RING_ADDRESS, 0, 0, 0, 0},
	{"a buffer of no bytes", {{DATA, 0, 0, 0}}, {{0}}, false, RING_FROM_GUEST, DROP_RING_LENGTH, 0, 0, 0, 0},
	{"a buffer of no bytes in a table",
	 {{TABLE, 32, INDIRECT, 0}}, {{DATA, 1, 0, 0}, {DATA, 0, 0, 0}}, false, RING_FROM_GUEST, DROP_RING_LENGTH, 0, 0, 0, 0},
	{"a buffer to write where the device reads", {{DATA, 1, WRITE, 0}}, {{0}}, false, RING_FROM_GUEST, DROP_RING_DIRECTION, 0, 0, 0, 0},
	{"a buffer to read where the device writes", {{DATA, 1, 0, 0}}, {{0}}, false, RING_TO_GUEST, DROP_RING_DIRECTION, 0, 0, 0, 0},
	{"write, then read",
	 {{DATA, 1, WRITE | NEXT, 0}, {DATA, 1, 0, 0}}, {{0}}, false, RING_BOTH, DROP_RING_DIRECTION, 0, 0, 0, 0},
};
/* clang-format on */

struct liar {
	uint8_t *host;
	struct memory memory;
	struct ring ring;
	struct packed_desc *desc;
	struct packed_event *driver, *device;
};

static struct ring_setup setup_of(struct liar *liar)
{
	return (struct ring_setup){
		.memory = &liar->memory,
		.desc = DESC,
		.driver = DRIVER,
		.device = DEVICE,
		.size = SIZE,
		.base = {RING_PACKED_START, RING_PACKED_START},
		.packed = true,
		.indirect = true,
		.mergeable = true,
	};
}

static void liar_init(struct liar *liar)
{
	struct ring_setup setup = setup_of(liar);

	liar->host = aligned_alloc(16, GUEST_BYTES);
	assert_non_null(liar->host);
	memset(liar->host, 0, GUEST_BYTES);
	memory_init(&liar->memory);
	assert_int_equal(memory_add(&liar->memory, GUEST, GUEST_BYTES, liar->host), 0);
	assert_int_equal(ring_init(&liar->ring, &setup), 0);
	liar->desc = (void *)liar->host;
	liar->driver = (void *)(liar->host + (DRIVER - GUEST));
	liar->device = (void *)(liar->host + (DEVICE - GUEST));
}

static void liar_done(struct liar *liar)
{
	free(liar->host);
}

static void write_desc(struct packed_desc *to, const struct plain_desc *from, uint16_t more)
{
	to->address = le64_from(from->address);
	to->bytes = le32_from(from->bytes);
	to->id = le16_from(from->id);
	shared16_store(&to->flags, (uint16_t)(from->flags | more), memory_order_release);
}

/* All of the ring, offered in the round of this wrap counter. */
static void offer_all(struct liar *liar, const struct plain_desc *from, bool wrap)
{
	for (int i = 0; i < SIZE; i++)
		write_desc(&liar->desc[i], &from[i], wrap ? PACKED_DESC_AVAIL : PACKED_DESC_USED);
}

static void each_lie_breaks_the_ring_with_its_reason(void **state)
{
	static struct iovec pieces[RING_PIECES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie *lie = &lies[i];
		struct ring_chain chain = {0};
		struct liar liar;
		bool taken;

		liar_init(&liar);
		liar.ring.indirect = !lie->no_indirect;
		offer_all(&liar, lie->desc, true);
		for (int entry = 0; entry < 3; entry++)
			write_desc((struct packed_desc *)(void *)(liar.host + (TABLE - GUEST)) + entry,
				   &lie->table[entry], 0);
		taken = ring_take(&liar.ring, lie->direction, pieces, RING_PIECES_MAX, &chain);
		if (liar.ring.broken != lie->verdict || taken != (lie->verdict == DROP_NONE))
			fail_msg("%s: %s", lie->what, drop_name(liar.ring.broken));
		if (chain.id != lie->id || chain.slots != lie->slots || chain.readable_bytes != lie->readable_bytes ||
		    chain.writable_bytes != lie->writable_bytes)
			fail_msg("%s: id %u, %u slots, %u and %u bytes", lie->what, chain.id, chain.slots,
				 chain.readable_bytes, chain.writable_bytes);
		liar_done(&liar);
	}
}

static void a_setup_that_lies_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint64_t desc, driver, device;
		uint16_t size, avail, used;
		int verdict;
	} rows[] = {
		{"as it should be", DESC, DRIVER, DEVICE, SIZE, RING_PACKED_START, RING_PACKED_START, 0},
		{"further on", DESC, DRIVER, DEVICE, SIZE, 4, RING_PACKED_START | 3, 0},
		{"no size", DESC, DRIVER, DEVICE, 0, 0, 0, -EINVAL},
		{"too large", DESC, DRIVER, DEVICE, RING_SIZE_MAX + 1, 0, 0, -EINVAL},
		{"a base beyond the ring", DESC, DRIVER, DEVICE, SIZE, SIZE, 0, -EINVAL},
		{"a used base beyond the ring", DESC, DRIVER, DEVICE, SIZE, 0, RING_PACKED_START | SIZE, -EINVAL},
		{"descriptors askew", DESC + 8, DRIVER, DEVICE, SIZE, 0, 0, -EINVAL},
		{"an event askew", DESC, DRIVER + 2, DEVICE, SIZE, 0, 0, -EINVAL},
		{"descriptors that leave the memory", END - 16, DRIVER, DEVICE, 2, 0, 0, -EFAULT},
		{"no driver's event", DESC, 0, DEVICE, SIZE, 0, 0, -EFAULT},
		{"no device's event", DESC, DRIVER, END, SIZE, 0, 0, -EFAULT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct liar liar;
		struct ring_setup setup;
		int verdict;

		liar_init(&liar);
		setup = setup_of(&liar);
		setup.desc = rows[i].desc;
		setup.driver = rows[i].driver;
		setup.device = rows[i].device;
		setup.size = rows[i].size;
		setup.base = (struct ring_base){rows[i].avail, rows[i].used};
		verdict = ring_init(&liar.ring, &setup);
		if (verdict != rows[i].verdict)
			fail_msg("%s: %d", rows[i].what, verdict);
		if (verdict == 0) {
			assert_int_equal(ring_base(&liar.ring).avail, rows[i].avail);
			assert_int_equal(ring_base(&liar.ring).used, rows[i].used);
		}
		liar_done(&liar);
	}
}

/* Each buffer is of one slot; the guest offers it again as soon as it came back. */
static void the_wrap_counters_turn_at_the_end_of_the_ring(void **state)
{
	static const struct plain_desc one[SIZE] = {
		{DATA, 10, 0, 0}, {DATA, 10, 0, 1}, {DATA, 10, 0, 2}, {DATA, 10, 0, 3}, {DATA, 10, 0, 4}};
	struct iovec piece;
	struct ring_chain chain;
	struct liar liar;
	bool wrap = true;

	(void)state;
	liar_init(&liar);
	for (int round = 0; round < 3; round++, wrap = !wrap) {
		offer_all(&liar, one, wrap);
		for (int i = 0; i < SIZE; i++) {
			assert_true(ring_take(&liar.ring, RING_FROM_GUEST, &piece, 1, &chain));
			assert_int_equal(chain.id, i);
			ring_return(&liar.ring, &chain, 0);
		}
		assert_false(ring_take(&liar.ring, RING_FROM_GUEST, &piece, 1, &chain));
		ring_flush(&liar.ring);
		for (int i = 0; i < SIZE; i++)
			assert_int_equal(shared16_load(&liar.desc[i].flags, memory_order_acquire),
					 wrap ? PACKED_DESC_AVAIL | PACKED_DESC_USED : 0);
		assert_int_equal(ring_base(&liar.ring).avail, wrap ? 0 : RING_PACKED_START);
		assert_int_equal(ring_base(&liar.ring).used, wrap ? 0 : RING_PACKED_START);
	}
	assert_int_equal(liar.ring.broken, DROP_NONE);
	liar_done(&liar);
}

/* A frame of three buffers: the guest sees the first of them, and with it all, at the flush. */
static void the_first_of_a_batch_is_shown_last(void **state)
{
	static const struct plain_desc rooms[SIZE] = {{DATA, 20, WRITE, 0},
						      {DATA, 20, WRITE, 1},
						      {DATA, 20, WRITE, 2},
						      {DATA, 20, WRITE, 3},
						      {DATA, 20, WRITE, 4}};
	static struct ring_room room;
	struct liar liar;

	(void)state;
	liar_init(&liar);
	offer_all(&liar, rooms, true);
	assert_int_equal(ring_reserve(&liar.ring, 50, 100, &room), 0);
	ring_commit(&liar.ring, &room, 50);
	assert_int_equal(shared16_load(&liar.desc[0].flags, memory_order_acquire), PACKED_DESC_AVAIL | WRITE);
	assert_true(ring_flush(&liar.ring));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(shared16_load(&liar.desc[i].flags, memory_order_acquire),
				 PACKED_DESC_AVAIL | PACKED_DESC_USED | WRITE);
		assert_int_equal(le32_value(liar.desc[i].bytes), i < 2 ? 20 : 10);
	}
	assert_int_equal(shared16_load(&liar.desc[3].flags, memory_order_acquire), PACKED_DESC_AVAIL | WRITE);
	assert_false(ring_flush(&liar.ring));
	liar_done(&liar);
}

/* The ring as the next device finds it, which is told that it is new. */
static void find_again(struct liar *liar)
{
	struct ring_setup setup = setup_of(liar);

	setup.guessed = true;
	assert_int_equal(ring_init(&liar->ring, &setup), 0);
}

static const struct plain_desc five[SIZE] = {
	{DATA, 10, 0, 0}, {DATA, 10, 0, 1}, {DATA, 10, 0, 2}, {DATA, 10, 0, 3}, {DATA, 10, 0, 4}};

/* So many buffers, in the first round and in the second. */
static void serve(struct liar *liar, int count)
{
	struct ring_chain chain;
	struct iovec piece;

	offer_all(liar, five, true);
	for (int i = 0; i < count; i++) {
		if (i == SIZE)
			offer_all(liar, five, false);
		assert_true(ring_take(&liar->ring, RING_FROM_GUEST, &piece, 1, &chain));
		ring_return(&liar->ring, &chain, 0);
	}
	ring_flush(&liar->ring);
	ring_disarm(&liar->ring);
}

static void a_device_that_goes_leaves_word_of_its_place(void **state)
{
	(void)state;
	for (int count = 0; count < 2 * SIZE; count++) {
		struct liar liar;
		uint16_t place = (uint16_t)(count < SIZE ? RING_PACKED_START | count : count - SIZE);

		liar_init(&liar);
		serve(&liar, count);
		ring_leave(&liar.ring);
		assert_int_equal(shared16_load(&liar.device->flags, memory_order_acquire), PACKED_EVENT_ENABLE);
		/* as QEMU does while nobody serves it */
		shared16_store(&liar.device->flags, PACKED_EVENT_DISABLE, memory_order_relaxed);
		find_again(&liar);
		assert_int_equal(liar.ring.broken, DROP_NONE);
		assert_int_equal(ring_base(&liar.ring).avail, place);
		assert_int_equal(ring_base(&liar.ring).used, place);
		liar_done(&liar);
	}
}

static void a_place_that_was_left_counts_once_and_lies_in_the_ring(void **state)
{
	struct ring_setup setup;
	struct liar liar;

	(void)state;
	liar_init(&liar);
	setup = setup_of(&liar);
	setup.guessed = true;
	ring_leave(&liar.ring);
	shared16_store(&liar.device->place, shared16_load(&liar.device->place, memory_order_relaxed) + SIZE,
		       memory_order_relaxed);
	assert_int_equal(ring_init(&liar.ring, &setup), -EINVAL);
	assert_int_equal(ring_init(&liar.ring, &setup), 0);
	assert_int_equal(ring_base(&liar.ring).avail, RING_PACKED_START);
	liar_done(&liar);
}

static void a_device_that_has_a_buffer_does_not_know_its_place(void **state)
{
	struct ring_chain chain;
	struct iovec piece;
	struct liar liar;

	(void)state;
	liar_init(&liar);
	offer_all(&liar, five, true);
	assert_true(ring_take(&liar.ring, RING_FROM_GUEST, &piece, 1, &chain));
	ring_leave(&liar.ring);
	find_again(&liar);
	assert_int_equal(ring_base(&liar.ring).avail, RING_PACKED_START);
	liar_done(&liar);
}

static void a_ring_whose_device_was_killed_is_lost(void **state)
{
	(void)state;
	for (int count = 1; count < 2 * SIZE; count++) {
		struct liar liar;

		liar_init(&liar);
		serve(&liar, count);
		find_again(&liar);
		assert_int_equal(liar.ring.broken, DROP_RING_LOST);
		liar_done(&liar);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lie_breaks_the_ring_with_its_reason),
		cmocka_unit_test(a_setup_that_lies_is_refused),
		cmocka_unit_test(the_wrap_counters_turn_at_the_end_of_the_ring),
		cmocka_unit_test(the_first_of_a_batch_is_shown_last),
		cmocka_unit_test(a_device_that_goes_leaves_word_of_its_place),
		cmocka_unit_test(a_place_that_was_left_counts_once_and_lies_in_the_ring),
		cmocka_unit_test(a_device_that_has_a_buffer_does_not_know_its_place),
		cmocka_unit_test(a_ring_whose_device_was_killed_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
