/* SPDX-License-Identifier: MIT */
/* What a kernel would read in the tree. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <libfdt.h>
#include <string.h>

#include "semu/devicetree.h"
#include "semu/map.h"

static const struct devicetree_config WHOLE = {.word = DEVICETREE_64,
					       .harts = 4,
					       .ram_bytes = 0xc0000000,
					       .timebase_hz = 10000000,
					       .arguments = "console=ttyS0",
					       .initrd_start = 0x8000000,
					       .initrd_bytes = 0x1234,
					       .nets = 3,
					       .blk = true,
					       .rng = true};

static uint64_t number(const void *tree, const char *path, const char *name, int at)
{
	int bytes;
	const fdt32_t *cells = fdt_getprop(tree, fdt_path_offset(tree, path), name, &bytes);

	assert_non_null(cells);
	assert_true(bytes >= 4 * (at + 1));
	return fdt32_ld(&cells[at]);
}

static const char *text(const void *tree, const char *path, const char *name)
{
	const char *value = fdt_getprop(tree, fdt_path_offset(tree, path), name, NULL);

	assert_non_null(value);
	return value;
}

static void a_tree_tells_of_every_part(void **state)
{
	char tree[16384];

	(void)state;
	assert_int_equal(devicetree_build(&WHOLE, tree, sizeof(tree)), 0);
	assert_int_equal(fdt_check_full(tree, sizeof(tree)), 0);
	assert_string_equal(text(tree, "/chosen", "bootargs"), "console=ttyS0");
	assert_int_equal(number(tree, "/chosen", "linux,initrd-end", 1), 0x8001234);
	assert_int_equal(number(tree, "/memory@0", "reg", 3), 0xc0000000);
	assert_string_equal(text(tree, "/cpus/cpu@3", "riscv,isa"), "rv64imafdc");
	assert_int_equal(number(tree, "/soc/interrupt-controller@f0000000", "interrupts-extended", 7), 9);
	assert_int_equal(number(tree, "/soc/virtio@f4100000", "interrupts", 0), 2);
	assert_int_equal(number(tree, "/soc/virtio@f4d00000", "interrupts", 0), 11);
	assert_int_equal(number(tree, "/soc/virtio@f4200000", "interrupts", 0), 3);
	assert_int_equal(number(tree, "/soc/virtio@f4600000", "interrupts", 0), 4);
	assert_true(fdt_path_offset(tree, "serial0") > 0);
}

static void the_largest_machine_fits_where_the_tree_stands(void **state)
{
	struct devicetree_config config = WHOLE;
	char tree[65536];

	(void)state;
	config.harts = MAP_HARTS_MOST;
	config.nets = MAP_NETS_MOST;
	assert_int_equal(devicetree_build(&config, tree, sizeof(tree)), 0);
	assert_int_equal(devicetree_build(&config, tree, 2000), -ENOSPC);
}

static void what_was_built_is_read_back(void **state)
{
	struct devicetree_config config = WHOLE;
	struct devicetree_facts facts;
	char tree[16384];

	(void)state;
	config.word = DEVICETREE_32;
	assert_int_equal(devicetree_build(&config, tree, sizeof(tree)), 0);
	assert_int_equal(devicetree_read(tree, sizeof(tree), &facts), 0);
	assert_int_equal(facts.word, 32);
	assert_int_equal(facts.harts, 4);
	assert_int_equal(facts.timebase_hz, 10000000);
	assert_string_equal(facts.arguments, "console=ttyS0");
}

static void what_is_no_tree_is_refused(void **state)
{
	struct devicetree_facts facts;
	char tree[16384];

	(void)state;
	assert_int_equal(devicetree_build(&WHOLE, tree, sizeof(tree)), 0);
	for (size_t bytes = 0; bytes < 200; bytes++)
		assert_int_equal(devicetree_read(tree, bytes, &facts), -EINVAL);
	assert_int_equal(devicetree_read(tree, fdt_totalsize(tree) - 1, &facts), -EINVAL);
	memset(tree, 0, sizeof(tree));
	assert_int_equal(devicetree_read(tree, sizeof(tree), &facts), -EINVAL);
}

static void a_given_tree_is_made_to_fit(void **state)
{
	struct devicetree_config config = WHOLE;
	char tree[16384];

	(void)state;
	assert_int_equal(devicetree_build(&config, tree, sizeof(tree)), 0);
	config.ram_bytes = 0x10000000;
	config.arguments = NULL;
	config.initrd_bytes = 0;
	assert_int_equal(devicetree_fit(&config, tree, sizeof(tree)), 0);
	assert_string_equal(text(tree, "/chosen", "bootargs"), "console=ttyS0");
	assert_int_equal(number(tree, "/memory@0", "reg", 3), 0x10000000);
	assert_null(fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "linux,initrd-end", NULL));
	config.arguments = "quiet";
	config.initrd_bytes = 0x2000;
	assert_int_equal(devicetree_fit(&config, tree, sizeof(tree)), 0);
	assert_string_equal(text(tree, "/chosen", "bootargs"), "quiet");
	assert_int_equal(number(tree, "/chosen", "linux,initrd-end", 1), 0x8002000);
}

/* As the seed's tree has it. */
static void memory_of_one_cell_begins_at_nought(void **state)
{
	struct devicetree_config config = {.word = DEVICETREE_32, .harts = 1, .arguments = ""};
	char tree[4096];

	(void)state;
	assert_int_equal(fdt_create_empty_tree(tree, sizeof(tree)), 0);
	assert_int_equal(fdt_setprop_u32(tree, 0, "#address-cells", 1), 0);
	assert_int_equal(fdt_setprop_u32(tree, 0, "#size-cells", 1), 0);
	config.ram_bytes = 0x20000000;
	assert_int_equal(devicetree_fit(&config, tree, sizeof(tree)), 0);
	assert_int_equal(number(tree, "/memory@0", "reg", 0), 0);
	assert_int_equal(number(tree, "/memory@0", "reg", 1), 0x20000000);
	config.ram_bytes = UINT64_C(1) << 32;
	assert_int_equal(devicetree_fit(&config, tree, sizeof(tree)), -EINVAL);
	config.ram_bytes = 0x20000000;
	config.nets = 1;
	assert_int_equal(devicetree_fit(&config, tree, sizeof(tree)), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_tells_of_every_part),
		cmocka_unit_test(the_largest_machine_fits_where_the_tree_stands),
		cmocka_unit_test(what_was_built_is_read_back),
		cmocka_unit_test(what_is_no_tree_is_refused),
		cmocka_unit_test(a_given_tree_is_made_to_fit),
		cmocka_unit_test(memory_of_one_cell_begins_at_nought),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
