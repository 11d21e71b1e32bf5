/* SPDX-License-Identifier: MIT */
/* The walker against rings that lie: tables of descriptors, of indices and of setups, and the reason of each. Honest rings
 * are in ring_split.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kit/ring_driver.h"
#include "virtio/net.h"
#include "virtio/pieces.h"
#include "virtio/ring.h"

enum {
	SIZE = 8,
	GUEST = 0x10000, /* where the guest's memory starts */
	GUEST_BYTES = 0x8000,
	DESC = GUEST,
	AVAIL = GUEST + 0x1000,
	USED = GUEST + 0x2000,
	TABLE = GUEST + 0x3000,
	DATA = GUEST + 0x4000,
	END = GUEST + GUEST_BYTES,
	NEXT = DESC_NEXT,
	WRITE = DESC_WRITE,
	INDIRECT = DESC_INDIRECT,
};

struct plain_desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags;
	uint16_t next;
};

struct lie {
	const char *what;
	struct plain_desc desc[SIZE];
	struct plain_desc table[4]; /* at TABLE */
	uint16_t head;
	enum ring_direction direction;
	enum drop_reason verdict;
	uint32_t readable_bytes; /* when there is none */
	uint32_t writable_bytes;
	bool no_indirect;
};

/* clang-format off */
static const struct lie lies[] = {
	/* honest, so that the others fail for their reason alone */
	{"one buffer", {{DATA, 100, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_NONE, 100, 0, false},
	{"a chain backwards",
	 {{DATA, 1, 0, 0}, {DATA, 2, NEXT, 0}, {DATA, 4, NEXT, 1}}, {{0}}, 2, RING_FROM_GUEST, DROP_NONE, 7, 0,
	 false},
	{"read, then write", {{DATA, 1, NEXT, 1}, {DATA, 2, WRITE, 0}}, {{0}}, 0, RING_BOTH, DROP_NONE, 1, 2, false},
	{"a next that is not announced", {{DATA, 1, 0, 999}}, {{0}}, 0, RING_FROM_GUEST, DROP_NONE, 1, 0, false},
	{"a whole ring in one chain",
	 {{DATA, 1, NEXT, 1}, {DATA, 1, NEXT, 2}, {DATA, 1, NEXT, 3}, {DATA, 1, NEXT, 4}, {DATA, 1, NEXT, 5},
	 {DATA, 1, NEXT, 6}, {DATA, 1, NEXT, 7}, {DATA, 1, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_NONE, 8, 0, false},
	{"an indirect table",
	 {{TABLE, 32, INDIRECT, 0}}, {{DATA, 3, NEXT, 1}, {DATA, 4, 0, 0}}, 0, RING_FROM_GUEST, DROP_NONE, 7, 0,
	 false},
	{"an indirect table behind a buffer, marked for writing (2.7.5.3.2)",
	 {{DATA, 1, NEXT, 1}, {TABLE, 16, INDIRECT | WRITE, 0}}, {{DATA, 2, WRITE, 0}}, 0, RING_BOTH, DROP_NONE,
	 1, 2, false},
	{"the last byte of the memory", {{END - 1, 1, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_NONE, 1, 0, false},
	/* descriptor numbers */
	{"a head outside the table",
	 {{DATA, 1, 0, 0}}, {{0}}, SIZE, RING_FROM_GUEST, DROP_RING_DESCRIPTOR_INDEX, 0, 0, false},
	{"a head far outside",
	 {{DATA, 1, 0, 0}}, {{0}}, 65535, RING_FROM_GUEST, DROP_RING_DESCRIPTOR_INDEX, 0, 0, false},
	{"a next outside the table",
	 {{DATA, 1, NEXT, SIZE}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_DESCRIPTOR_INDEX, 0, 0, false},
	{"a next outside the indirect table",
	 {{TABLE, 16, INDIRECT, 0}}, {{DATA, 1, NEXT, 1}}, 0, RING_FROM_GUEST, DROP_RING_DESCRIPTOR_INDEX, 0, 0,
	 false},
	/* loops */
	{"a descriptor that is its own next",
	 {{DATA, 1, NEXT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_CHAIN_LONG, 0, 0, false},
	{"two that go in a circle",
	 {{DATA, 1, NEXT, 1}, {DATA, 1, NEXT, 0}}, {{0}}, 0, RING_TO_GUEST | RING_FROM_GUEST,
	 DROP_RING_CHAIN_LONG, 0, 0, false},
	{"a circle in an indirect table",
	 {{TABLE, 48, INDIRECT, 0}}, {{DATA, 1, NEXT, 1}, {DATA, 1, NEXT, 2}, {DATA, 1, NEXT, 1}}, 0,
	 RING_FROM_GUEST, DROP_RING_CHAIN_LONG, 0, 0, false},
	/* indirect tables */
	{"indirect that was not negotiated",
	 {{TABLE, 16, INDIRECT, 0}}, {{DATA, 1, 0, 0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, true},
	{"indirect with a next",
	 {{TABLE, 16, INDIRECT | NEXT, 1}}, {{DATA, 1, 0, 0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, false},
	{"a table in a table",
	 {{TABLE, 16, INDIRECT, 0}}, {{TABLE, 16, INDIRECT, 0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, false},
	{"an empty table", {{TABLE, 0, INDIRECT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, false},
	{"a table of half an entry",
	 {{TABLE, 8, INDIRECT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, false},
	{"a table of an entry and a half",
	 {{TABLE, 24, INDIRECT, 0}}, {{DATA, 1, 0, 0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, false},
	{"a table of 1025",
	 {{GUEST, 1025 * 16, INDIRECT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, false},
	{"a table of 4 GiB",
	 {{TABLE, 0xfffffff0, INDIRECT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_INDIRECT, 0, 0, false},
	{"a table that leaves the memory",
	 {{END - 16, 32, INDIRECT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	{"a table nowhere", {{0, 16, INDIRECT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	{"a table at the end of all addresses",
	 {{UINT64_MAX - 7, 16, INDIRECT, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	/* addresses */
	{"a buffer before the memory",
	 {{GUEST - 1, 2, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	{"a buffer that leaves the memory",
	 {{END - 1, 2, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	{"a buffer at 0", {{0, 1, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	{"a buffer that wraps", {{UINT64_MAX, 2, WRITE, 0}}, {{0}}, 0, RING_TO_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	{"a buffer of 4 GiB", {{DATA, UINT32_MAX, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	{"the second buffer is nobody's",
	 {{DATA, 1, NEXT, 1}, {END, 1, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_ADDRESS, 0, 0, false},
	/* lengths */
	{"a buffer of no bytes", {{DATA, 0, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_LENGTH, 0, 0, false},
	{"a buffer of no bytes, nowhere", {{0, 0, WRITE, 0}}, {{0}}, 0, RING_TO_GUEST, DROP_RING_LENGTH, 0, 0, false},
	{"a last buffer of no bytes",
	 {{DATA, 5, NEXT, 3}, {0}, {0}, {DATA, 0, 0, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_LENGTH, 0, 0, false},
	/* directions */
	{"a buffer to write where the device reads",
	 {{DATA, 1, WRITE, 0}}, {{0}}, 0, RING_FROM_GUEST, DROP_RING_DIRECTION, 0, 0, false},
	{"a buffer to read where the device writes",
	 {{DATA, 1, 0, 0}}, {{0}}, 0, RING_TO_GUEST, DROP_RING_DIRECTION, 0, 0, false},
	{"write, then read",
	 {{DATA, 1, WRITE | NEXT, 1}, {DATA, 1, 0, 0}}, {{0}}, 0, RING_BOTH, DROP_RING_DIRECTION, 0, 0, false},
	{"write, then read in an indirect table",
	 {{TABLE, 32, INDIRECT, 0}}, {{DATA, 1, WRITE | NEXT, 1}, {DATA, 1, 0, 0}}, 0, RING_BOTH,
	 DROP_RING_DIRECTION, 0, 0, false},
};
/* clang-format on */

/* A guest whose memory is written by hand. */
struct liar {
	uint8_t *host;
	struct memory memory;
	struct ring ring;
	struct split_avail *avail;
};

static void write_descriptors(struct liar *liar, uint64_t address, const struct plain_desc *from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct split_desc entry = {
			.address = le64_from(from[i].address),
			.bytes = le32_from(from[i].bytes),
			.flags = le16_from(from[i].flags),
			.next = le16_from(from[i].next),
		};

		memcpy(liar->host + (address - GUEST) + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void liar_init(struct liar *liar, bool indirect, bool mergeable)
{
	struct ring_setup setup = {
		.memory = &liar->memory,
		.desc = DESC,
		.driver = AVAIL,
		.device = USED,
		.size = SIZE,
		.indirect = indirect,
		.mergeable = mergeable,
	};

	liar->host = calloc(1, GUEST_BYTES);
	assert_non_null(liar->host);
	memory_init(&liar->memory);
	assert_int_equal(memory_add(&liar->memory, GUEST, GUEST_BYTES, liar->host), 0);
	assert_int_equal(ring_init(&liar->ring, &setup), 0);
	liar->avail = (void *)(liar->host + (AVAIL - GUEST));
}

static void liar_done(struct liar *liar)
{
	free(liar->host);
}

static void liar_offer(struct liar *liar, uint16_t index, uint16_t head)
{
	for (int i = 0; i < SIZE; i++)
		shared16_store(&liar->avail->ring[i], head, memory_order_relaxed);
	shared16_store(&liar->avail->index, index, memory_order_release);
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

		liar_init(&liar, !lie->no_indirect, true);
		write_descriptors(&liar, DESC, lie->desc, SIZE);
		write_descriptors(&liar, TABLE, lie->table, 4);
		liar_offer(&liar, 1, lie->head);
		taken = ring_take(&liar.ring, lie->direction, pieces, RING_PIECES_MAX, &chain);
		if (liar.ring.broken != lie->verdict || taken != (lie->verdict == DROP_NONE))
			fail_msg("%s: %s", lie->what, drop_name(liar.ring.broken));
		if (chain.readable_bytes != lie->readable_bytes || chain.writable_bytes != lie->writable_bytes)
			fail_msg("%s: %u and %u bytes", lie->what, chain.readable_bytes, chain.writable_bytes);
		if (pieces_bytes(pieces, chain.readable_pieces) != chain.readable_bytes ||
		    pieces_bytes(pieces + chain.readable_pieces, chain.writable_pieces) != chain.writable_bytes)
			fail_msg("%s: the pieces are not the chain", lie->what);
		liar_done(&liar);
	}
}

static void a_broken_ring_stays_broken_and_does_nothing(void **state)
{
	static struct ring_room room;
	struct plain_desc good = {DATA, 100, WRITE, 0};
	struct ring_chain chain;
	struct iovec piece;
	struct liar liar;

	(void)state;
	liar_init(&liar, true, true);
	liar_offer(&liar, 1, 99);
	assert_false(ring_take(&liar.ring, RING_TO_GUEST, &piece, 1, &chain));
	assert_int_equal(liar.ring.broken, DROP_RING_DESCRIPTOR_INDEX);
	write_descriptors(&liar, DESC, &good, 1);
	liar_offer(&liar, 1, 0);
	assert_false(ring_take(&liar.ring, RING_TO_GUEST, &piece, 1, &chain));
	assert_int_equal(ring_reserve(&liar.ring, 12, 100, &room), -EPIPE);
	assert_false(ring_arm(&liar.ring));
	assert_false(ring_flush(&liar.ring));
	ring_break(&liar.ring, DROP_RING_HEADER);
	assert_int_equal(liar.ring.broken, DROP_RING_DESCRIPTOR_INDEX);
	liar_done(&liar);
}

static void more_offered_than_the_ring_holds_breaks_it(void **state)
{
	static const struct {
		uint16_t index;
		bool broken;
	} rows[] = {{0, false}, {1, false}, {SIZE, false}, {SIZE + 1, true}, {40000, true}, {65535, true}};
	struct plain_desc good = {DATA, 100, 0, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ring_chain chain;
		struct iovec piece;
		struct liar liar;
		unsigned taken = 0;

		liar_init(&liar, true, true);
		write_descriptors(&liar, DESC, &good, 1);
		liar_offer(&liar, rows[i].index, 0);
		while (ring_take(&liar.ring, RING_FROM_GUEST, &piece, 1, &chain))
			taken++;
		assert_int_equal(liar.ring.broken, rows[i].broken ? DROP_RING_AVAIL_INDEX : DROP_NONE);
		assert_int_equal(taken, rows[i].broken ? 0 : rows[i].index);
		liar_done(&liar);
	}
}

/* Two buffers of 3 GiB, over one region that only pretends to be there: no byte of it is touched. */
static void a_chain_of_more_than_4_gib_breaks_the_ring(void **state)
{
	struct plain_desc huge[2] = {{0x100000000, 0xc0000000, NEXT, 1}, {0x100000000, 0xc0000000, 0, 0}};
	struct ring_chain chain;
	struct iovec pieces[2];
	struct liar liar;

	(void)state;
	liar_init(&liar, true, true);
	assert_int_equal(memory_add(&liar.memory, 0x100000000, 0x100000000, liar.host), 0);
	write_descriptors(&liar, DESC, huge, 2);
	liar_offer(&liar, 1, 0);
	assert_false(ring_take(&liar.ring, RING_FROM_GUEST, pieces, 2, &chain));
	assert_int_equal(liar.ring.broken, DROP_RING_LENGTH);
	liar_done(&liar);
}

static void a_chain_of_more_pieces_than_there_is_room_for_breaks_the_ring(void **state)
{
	struct plain_desc three[3] = {{DATA, 1, NEXT, 1}, {DATA, 1, NEXT, 2}, {DATA, 1, 0, 0}};
	struct ring_chain chain;
	struct iovec pieces[3];
	struct liar liar;

	(void)state;
	liar_init(&liar, true, true);
	write_descriptors(&liar, DESC, three, 3);
	liar_offer(&liar, 2, 0);
	assert_true(ring_take(&liar.ring, RING_FROM_GUEST, pieces, 3, &chain));
	assert_false(ring_take(&liar.ring, RING_FROM_GUEST, pieces, 2, &chain));
	assert_int_equal(liar.ring.broken, DROP_RING_CHAIN_LONG);
	liar_done(&liar);
}

static void a_buffer_over_regions_that_touch_is_taken(void **state)
{
	static uint8_t second[64];
	struct plain_desc over = {END - 10, 30, 0, 0};
	struct ring_chain chain;
	struct iovec pieces[2];
	struct liar liar;

	(void)state;
	liar_init(&liar, true, true);
	assert_int_equal(memory_add(&liar.memory, END, sizeof(second), second), 0);
	write_descriptors(&liar, DESC, &over, 1);
	liar_offer(&liar, 1, 0);
	assert_true(ring_take(&liar.ring, RING_FROM_GUEST, pieces, 2, &chain));
	assert_int_equal(chain.readable_pieces, 2);
	assert_int_equal(pieces[0].iov_len, 10);
	assert_ptr_equal(pieces[1].iov_base, second);
	assert_int_equal(pieces[1].iov_len, 20);
	liar_done(&liar);
}

static void a_setup_that_lies_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint64_t desc, avail, used;
		uint16_t size;
		int verdict;
	} rows[] = {
		{"honest", DESC, AVAIL, USED, 8, 0},
		{"a size of 1", DESC, AVAIL, USED, 1, 0},
		{"no size", DESC, AVAIL, USED, 0, -EINVAL},
		{"a size that is no power of two", DESC, AVAIL, USED, 12, -EINVAL},
		{"a size of 65535", DESC, AVAIL, USED, 65535, -EINVAL},
		{"a table that is not aligned", DESC + 8, AVAIL, USED, 8, -EINVAL},
		{"an avail ring that is not aligned", DESC, AVAIL + 1, USED, 8, -EINVAL},
		{"a used ring that is not aligned", DESC, AVAIL, USED + 2, 8, -EINVAL},
		{"a table nowhere", 0, AVAIL, USED, 8, -EFAULT},
		{"a table that leaves the memory", END - 64, AVAIL, USED, 8, -EFAULT},
		{"an avail ring nowhere", DESC, UINT64_MAX - 1, USED, 8, -EFAULT},
		{"an avail ring whose event is outside", DESC, END - 20, USED, 8, -EFAULT},
		{"a used ring whose event is outside", DESC, AVAIL, END - 68, 8, -EFAULT},
		{"a ring larger than the memory", DESC, AVAIL, USED, 32768, -EFAULT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ring_setup setup = {.desc = rows[i].desc,
					   .driver = rows[i].avail,
					   .device = rows[i].used,
					   .size = rows[i].size};
		struct ring ring;
		struct liar liar;
		int verdict;

		liar_init(&liar, true, true);
		setup.memory = &liar.memory;
		verdict = ring_init(&ring, &setup);
		if (verdict != rows[i].verdict)
			fail_msg("%s: %d, not %d", rows[i].what, verdict, rows[i].verdict);
		liar_done(&liar);
	}
}

static void a_first_chain_shorter_than_the_header_breaks_the_ring(void **state)
{
	static struct ring_room room;
	struct plain_desc brief = {DATA, VIRTIO_NET_HEADER_BYTES - 1, WRITE, 0};
	struct liar liar;

	(void)state;
	liar_init(&liar, true, true);
	write_descriptors(&liar, DESC, &brief, 1);
	liar_offer(&liar, 4, 0);
	assert_int_equal(ring_reserve(&liar.ring, 12, 100, &room), -EPIPE);
	assert_int_equal(liar.ring.broken, DROP_RING_HEADER);
	liar_done(&liar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lie_breaks_the_ring_with_its_reason),
		cmocka_unit_test(a_broken_ring_stays_broken_and_does_nothing),
		cmocka_unit_test(more_offered_than_the_ring_holds_breaks_it),
		cmocka_unit_test(a_chain_of_more_than_4_gib_breaks_the_ring),
		cmocka_unit_test(a_chain_of_more_pieces_than_there_is_room_for_breaks_the_ring),
		cmocka_unit_test(a_buffer_over_regions_that_touch_is_taken),
		cmocka_unit_test(a_setup_that_lies_is_refused),
		cmocka_unit_test(a_first_chain_shorter_than_the_header_breaks_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
