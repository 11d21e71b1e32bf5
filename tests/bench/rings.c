/* SPDX-License-Identifier: MIT */
/* What a small frame costs from one virtio guest to another: walked, checked, switched and copied, without a process
 * between. Figures only.
 *   rings [packed]   in batches of 64; first the guests on the same thread, whose memory this processor's cache has, then
 *                    on another, whose writes it must fetch */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fabric/ethswitch.h"
#include "kit/plain_driver.h"
#include "port/virtnet.h"
#include "virtio/net.h"

enum {
	RINGS_SIZE = 256,
	RINGS_BUFFER_BYTES = 2048,
	RINGS_FRAME_BYTES = 64,
	RINGS_FRAMES = 64, /* on their way in a circle, from either side; all of them may be in one ring */
	RINGS_SECONDS = 2,
	RINGS_ROUNDS = 1000, /* between two looks at the clock */
	TO_AT = VIRTIO_NET_HEADER_BYTES,
	FROM_AT = TO_AT + 6,
};

struct guest {
	struct virtnet virtnet;
	struct plain_driver drivers[2]; /* to, from */
	uint8_t frame[VIRTIO_NET_HEADER_BYTES + RINGS_FRAME_BYTES];
};

static struct guest guests[2];
static _Atomic bool ends;
static _Atomic uint64_t received;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_call(struct virtnet *virtnet, uint32_t ring)
{
	(void)virtnet;
	(void)ring;
}

static void on_broken(struct virtnet *virtnet, uint32_t ring, enum drop_reason reason)
{
	(void)virtnet;
	fprintf(stderr, "ring %u broke: %s\n", ring, drop_text(reason));
	exit(1);
}

static const struct virtnet_owner owner = {.call = on_call, .on_broken = on_broken};

/* ---- a guest ---- */

static void guest_offer_rooms(struct guest *guest)
{
	uint16_t id;

	while (plain_driver_take(&guest->drivers[0], &id))
		plain_driver_offer(&guest->drivers[0], id, RINGS_BUFFER_BYTES);
	plain_driver_publish(&guest->drivers[0]);
}

static void guest_send(struct guest *guest, uint32_t count)
{
	struct plain_driver *driver = &guest->drivers[1];
	uint32_t bytes;
	uint16_t id;

	while (plain_driver_harvest(driver, &id, &bytes))
		plain_driver_put_back(driver, id);
	for (; count > 0 && plain_driver_take(driver, &id); count--) {
		memcpy(plain_driver_buffer(driver, id), guest->frame, sizeof(guest->frame));
		plain_driver_offer(driver, id, sizeof(guest->frame));
	}
	plain_driver_publish(driver);
}

/* Takes what came, reads it, and sends as many. */
static void guest_turn(struct guest *guest)
{
	uint32_t count = 0, bytes;
	uint16_t id;

	while (plain_driver_harvest(&guest->drivers[0], &id, &bytes)) {
		uint8_t *at = plain_driver_buffer(&guest->drivers[0], id);

		if (bytes != sizeof(guest->frame) || memcmp(at + FROM_AT, guest->frame + TO_AT, 6) != 0)
			exit(1);
		plain_driver_put_back(&guest->drivers[0], id);
		count++;
	}
	if (count == 0)
		return;
	received += count;
	guest_offer_rooms(guest);
	guest_send(guest, count);
}

/* Two that never sleep, and would get in each other's way. */
static void stay_on(unsigned processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void *run_guests(void *unused)
{
	(void)unused;
	stay_on(1);
	while (!ends) {
		guest_turn(&guests[0]);
		guest_turn(&guests[1]);
	}
	return NULL;
}

/* ---- life ---- */

static void guest_start_ring(struct guest *guest, uint32_t number, bool packed, uint64_t address)
{
	struct plain_driver *driver = &guest->drivers[number];
	size_t bytes = plain_driver_bytes(RINGS_SIZE, RINGS_BUFFER_BYTES);
	struct ring_setup setup;

	*driver = (struct plain_driver){.memory = aligned_alloc(4096, bytes),
					.address = address,
					.size = RINGS_SIZE,
					.buffer_bytes = RINGS_BUFFER_BYTES,
					.packed = packed,
					.writable = number == 0};
	plain_driver_init(driver);
	plain_driver_setup(driver, &setup);
	if (memory_add(&guest->virtnet.memory, address, bytes, driver->memory) < 0 ||
	    virtnet_start(&guest->virtnet, number, &setup) < 0)
		exit(1);
	virtnet_switch(&guest->virtnet, number, true);
}

static void guest_start(uint8_t number, struct ethswitch *ethswitch, struct virtnet_scratch *scratch, bool packed)
{
	struct guest *guest = &guests[number];
	const uint8_t head[] = {2, 0, 0, 0, 0, (uint8_t)!number, 2, 0, 0, 0, 0, number, 0x88, 0xb5};

	virtnet_init(&guest->virtnet, &owner, scratch, number ? "b" : "a", ethswitch_blocks(ethswitch), 1 << 20);
	virtnet_set_features(&guest->virtnet,
			     VIRTNET_FEATURE(VERSION_1) | VIRTNET_FEATURE(MRG_RXBUF) |
				     (packed ? VIRTNET_FEATURE(RING_PACKED) : 0),
			     1500);
	ethswitch_attach(ethswitch, &guest->virtnet.port);
	for (uint32_t ring = 0; ring < 2; ring++)
		guest_start_ring(guest, ring, packed, UINT64_C(0x40000000) * (ring + 1));
	memcpy(guest->frame + VIRTIO_NET_HEADER_BYTES, head, sizeof(head));
	guest_offer_rooms(guest);
}

static void serve(struct ethswitch *ethswitch)
{
	virtnet_kick(&guests[0].virtnet, 1);
	virtnet_kick(&guests[1].virtnet, 1);
	ethswitch_run(ethswitch);
}

static void measure(const char *what, struct ethswitch *ethswitch, bool apart)
{
	uint64_t before = received;
	double start = now_s();
	pthread_t thread;

	ends = false;
	if (apart && pthread_create(&thread, NULL, run_guests, NULL) != 0)
		exit(1);
	while (now_s() - start < RINGS_SECONDS) {
		for (int i = 0; i < RINGS_ROUNDS; i++) {
			serve(ethswitch);
			if (apart)
				continue;
			guest_turn(&guests[0]);
			guest_turn(&guests[1]);
		}
	}
	printf("%-40s %6.1f ns a frame\n", what, (now_s() - start) / (double)(received - before) * 1e9);
	ends = true;
	if (apart)
		pthread_join(thread, NULL);
}

int main(int count, char **words)
{
	struct ethswitch_config config = {.mtu_bytes = 1500, .key = {{1, 2}}};
	struct virtnet_scratch *scratch = virtnet_scratch_new();
	bool packed = count > 1 && !strcmp(words[1], "packed");
	struct ethswitch *ethswitch;

	if (!scratch || ethswitch_new(&config, &ethswitch) < 0)
		return 1;
	stay_on(0);
	for (uint8_t number = 0; number < 2; number++)
		guest_start(number, ethswitch, scratch, packed);
	for (int number = 0; number < 2; number++) {
		guest_send(&guests[number], 1); /* the switch learns it */
		serve(ethswitch);
	}
	for (int number = 0; number < 2; number++)
		guest_send(&guests[number], RINGS_FRAMES);
	measure("64 bytes, the guests on this processor", ethswitch, false);
	measure("64 bytes, the guests on another", ethswitch, true);
	return 0;
}
