/* SPDX-License-Identifier: MIT */
/* What one frame costs in ethswitch_input(), in batches of 64, with ports that do nothing. Figures only. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fabric/ethswitch.h"

enum { BATCH = 64, ROUNDS = 100000, FRAME_ROOM = 2048 };

static uint64_t queued;

static void null_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	queued += frame->length;
}

static void null_flush(struct port *port)
{
	(void)port;
}

static const struct port_ops null_ops = {.queue = null_queue, .flush = null_flush};

static uint8_t bytes[BATCH][FRAME_ROOM];
static struct frame frames[BATCH];
static struct port ports[3];

/* TCP over IPv4, from guest `from` of the first port to guest `to` of the second. */
static void fill(uint8_t *at, unsigned from, unsigned to)
{
	static const uint8_t headers[54] = {[12] = 8, [14] = 0x45, [17] = 46, [23] = 6, [46] = 0x50};

	memcpy(at, headers, sizeof(headers));
	memcpy(at, (uint8_t[]){2, 0, 0, 1, (uint8_t)(to >> 8), (uint8_t)to}, 6);
	memcpy(at + 6, (uint8_t[]){2, 0, 0, 0, (uint8_t)(from >> 8), (uint8_t)from}, 6);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const char *what, unsigned guests)
{
	double start, end;

	for (unsigned i = 0; i < guests; i++) {
		fill(bytes[0], 0, i);
		memcpy(bytes[0] + 6, bytes[0], 6);
		memset(bytes[0], 0xff, 6);
		frame_init(&frames[0], bytes[0], 60);
		ethswitch_input(&ports[1], frames, 1);
	}
	for (unsigned i = 0; i < BATCH; i++) {
		fill(bytes[i], i % guests, (i * 7) % guests);
		frame_init(&frames[i], bytes[i], 60);
	}
	start = seconds();
	for (int i = 0; i < ROUNDS; i++)
		ethswitch_input(&ports[0], frames, BATCH);
	end = seconds();
	printf("%-40s %6.1f ns a frame\n", what, (end - start) / ROUNDS / BATCH * 1e9);
}

int main(void)
{
	struct ethswitch_config config = {.mtu_bytes = 1500, .key = {{1, 2}}};
	struct ethswitch *ethswitch;

	if (ethswitch_new(&config, &ethswitch) < 0)
		return 1;
	for (int i = 0; i < 3; i++) {
		port_init(&ports[i], &null_ops, "null");
		ports[i].accepts = (struct port_accepts){.frame_bytes = 1514};
		ethswitch_attach(ethswitch, &ports[i]);
	}
	measure("60 bytes of TCP, one pair of addresses", 1);
	measure("60 bytes of TCP, 64 pairs of addresses", BATCH);
	for (int i = 0; i < 3; i++)
		ethswitch_detach(&ports[i]);
	ethswitch_free(ethswitch);
	return queued == 0;
}
