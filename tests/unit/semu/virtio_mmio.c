/* SPDX-License-Identifier: MIT */
/* The registers before a device that writes down what it is told. */
#include "semu/virtio_mmio.h"

#include "unit/semu/virtio_driver.h"

enum { AT_LINE = 7 };

#define AT (MAP_NET_FURTHER + 5 * MAP_WINDOW_BYTES)

struct fixture {
	struct machine *machine;
	struct virtio_driver driver;
	struct virtio_mmio mmio;
	uint64_t accepted;
	bool refuses_features, refuses_queues;
	unsigned starts, stops, notifications, resets, last;
	struct virtio_mmio_queue setup;
};

static bool accept(void *owner, uint64_t features)
{
	struct fixture *fixture = owner;

	fixture->accepted = features;
	return !fixture->refuses_features;
}

static void config_read(void *owner, unsigned offset, void *ret_bytes, unsigned bytes)
{
	uint8_t *to = ret_bytes;

	(void)owner;
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(offset + i + 1);
}

static bool start(void *owner, unsigned queue, const struct virtio_mmio_queue *setup)
{
	struct fixture *fixture = owner;

	fixture->starts++;
	fixture->last = queue;
	fixture->setup = *setup;
	return !fixture->refuses_queues;
}

static void stop(void *owner, unsigned queue)
{
	struct fixture *fixture = owner;

	fixture->stops++;
	fixture->last = queue;
}

static void notify(void *owner, unsigned queue)
{
	struct fixture *fixture = owner;

	fixture->notifications++;
	fixture->last = queue;
}

static void reset(void *owner)
{
	((struct fixture *)owner)->resets++;
}

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.machine = driver_machine()};
	fixture.driver = (struct virtio_driver){.machine = fixture.machine, .at = AT, .line = AT_LINE};
	virtio_mmio_init(&fixture.mmio, fixture.machine, AT, AT_LINE,
			 &(struct virtio_device){.id = 42,
						 .queue_count = 2,
						 .entries_most = 128,
						 .features = VERSION_1 | RING_RESET | 0x21,
						 .accept = accept,
						 .config_read = config_read,
						 .start = start,
						 .stop = stop,
						 .notify = notify,
						 .reset = reset,
						 .owner = &fixture});
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	machine_free(((struct fixture *)*state)->machine);
	return 0;
}

static const struct ring_setup somewhere = {.size = 64, .desc = 0x123456789abcdef0, .driver = 0x2000, .device = 0x3000};

