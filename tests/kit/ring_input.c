/* SPDX-License-Identifier: MIT */
/* See ring_input.h. */
#include "kit/ring_input.h"

#include <stdlib.h>
#include <string.h>

#include "kit/input.h"
#include "virtio/net.h"
#include "virtio/pieces.h"
#include "virtio/ring.h"

enum {
	FIRST = 0x1000, /* the guest's address of the first region: rings, tables, data */
	FIRST_BYTES = 0x400,
	SECOND_BYTES = 0x100, /* touches it */
	APART = 0x8000,       /* another, alone */
	APART_BYTES = 0x80,
	STEPS = 64,
};

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

static void step_take(struct ring *ring, unsigned choice)
{
	static struct iovec pieces[RING_PIECES_MAX];
	enum ring_direction direction = (enum ring_direction)(1 + choice % 3);
	struct ring_chain chain;

	for (int i = 0; i < 64; i++) {
		if (!ring_take(ring, direction, pieces, choice & 0x40 ? 3 : RING_PIECES_MAX, &chain))
			return;
		if (pieces_bytes(pieces, chain.readable_pieces) != chain.readable_bytes ||
		    pieces_bytes(pieces + chain.readable_pieces, chain.writable_pieces) != chain.writable_bytes)
			abort();
		touch(pieces, chain.readable_pieces, false);
		touch(pieces + chain.readable_pieces, chain.writable_pieces, true);
		ring_return(ring, &chain, chain.writable_bytes);
	}
}

static void step_lend(struct ring *ring, unsigned choice, uint32_t least, uint32_t wanted)
{
	static struct ring_room room;
	uint16_t before = ring->next_avail;

	if (ring_reserve(ring, least, wanted, &room) < 0) {
		if (ring->next_avail != before)
			abort();
		return;
	}
	if (room.bytes < least || room.bytes > wanted || pieces_bytes(room.pieces, room.piece_count) != room.bytes)
		abort();
	touch(room.pieces, room.piece_count, true);
	if (choice & 0x20 || room.bytes < VIRTIO_NET_HEADER_BYTES)
		ring_cancel(ring, &room);
	else
		ring_commit(ring, &room, choice & 0x40 ? room.bytes : VIRTIO_NET_HEADER_BYTES);
}

static void offer(struct ring *ring, bool packed, uint32_t number)
{
	if (packed)
		shared16_store(&ring->packed.desc[ring->next_avail].flags,
			       (uint16_t)((ring->packed.avail_wrap ? PACKED_DESC_AVAIL : PACKED_DESC_USED) |
					  (number & 7)),
			       memory_order_release);
	else
		shared16_store(&ring->split.avail->index, (uint16_t)(ring->next_avail + number), memory_order_release);
}

/* The device goes, and the next takes the ring up where it is told or finds that it stood; false when it cannot. */
static bool change_device(struct ring *ring, struct ring_setup *setup, unsigned choice)
{
	if (choice & 8)
		setup->base = ring_base(ring);
	setup->guessed = choice & 16;
	ring_leave(ring);
	return ring_init(ring, setup) == 0;
}

static bool step(struct ring *ring, struct ring_setup *setup, struct input *input, uint8_t *guest)
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
		ring_flush(ring);
		break;
	case 3:
		ring_arm(ring);
		break;
	case 4:
		ring_disarm(ring);
		break;
	case 5: /* the guest offers more */
		offer(ring, setup->packed, input_number(input, 1));
		break;
	case 6:
		return change_device(ring, setup, choice);
	default: /* the guest changes its mind about anything */
		place = input_number(input, 2) % FIRST_BYTES;
		guest[place] = (uint8_t)input_number(input, 1);
		break;
	}
	return true;
}

void ring_input(const uint8_t *bytes, size_t count, bool packed)
{
	struct input input = {bytes, count};
	struct ring_setup setup;
	struct ring ring;
	struct memory memory;
	uint8_t *hosts[3];
	struct input steps;
	unsigned choice = input_number(&input, 1);

	memory_init(&memory);
	setup = (struct ring_setup){
		.memory = &memory,
		.size = (uint16_t)(choice & 0x80 ? input_number(&input, 2) : 1u << (choice & 7) % 6),
		.packed = packed,
		.event_idx = choice & 8,
		.indirect = choice & 16,
		.mergeable = choice & 32,
	};
	setup.base.avail = packed ? RING_PACKED_START : 0;
	if (choice & 64)
		setup.base.avail = (uint16_t)input_number(&input, 2);
	setup.base.used = setup.base.avail;
	/* The usual places by a 0, so that most inputs have a ring at all. */
	setup.desc = FIRST + 16 * (uint64_t)input_number(&input, 1);
	setup.driver = FIRST + 0x200 + (uint64_t)input_number(&input, 1);
	setup.device = FIRST + 0x280 + (uint64_t)input_number(&input, 1);
	steps = (struct input){input.next, input.left < STEPS ? input.left : STEPS};
	input.next += steps.left;
	input.left -= steps.left;
	hosts[0] = region(&memory, FIRST, FIRST_BYTES, &input);
	hosts[1] = region(&memory, FIRST + FIRST_BYTES, SECOND_BYTES, &input);
	hosts[2] = region(&memory, APART, APART_BYTES, &input);
	if (ring_init(&ring, &setup) == 0) {
		while (steps.left > 0 && step(&ring, &setup, &steps, hosts[0]))
			;
	}
	for (int i = 0; i < 3; i++)
		free(hosts[i]);
}
