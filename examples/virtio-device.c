/* SPDX-License-Identifier: MIT */
/* A virtio network card in this program's own memory. It plays the driver too, in the fewest steps: asks by ARP who is
 * the gateway, and prints the answer. cc virtio-device.c $(pkg-config --cflags --libs guestwire) */
#include <guestwire/virtio.h>
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 2, DESC = 0x000, AVAIL = 0x100, USED = 0x200, BUFFER = 0x400, QUEUE = 0x1000, HEADER = 12 };

static _Alignas(4096) unsigned char memory[2 * QUEUE]; /* of the guest; a queue and its one buffer in each half */

static void on_interrupt(void *owner, unsigned queue)
{
	(void)owner;
	printf("interrupt of queue %u\n", queue);
}

/* One buffer, offered to the device as a little-endian driver does it (virtio 1.2, 2.7.13). */
static void offer(struct gw_virtio *virtio, unsigned queue, unsigned bytes, unsigned long long flags)
{
	unsigned long long base = queue * QUEUE, desc[] = {base + BUFFER, bytes | flags << 32};
	unsigned char *at = memory + base;
	struct gw_virtio_queue setup = GW_INIT(struct gw_virtio_queue);

	setup.entries = ENTRIES;
	setup.device = base + USED;
	setup.driver = base + AVAIL;
	setup.desc = base + DESC;
	memcpy(at + DESC, desc, sizeof(desc));
	at[AVAIL + 2] = 1; /* the index: one buffer, number 0 */
	if (gw_virtio_start(virtio, queue, &setup) == 0)
		gw_virtio_kick(virtio, queue);
}

int main(void)
{
	static const unsigned char ask[60] = "\xff\xff\xff\xff\xff\xff\x52\x54\0\0\0\1\x08\6\0\1\x08\0\6\4\0\1"
					     "\x52\x54\0\0\0\1\x0a\0\2\x14\0\0\0\0\0\0\x0a\0\2\2";
	struct gw_network_config network_config = GW_INIT(struct gw_network_config);
	struct gw_virtio_config config = GW_INIT(struct gw_virtio_config);
	const unsigned char *mac = memory + BUFFER + HEADER + 22; /* of who answers */
	struct gw_network *network;
	struct gw_virtio *virtio;

	network_config.uplink = "none,ipv6=off";
	config.mac = "52:54:00:00:00:01";
	config.on_interrupt = on_interrupt;
	if (gw_network_new(&network_config, &network, NULL) || gw_virtio_new(network, &config, &virtio, NULL))
		return 1;
	gw_virtio_memory_add(virtio, 0, memory, sizeof(memory));
	gw_virtio_accept(virtio, GW_VIRTIO_FEATURE(VERSION_1));
	offer(virtio, 0, 2048, 2); /* for the device to write */
	memcpy(memory + QUEUE + BUFFER + HEADER, ask, sizeof(ask));
	offer(virtio, 1, HEADER + sizeof(ask), 0);
	while (!memory[USED + 2]) /* the device's index */
		gw_network_run(network, -1);
	printf("10.0.2.2 is %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	gw_network_free(network);
	return 0;
}
