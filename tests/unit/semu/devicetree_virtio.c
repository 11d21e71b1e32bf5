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

static void put_plic(void *tree)
{
	const fdt32_t reg[2] = {cpu_to_fdt32(MAP_PLIC), cpu_to_fdt32(MAP_PLIC_BYTES)};

	fdt_begin_node(tree, "interrupt-controller");
	fdt_property_string(tree, "compatible", "sifive,plic-1.0.0");
	fdt_property(tree, "reg", reg, sizeof(reg));
	fdt_property_u32(tree, "#interrupt-cells", 1);
	fdt_property_u32(tree, "phandle", 7);
	fdt_end_node(tree);
}

/* soc@f0000000 with one cell each and `ranges`, and a device for each address within it. A PLIC stands beside it. */
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
	put_plic(tree);
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

static uint32_t cell(const void *tree, const char *path, const char *name, int at)
{
	int bytes;
	const fdt32_t *cells = fdt_getprop(tree, fdt_path_offset(tree, path), name, &bytes);

	assert_non_null(cells);
	assert_true(bytes > 4 * at);
	return fdt32_ld(&cells[at]);
}

/* Linux counts cards in the order in which they stand. */
static void cards_and_a_disk_that_it_lacks_are_added_in_their_order(void **state)
{
	static const uint32_t ranges[] = {0, 0xf0000000, 0x10000000};
	static const uint32_t addresses[] = {0x4100000, 0x4600000, 0};
	static _Alignas(8) uint8_t tree[BYTES];
	const struct devicetree_config config = {.nets = 3, .blk = true};
	int first;

	(void)state;
	make(tree, ranges, 3, addresses);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_int_equal(fdt_check_full(tree, BYTES), 0);
	assert_true(is_disabled(tree, 0x4100000));
	assert_true(is_disabled(tree, 0x4600000));
	first = fdt_path_offset(tree, "/virtio@f4100000");
	assert_true(first > 0 && first < fdt_path_offset(tree, "/virtio@f4c00000"));
	assert_true(fdt_path_offset(tree, "/virtio@f4c00000") < fdt_path_offset(tree, "/virtio@f4d00000"));
	assert_string_equal(fdt_getprop(tree, first, "compatible", NULL), "virtio,mmio");
	assert_int_equal(cell(tree, "/virtio@f4d00000", "reg", 0), 0xf4d00000);
	assert_int_equal(cell(tree, "/virtio@f4d00000", "reg", 1), 0x1000);
	assert_int_equal(cell(tree, "/virtio@f4d00000", "interrupts-extended", 0), 7);
	assert_int_equal(cell(tree, "/virtio@f4d00000", "interrupts-extended", 1), 11);
	assert_int_equal(cell(tree, "/virtio@f4200000", "interrupts-extended", 1), 3);
	/* what is there already stays as it is: a reboot, or a tree that this machine made */
	memcpy(tree + BYTES / 2, tree, BYTES / 2);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_memory_equal(tree, tree + BYTES / 2, BYTES / 2);
}

static void a_card_that_was_disabled_is_added(void **state)
{
	static const uint32_t addresses[] = {0xf4100000, 0};
	static _Alignas(8) uint8_t tree[BYTES];
	struct devicetree_config config = {.nets = 0};

	(void)state;
	make(tree, NULL, 0, addresses);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_true(is_disabled(tree, 0xf4100000));
	config.nets = 1;
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	assert_int_equal(cell(tree, "/virtio@f4100000", "interrupts-extended", 1), 2);
}

static void without_a_plic_nothing_can_be_added(void **state)
{
	static const uint32_t addresses[] = {0xf4100000, 0};
	static _Alignas(8) uint8_t tree[BYTES];
	struct devicetree_config config = {.nets = 1};
	int plic;

	(void)state;
	make(tree, NULL, 0, addresses);
	plic = fdt_path_offset(tree, "/interrupt-controller");
	assert_int_equal(fdt_setprop_u32(tree, plic, "#interrupt-cells", 2), 0);
	assert_int_equal(devicetree_virtio_fit(&config, tree), 0);
	config.nets = 2;
	assert_int_equal(devicetree_virtio_fit(&config, tree), -FDT_ERR_NOTFOUND);
	assert_int_equal(fdt_del_node(tree, fdt_path_offset(tree, "/interrupt-controller")), 0);
	assert_int_equal(devicetree_virtio_fit(&config, tree), -FDT_ERR_NOTFOUND);
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
		cmocka_unit_test(cards_and_a_disk_that_it_lacks_are_added_in_their_order),
		cmocka_unit_test(a_card_that_was_disabled_is_added),
		cmocka_unit_test(without_a_plic_nothing_can_be_added),
		cmocka_unit_test(ranges_may_be_equal_several_or_wrong),
		cmocka_unit_test(a_tree_without_room_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
