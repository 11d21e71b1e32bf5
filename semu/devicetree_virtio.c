/* SPDX-License-Identifier: MIT */
/* Where a node's registers are depends on the buses above it, each of which may place what is behind it elsewhere (Devicetree
 * Specification 0.4, 2.3.8).
 *
 * What surprises: a change to a node moves what stands behind it and never the node itself, so that the walk goes on from
 * the node that was changed. And libfdt puts a new node before its neighbours: Linux, which names cards in the order of the
 * tree, would take the second one for eth0. So where one card is missing all of them are made anew, from the last. */
#include "semu/devicetree_virtio.h"

#include <libfdt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "semu/devicetree.h"
#include "semu/map.h"

/* A number of up to two cells; false: there are not as many. */
static bool take_number(const fdt32_t **at, int *left, int cells, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (cells < 0 || cells > 2 || *left < cells * (int)sizeof(fdt32_t))
		return false;
	*left -= cells * (int)sizeof(fdt32_t);
	for (; cells > 0; cells--)
		number = number << 32 | fdt32_ld((*at)++);
	*ret_number = number;
	return true;
}

/* From an address on this bus to one on the bus above it, by the first range that holds it. */
static bool climb(const void *tree, int bus, int above, uint64_t *address)
{
	int left;
	const int cells = fdt_address_cells(tree, bus), cells_above = fdt_address_cells(tree, above);
	const fdt32_t *at = fdt_getprop(tree, bus, "ranges", &left);
	uint64_t here, there, bytes;

	if (!at)
		return false;
	if (left == 0)
		return true;
	while (take_number(&at, &left, cells, &here) && take_number(&at, &left, cells_above, &there) &&
	       take_number(&at, &left, fdt_size_cells(tree, bus), &bytes)) {
		if (*address - here < bytes) {
			*address += there - here;
			return true;
		}
		if (cells + cells_above + fdt_size_cells(tree, bus) == 0)
			return false;
	}
	return false;
}

/* Where the first register of a node is, as the harts see it. */
static bool find(const void *tree, int node, uint64_t *ret_address)
{
	int left, bus = fdt_parent_offset(tree, node);
	const fdt32_t *at = bus < 0 ? NULL : fdt_getprop(tree, node, "reg", &left);

	if (!at || !take_number(&at, &left, fdt_address_cells(tree, bus), ret_address))
		return false;
	for (int above; (above = fdt_parent_offset(tree, bus)) >= 0; bus = above)
		if (!climb(tree, bus, above, ret_address))
			return false;
	return true;
}

static bool has_device(const struct devicetree_config *config, uint64_t address)
{
	for (unsigned i = 0; i < config->nets; i++)
		if (address == map_net(i))
			return true;
	return (config->blk && address == MAP_BLK) || (config->rng && address == MAP_RNG);
}

static bool is_available(const void *tree, int node)
{
	int bytes;
	const char *status = fdt_getprop(tree, node, "status", &bytes);

	return !status || (bytes >= 3 && !strncmp(status, "ok", 2));
}

/* Whether the tree has a node, not disabled, for a device there. */
static bool is_told(const void *tree, const char *compatible, uint64_t where, int *ret_node)
{
	uint64_t address;
	int node = -1;

	while ((node = fdt_node_offset_by_compatible(tree, node, compatible)) >= 0) {
		if (!is_available(tree, node) || !find(tree, node, &address) || address != where)
			continue;
		*ret_node = node;
		return true;
	}
	return false;
}

static bool nets_are_told(const struct devicetree_config *config, const void *tree)
{
	bool all = true;
	int node;

	for (unsigned i = 0; i < config->nets; i++)
		all = all && is_told(tree, "virtio,mmio", map_net(i), &node);
	return all;
}

static int disable_others(const struct devicetree_config *config, void *tree)
{
	static const char disabled[] = "disabled";
	uint64_t address;
	int node = -1, error = 0;

	while (error == 0 && (node = fdt_node_offset_by_compatible(tree, node, "virtio,mmio")) >= 0)
		if (!find(tree, node, &address) || !has_device(config, address))
			error = fdt_setprop(tree, node, "status", disabled, sizeof(disabled));
	return error;
}

/* The controller that lines go to; 0: none that they could. */
static uint32_t find_plic(const void *tree)
{
	int node, bytes;
	const fdt32_t *cells;

	if (!is_told(tree, "sifive,plic-1.0.0", MAP_PLIC, &node) && !is_told(tree, "riscv,plic0", MAP_PLIC, &node))
		return 0;
	cells = fdt_getprop(tree, node, "#interrupt-cells", &bytes);
	return cells && bytes == sizeof(*cells) && fdt32_ld(cells) == 1 ? fdt_get_phandle(tree, node) : 0;
}

static int add(void *tree, uint64_t address, unsigned line)
{
	static const char compatible[] = "virtio,mmio";
	const uint32_t plic = find_plic(tree);
	char name[32];
	int node, error;

	if (!plic)
		return -FDT_ERR_NOTFOUND;
	snprintf(name, sizeof(name), "virtio@%llx", (unsigned long long)address);
	node = fdt_add_subnode(tree, 0, name);
	error = node < 0 ? node : fdt_setprop(tree, node, "compatible", compatible, sizeof(compatible));
	if (!error)
		error = devicetree_set_reg(tree, node, address, MAP_VIRTIO_BYTES);
	if (!error)
		error = fdt_setprop_u32(tree, node, "interrupts-extended", plic);
	return error ? error : fdt_appendprop_u32(tree, node, "interrupts-extended", line);
}

int devicetree_virtio_fit(const struct devicetree_config *config, void *tree)
{
	struct devicetree_config told = *config;
	int node, error;

	told.nets = nets_are_told(config, tree) ? config->nets : 0;
	error = disable_others(&told, tree);
	for (unsigned i = config->nets; !error && i > told.nets; i--)
		error = add(tree, map_net(i - 1), map_net_line(i - 1));
	if (!error && config->blk && !is_told(tree, "virtio,mmio", MAP_BLK, &node))
		error = add(tree, MAP_BLK, MAP_LINE_BLK);
	return error;
}
