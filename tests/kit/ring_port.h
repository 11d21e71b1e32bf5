/* SPDX-License-Identifier: MIT */
/* The hardest customer of the port contract, in one process: its far end is a guest with two rings, which offers
 * buffers cut into pieces of 1 byte to 4 KiB, and the port lends those to producers, 12 bytes of header before each frame.
 * It refuses room at random and accepts the offloads it is given. The guest's side checks that every frame the port took
 * arrives whole, in order and with its metadata; the first thing found wrong stands in `wrong`. */
#ifndef KIT_RING_PORT_H
#define KIT_RING_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "fabric/ethswitch.h"
#include "fabric/port.h"
#include "kit/ring_driver.h"
#include "virtio/memory.h"
#include "virtio/ring.h"

enum ring_port_limits {
	RING_PORT_SIZE = 128,      /* descriptors in each ring */
	RING_PORT_PAGES = 128,     /* and one page for each piece */
	RING_PORT_PIECES_MAX = 40, /* of one frame from the guest */
	RING_PORT_BATCH = 8,
	RING_PORT_EXPECTED = 256, /* frames taken and not yet seen by the guest */
};

struct ring_port_setup {
	uint64_t seed;
	struct port_accepts accepts;
	bool mergeable;
	bool event_idx;
	bool indirect;
	uint32_t refuse; /* of 100 */
};

/* A frame that the port took, until the guest has seen it. */
struct ring_port_expected {
	uint8_t *bytes;
	uint32_t count;
	struct offload offload;
};

struct ring_port {
	struct port port;
	struct random random;
	struct ring_port_setup setup;
	struct memory memory;
	uint8_t *region;
	struct ring_driver driver_to_guest, driver_from_guest;
	struct ring to_guest, from_guest;
	struct ring_room room;
	struct iovec lent[RING_PIECES_MAX];
	bool is_lent;
	struct ring_port_expected expected[RING_PORT_EXPECTED];
	size_t expected_first, expected_count;
	uint8_t seen[FRAME_ROOM_BYTES];
	uint64_t refused;
	const char *wrong; /* NULL: nothing */
};

/* About 250 KiB, the caller's memory. Then port options, then ethswitch_attach(). */
void ring_port_init(struct ring_port *ring_port, const char *name, const struct ring_port_setup *setup);
void ring_port_done(struct ring_port *ring_port);
/* The guest puts a frame into its ring; false when that is full. */
bool ring_port_offer(struct ring_port *ring_port, const void *bytes, uint32_t count, const struct offload *offload);
/* The device takes what the guest has put there, in batches, into the switch; how many frames. */
uint32_t ring_port_turn(struct ring_port *ring_port);
/* The guest takes its frames and offers new buffers; producers that wait are told. */
void ring_port_harvest(struct ring_port *ring_port);

#endif
