/* SPDX-License-Identifier: MIT */
/* Virtio devices whose driver lies, and whose memory goes. */
#include "unit/network/virtio_machine.h"

static void a_driver_out_of_order_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	struct gw_virtio_queue queue;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_lay_out(machine, 0);
	queue = machine_queue(machine, 0);
	assert_int_equal(gw_virtio_start(machine->virtio, 0, &queue), -EINVAL);
	assert_int_equal(gw_virtio_accept(machine->virtio, GW_VIRTIO_FEATURE(MRG_RXBUF)), -EINVAL);
	assert_int_equal(gw_virtio_accept(machine->virtio, PLAIN | GW_VIRTIO_FEATURE(MQ)), -EINVAL);
	assert_int_equal(gw_virtio_accept(machine->virtio, PLAIN), 0);
	assert_int_equal(gw_virtio_start(machine->virtio, 2, &queue), -EINVAL);
	queue.entries = 2048;
	assert_int_equal(gw_virtio_start(machine->virtio, 0, &queue), -EINVAL);
	queue.entries = RING_ENTRIES;
	queue.driver = 0x1000;
	assert_int_equal(gw_virtio_start(machine->virtio, 0, &queue), -EFAULT);
	queue = machine_queue(machine, 0);
	assert_int_equal(gw_virtio_start(machine->virtio, 0, &queue), 0);
	assert_int_equal(gw_virtio_start(machine->virtio, 0, &queue), -EBUSY);
	assert_int_equal(gw_virtio_accept(machine->virtio, PLAIN), -EBUSY);
	assert_int_equal(gw_virtio_stop(machine->virtio, 99, NULL), -EINVAL);
	gw_virtio_kick(machine->virtio, 1);
	gw_virtio_kick(machine->virtio, 16);
	gw_virtio_kick(machine->virtio, 0xffffffff);
	kit_settle(&fixture->kit);
	assert_int_equal(machine->resets, 0);
}

static void a_lie_is_told_once_and_the_other_queue_goes_on(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	char name[] = "virtio0";

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_start(machine, PLAIN);
	introduce(fixture);
	shared16_store(&machine->drivers[1].avail->index, 12345, memory_order_release);
	gw_virtio_kick(machine->virtio, 1);
	gw_virtio_kick(machine->virtio, 1);
	kit_settle(&fixture->kit);
	gw_virtio_kick(machine->virtio, 1);
	kit_settle(&fixture->kit);
	assert_int_equal(machine->resets, 1);
	assert_int_equal(machine->reset_queue, 1);
	assert_string_equal(gw_drop_name(machine->reset_reason), "ring-avail-index");
	assert_int_equal(kit_drops(&fixture->kit, name, "ring-avail-index"), 1);
	kit_guest_send(&fixture->peer, fixture->bytes, kit_frame(fixture->bytes, machine->mac, fixture->peer.mac, 1));
	assert_int_equal(machine_receive(machine, 0, fixture->got), 64 + HEADER);
	/* the driver resets the device and is heard again */
	assert_int_equal(gw_virtio_reset(machine->virtio), 0);
	machine_start(machine, PLAIN);
	introduce(fixture);
	machine_send(machine, fixture->bytes, kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, 7));
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->peer.frame_count, 1);
}

static void a_lie_is_found_too_where_frames_are_to_go(void **state)
{
	static const uint64_t layouts[] = {PLAIN, PLAIN | GW_VIRTIO_FEATURE(RING_PACKED)};
	static const char *const reasons[] = {"ring-avail-index", "ring-address"};
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	uint8_t bytes[64];

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	for (unsigned i = 0; i < 2; i++) {
		machine_start(machine, layouts[i]);
		introduce(fixture);
		if (i == 0)
			shared16_store(&machine->drivers[0].avail->index, 12345, memory_order_release);
		for (unsigned j = 0; i == 1 && j < RING_ENTRIES; j++)
			machine->drivers[0].packed[j].address = le64_from(UINT64_MAX - 100);
		/* those that are known already are used up first */
		for (unsigned j = 0; j < 2 * RING_ENTRIES; j++)
			kit_guest_send(&fixture->peer, bytes, kit_frame(bytes, machine->mac, fixture->peer.mac, 1));
		kit_settle(&fixture->kit);
		assert_int_equal(machine->resets, i + 1);
		assert_int_equal(machine->reset_queue, 0);
		assert_string_equal(gw_drop_name(machine->reset_reason), reasons[i]);
		machine_send(machine, bytes, kit_frame(bytes, fixture->peer.mac, machine->mac, 7));
		kit_settle(&fixture->kit);
		assert_int_equal(fixture->peer.frame_count, 1);
		kit_guest_forget(&fixture->peer);
		assert_int_equal(gw_virtio_reset(machine->virtio), 0);
	}
}

/* Numbers that a driver might have written, mostly: pure noise does not get past the first check. */
static uint64_t plausible(struct random *random, unsigned queue)
{
	switch (random_below(random, 6)) {
	case 0:
		return space_address(queue) + random_below(random, SPACE_BYTES);
	case 1:
		return space_address(queue) + SPACE_BYTES - random_below(random, 5000);
	case 2:
		return random_below(random, 2 * RING_ENTRIES);
	case 3:
		return UINT64_MAX - random_below(random, 70000);
	case 4:
		return random_below(random, 70000);
	default:
		return (uint64_t)random_below(random, UINT32_MAX) << 32 | random_below(random, UINT32_MAX);
	}
}

