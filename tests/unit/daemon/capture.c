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

#include "daemon/capture.h"
#include "daemon/pcapng.h"
#include "guestwire/guestwire.h"

/* What was read so far. */
struct seen {
	uint32_t interfaces;
	char last_name[64]; /* of an interface */
	uint64_t frames, others, kept;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_that_come_after_thousands_are_still_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
