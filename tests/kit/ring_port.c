/* SPDX-License-Identifier: MIT */
#include "kit/ring_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/net.h"
#include "virtio/pieces.h"

enum {
	RING_PORT_GUEST_ADDRESS = 1 << 20,
	RING_PORT_ROOM_MIN = 64, /* of one buffer: the header must fit the first */
	RING_PORT_ROOM_MAX = 8192,
};

static struct virtio_net header_of(const struct offload *offload)
{
	static const enum virtio_net_gso gso[] = {[GSO_NONE] = VIRTIO_NET_GSO_NONE,
						  [GSO_TCP4] = VIRTIO_NET_GSO_TCP4,
						  [GSO_TCP6] = VIRTIO_NET_GSO_TCP6,
						  [GSO_UDP] = VIRTIO_NET_GSO_USO};

	return (struct virtio_net){
		.needs_csum = offload->csum == CSUM_PARTIAL,
		.data_valid = offload->csum == CSUM_VERIFIED,
		.ecn = offload->ecn,
		.gso = gso[offload->gso],
		.segment_bytes = offload->segment_bytes,
		.csum_start = offload->csum_start,
		.csum_offset = offload->csum_offset,
	};
}

static struct offload offload_of(const struct virtio_net *header)
{
	struct offload offload = {
		.csum = header->needs_csum   ? CSUM_PARTIAL
			: header->data_valid ? CSUM_VERIFIED
					     : CSUM_UNKNOWN,
		.ecn = header->ecn,
		.csum_start = header->csum_start,
		.csum_offset = header->csum_offset,
		.segment_bytes = header->segment_bytes,
	};

	switch (header->gso) {
	case VIRTIO_NET_GSO_NONE:
	case VIRTIO_NET_GSO_UFO:
		break;
	case VIRTIO_NET_GSO_TCP4:
		offload.gso = GSO_TCP4;
		break;
	case VIRTIO_NET_GSO_TCP6:
		offload.gso = GSO_TCP6;
		break;
	case VIRTIO_NET_GSO_USO:
		offload.gso = GSO_UDP;
		break;
	}
	return offload;
}

static void set_wrong(struct ring_port *ring_port, const char *what)
{
	if (!ring_port->wrong)
		ring_port->wrong = what;
}

/* ---- the guest ---- */

static void offer_rooms(struct ring_port *ring_port)
{
	for (;;) {
		size_t bytes = RING_PORT_ROOM_MIN + random_below(&ring_port->random, RING_PORT_ROOM_MAX);
		uint32_t most = (uint32_t)(bytes / 4096 + 1) + random_below(&ring_port->random, 6);

		if (!ring_port->setup.mergeable)
			bytes = most = 17;
		if (!ring_port->setup.mergeable)
			bytes = 65536 + VIRTIO_NET_HEADER_BYTES;
		if (ring_driver_offer_room(&ring_port->driver_to_guest, bytes, most) < 0)
			break;
	}
	ring_driver_publish(&ring_port->driver_to_guest);
}

static void check_frame(struct ring_port *ring_port, size_t bytes)
{
	struct ring_port_expected *expected = &ring_port->expected[ring_port->expected_first];
	struct virtio_net header, right;

	if (ring_port->expected_count == 0) {
		set_wrong(ring_port, "the guest got a frame that the port never took");
		return;
	}
	right = header_of(&expected->offload);
	if (virtio_net_read(ring_port->seen, &header) || header.needs_csum != right.needs_csum ||
	    header.gso != right.gso || (header.gso && header.segment_bytes != right.segment_bytes))
		set_wrong(ring_port, "the guest got another header than the frame's");
	if (bytes != expected->count + VIRTIO_NET_HEADER_BYTES ||
	    memcmp(ring_port->seen + VIRTIO_NET_HEADER_BYTES, expected->bytes, expected->count) != 0)
		set_wrong(ring_port, "the guest got other bytes than the port took");
	free(expected->bytes);
	expected->bytes = NULL;
	ring_port->expected_first = (ring_port->expected_first + 1) % RING_PORT_EXPECTED;
	ring_port->expected_count--;
}

void ring_port_harvest(struct ring_port *ring_port)
{
	size_t bytes;

	while ((bytes = ring_driver_receive(&ring_port->driver_to_guest, ring_port->seen, sizeof(ring_port->seen))) > 0)
		check_frame(ring_port, bytes);
	offer_rooms(ring_port);
	port_room_returned(&ring_port->port, 0);
}

