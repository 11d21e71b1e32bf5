/* SPDX-License-Identifier: MIT */
/* The tree is written in one pass by libfdt's sequential functions; each returns an error that the last one tells too, so
 * that one look at the end is enough. */
#include "semu/devicetree.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "semu/devicetree_virtio.h"
#include "semu/map.h"

enum { PHANDLE_PLIC = 1, PHANDLE_HART = 2 }; /* the controller of hart n: PHANDLE_HART + n */
enum { CAUSE_SUPERVISOR_EXTERNAL = 9 };

static void put_cells(void *tree, const char *name, const uint32_t *cells, unsigned count)
{
	fdt32_t wire[2 * MAP_HARTS_MOST];

	for (unsigned i = 0; i < count; i++)
		wire[i] = cpu_to_fdt32(cells[i]);
	fdt_property(tree, name, wire, (int)(count * sizeof(wire[0])));
}

static void put_text(void *tree, const char *name, const char *text)
{
	fdt_property(tree, name, text, (int)strlen(text) + 1);
}

static void put_reg(void *tree, uint64_t start, uint64_t bytes)
{
	put_cells(tree, "reg",
		  (const uint32_t[]){(uint32_t)(start >> 32), (uint32_t)start, (uint32_t)(bytes >> 32),
				     (uint32_t)bytes},
		  4);
}

static void begin(void *tree, const char *name, uint64_t at)
{
	char full[64];

	snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)at);
	fdt_begin_node(tree, full);
}

static void put_sizes(void *tree, uint32_t address_cells, uint32_t size_cells)
{
	fdt_property_u32(tree, "#address-cells", address_cells);
	fdt_property_u32(tree, "#size-cells", size_cells);
}

static void put_chosen(void *tree, const struct devicetree_config *config)
{
	fdt_begin_node(tree, "chosen");
	put_text(tree, "bootargs", config->arguments ? config->arguments : "");
	put_text(tree, "stdout-path", "serial0");
	if (config->initrd_bytes) {
		fdt_property_u64(tree, "linux,initrd-start", config->initrd_start);
		fdt_property_u64(tree, "linux,initrd-end", config->initrd_start + config->initrd_bytes);
	}
	fdt_end_node(tree);
}

static void put_hart(void *tree, const struct devicetree_config *config, unsigned hart)
{
	const bool is_64 = config->word == DEVICETREE_64;

	begin(tree, "cpu", hart);
	put_text(tree, "device_type", "cpu");
	fdt_property_u32(tree, "reg", hart);
	put_text(tree, "status", "okay");
	put_text(tree, "compatible", "riscv");
	put_text(tree, "riscv,isa", is_64 ? "rv64imafdc" : "rv32ima");
	put_text(tree, "mmu-type", is_64 ? "riscv,sv39" : "riscv,sv32");
	fdt_begin_node(tree, "interrupt-controller");
	fdt_property_u32(tree, "#interrupt-cells", 1);
	fdt_property(tree, "interrupt-controller", NULL, 0);
	put_text(tree, "compatible", "riscv,cpu-intc");
	fdt_property_u32(tree, "phandle", PHANDLE_HART + hart);
	fdt_end_node(tree);
	fdt_end_node(tree);
}

static void put_harts(void *tree, const struct devicetree_config *config)
{
	fdt_begin_node(tree, "cpus");
	put_sizes(tree, 1, 0);
	fdt_property_u32(tree, "timebase-frequency", config->timebase_hz);
	for (unsigned i = 0; i < config->harts; i++)
		put_hart(tree, config, i);
	fdt_end_node(tree);
}

static void put_memory(void *tree, const struct devicetree_config *config)
{
	begin(tree, "memory", MAP_RAM);
	put_text(tree, "device_type", "memory");
	put_reg(tree, MAP_RAM, config->ram_bytes);
	fdt_end_node(tree);
}

