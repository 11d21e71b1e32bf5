/* SPDX-License-Identifier: MIT */
/* A capture's bytes of a network in this process, read back. That they come over a connection is server.c's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/capture.h"
#include "daemon/pcapng.h"
#include "guestwire/guestwire.h"

/* What was read so far. */
struct seen {
	uint32_t interfaces;
	char last_name[64]; /* of an interface */
	uint64_t frames, others;
	uint64_t lost;     /* as packets tell it */
	uint64_t lost_all; /* as the statistics do */
	uint32_t statistics;
	uint64_t time_us; /* of the last block that has one */
};

static size_t to_guest(void *owner, const struct gw_frame *frames, size_t count)
{
	(void)owner;
	(void)frames;
	return count;
}

static struct gw_port *join(struct gw_network *network, unsigned number)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct gw_port *port;
	char name[16];

	snprintf(name, sizeof(name), "vm%u", number);
	config.name = name;
	config.to_guest = to_guest;
	assert_int_equal(gw_port_new(network, &config, &port, NULL), 0);
	return port;
}

/* A guest that comes, says something, and goes. */
static void visit(struct gw_network *network, unsigned number)
{
	struct gw_port *port = join(network, number);
	uint8_t bytes[60] = {[0] = 2,
			     [5] = 1,
			     [6] = 2,
			     [9] = (uint8_t)(number >> 16),
			     [10] = (uint8_t)(number >> 8),
			     [11] = (uint8_t)number,
			     [12] = 0x88,
			     [13] = 0xb5};
	struct iovec piece = {bytes, sizeof(bytes)};
	struct gw_frame frame = {.pieces = &piece, .piece_count = 1};

	assert_int_equal(gw_port_send(port, &frame, 1), 1);
	gw_port_free(port);
}

/* Takes what is pending. */
static void take(struct capture *capture, struct seen *seen)
{
	struct pcapng_block block;
	size_t count, used = 0;
	const uint8_t *bytes = capture_pending(capture, &count);

	while (used < count) {
		assert_int_equal(pcapng_read(bytes + used, count - used, &block), 1);
		used += block.bytes;
		if (block.type == PCAPNG_INTERFACE) {
			seen->interfaces++;
			snprintf(seen->last_name, sizeof(seen->last_name), "%.*s", (int)block.text_length, block.text);
		} else if (block.type == PCAPNG_PACKET) {
			assert_true(block.interface < seen->interfaces);
			seen->frames += block.direction == PCAPNG_INBOUND;
			seen->others += block.direction == PCAPNG_INBOUND && block.interface == CAPTURE_PORTS_MAX - 1;
			seen->lost += block.lost;
			seen->time_us = block.time_us;
		} else if (block.type == PCAPNG_STATISTICS) {
			assert_int_equal(block.interface, seen->statistics++);
			seen->lost_all += block.lost;
			seen->time_us = block.time_us;
		}
	}
	capture_sent(capture, count);
}

/* Each time that a guest joins its port has another name; who does so often must not become invisible. */
static void guests_that_come_after_thousands_are_still_seen(void **state)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	enum { VISITS = CAPTURE_PORTS_MAX + 100 };
	struct gw_network *network;
	struct capture *capture;
	struct seen seen = {0};

	(void)state;
	config.uplink = "none,ipv6=off";
	assert_int_equal(gw_network_new(&config, &network, NULL), 0);
	assert_int_equal(capture_new(network, NULL, &capture), 0);
	for (unsigned i = 0; i < VISITS; i++) {
		visit(network, i);
		if (i % 64 == 63)
			take(capture, &seen);
	}
	take(capture, &seen);
	assert_int_equal(seen.frames, VISITS);
	assert_int_equal(seen.interfaces, CAPTURE_PORTS_MAX);
	assert_string_equal(seen.last_name, "others");
	/* the gateway's is one of the named ones */
	assert_int_equal(seen.others, VISITS - (CAPTURE_PORTS_MAX - 2));
	capture_free(capture);
	gw_network_free(network);
}