bool ring_port_offer(struct ring_port *ring_port, const void *bytes, uint32_t count, const struct offload *offload)
{
	struct virtio_net header = header_of(offload);
	uint8_t whole[FRAME_ROOM_BYTES + VIRTIO_NET_HEADER_BYTES];
	struct ring_driver_used used;

	while (ring_driver_harvest(&ring_port->driver_from_guest, &used))
		ring_driver_release(&ring_port->driver_from_guest, used.id);
	virtio_net_write(&header, whole);
	memcpy(whole + VIRTIO_NET_HEADER_BYTES, bytes, count);
	return ring_driver_offer_frame(&ring_port->driver_from_guest, whole, count + VIRTIO_NET_HEADER_BYTES,
				       1 + random_below(&ring_port->random, RING_PORT_PIECES_MAX - 18) +
					       count / 4096) >= 0;
}

/* ---- the device ---- */

uint32_t ring_port_turn(struct ring_port *ring_port)
{
	static struct iovec pieces[RING_PORT_BATCH][RING_PIECES_MAX];
	uint8_t heads[RING_PORT_BATCH][FRAME_HEAD_BYTES];
	struct frame frames[RING_PORT_BATCH];
	struct ring_chain chains[RING_PORT_BATCH];
	uint32_t count = 0;

	ring_driver_publish(&ring_port->driver_from_guest);
	while (count < RING_PORT_BATCH &&
	       ring_take(&ring_port->from_guest, RING_FROM_GUEST, pieces[count], RING_PIECES_MAX, &chains[count])) {
		uint32_t used = chains[count].readable_pieces, bytes = chains[count].readable_bytes;
		uint8_t header_bytes[VIRTIO_NET_HEADER_BYTES];
		struct virtio_net header;
		uint32_t head_bytes;

		pieces_read(pieces[count], used, 0, header_bytes, sizeof(header_bytes));
		if (virtio_net_read(header_bytes, &header))
			set_wrong(ring_port, "the device got another header than the guest's");
		bytes -= VIRTIO_NET_HEADER_BYTES;
		head_bytes = bytes < FRAME_HEAD_BYTES ? bytes : FRAME_HEAD_BYTES;
		pieces_read(pieces[count], used, sizeof(header_bytes), heads[count], head_bytes);
		used = pieces_skip(pieces[count], used, sizeof(header_bytes) + head_bytes);
		frames[count] = (struct frame){.head = heads[count],
					       .head_bytes = head_bytes,
					       .length = bytes,
					       .body = pieces[count],
					       .body_pieces = used,
					       .offload = offload_of(&header)};
		count++;
	}
	if (count > 0)
		ethswitch_input(&ring_port->port, frames, count);
	for (uint32_t i = 0; i < count; i++)
		ring_return(&ring_port->from_guest, &chains[i], 0);
	ring_flush(&ring_port->from_guest);
	return count;
}

static bool refuses(struct ring_port *ring_port)
{
	bool refused = ring_port->expected_count == RING_PORT_EXPECTED ||
		       random_below(&ring_port->random, 100) < ring_port->setup.refuse;

	ring_port->refused += refused;
	return refused;
}

/* Fills the room's header, ends the reservation and remembers what the guest is to see. */
static void commit_room(struct ring_port *ring_port, uint32_t count, const struct offload *offload)
{
	struct virtio_net header = header_of(offload);
	uint8_t header_bytes[VIRTIO_NET_HEADER_BYTES];
	size_t last = (ring_port->expected_first + ring_port->expected_count++) % RING_PORT_EXPECTED;
	struct ring_port_expected *expected = &ring_port->expected[last];
	struct ring_room *room = &ring_port->room;

	*expected = (struct ring_port_expected){.bytes = malloc(count), .count = count, .offload = *offload};
	pieces_read(room->pieces, room->piece_count, sizeof(header_bytes), expected->bytes, count);
	virtio_net_write(&header, header_bytes);
	pieces_write(room->pieces, room->piece_count, 0, header_bytes, sizeof(header_bytes));
	ring_commit(&ring_port->to_guest, room, count + VIRTIO_NET_HEADER_BYTES);
	ring_port->port.counters.to_guest.frames++;
	ring_port->port.counters.to_guest.bytes += count;
}

static void ring_port_queue(struct port *port, const struct frame *frame)
{
	struct ring_port *ring_port = container_of(port, struct ring_port, port);
	uint32_t bytes = frame->length + VIRTIO_NET_HEADER_BYTES;
	size_t at = VIRTIO_NET_HEADER_BYTES;

	if (ring_port->is_lent)
		set_wrong(ring_port, "a frame was queued while room was lent");
	if (refuses(ring_port) || ring_reserve(&ring_port->to_guest, bytes, bytes, &ring_port->room) < 0) {
		port_drop(port, DROP_ROOM_REFUSED, frame);
		return;
	}
	at += pieces_write(ring_port->room.pieces, ring_port->room.piece_count, at, frame->head, frame->head_bytes);
	for (uint32_t i = 0; i < frame->body_pieces; i++)
		at += pieces_write(ring_port->room.pieces, ring_port->room.piece_count, at, frame->body[i].iov_base,
				   frame->body[i].iov_len);
	if (at != bytes)
		set_wrong(ring_port, "a frame's pieces do not make its length");
	commit_room(ring_port, frame->length, &frame->offload);
}