static void put_plic(void *tree, unsigned harts)
{
	uint32_t contexts[2 * MAP_HARTS_MOST];

	for (unsigned i = 0; i < harts; i++) {
		contexts[2 * i] = PHANDLE_HART + i;
		contexts[2 * i + 1] = CAUSE_SUPERVISOR_EXTERNAL;
	}
	begin(tree, "interrupt-controller", MAP_PLIC);
	put_text(tree, "compatible", "sifive,plic-1.0.0");
	put_reg(tree, MAP_PLIC, MAP_PLIC_BYTES);
	put_cells(tree, "interrupts-extended", contexts, 2 * harts);
	fdt_property(tree, "interrupt-controller", NULL, 0);
	fdt_property_u32(tree, "#interrupt-cells", 1);
	fdt_property_u32(tree, "#address-cells", 0);
	fdt_property_u32(tree, "riscv,ndev", 31);
	fdt_property_u32(tree, "phandle", PHANDLE_PLIC);
	fdt_end_node(tree);
}

static void put_uart(void *tree)
{
	begin(tree, "serial", MAP_UART);
	put_text(tree, "compatible", "ns16550a");
	put_reg(tree, MAP_UART, MAP_UART_BYTES);
	fdt_property_u32(tree, "interrupts", MAP_LINE_UART);
	fdt_property_u32(tree, "clock-frequency", 3686400);
	fdt_end_node(tree);
}

static void put_virtio(void *tree, uint64_t at, unsigned line)
{
	begin(tree, "virtio", at);
	put_text(tree, "compatible", "virtio,mmio");
	put_reg(tree, at, MAP_VIRTIO_BYTES);
	fdt_property_u32(tree, "interrupts", line);
	fdt_end_node(tree);
}

static void put_devices(void *tree, const struct devicetree_config *config)
{
	fdt_begin_node(tree, "soc");
	put_text(tree, "compatible", "simple-bus");
	put_sizes(tree, 2, 2);
	fdt_property(tree, "ranges", NULL, 0);
	fdt_property_u32(tree, "interrupt-parent", PHANDLE_PLIC);
	put_plic(tree, config->harts);
	put_uart(tree);
	for (unsigned i = 0; i < config->nets; i++)
		put_virtio(tree, map_net(i), map_net_line(i));
	if (config->blk)
		put_virtio(tree, MAP_BLK, MAP_LINE_BLK);
	if (config->rng)
		put_virtio(tree, MAP_RNG, MAP_LINE_RNG);
	fdt_end_node(tree);
}

static void put_aliases(void *tree)
{
	char path[64];

	fdt_begin_node(tree, "aliases");
	snprintf(path, sizeof(path), "/soc/serial@%llx", (unsigned long long)MAP_UART);
	put_text(tree, "serial0", path);
	fdt_end_node(tree);
}

int devicetree_build(const struct devicetree_config *config, void *tree, size_t bytes)
{
	if (fdt_create(tree, (int)bytes) || fdt_finish_reservemap(tree))
		return -ENOSPC;
	fdt_begin_node(tree, "");
	put_sizes(tree, 2, 2);
	put_text(tree, "compatible", "semu");
	put_text(tree, "model", "semu");
	put_chosen(tree, config);
	put_aliases(tree);
	put_harts(tree, config);
	put_memory(tree, config);
	put_devices(tree, config);
	fdt_end_node(tree);
	return fdt_finish(tree) ? -ENOSPC : 0;
}

static uint32_t u32_of(const void *tree, int node, const char *name)
{
	int bytes;
	const fdt32_t *value = fdt_getprop(tree, node, name, &bytes);

	return value && bytes == sizeof(*value) ? fdt32_ld(value) : 0;
}

/* NULL: none, or not a text. */
static const char *text_of(const void *tree, int node, const char *name)
{
	int bytes;
	const char *value = fdt_getprop(tree, node, name, &bytes);

	return value && bytes > 0 && !value[bytes - 1] ? value : NULL;
}

static unsigned word_of(const void *tree, int hart)
{
	const char *isa = text_of(tree, hart, "riscv,isa");

	if (!isa)
		return 0;
	return !strncmp(isa, "rv32", 4) ? DEVICETREE_32 : !strncmp(isa, "rv64", 4) ? DEVICETREE_64 : 0;
}