/* What an honest driver would have put there, half of it not shown yet. */
static void fill_rings(struct machine *machine)
{
	static const struct virtio_net none;
	uint8_t bytes[2000];

	for (unsigned queue = 0; queue < QUEUES; queue++) {
		machine_start_queue(machine, queue);
		while (queue % 2 == 1 &&
		       machine_offer(machine, queue, &none, bytes, kit_frame(bytes, MAC_BROADCAST, machine->mac, 0)))
			;
		while (queue % 2 == 0 && ring_driver_offer_room(&machine->drivers[queue], 4000, 2) >= 0)
			;
	}
}

static void whatever_stands_in_the_rings_nothing_outside_is_touched(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	struct random random;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){.pairs = 2});
	random_init(&random, 20261121);
	for (unsigned round = 0; round < 1000; round++) {
		uint64_t features = gw_virtio_features(machine->virtio);

		features &= ~(random_below(&random, 2) ? GW_VIRTIO_FEATURE(RING_PACKED) : 0);
		features &= ~(random_below(&random, 2) ? GW_VIRTIO_FEATURE(MRG_RXBUF) : 0);
		machine->features = features;
		assert_int_equal(gw_virtio_accept(machine->virtio, features), 0);
		fill_rings(machine);
		for (unsigned change = 0; change < 60; change++) {
			unsigned queue = random_below(&random, QUEUES);
			/* the rings stand in the first two thousand bytes, tables and data behind them */
			uint32_t at = random_below(&random, random_below(&random, 4) ? 2000 : 200000);
			uint64_t number = plausible(&random, queue);

			memcpy(machine->space[queue] + at, &number, 1U << random_below(&random, 4));
			if (change % 4 == 0)
				ring_driver_publish(&machine->drivers[queue]);
			gw_virtio_kick(machine->virtio, queue);
			kit_guest_send(&fixture->peer, fixture->bytes,
				       kit_frame(fixture->bytes, MAC_BROADCAST, fixture->peer.mac, 1));
			assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
			kit_guest_forget(&fixture->peer);
		}
		assert_int_equal(gw_virtio_reset(machine->virtio), 0);
	}
	/* each round some of the five queues were found out */
	assert_true(machine->resets > 1000);
	/* and it serves an honest driver still */
	machine_start(machine, PLAIN);
	introduce(fixture);
	machine_send(machine, fixture->bytes, kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, 7));
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->peer.frame_count, 1);
}

static void memory_may_go_while_queues_stand_in_it(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_start(machine, PLAIN);
	introduce(fixture);
	machine_send(machine, fixture->bytes, kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, 7));
	assert_int_equal(gw_virtio_memory_remove(machine->virtio, space_address(1)), 0);
	assert_int_equal(gw_virtio_memory_remove(machine->virtio, space_address(1)), -ENOENT);
	assert_int_equal(machine->resets, 1);
	assert_int_equal(machine->reset_queue, 1);
	assert_string_equal(gw_drop_name(machine->reset_reason), "ring-address");
	/* a touch would be a fault */
	assert_int_equal(mprotect(machine->space[1], SPACE_BYTES, PROT_NONE), 0);
	gw_virtio_kick(machine->virtio, 1);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->peer.frame_count, 0);
	kit_guest_send(&fixture->peer, fixture->bytes, kit_frame(fixture->bytes, machine->mac, fixture->peer.mac, 1));
	assert_int_equal(machine_receive(machine, 0, fixture->got), 64 + HEADER);
	assert_int_equal(mprotect(machine->space[1], SPACE_BYTES, PROT_READ | PROT_WRITE), 0);
	/* memory that is nowhere */
	assert_int_equal(gw_virtio_memory_add(machine->virtio, space_address(1), NULL, SPACE_BYTES), -EINVAL);
	assert_int_equal(gw_virtio_memory_add(machine->virtio, space_address(1), (void *)(UINTPTR_MAX - 4095),
					      SPACE_BYTES),
			 -EINVAL);
	assert_int_equal(gw_virtio_memory_add(machine->virtio, space_address(1), machine->space[1], SPACE_BYTES), 0);
	machine_start_queue(machine, 1);
	machine_send(machine, fixture->bytes, kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, 8));
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->peer.frame_count, 1);
	assert_int_equal(machine->resets, 1);
}

static void memory_that_a_buffer_stands_in_may_go(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	uint8_t *pages;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_start(machine, PLAIN);
	introduce(fixture);
	/* the ring stays and a buffer's region goes */
	pages = machine->space[4];
	memset(pages, 0, 4096);
	machine_send(machine, fixture->bytes, kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, 7));
	for (unsigned i = 0; i < RING_ENTRIES; i++)
		machine->drivers[1].desc[i].address = le64_from(space_address(4));
	assert_int_equal(gw_virtio_memory_remove(machine->virtio, space_address(4)), 0);
	assert_int_equal(mprotect(pages, SPACE_BYTES, PROT_NONE), 0);
	kit_settle(&fixture->kit);
	assert_int_equal(machine->resets, 1);
	assert_string_equal(gw_drop_name(machine->reset_reason), "ring-address");
	assert_int_equal(fixture->peer.frame_count, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_driver_out_of_order_is_refused),
		T(a_lie_is_told_once_and_the_other_queue_goes_on),
		T(a_lie_is_found_too_where_frames_are_to_go),
		T(whatever_stands_in_the_rings_nothing_outside_is_touched),
		T(memory_may_go_while_queues_stand_in_it),
		T(memory_that_a_buffer_stands_in_may_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
