/* SPDX-License-Identifier: MIT */
/* Random numbers, and what the device says to a driver that lies in its ring. */
#include "semu/virtio_rng.h"

#include "unit/semu/virtio_driver.h"

struct fixture {
	struct machine *machine;
	struct virtio_driver driver;
	struct virtio_rng *rng;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.machine = driver_machine()};
	if (virtio_rng_new(fixture.machine, &fixture.rng) < 0)
		return -1;
	fixture.driver = (struct virtio_driver){.machine = fixture.machine, .at = MAP_RNG, .line = MAP_LINE_RNG};
	driver_start(&fixture.driver, VERSION_1 | EVENT_IDX, 1);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	driver_done(&fixture->driver);
	machine_free(fixture->machine);
	virtio_rng_free(fixture->rng);
	return 0;
}

/* How many bytes were written to a buffer of so many, and which. */
static uint32_t ask(struct fixture *fixture, uint32_t bytes, uint8_t *ret_bytes)
{
	struct ring_driver_piece piece = {.bytes = bytes, .writable = true};
	struct ring_driver_used used;
	int id = ring_driver_offer(&fixture->driver.rings[0], &piece, 1, false);

	assert_true(id >= 0);
	memset(fixture->driver.rings[0].buffers[id].pieces[0].at, 0, bytes);
	driver_publish(&fixture->driver, 0);
	assert_true(ring_driver_harvest(&fixture->driver.rings[0], &used));
	assert_int_equal(used.id, id);
	memcpy(ret_bytes, fixture->driver.rings[0].buffers[id].pieces[0].at, bytes);
	ring_driver_release(&fixture->driver.rings[0], used.id);
	return used.bytes;
}

static void a_buffer_is_filled_with_what_is_never_the_same(void **state)
{
	struct fixture *fixture = *state;
	uint8_t one[64], other[64];

	assert_int_equal(driver_load(&fixture->driver, DEVICE_ID), 4);
	assert_int_equal(ask(fixture, sizeof(one), one), sizeof(one));
	assert_int_equal(ask(fixture, sizeof(other), other), sizeof(other));
	assert_memory_not_equal(one, other, sizeof(one));
	assert_int_equal(driver_acknowledge(&fixture->driver), 1);
}

static void a_large_buffer_is_filled_in_part(void **state)
{
	struct fixture *fixture = *state;
	static uint8_t bytes[4096];
	uint32_t count = ask(fixture, sizeof(bytes), bytes);

	assert_in_range(count, 1, sizeof(bytes) - 1);
	for (uint32_t i = count; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
}

static void a_buffer_that_cannot_be_written_breaks_the_ring(void **state)
{
	struct fixture *fixture = *state;
	struct ring_driver_piece piece = {.bytes = 64};

	assert_true(ring_driver_offer(&fixture->driver.rings[0], &piece, 1, false) >= 0);
	driver_publish(&fixture->driver, 0);
	assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
}

static void a_descriptor_outside_of_ram_breaks_the_ring(void **state)
{
	static const struct {
		uint64_t address;
		uint32_t bytes;
	} rows[] = {
		{DRIVER_RAM_BYTES, 1},     {DRIVER_RAM_BYTES - 1, 2}, {UINT64_MAX, 1},
		{UINT64_MAX - 4095, 4096}, {0, UINT32_MAX},           {MAP_RNG, 64},
		{UINT64_C(1) << 63, 64},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ring_driver *ring = &fixture->driver.rings[0];
		struct ring_driver_piece piece = {.bytes = 1, .writable = true};
		struct ring_driver_used used;
		int id;

		driver_start(&fixture->driver, VERSION_1, 1);
		id = ring_driver_offer(ring, &piece, 1, false);
		ring->desc[id].address = le64_from(rows[i].address);
		ring->desc[id].bytes = le32_from(rows[i].bytes);
		driver_publish(&fixture->driver, 0);
		assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
		assert_false(ring_driver_harvest(ring, &used));
	}
}

static void a_ring_outside_of_ram_is_none(void **state)
{
	static const struct ring_setup rows[] = {
		{.size = 64, .desc = DRIVER_RAM_BYTES, .driver = 0x2000, .device = 0x3000},
		{.size = 64, .desc = 0x1000, .driver = DRIVER_RAM_BYTES - 8, .device = 0x3000},
		{.size = 64, .desc = 0x1000, .driver = 0x2000, .device = UINT64_MAX - 3},
		{.size = 0, .desc = 0x1000, .driver = 0x2000, .device = 0x3000},
		{.size = 65, .desc = 0x1000, .driver = 0x2000, .device = 0x3000},
		{.size = 512, .desc = 0x1000, .driver = 0x4000, .device = 0x5000},
		{.size = 64, .desc = 0x1001, .driver = 0x2000, .device = 0x3000},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(driver_negotiate(&fixture->driver, VERSION_1));
		driver_describe(&fixture->driver, 0, &rows[i]);
		driver_store(&fixture->driver, QUEUE_READY, 1);
		driver_store(&fixture->driver, STATUS, DRIVER_OK);
		assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
		driver_store(&fixture->driver, QUEUE_NOTIFY, 0);
	}
	/* of 65536 entries and the right number of them in the low half */
	assert_true(driver_negotiate(&fixture->driver, VERSION_1));
	driver_describe(&fixture->driver, 0, &(struct ring_setup){.desc = 0x1000, .driver = 0x2000, .device = 0x3000});
	driver_store(&fixture->driver, QUEUE_SIZE, 65536 + 64);
	driver_store(&fixture->driver, QUEUE_READY, 1);
	driver_store(&fixture->driver, STATUS, DRIVER_OK);
	assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
}

static void a_driver_from_before_version_1_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_false(driver_negotiate(&fixture->driver, EVENT_IDX));
	assert_true(
		driver_negotiate(&fixture->driver, VERSION_1 | EVENT_IDX | RING_PACKED | INDIRECT_DESC | RING_RESET));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_buffer_is_filled_with_what_is_never_the_same),
		TEST(a_large_buffer_is_filled_in_part),
		TEST(a_buffer_that_cannot_be_written_breaks_the_ring),
		TEST(a_descriptor_outside_of_ram_breaks_the_ring),
		TEST(a_ring_outside_of_ram_is_none),
		TEST(a_driver_from_before_version_1_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