static void ring_port_flush(struct port *port)
{
	struct ring_port *ring_port = container_of(port, struct ring_port, port);

	ring_flush(&ring_port->to_guest);
}

static int ring_port_reserve(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	struct ring_port *ring_port = container_of(port, struct ring_port, port);
	struct ring_room *room = &ring_port->room;
	int error;

	(void)flow;
	if (ring_port->is_lent)
		set_wrong(ring_port, "room was asked for while some was lent");
	if (refuses(ring_port))
		return -EAGAIN;
	error = ring_reserve(&ring_port->to_guest, least + VIRTIO_NET_HEADER_BYTES, wanted + VIRTIO_NET_HEADER_BYTES,
			     room);
	if (error)
		return error;
	ring_port->is_lent = true;
	memcpy(ring_port->lent, room->pieces, room->piece_count * sizeof(room->pieces[0]));
	*ret_room = (struct room){
		.pieces = ring_port->lent,
		.piece_count = pieces_skip(ring_port->lent, room->piece_count, VIRTIO_NET_HEADER_BYTES),
		.bytes = room->bytes - VIRTIO_NET_HEADER_BYTES,
	};
	return 0;
}

static void ring_port_commit(struct port *port, struct room *room, const struct frame *frame)
{
	struct ring_port *ring_port = container_of(port, struct ring_port, port);

	if (!ring_port->is_lent || frame->length > room->bytes)
		set_wrong(ring_port, "more was committed than lent");
	ring_port->is_lent = false;
	commit_room(ring_port, frame->length, &frame->offload);
}

static void ring_port_cancel(struct port *port, struct room *room)
{
	struct ring_port *ring_port = container_of(port, struct ring_port, port);

	(void)room;
	if (!ring_port->is_lent)
		set_wrong(ring_port, "a room was cancelled twice");
	ring_port->is_lent = false;
	ring_cancel(&ring_port->to_guest, &ring_port->room);
}

static const struct port_ops ring_port_ops = {
	.queue = ring_port_queue,
	.flush = ring_port_flush,
	.reserve = ring_port_reserve,
	.commit = ring_port_commit,
	.cancel = ring_port_cancel,
};

static void start_ring(struct ring_port *ring_port, uint8_t *memory, size_t bytes, uint64_t address,
		       struct ring_driver *driver, struct ring *ring)
{
	struct ring_driver_setup setup = {
		.memory = memory,
		.bytes = bytes,
		.address = address,
		.size = RING_PORT_SIZE,
		.start = (uint16_t)random_u64(&ring_port->random),
		.packed = random_below(&ring_port->random, 2),
		.event_idx = ring_port->setup.event_idx,
		.indirect = ring_port->setup.indirect,
		.seed = random_u64(&ring_port->random),
	};
	struct ring_setup ring_setup;

	ring_driver_init(driver, &setup);
	ring_driver_connect(driver, &ring_port->memory, ring_port->setup.mergeable, &ring_setup);
	if (ring_init(ring, &ring_setup) < 0)
		abort();
}

void ring_port_init(struct ring_port *ring_port, const char *name, const struct ring_port_setup *setup)
{
	size_t bytes = ring_driver_bytes(RING_PORT_SIZE, RING_PORT_PAGES);

	bytes = (bytes + 4095) / 4096 * 4096;
	memset(ring_port, 0, sizeof(*ring_port));
	port_init(&ring_port->port, &ring_port_ops, name);
	ring_port->port.accepts = setup->accepts;
	ring_port->setup = *setup;
	random_init(&ring_port->random, setup->seed);
	memory_init(&ring_port->memory);
	ring_port->region = aligned_alloc(4096, 2 * bytes);
	if (!ring_port->region)
		abort();
	start_ring(ring_port, ring_port->region, bytes, RING_PORT_GUEST_ADDRESS, &ring_port->driver_to_guest,
		   &ring_port->to_guest);
	start_ring(ring_port, ring_port->region + bytes, bytes, RING_PORT_GUEST_ADDRESS + 2 * bytes,
		   &ring_port->driver_from_guest, &ring_port->from_guest);
	offer_rooms(ring_port);
}

void ring_port_done(struct ring_port *ring_port)
{
	while (ring_port->expected_count > 0) {
		free(ring_port->expected[ring_port->expected_first].bytes);
		ring_port->expected_first = (ring_port->expected_first + 1) % RING_PORT_EXPECTED;
		ring_port->expected_count--;
	}
	ring_driver_done(&ring_port->driver_to_guest);
	ring_driver_done(&ring_port->driver_from_guest);
	free(ring_port->region);
}