static void run_queues(struct fixture *fixture)
{
	assert_true(driver_negotiate(&fixture->driver, VERSION_1 | RING_RESET | 1));
	for (unsigned i = 0; i < 2; i++) {
		driver_describe(&fixture->driver, i, &somewhere);
		driver_store(&fixture->driver, QUEUE_READY, 1);
	}
	driver_store(&fixture->driver, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void a_device_says_who_it_is(void **state)
{
	struct fixture *fixture = *state;
	struct virtio_driver *driver = &fixture->driver;

	assert_int_equal(driver_load(driver, MAGIC_VALUE), 0x74726976);
	assert_int_equal(driver_load(driver, VERSION), 2);
	assert_int_equal(driver_load(driver, DEVICE_ID), 42);
	assert_int_equal(driver_offered(driver), VERSION_1 | RING_RESET | 0x21);
	driver_store(driver, DEVICE_FEATURES_SEL, 2);
	assert_int_equal(driver_load(driver, DEVICE_FEATURES), 0);
	driver_store(driver, QUEUE_SEL, 1);
	assert_int_equal(driver_load(driver, QUEUE_SIZE_MAX), 128);
	driver_store(driver, QUEUE_SEL, 2);
	assert_int_equal(driver_load(driver, QUEUE_SIZE_MAX), 0);
	assert_int_equal(driver_load(driver, SHM_LENGTH), UINT32_MAX);
	assert_int_equal(driver_load(driver, STATUS), 0);
}

static void features_that_are_not_offered_are_not_kept(void **state)
{
	struct fixture *fixture = *state;

	assert_true(driver_negotiate(&fixture->driver, VERSION_1 | 1));
	assert_int_equal(fixture->accepted, VERSION_1 | 1);
	fixture->accepted = 0;
	assert_false(driver_negotiate(&fixture->driver, VERSION_1 | 2));
	assert_int_equal(fixture->accepted, 0);
	fixture->refuses_features = true;
	assert_false(driver_negotiate(&fixture->driver, VERSION_1));
	driver_store(&fixture->driver, STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);
	assert_int_equal(driver_load(&fixture->driver, STATUS), ACKNOWLEDGE | DRIVER);
}

static void features_cannot_change_once_they_are_accepted(void **state)
{
	struct fixture *fixture = *state;

	assert_true(driver_negotiate(&fixture->driver, VERSION_1));
	driver_store(&fixture->driver, DRIVER_FEATURES, UINT32_MAX);
	assert_int_equal(virtio_mmio_features(&fixture->mmio), VERSION_1);
}

static void a_queue_that_is_ready_starts_with_driver_ok(void **state)
{
	struct fixture *fixture = *state;
	struct virtio_driver *driver = &fixture->driver;

	assert_true(driver_negotiate(driver, VERSION_1));
	driver_describe(driver, 1, &somewhere);
	driver_store(driver, QUEUE_READY, 1);
	assert_int_equal(driver_load(driver, QUEUE_READY), 1);
	driver_store(driver, QUEUE_NOTIFY, 1);
	assert_int_equal(fixture->starts + fixture->notifications, 0);
	driver_store(driver, STATUS, DRIVER_OK);
	assert_int_equal(fixture->starts, 1);
	assert_int_equal(fixture->last, 1);
	assert_int_equal(fixture->setup.entries, 64);
	assert_int_equal(fixture->setup.desc, somewhere.desc);
	assert_int_equal(fixture->setup.driver, somewhere.driver);
	assert_int_equal(fixture->setup.device, somewhere.device);
	driver_store(driver, QUEUE_NOTIFY, 1);
	assert_int_equal(fixture->notifications, 1);
	/* this one after it */
	driver_describe(driver, 0, &somewhere);
	driver_store(driver, QUEUE_READY, 1);
	assert_int_equal(fixture->starts, 2);
	driver_store(driver, QUEUE_READY, 0);
	assert_int_equal(fixture->stops, 1);
	assert_int_equal(fixture->last, 0);
}

static void what_is_out_of_order_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct virtio_driver *driver = &fixture->driver;

	driver_describe(driver, 0, &somewhere);
	driver_store(driver, QUEUE_READY, 1);
	assert_int_equal(driver_load(driver, QUEUE_READY), 0);
	run_queues(fixture);
	/* a queue that runs stays as it was described */
	driver_store(driver, QUEUE_SEL, 0);
	driver_store(driver, QUEUE_SIZE, 7);
	driver_store_long(driver, QUEUE_DESC, 7);
	driver_store(driver, QUEUE_READY, 1);
	assert_int_equal(fixture->mmio.queues[0].entries, 64);
	assert_int_equal(fixture->mmio.queues[0].desc, somewhere.desc);
	assert_int_equal(fixture->starts, 2);
	/* queues that are not there */
	driver_store(driver, QUEUE_SEL, 2);
	driver_store(driver, QUEUE_SIZE, 7);
	driver_store(driver, QUEUE_READY, 1);
	driver_store(driver, QUEUE_RESET, 1);
	driver_store(driver, QUEUE_NOTIFY, 2);
	driver_store(driver, QUEUE_NOTIFY, UINT32_MAX);
	assert_int_equal(driver_load(driver, QUEUE_READY), 0);
	assert_int_equal(fixture->notifications + fixture->stops, 0);
	/* a driver takes nothing back but all */
	driver_store(driver, STATUS, ACKNOWLEDGE);
	assert_int_equal(driver_load(driver, STATUS), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void every_width_at_every_offset_is_harmless(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value;

	run_queues(fixture);
	for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
		for (uint64_t at = AT; at < AT + MAP_VIRTIO_BYTES; at += bytes) {
			bool is_register = at < AT + CONFIG && bytes == 4;

			assert_true(bus_load(&fixture->machine->bus, at, bytes, &value));
			if (!is_register && at < AT + CONFIG)
				assert_int_equal(value, 0);
			if (!is_register)
				assert_true(bus_store(&fixture->machine->bus, at, bytes, UINT64_MAX));
		}
	}
	assert_int_equal(fixture->starts, 2);
	assert_int_equal(fixture->resets, 1);
	assert_int_equal(driver_load(&fixture->driver, STATUS), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void the_configuration_is_read_in_any_width(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(driver_load_of(&fixture->driver, CONFIG + 3, 1), 4);
	assert_int_equal(driver_load_of(&fixture->driver, CONFIG + 2, 2), 0x0403);
	assert_int_equal(driver_load_of(&fixture->driver, CONFIG + 4, 4), 0x08070605);
	assert_int_equal(driver_load_of(&fixture->driver, CONFIG, 8), 0x0807060504030201);
}

static void an_interrupt_is_up_until_it_is_acknowledged(void **state)
{
	struct fixture *fixture = *state;

	run_queues(fixture);
	assert_false(driver_is_interrupted(&fixture->driver));
	virtio_mmio_interrupt(&fixture->mmio);
	assert_true(driver_is_interrupted(&fixture->driver));
	driver_store(&fixture->driver, INTERRUPT_ACK, 2);
	assert_true(driver_is_interrupted(&fixture->driver));
	assert_int_equal(driver_acknowledge(&fixture->driver), 1);
	assert_false(driver_is_interrupted(&fixture->driver));
}

static void a_queue_that_cannot_be_asks_for_a_reset(void **state)
{
	struct fixture *fixture = *state;

	fixture->refuses_queues = true;
	run_queues(fixture);
	assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
	assert_int_equal(driver_acknowledge(&fixture->driver), 2);
	driver_store(&fixture->driver, QUEUE_NOTIFY, 0);
	assert_int_equal(fixture->notifications + fixture->stops, 0);
	driver_store(&fixture->driver, STATUS, 0);
	assert_int_equal(driver_load(&fixture->driver, STATUS), 0);
	assert_int_equal(fixture->stops, 0);
	/* a driver cannot say it */
	driver_store(&fixture->driver, STATUS, NEEDS_RESET);
	assert_int_equal(driver_load(&fixture->driver, STATUS), 0);
}

static void a_lie_before_driver_ok_interrupts_nobody(void **state)
{
	struct fixture *fixture = *state;

	assert_true(driver_negotiate(&fixture->driver, VERSION_1));
	virtio_mmio_need_reset(&fixture->mmio);
	assert_false(driver_is_interrupted(&fixture->driver));
	assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
}

static void a_reset_stops_the_queues_and_forgets_everything(void **state)
{
	struct fixture *fixture = *state;

	run_queues(fixture);
	virtio_mmio_interrupt(&fixture->mmio);
	fixture->resets = 0;
	driver_store(&fixture->driver, STATUS, 0);
	assert_int_equal(fixture->stops, 2);
	assert_int_equal(fixture->resets, 1);
	assert_false(driver_is_interrupted(&fixture->driver));
	assert_int_equal(virtio_mmio_features(&fixture->mmio), 0);
	driver_store(&fixture->driver, QUEUE_SEL, 0);
	assert_int_equal(driver_load(&fixture->driver, QUEUE_READY), 0);
	/* the machine's is the same */
	run_queues(fixture);
	bus_reset(&fixture->machine->bus);
	assert_int_equal(fixture->stops, 4);
	assert_int_equal(driver_load(&fixture->driver, STATUS), 0);
}

static void one_queue_is_reset_where_that_was_accepted(void **state)
{
	struct fixture *fixture = *state;

	run_queues(fixture);
	driver_store(&fixture->driver, QUEUE_SEL, 1);
	driver_store(&fixture->driver, QUEUE_RESET, 1);
	assert_int_equal(driver_load(&fixture->driver, QUEUE_RESET), 0);
	assert_int_equal(driver_load(&fixture->driver, QUEUE_READY), 0);
	assert_int_equal(fixture->stops, 1);
	driver_store(&fixture->driver, QUEUE_READY, 1);
	assert_int_equal(fixture->starts, 3);
	assert_true(driver_negotiate(&fixture->driver, VERSION_1));
	fixture->stops = 0;
	driver_describe(&fixture->driver, 1, &somewhere);
	driver_store(&fixture->driver, QUEUE_READY, 1);
	driver_store(&fixture->driver, QUEUE_RESET, 1);
	assert_int_equal(driver_load(&fixture->driver, QUEUE_READY), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_device_says_who_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(features_that_are_not_offered_are_not_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(features_cannot_change_once_they_are_accepted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_queue_that_is_ready_starts_with_driver_ok, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_out_of_order_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_width_at_every_offset_is_harmless, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_configuration_is_read_in_any_width, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_interrupt_is_up_until_it_is_acknowledged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_queue_that_cannot_be_asks_for_a_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lie_before_driver_ok_interrupts_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reset_stops_the_queues_and_forgets_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_queue_is_reset_where_that_was_accepted, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
