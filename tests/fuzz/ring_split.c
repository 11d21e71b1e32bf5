/* SPDX-License-Identifier: MIT */
/* covers: src/virtio/ring_split.c */
/* The walker over memory that the input wrote. The first bytes choose the ring, then come the device's steps and the
 * guest's changes in between, and what is left is the guest's memory, rings included. Its regions are blocks of their
 * own, so that a byte beyond one is found. The verdicts are the unit test's; here only nothing bad may happen. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/net.h"
#include "virtio/pieces.h"
#include "virtio/ring_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum {
	FIRST = 0x1000, /* the guest's address of the first region: rings, tables, data */
	FIRST_BYTES = 0x400,
	SECOND_BYTES = 0x100, /* touches it */
	APART = 0x8000,       /* another, alone */
	APART_BYTES = 0x80,
	STEPS = 64,
};

struct input {
	const uint8_t *next;
	size_t left;
};

static uint32_t input_number(struct input *input, unsigned bytes)
{
	uint32_t value = 0;

	for (; bytes > 0 && input->left > 0; bytes--, input->left--)
		value = value << 8 | *input->next++;
	return value;
}

static uint8_t *region(struct memory *memory, uint64_t address, size_t bytes, struct input *input)
{
	uint8_t *host = aligned_alloc(16, bytes);
	size_t part = input->left < bytes ? input->left : bytes;

	if (!host || memory_add(memory, address, bytes, host) < 0)
		abort();
	memset(host, 0, bytes);
	memcpy(host, input->next, part);
	input->next += part;
	input->left -= part;
	return host;
}

/* Every byte that was lent, at both ends of each piece. */
static void touch(const struct iovec *pieces, uint32_t count, bool write)
{
	for (uint32_t i = 0; i < count; i++) {
		volatile uint8_t *at = pieces[i].iov_base;
		size_t last = pieces[i].iov_len - 1;
		uint8_t kept = at[0] ^ at[last];

		if (write)
			at[0] = at[last] = kept;
	}
}

static void step_take(struct ring_split *ring, unsigned choice)
{
	static struct iovec pieces[RING_PIECES_MAX];
	enum ring_direction direction = (enum ring_direction)(1 + choice % 3);
	struct ring_chain chain;

	for (int i = 0; i < 64; i++) {
		if (!ring_split_take(ring, direction, pieces, choice & 0x40 ? 3 : RING_PIECES_MAX, &chain))
			return;
		if (pieces_bytes(pieces, chain.readable_pieces) != chain.readable_bytes ||
		    pieces_bytes(pieces + chain.readable_pieces, chain.writable_pieces) != chain.writable_bytes)
			abort();
		touch(pieces, chain.readable_pieces, false);
		touch(pieces + chain.readable_pieces, chain.writable_pieces, true);
		ring_split_return(ring, chain.head, chain.writable_bytes);
	}
}

static void step_lend(struct ring_split *ring, unsigned choice, uint32_t least, uint32_t wanted)
{
	static struct ring_room room;
	uint16_t before = ring->next_avail;

	if (ring_split_reserve(ring, least, wanted, &room) < 0) {
		if (ring->next_avail != before)
			abort();
		return;
	}
	if (room.bytes < least || room.bytes > wanted || pieces_bytes(room.pieces, room.piece_count) != room.bytes)
		abort();
	touch(room.pieces, room.piece_count, true);
	if (choice & 0x20 || room.bytes < VIRTIO_NET_HEADER_BYTES)
		ring_split_cancel(ring, &room);
	else
		ring_split_commit(ring, &room, choice & 0x40 ? room.bytes : VIRTIO_NET_HEADER_BYTES);
}

static void step(struct ring_split *ring, struct input *input, uint8_t *guest)
{
	unsigned choice = input_number(input, 1);
	uint32_t place;

	switch (choice & 7) {
	case 0:
		step_take(ring, choice >> 3);
		break;
	case 1:
		place = input_number(input, 2);
		step_lend(ring, choice, place, place + input_number(input, 2));
		break;
	case 2:
		ring_split_flush(ring);
		break;
	case 3:
		ring_split_arm(ring);
		break;
	case 4:
		ring_split_disarm(ring);
		break;
	case 5: /* the guest offers more */
		shared16_store(&ring->avail->index, (uint16_t)(ring->next_avail + input_number(input, 1)),
			       memory_order_release);
		break;
	default: /* the guest changes its mind about anything */
		place = input_number(input, 2) % FIRST_BYTES;
		guest[place] = (uint8_t)input_number(input, 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct input input = {bytes, count};
	struct ring_split_setup setup;
	struct ring_split ring;
	struct memory memory;
	uint8_t *hosts[3];
	struct input steps;
	unsigned choice = input_number(&input, 1);

	memory_init(&memory);
	setup = (struct ring_split_setup){
		.memory = &memory,
		.size = choice & 0x80 ? (uint16_t)input_number(&input, 2) : (uint16_t)(1u << (choice & 7) % 6),
		.event_idx = choice & 8,
		.indirect = choice & 16,
		.mergeable = choice & 32,
	};
	setup.start = choice & 64 ? (uint16_t)input_number(&input, 2) : 0;
	/* The usual places by a 0, so that most inputs have a ring at all. */
	setup.desc = FIRST + 16 * (uint64_t)input_number(&input, 1);
	setup.avail = FIRST + 0x200 + (uint64_t)input_number(&input, 1);
	setup.used = FIRST + 0x280 + (uint64_t)input_number(&input, 1);
	steps = (struct input){input.next, input.left < STEPS ? input.left : STEPS};
	input.next += steps.left;
	input.left -= steps.left;
	hosts[0] = region(&memory, FIRST, FIRST_BYTES, &input);
	hosts[1] = region(&memory, FIRST + FIRST_BYTES, SECOND_BYTES, &input);
	hosts[2] = region(&memory, APART, APART_BYTES, &input);
	if (ring_split_init(&ring, &setup) == 0) {
		while (steps.left > 0)
			step(&ring, &steps, hosts[0]);
	}
	for (int i = 0; i < 3; i++)
		free(hosts[i]);
	return 0;
}
