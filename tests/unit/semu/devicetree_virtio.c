/* SPDX-License-Identifier: MIT */
/* Devices behind buses that move addresses, as semu's own device tree has them, and in trees that make no sense. */
#include "semu/devicetree_virtio.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "semu/devicetree.h"
#include "semu/map.h"

enum { BYTES = 16384 };

/* soc@f0000000 with one cell each and `ranges`, and a device for each address within it. */
static void make(void *tree, const uint32_t *ranges, unsigned count, const uint32_t *addresses)
{
	fdt32_t wire[8];
	char name[32];

	fdt_create(tree, BYTES);
	fdt_finish_reservemap(tree);
	fdt_begin_node(tree, "");
	fdt_property_u32(tree, "#address-cells", 1);
	fdt_property_u32(tree, "#size-cells", 1);
	fdt_begin_node(tree, "soc");
	fdt_property_u32(tree, "#address-cells", 1);
	fdt_property_u32(tree, "#size-cells", 1);
	for (unsigned i = 0; i < count; i++)
		wire[i] = cpu_to_fdt32(ranges[i]);
	fdt_property(tree, "ranges", wire, (int)(count * sizeof(wire[0])));
	for (; *addresses; addresses++) {
		snprintf(name, sizeof(name), "virtio@%x", *addresses);
		fdt_begin_node(tree, name);
		fdt_property_string(tree, "compatible", "virtio,mmio");
		wire[0] = cpu_to_fdt32(*addresses);
		wire[1] = cpu_to_fdt32(0x200);
		fdt_property(tree, "reg", wire, 2 * sizeof(wire[0]));
		fdt_end_node(tree);
	}
	fdt_end_node(tree);
	fdt_end_node(tree);
	assert_int_equal(fdt_finish(tree), 0);
	assert_int_equal(fdt_open_into(tree, tree, BYTES), 0);
}

static bool is_disabled(const void *tree, uint32_t address)
{
	char path[48];
	int node;

	snprintf(path, sizeof(path), "/soc/virtio@%x", address);
	node = fdt_path_offset(tree, path);
	assert_true(node >= 0);
	return fdt_getprop(tree, node, "status", NULL) != NULL;
}

static void devices_that_the_machine_has_not_are_disabled(void **state)
{
	static const uint32_t ranges[] = {0, 0xf0000000, 0x10000000};
	static const uint32_t addresses[] = {0x4100000, 0x4200000, 0x4600000, 0x4700000, 0x4c00000, 0x4d00000, 0};
	static _Alignas(8) uint8_t tree[BYTES];
	struct devicetree_config config = {.nets = 2, .rng = true};

	(void)state;
	make(tree, ranges, 3, addresses);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_false(is_disabled(tree, 0x4100000));
	assert_true(is_disabled(tree, 0x4200000));
	assert_false(is_disabled(tree, 0x4600000));
	assert_true(is_disabled(tree, 0x4700000));
	assert_false(is_disabled(tree, 0x4c00000));
	assert_true(is_disabled(tree, 0x4d00000));
	assert_int_equal(fdt_check_full(tree, BYTES), 0);
	config = (struct devicetree_config){.blk = true};
	make(tree, ranges, 3, addresses);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_true(is_disabled(tree, 0x4100000));
	assert_false(is_disabled(tree, 0x4200000));
	assert_true(is_disabled(tree, 0x4600000));
}

static void ranges_may_be_equal_several_or_wrong(void **state)
{
	static const uint32_t addresses[] = {0xf4100000, 0x4100000, 0},
			      several[] = {0, 1, 2, 0x4000000, 0xf4000000, 0x1000000};
	static _Alignas(8) uint8_t tree[BYTES];
	const struct devicetree_config config = {.nets = 1};

	(void)state;
	make(tree, NULL, 0, addresses);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_false(is_disabled(tree, 0xf4100000));
	assert_true(is_disabled(tree, 0x4100000));
	make(tree, several, 6, addresses);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_true(is_disabled(tree, 0xf4100000));
	assert_false(is_disabled(tree, 0x4100000));
	/* cut short */
	make(tree, several, 5, addresses);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_true(is_disabled(tree, 0x4100000));
}

static void a_tree_without_room_is_an_error(void **state)
{
	static const uint32_t addresses[] = {0x4100000, 0};
	static _Alignas(8) uint8_t tree[BYTES];
	const struct devicetree_config config = {.nets = 0};

	(void)state;
	make(tree, NULL, 0, addresses);
	assert_int_equal(fdt_pack(tree), 0);
	assert_int_equal(devicetree_virtio_fit(&config, tree), -FDT_ERR_NOSPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_that_the_machine_has_not_are_disabled),
		cmocka_unit_test(ranges_may_be_equal_several_or_wrong),
		cmocka_unit_test(a_tree_without_room_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
