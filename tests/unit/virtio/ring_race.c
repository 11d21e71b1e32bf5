/* SPDX-License-Identifier: MIT */
/* A guest that changes its ring from another processor while it is walked: descriptors, indirect tables, indexes. What the
 * walker gives out must be the guest's memory as it was checked, whatever stood there a moment later. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "virtio/ring.h"

enum {
	SIZE = 8,
	GUEST = 0x10000,
	GUEST_BYTES = 0x8000,
	DESC = GUEST,
	AVAIL = GUEST + 0x1000,
	USED = GUEST + 0x2000,
	TABLE = GUEST + 0x3000,
	DATA = GUEST + 0x4000,
	TAKEN = 3000,
	TAKEN_BY_TURNS = 30,
	SECONDS_MOST = 20,
};

static bool by_turns; /* there is one processor for both */

struct shared {
	uint8_t *memory;
	atomic_bool ends;
	bool packed;
};

/* Right, and in each field wrong. */
struct plain_desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

static const struct plain_desc choices[] = {
	{DATA, 100, 0, 0},
	{DATA, 100, DESC_NEXT, 1},
	{DATA + 0x1000, 4096, DESC_NEXT, 2},
	{TABLE, 64, DESC_INDIRECT, 0},
	{TABLE, 0xfffffff0, DESC_INDIRECT, 0},
	{UINT64_MAX - 4, 100, 0, 0},
	{GUEST + GUEST_BYTES - 10, 100, 0, 0},
	{DATA, UINT32_MAX, DESC_NEXT, 0xffff},
	{0, 0, DESC_WRITE, 0},
};

/* As wide as the two fields are written by a processor, so that halves of two choices meet. */
static void put(uint8_t *to, const struct plain_desc *desc, uint16_t flags)
{
	uint64_t rest = desc->bytes | (uint64_t)(desc->flags | flags) << 32 | (uint64_t)desc->next << 48;

	atomic_store_explicit((_Atomic uint64_t *)(void *)to, desc->address, memory_order_relaxed);
	atomic_store_explicit((_Atomic uint64_t *)(void *)(to + 8), rest, memory_order_relaxed);
}

/* In a packed ring the flags stand where next does. */
static void put_packed(uint8_t *to, const struct plain_desc *desc, uint16_t flags)
{
	uint64_t rest = desc->bytes | (uint64_t)(desc->flags | flags) << 48;

	atomic_store_explicit((_Atomic uint64_t *)(void *)to, desc->address, memory_order_relaxed);
	atomic_store_explicit((_Atomic uint64_t *)(void *)(to + 8), rest, memory_order_relaxed);
}

static void *change(void *owner)
{
	struct shared *shared = owner;
	uint32_t turn = 0;

	while (!atomic_load_explicit(&shared->ends, memory_order_relaxed)) {
		const struct plain_desc *desc = &choices[turn * 2654435761u % (sizeof(choices) / sizeof(choices[0]))];
		uint32_t at = (turn >> 3) % (SIZE + 4);
		uint8_t *to =
			shared->memory + (at < SIZE ? (uint32_t)DESC + at * 16 : TABLE + (at - SIZE) * 16) - GUEST;

		turn++;
		if (by_turns && turn % 8 == 0)
			sched_yield();
		if (shared->packed) {
			put_packed(to, desc, at < SIZE ? (turn & 64 ? PACKED_DESC_AVAIL : PACKED_DESC_USED) : 0);
			continue;
		}
		put(to, desc, 0);
		atomic_store_explicit((_Atomic uint16_t *)(void *)(shared->memory + AVAIL - GUEST + 4 +
								   turn % SIZE * 2),
				      (uint16_t)(turn % (SIZE + 1)), memory_order_relaxed);
		atomic_store_explicit((_Atomic uint16_t *)(void *)(shared->memory + AVAIL - GUEST + 2),
				      (uint16_t)(turn / 5), memory_order_release);
	}
	return NULL;
}

static void check_piece(const struct shared *shared, const struct iovec *piece)
{
	uintptr_t first = (uintptr_t)shared->memory, at = (uintptr_t)piece->iov_base;

	assert_true(piece->iov_len > 0 && piece->iov_len <= GUEST_BYTES);
	assert_true(at >= first && at - first <= GUEST_BYTES - piece->iov_len);
}

static void start(struct ring *ring, struct memory *memory, const struct shared *shared)
{
	uint16_t index = atomic_load_explicit((_Atomic uint16_t *)(void *)(shared->memory + AVAIL - GUEST + 2),
					      memory_order_relaxed);
	struct ring_setup setup = {.memory = memory,
				   .desc = DESC,
				   .driver = AVAIL,
				   .device = USED,
				   .size = SIZE,
				   .base = {index, index},
				   .packed = shared->packed,
				   .indirect = true};

	if (shared->packed)
		setup.base = (struct ring_base){RING_PACKED_START, RING_PACKED_START};
	assert_int_equal(ring_init(ring, &setup), 0);
}

/* How many chains were taken. */
static uint32_t walk(struct shared *shared, struct memory *memory)
{
	static struct iovec pieces[RING_PIECES_MAX];
	time_t end = time(NULL) + SECONDS_MOST;
	uint32_t taken = 0;
	struct ring ring;

	start(&ring, memory, shared);
	for (uint32_t look = 0; taken < TAKEN && (look % 1024 || time(NULL) < end); look++) {
		struct ring_chain chain;

		if (ring.broken != DROP_NONE)
			start(&ring, memory, shared);
		if (!ring_take(&ring, RING_FROM_GUEST, pieces, RING_PIECES_MAX, &chain)) {
			if (by_turns)
				sched_yield();
			continue;
		}
		taken++;
		for (uint32_t i = 0; i < chain.readable_pieces; i++)
			check_piece(shared, &pieces[i]);
		ring_return(&ring, &chain, 0);
		ring_flush(&ring);
	}
	return taken;
}

static void what_changes_while_it_is_read_is_checked_as_it_was_used(void **state)
{
	cpu_set_t processors;

	(void)state;
	by_turns = sched_getaffinity(0, sizeof(processors), &processors) == 0 && CPU_COUNT(&processors) == 1;
	for (int packed = 0; packed < 2; packed++) {
		struct shared shared = {.memory = aligned_alloc(4096, GUEST_BYTES), .packed = packed};
		struct memory memory;
		pthread_t thread;

		memset(shared.memory, 0, GUEST_BYTES);
		memory_init(&memory);
		assert_int_equal(memory_add(&memory, GUEST, GUEST_BYTES, shared.memory), 0);
		assert_int_equal(pthread_create(&thread, NULL, change, &shared), 0);
		assert_in_range(walk(&shared, &memory), by_turns ? TAKEN_BY_TURNS : TAKEN, TAKEN);
		atomic_store(&shared.ends, true);
		pthread_join(thread, NULL);
		free(shared.memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_while_it_is_read_is_checked_as_it_was_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