int devicetree_read(const void *tree, size_t bytes, struct devicetree_facts *ret_facts)
{
	struct devicetree_facts facts = {0};
	int harts, hart;

	if (bytes < sizeof(struct fdt_header) || fdt_check_full(tree, bytes))
		return -EINVAL;
	harts = fdt_path_offset(tree, "/cpus");
	if (harts >= 0)
		facts.timebase_hz = u32_of(tree, harts, "timebase-frequency");
	hart = harts < 0 ? -1 : fdt_first_subnode(tree, harts);
	for (; hart >= 0; hart = fdt_next_subnode(tree, hart)) {
		const char *type = text_of(tree, hart, "device_type");

		if (!type || strcmp(type, "cpu"))
			continue;
		facts.harts++;
		facts.word = facts.word ? facts.word : word_of(tree, hart);
	}
	facts.arguments = text_of(tree, fdt_path_offset(tree, "/chosen"), "bootargs");
	*ret_facts = facts;
	return 0;
}

static int found_or_made(void *tree, const char *name)
{
	const int node = fdt_subnode_offset(tree, 0, name);

	return node >= 0 ? node : fdt_add_subnode(tree, 0, name);
}

static int set_text(void *tree, int node, const char *name, const char *text)
{
	return fdt_setprop(tree, node, name, text, (int)strlen(text) + 1);
}

static int fit_chosen(const struct devicetree_config *config, void *tree)
{
	const int node = found_or_made(tree, "chosen");
	int failed = node < 0 ? node : 0;

	if (!failed && config->arguments)
		failed = set_text(tree, node, "bootargs", config->arguments);
	fdt_delprop(tree, node, "linux,initrd-start");
	fdt_delprop(tree, node, "linux,initrd-end");
	if (failed || !config->initrd_bytes)
		return failed;
	failed = fdt_setprop_u64(tree, node, "linux,initrd-start", config->initrd_start);
	return failed ? failed
		      : fdt_setprop_u64(tree, node, "linux,initrd-end", config->initrd_start + config->initrd_bytes);
}

static int append_number(void *tree, int node, const char *name, int cells, uint64_t number)
{
	if (cells == 2)
		return fdt_appendprop_u64(tree, node, name, number);
	return cells == 1 && number <= UINT32_MAX ? fdt_appendprop_u32(tree, node, name, (uint32_t)number)
						  : -FDT_ERR_BADNCELLS;
}

/* Cell by cell: libfdt 1.6 takes memory at address 0 for one that does not fit into a cell. */
int devicetree_set_reg(void *tree, int node, uint64_t start, uint64_t bytes)
{
	int failed;

	fdt_delprop(tree, node, "reg");
	failed = append_number(tree, node, "reg", fdt_address_cells(tree, 0), start);
	return failed ? failed : append_number(tree, node, "reg", fdt_size_cells(tree, 0), bytes);
}

/* The memory node keeps its name, which may say where it is. */
static int fit_memory(const struct devicetree_config *config, void *tree)
{
	static const char type[] = "memory";
	int node = fdt_node_offset_by_prop_value(tree, -1, "device_type", type, sizeof(type));
	int failed;

	if (node < 0) {
		node = fdt_add_subnode(tree, 0, "memory@0");
		failed = node < 0 ? node : set_text(tree, node, "device_type", type);
		if (failed)
			return failed;
	}
	return devicetree_set_reg(tree, node, MAP_RAM, config->ram_bytes);
}

int devicetree_fit(const struct devicetree_config *config, void *tree, size_t bytes)
{
	int failed = fdt_open_into(tree, tree, (int)bytes);

	if (!failed)
		failed = fit_memory(config, tree);
	if (!failed)
		failed = fit_chosen(config, tree);
	if (!failed)
		failed = devicetree_virtio_fit(config, tree);
	if (!failed)
		failed = fdt_pack(tree);
	switch (failed) {
	case 0:
		return 0;
	case -FDT_ERR_NOSPACE:
		return -ENOSPC;
	case -FDT_ERR_NOTFOUND:
		return -ENODEV;
	default:
		return -EINVAL;
	}
}
