/* SPDX-License-Identifier: MIT */
/* covers: semu/devicetree.c semu/devicetree_virtio.c */
/* A device tree from a file, read and made to fit; and, from the first bytes, one of our own, which must be read back. */
#include <assert.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "semu/devicetree.h"
#include "semu/map.h"

enum { ROOM = 65536, CHOICES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void fit(const struct devicetree_config *config, const uint8_t *bytes, size_t count)
{
	uint8_t *copy = malloc(count ? count : 1), *room = malloc(ROOM);
	struct devicetree_facts facts;

	if (!copy || !room)
		abort();
	memcpy(copy, bytes, count);
	if (count < ROOM / 2 && devicetree_read(copy, count, &facts) == 0) {
		assert(!facts.arguments || strlen(facts.arguments) < count);
		memcpy(room, copy, count);
		if (devicetree_fit(config, room, ROOM) == 0)
			assert(fdt_check_full(room, ROOM) == 0);
#ifdef PLANTED
		if (facts.harts)
			assert(copy[count] != 1);
#endif
	}
	free(room);
	free(copy);
}

static void build(const struct devicetree_config *config)
{
	struct devicetree_facts facts;
	uint8_t *room = malloc(ROOM);

	if (!room)
		abort();
	assert(devicetree_build(config, room, ROOM) == 0);
	assert(devicetree_read(room, fdt_totalsize(room), &facts) == 0);
	assert(facts.harts == config->harts && facts.word == config->word);
	/* too little room is an error and no more */
	(void)devicetree_build(config, room, 64 + 16 * config->harts);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct devicetree_config config = {.timebase_hz = 1000};

	if (count < CHOICES)
		return 0;
	config.word = bytes[0] & 1 ? DEVICETREE_32 : DEVICETREE_64;
	config.harts = 1 + bytes[1] % MAP_HARTS_MOST;
	config.nets = bytes[2] % (MAP_NETS_MOST + 1);
	config.ram_bytes = (uint64_t)(1 + bytes[3]) << 20;
	config.initrd_bytes = bytes[0] & 2 ? 4096 : 0;
	config.arguments = bytes[0] & 4 ? "quiet" : NULL;
	config.blk = bytes[0] & 8;
	config.rng = bytes[0] & 16;
	build(&config);
	fit(&config, bytes + CHOICES, count - CHOICES);
	return 0;
}
