/* SPDX-License-Identifier: MIT */
/* An emulator with one virtio device, in memory of the tests' own, and beside it a guest that is a function: what the
 * tests of network/virtio share. */
#ifndef UNIT_NETWORK_VIRTIO_MACHINE_H
#define UNIT_NETWORK_VIRTIO_MACHINE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "guestwire/virtio.h"
#include "kit/ring_driver.h"
#include "unit/network/kit.h"
#include "virtio/net.h"

enum {
	QUEUES = 5,        /* two pairs and the control queue */
	RING_ENTRIES = 64, /* of each */
	PAGES = 300,
	SPACE_BYTES = 2 << 20,     /* of guest memory for each queue */
	FIRST_ADDRESS = 0x8000000, /* … beginning here */
	HEADER = VIRTIO_NET_HEADER_BYTES,
};

#define PLAIN (GW_VIRTIO_FEATURE(VERSION_1) | GW_VIRTIO_FEATURE(MRG_RXBUF))

/* An emulator with one device. */
struct machine {
	struct kit *kit;
	struct gw_virtio *virtio;
	struct mac mac;
	uint64_t features;
	uint8_t *space[QUEUES];
	struct ring_driver drivers[QUEUES];
	unsigned interrupts[QUEUES];
	unsigned resets;
	unsigned reset_queue, reset_reason;
	int inside; /* what calls from within a callback said */
	bool ask_inside;
};

struct fixture {
	struct kit kit;
	struct machine machine, other;
	struct kit_guest peer;
	uint8_t bytes[70000], got[70000];
};

static inline void on_interrupt(void *owner, unsigned queue)
{
	struct gw_virtio_config config = GW_INIT(struct gw_virtio_config);
	struct machine *machine = owner;
	struct gw_virtio *another;

	machine->interrupts[queue]++;
	if (!machine->ask_inside)
		return;
	config.on_interrupt = on_interrupt;
	gw_virtio_kick(machine->virtio, 1);
	machine->inside = gw_virtio_stop(machine->virtio, 1, NULL) == -EBUSY &&
			  gw_virtio_reset(machine->virtio) == -EBUSY &&
			  gw_virtio_new(machine->kit->network, &config, &another, NULL) == -EBUSY &&
			  gw_virtio_memory_remove(machine->virtio, FIRST_ADDRESS) == -EBUSY;
}

static inline void on_needs_reset(void *owner, unsigned queue, unsigned reason)
{
	struct machine *machine = owner;

	machine->resets++;
	machine->reset_queue = queue;
	machine->reset_reason = reason;
}

static inline uint64_t space_address(unsigned queue)
{
	return FIRST_ADDRESS + (uint64_t)queue * 2 * SPACE_BYTES;
}

