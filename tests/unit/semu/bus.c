/* SPDX-License-Identifier: MIT */
/* Who answers at an address, and who does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "semu/bus.h"
#include "semu/map.h"

struct probe {
	uint64_t offset, value;
	unsigned bytes, calls, resets;
	bool refuses;
};

static bool probe_load(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value)
{
	struct probe *probe = owner;

	probe->offset = offset;
	probe->bytes = bytes;
	probe->calls++;
	*ret_value = probe->value;
	return !probe->refuses;
}

static bool probe_store(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct probe *probe = owner;

	probe->value = value;
	return probe_load(owner, offset, bytes, &value);
}

static void probe_reset(void *owner)
{
	((struct probe *)owner)->resets++;
}

static void put(struct bus *bus, struct probe *probe, uint64_t start, uint64_t bytes)
{
	bus_add(bus, &(struct bus_device){start, bytes, probe_load, probe_store, probe_reset, probe});
}

static void a_device_is_found_by_its_address(void **state)
{
	struct probe one = {.value = 7}, two = {.value = 9};
	struct bus bus;
	uint64_t value;

	(void)state;
	bus_init(&bus);
	put(&bus, &one, MAP_PLIC, MAP_PLIC_BYTES);
	put(&bus, &two, MAP_UART, 0x100);
	assert_true(bus_load(&bus, MAP_PLIC + MAP_PLIC_BYTES - 4, 4, &value));
	assert_int_equal(value, 7);
	assert_int_equal(one.offset, MAP_PLIC_BYTES - 4);
	assert_true(bus_store(&bus, MAP_UART + 0xf8, 8, 0x1122334455667788));
	assert_int_equal(two.value, 0x1122334455667788);
	assert_int_equal(two.bytes, 8);
	assert_int_equal(two.offset, 0xf8);
	assert_int_equal(one.calls, 1);
}

static void nothing_answers_elsewhere(void **state)
{
	static const uint64_t places[] = {0,
					  MAP_DEVICES - 1,
					  MAP_UART - 1,
					  MAP_UART + 0x100,
					  MAP_UART + 0x1fffff,
					  MAP_UART + 0x200000,
					  MAP_DEVICES + MAP_DEVICES_BYTES,
					  UINT64_MAX};
	struct probe probe = {0};
	struct bus bus;
	uint64_t value = 5;

	(void)state;
	bus_init(&bus);
	put(&bus, &probe, MAP_UART, 0x100);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_false(bus_load(&bus, places[i], 1, &value));
		assert_false(bus_store(&bus, places[i], 1, 1));
	}
	assert_false(bus_load(&bus, MAP_UART + 1, 2, &value));
	assert_false(bus_load(&bus, MAP_UART + 0xfc, 8, &value));
	assert_int_equal(probe.calls, 0);
	assert_int_equal(value, 5);
}

static void what_a_device_refuses_is_refused(void **state)
{
	struct probe probe = {.refuses = true};
	struct bus bus;
	uint64_t value;

	(void)state;
	bus_init(&bus);
	put(&bus, &probe, MAP_UART, 0x100);
	assert_false(bus_load(&bus, MAP_UART, 4, &value));
	assert_false(bus_store(&bus, MAP_UART, 4, 0));
	assert_int_equal(probe.calls, 2);
}

static void a_reset_reaches_every_device(void **state)
{
	struct probe one = {0}, two = {0};
	struct bus bus;

	(void)state;
	bus_init(&bus);
	put(&bus, &one, MAP_UART, 0x100);
	put(&bus, &two, map_net(3), MAP_VIRTIO_BYTES);
	bus_reset(&bus);
	assert_int_equal(one.resets, 1);
	assert_int_equal(two.resets, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_found_by_its_address),
		cmocka_unit_test(nothing_answers_elsewhere),
		cmocka_unit_test(what_a_device_refuses_is_refused),
		cmocka_unit_test(a_reset_reaches_every_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
