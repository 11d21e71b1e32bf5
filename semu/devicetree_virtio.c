/* SPDX-License-Identifier: MIT */
/* Where a node's registers are depends on the buses above it, each of which may place what is behind it elsewhere (Devicetree
 * Specification 0.4, 2.3.8).
 *
 * What surprises: a change to a node moves what stands behind it and never the node itself, so that the walk goes on from
 * the node that was changed. */
#include "semu/devicetree_virtio.h"

#include <libfdt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

int devicetree_virtio_fit(const struct devicetree_config *config, void *tree)
{
	static const char disabled[] = "disabled";
	uint64_t address;
	int node = -1, error = 0;

	while (error == 0 && (node = fdt_node_offset_by_compatible(tree, node, "virtio,mmio")) >= 0)
		if (!find(tree, node, &address) || !has_device(config, address))
			error = fdt_setprop(tree, node, "status", disabled, sizeof(disabled));
	return error;
}
