/* SPDX-License-Identifier: MIT */
/* Small frames a second from one in-process port to another, in batches of 64, on one core: what the library itself
 * costs.   inprocess SECONDS   prints "FRAMES-A-SECOND NANOSECONDS-A-FRAME". */
#include <guestwire/guestwire.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 64, FRAME_BYTES = 64 };

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t on_frames(void *owner, const struct gw_frame *frames, size_t count)
{
	(void)frames;
	*(unsigned long long *)owner += count;
	return count;
}

static struct gw_port *open_port(struct gw_network *network, const char *name, unsigned long long *taken)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct gw_error error;
	struct gw_port *port;

	config.name = name;
	config.to_guest = on_frames;
	config.owner = taken;
	if (gw_port_new(network, &config, &port, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	return port;
}

int main(int count, char **words)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	static uint8_t bytes[2][FRAME_BYTES] = {
		{0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1, 0x88, 0xb5},
		{0x52, 0x54, 0, 0, 0, 1, 0x52, 0x54, 0, 0, 0, 2, 0x88, 0xb5},
	};
	unsigned long long taken[2] = {0};
	struct iovec pieces[2] = {{bytes[0], FRAME_BYTES}, {bytes[1], FRAME_BYTES}};
	struct gw_frame batch[BATCH], back = {.pieces = &pieces[1], .piece_count = 1};
	struct gw_network *network;
	struct gw_port *from, *to;
	struct gw_error error;
	double began, seconds = count > 1 ? atof(words[1]) : 2;

	if (gw_network_new(&config, &network, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	from = open_port(network, "a", &taken[0]);
	to = open_port(network, "b", &taken[1]);
	for (int i = 0; i < BATCH; i++)
		batch[i] = (struct gw_frame){.pieces = &pieces[0], .piece_count = 1};
	gw_port_send(to, &back, 1);
	began = now_s();
	while (now_s() - began < seconds) {
		for (int i = 0; i < 64; i++)
			gw_port_send(from, batch, BATCH);
		gw_network_run(network, 0);
	}
	seconds = now_s() - began;
	printf("%.0f %.1f\n", (double)taken[1] / seconds, seconds * 1e9 / (double)taken[1]);
	gw_port_free(from);
	gw_port_free(to);
	gw_network_free(network);
	return 0;
}
