/* SPDX-License-Identifier: MIT */
/* covers: semu/virtio_mmio.c semu/virtio_single.c semu/virtio_blk.c semu/virtio_rng.c semu/virtio_net.c semu/plic.c */
/* A guest that writes anything to any register of any device, and anything into its rings: the input is a list of steps. RAM
 * is memory of the sanitizer's, so that whoever reads or writes a byte beside it is found. The machine is made once, and
 * its devices are reset for each input. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "kit/input.h"
#include "semu/machine.h"
#include "semu/netdev.h"
#include "semu/virtio_blk.h"
#include "semu/virtio_net.h"
#include "semu/virtio_rng.h"

enum {
	RAM_BYTES = 64 * 1024,
	DISK_BYTES = 16 * 512,
	STEPS = 128,
	/* where a queue stands that the input does not place itself */
	QUEUE_BYTES = 0x2000,
	QUEUE_AVAIL = 0x400,
	QUEUE_USED = 0x800,
	QUEUE_DATA = 0x1000,
	QUEUE_ENTRIES = 16,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static struct machine *machine;
static uint8_t *ram;
static int disk;

static const struct {
	uint64_t start;
	unsigned queues;
} virtios[] = {{MAP_NET, 2}, {MAP_BLK, 1}, {MAP_RNG, 1}};

static const uint64_t places[] = {MAP_NET,           MAP_BLK,         MAP_RNG,
				  MAP_PLIC,          MAP_UART,        MAP_MTIMER,
				  MAP_MSWI,          MAP_SSWI,        MAP_PLIC + 0x200000,
				  MAP_PLIC + 0x2000, MAP_NET_FURTHER, MAP_DEVICES - 8};

static bool print(void *owner, uint8_t byte)
{
	(void)owner;
	return byte != 'x';
}

static void on_room(void *owner)
{
	(void)owner;
}