/* Between two of the same size that nobody may touch. */
static inline uint8_t *guest_space(void)
{
	uint8_t *all = mmap(NULL, 3 * SPACE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(all, MAP_FAILED);
	assert_int_equal(mprotect(all + SPACE_BYTES, SPACE_BYTES, PROT_READ | PROT_WRITE), 0);
	return all + SPACE_BYTES;
}

static inline void machine_new(struct machine *machine, struct kit *kit, uint8_t number, struct gw_virtio_config config)
{
	char mac[18];
	struct gw_error error = {0};

	*machine = (struct machine){.kit = kit, .mac = {{0x52, 0x54, 0, 0, 0, number}}};
	snprintf(mac, sizeof(mac), "52:54:00:00:00:%02x", number);
	config.size = sizeof(config);
	config.mac = mac;
	config.on_interrupt = on_interrupt;
	config.on_needs_reset = on_needs_reset;
	config.owner = machine;
	if (gw_virtio_new(kit->network, &config, &machine->virtio, &error) != 0)
		fail_msg("%s", error.text);
	for (unsigned i = 0; i < QUEUES; i++) {
		machine->space[i] = guest_space();
		assert_int_equal(gw_virtio_memory_add(machine->virtio, space_address(i), machine->space[i],
						      SPACE_BYTES),
				 0);
	}
}

static inline void machine_free(struct machine *machine)
{
	for (unsigned i = 0; machine->kit && i < QUEUES; i++) {
		ring_driver_done(&machine->drivers[i]);
		munmap(machine->space[i] - SPACE_BYTES, 3 * SPACE_BYTES);
	}
	*machine = (struct machine){0};
}

/* The queue as the driver laid it out. */
static inline struct gw_virtio_queue machine_queue(struct machine *machine, unsigned queue)
{
	struct memory memory = {0};
	struct ring_setup setup;
	struct gw_virtio_queue found = GW_INIT(struct gw_virtio_queue);

	ring_driver_connect(&machine->drivers[queue], &memory, true, &setup);
	found.entries = setup.size;
	found.desc = setup.desc;
	found.driver = setup.driver;
	found.device = setup.device;
	return found;
}

static inline void machine_lay_out(struct machine *machine, unsigned queue)
{
	struct ring_driver_setup setup = {.memory = machine->space[queue],
					  .bytes = ring_driver_bytes(RING_ENTRIES, PAGES),
					  .address = space_address(queue),
					  .size = RING_ENTRIES,
					  .packed = machine->features & GW_VIRTIO_FEATURE(RING_PACKED),
					  .event_idx = machine->features & GW_VIRTIO_FEATURE(EVENT_IDX),
					  .indirect = machine->features & GW_VIRTIO_FEATURE(INDIRECT_DESC),
					  .seed = queue + 1};

	ring_driver_done(&machine->drivers[queue]);
	ring_driver_init(&machine->drivers[queue], &setup);
}

static inline void machine_rooms(struct machine *machine, unsigned queue)
{
	while (ring_driver_offer_room(&machine->drivers[queue], 4000, 2) >= 0)
		;
	if (ring_driver_publish(&machine->drivers[queue]))
		gw_virtio_kick(machine->virtio, queue);
}

static inline void machine_start_queue(struct machine *machine, unsigned queue)
{
	struct gw_virtio_queue found;

	machine_lay_out(machine, queue);
	found = machine_queue(machine, queue);
	assert_int_equal(gw_virtio_start(machine->virtio, queue, &found), 0);
}

/* One pair runs, and has room. */
static inline void machine_start(struct machine *machine, uint64_t features)
{
	machine->features = features;
	assert_int_equal(gw_virtio_accept(machine->virtio, features), 0);
	machine_start_queue(machine, 0);
	machine_start_queue(machine, 1);
	machine_rooms(machine, 0);
	kit_settle(machine->kit);
}

static inline bool machine_offer(struct machine *machine, unsigned queue, const struct virtio_net *header,
				 const void *bytes, size_t count)
{
	struct ring_driver *driver = &machine->drivers[queue];
	static _Thread_local uint8_t whole[70000];
	struct ring_driver_used used;

	while (ring_driver_harvest(driver, &used))
		ring_driver_release(driver, used.id);
	virtio_net_write(header, whole);
	memcpy(whole + HEADER, bytes, count);
	return ring_driver_offer_frame(driver, whole, count + HEADER, 3 + (uint32_t)(count / 4096)) >= 0;
}

static inline void machine_send(struct machine *machine, const void *bytes, size_t count)
{
	static const struct virtio_net none;

	assert_true(machine_offer(machine, 1, &none, bytes, count));
	if (ring_driver_publish(&machine->drivers[1]))
		gw_virtio_kick(machine->virtio, 1);
}

/* The next frame for this driver, behind its header; 0: none. */
static inline size_t machine_receive(struct machine *machine, unsigned queue, void *to)
{
	size_t count = ring_driver_receive(&machine->drivers[queue], to, 70000);

	machine_rooms(machine, queue);
	kit_settle(machine->kit);
	return count;
}

static inline void machine_forget(struct machine *machine)
{
	uint8_t bytes[70000];

	while (machine_receive(machine, 0, bytes) > 0)
		;
	memset(machine->interrupts, 0, sizeof(machine->interrupts));
}

static inline int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	kit_new(&fixture->kit, "none,ipv6=off");
	kit_guest_new(&fixture->peer, &fixture->kit, 9);
	kit_settle(&fixture->kit);
	*state = fixture;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->peer);
	machine_free(&fixture->machine);
	machine_free(&fixture->other);
	free(fixture);
	return 0;
}

/* Both are known to the switch and nothing is left to read. */
static inline void introduce(struct fixture *fixture)
{
	uint8_t bytes[64];

	kit_guest_send(&fixture->peer, bytes, kit_frame(bytes, MAC_BROADCAST, fixture->peer.mac, 0));
	machine_send(&fixture->machine, bytes, kit_frame(bytes, MAC_BROADCAST, fixture->machine.mac, 0));
	kit_settle(&fixture->kit);
	kit_guest_forget(&fixture->peer);
	machine_forget(&fixture->machine);
}

#endif