/* Frames of one guest, until no more fit. */
static void fill(struct gw_network *network)
{
	static uint8_t bytes[1514] = {[0] = 2, [5] = 1, [6] = 2, [10] = 7, [12] = 0x88, [13] = 0xb5};
	struct iovec piece = {bytes, sizeof(bytes)};
	struct gw_frame frame = {.pieces = &piece, .piece_count = 1};
	struct gw_port *port = join(network, 0);

	for (unsigned i = 0; i < CAPTURE_BUFFER_BYTES / sizeof(bytes); i++)
		assert_int_equal(gw_port_send(port, &frame, 1), 1);
	gw_port_free(port);
}

static void begin(struct gw_network **ret_network, struct capture **ret_capture)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);

	config.uplink = "none,ipv6=off";
	assert_int_equal(gw_network_new(&config, ret_network, NULL), 0);
	assert_int_equal(capture_new(*ret_network, NULL, ret_capture), 0);
}

/* There is not even room for its name then. */
static void what_a_guest_loses_that_joins_while_nobody_reads_is_told_later(void **state)
{
	struct gw_network *network;
	struct capture *capture;
	struct seen seen = {0};
	uint64_t before;

	(void)state;
	begin(&network, &capture);
	fill(network);
	for (unsigned i = 1; i <= 200; i++)
		visit(network, i);
	take(capture, &seen);
	before = seen.lost;
	visit(network, 200);
	take(capture, &seen);
	assert_string_equal(seen.last_name, "vm200");
	assert_true(seen.lost > before);
	capture_stop(capture);
	take(capture, &seen);
	assert_int_equal(seen.statistics, seen.interfaces);
	assert_int_equal(seen.interfaces, 1 + 1 + 200);
	assert_true(seen.lost_all >= 199);
	capture_free(capture);
	gw_network_free(network);
}

static void the_end_has_room_for_who_was_never_read(void **state)
{
	struct gw_network *network;
	struct capture *capture;
	struct seen seen = {0};

	(void)state;
	begin(&network, &capture);
	fill(network);
	for (unsigned i = 1; i <= 1000; i++)
		visit(network, i);
	capture_stop(capture);
	take(capture, &seen);
	assert_int_equal(seen.interfaces, 1 + 1 + 1000);
	assert_int_equal(seen.statistics, seen.interfaces);
	assert_true(seen.lost_all >= 999);
	capture_free(capture);
	gw_network_free(network);
}

static uint64_t stopped_clock(void *owner)
{
	(void)owner;
	return 1000;
}

/* A machine that slept has another distance between the clocks than before; and so has one without a frame. */
static void times_are_those_of_the_wall(void **state)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	uint64_t now_us = (uint64_t)time(NULL) * 1000000;
	struct gw_network *network;
	struct capture *capture;
	struct seen seen = {0};

	(void)state;
	config.uplink = "none,ipv6=off";
	config.now_us = stopped_clock;
	assert_int_equal(gw_network_new(&config, &network, NULL), 0);
	assert_int_equal(capture_new(network, NULL, &capture), 0);
	visit(network, 1);
	take(capture, &seen);
	assert_int_equal(seen.frames, 1);
	assert_in_range(seen.time_us, now_us - 10000000, now_us + 10000000);
	capture_free(capture);
	assert_int_equal(capture_new(network, NULL, &capture), 0);
	capture_stop(capture);
	seen = (struct seen){0};
	take(capture, &seen);
	assert_in_range(seen.time_us, now_us - 10000000, now_us + 10000000);
	capture_free(capture);
	gw_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_that_come_after_thousands_are_still_seen),
		cmocka_unit_test(what_a_guest_loses_that_joins_while_nobody_reads_is_told_later),
		cmocka_unit_test(the_end_has_room_for_who_was_never_read),
		cmocka_unit_test(times_are_those_of_the_wall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