static void make_machine(void)
{
	static char *const command[] = {(char *)"semu", NULL};
	const struct netdev_setup setup = {.command = command, .folder = "/"};
	const struct machine_config config = {.word = 64,
					      .harts = 1,
					      .ram_bytes = RAM_BYTES,
					      .timebase_hz = 10000000,
					      .console = {.print = print, .on_room = on_room}};
	char path[32], line[NETDEV_ERROR_BYTES];
	struct netdev *netdev;
	struct virtio_net *net;
	struct virtio_blk *blk;
	struct virtio_rng *rng;
	struct error error;

	disk = memfd_create("disk", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
	ram = aligned_alloc(4096, RAM_BYTES);
	if (disk < 0 || ftruncate(disk, DISK_BYTES) < 0 || !ram || machine_new(&config, &machine) < 0)
		abort();
	machine->for_harts.ram = ram;
	if (netdev_new("none,mac=52:54:00:00:00:01", &setup, &netdev, line) < 0 ||
	    virtio_net_new(machine, 0, netdev, &net, &error) < 0 || virtio_blk_new(machine, path, &blk, &error) < 0 ||
	    virtio_rng_new(machine, &rng) < 0)
		abort();
}

static void store(uint64_t at, uint32_t value)
{
	bus_store(&machine->bus, at, 4, value);
}

/* What a kernel's driver does, with features that the input chooses of those that are offered. */
static void start(struct input *input)
{
	unsigned which = (unsigned)input_take(input, 1) % 3;
	uint64_t at = virtios[which].start, features = input_take(input, 8), offered;

	store(at + 0x70, 0);
	store(at + 0x14, 0);
	bus_load(&machine->bus, at + 0x10, 4, &offered);
	store(at + 0x70, 3);
	store(at + 0x24, 0);
	store(at + 0x20, (uint32_t)(features & offered));
	store(at + 0x14, 1);
	bus_load(&machine->bus, at + 0x10, 4, &offered);
	store(at + 0x24, 1);
	store(at + 0x20, ((uint32_t)(features >> 32) & (uint32_t)offered) | 1);
	store(at + 0x70, 11);
	for (unsigned i = 0; i < virtios[which].queues; i++) {
		uint32_t queue = (which + i) * QUEUE_BYTES;

		store(at + 0x30, i);
		store(at + 0x38, QUEUE_ENTRIES);
		store(at + 0x80, queue);
		store(at + 0x90, queue + QUEUE_AVAIL);
		store(at + 0xa0, queue + QUEUE_USED);
		store(at + 0x44, 1);
	}
	store(at + 0x70, 15);
}

/* A descriptor that makes sense, or nearly. */
static void describe(struct input *input)
{
	uint8_t *queue = ram + input_take(input, 1) % 4 * QUEUE_BYTES;
	uint8_t *descriptor = queue + input_take(input, 1) % QUEUE_ENTRIES * 16;
	uint64_t address = (uint64_t)(queue - ram) + QUEUE_DATA + input_take(input, 1) * 8;
	uint32_t bytes = (uint32_t)input_take(input, 2);

	memcpy(descriptor, &address, 8);
	memcpy(descriptor + 8, &bytes, 4);
	descriptor[12] = (uint8_t)input_take(input, 1);
	descriptor[13] = 0;
	descriptor[14] = (uint8_t)(input_take(input, 1) % QUEUE_ENTRIES);
	descriptor[15] = 0;
}

static void offer(struct input *input)
{
	uint8_t *avail = ram + input_take(input, 1) % 4 * QUEUE_BYTES + QUEUE_AVAIL;
	uint16_t index;

	memcpy(&index, avail + 2, 2);
	avail[4 + index % QUEUE_ENTRIES * 2] = (uint8_t)(input_take(input, 1) % QUEUE_ENTRIES);
	avail[5 + index % QUEUE_ENTRIES * 2] = 0;
	index++;
	memcpy(avail + 2, &index, 2);
}

static void write_ram(struct input *input)
{
	uint64_t at = input_take(input, 2);

	for (uint64_t i = 1 + input_take(input, 1) % 32; i > 0; i--)
		ram[at++ % RAM_BYTES] = (uint8_t)input_take(input, 1);
}

static void access_register(struct input *input, bool write)
{
	uint64_t at = places[input_take(input, 1) % (sizeof(places) / sizeof(places[0]))];
	unsigned choice = (unsigned)input_take(input, 2), bytes = 1u << (choice >> 14);
	uint64_t value = 0;

	at += (choice & 0xfff) / bytes * bytes;
	if (write)
		bus_store(&machine->bus, at, bytes, input_take(input, 4));
	else
		bus_load(&machine->bus, at, bytes, &value);
}

static void run(void)
{
	for (unsigned i = 0; i < machine->source_count; i++)
		machine->sources[i]->run(machine->sources[i]->owner);
}

static void step(struct input *input)
{
	unsigned choice = (unsigned)input_take(input, 1);

	switch (choice & 7) {
	case 0:
		start(input);
		break;
	case 1:
		access_register(input, choice & 8);
		break;
	case 2:
		describe(input);
		break;
	case 3:
		offer(input);
		break;
	case 4:
		store(virtios[(choice >> 3) % 3].start + 0x50, choice >> 5 & 1);
		break;
	case 5:
		run();
		break;
	case 6:
		access_register(input, true);
		break;
	default:
		write_ram(input);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static const uint8_t zeros[DISK_BYTES];
	struct input input = {bytes, count};

	if (!machine)
		make_machine();
	bus_reset(&machine->bus);
	plic_reset(&machine->plic);
	memset(ram, 0, RAM_BYTES);
	if (pwrite(disk, zeros, sizeof(zeros), 0) != sizeof(zeros))
		abort();
	for (int i = 0; i < STEPS && input.left > 0; i++)
		step(&input);
#ifdef PLANTED
	if (machine->plic.up)
		assert(ram[RAM_BYTES + (machine->plic.up & 1)] != 1);
#endif
	run();
	return 0;
}
