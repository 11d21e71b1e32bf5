/* SPDX-License-Identifier: MIT */
/* What the tests of endpoints stand on: a loop with a clock of its own, a switch, a probe (a port of the test that
 * records what it is given), and a directory for sockets. Nothing sleeps: time is moved by fixture_pass(). */
#ifndef TESTS_UNIT_PORT_FIXTURE_H
#define TESTS_UNIT_PORT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spec.h"
#include "fabric/ethswitch.h"
#include "loop/loop.h"
#include "port/endpoint.h"

enum { PROBE_FRAMES = 4096, FIXTURE_PORTS = 2048 };

struct probe {
	struct port port;
	size_t frames;
	size_t bytes;
	uint32_t lengths[PROBE_FRAMES];
	struct offload offload; /* of the last */
	uint8_t last[FRAME_BYTES_MAX];
};

struct fixture {
	struct loop *loop;
	uint64_t now_us;
	struct ethswitch *ethswitch;
	struct endpoint_setup setup;
	struct limbo limbo;
	struct endpoint *endpoint;
	struct probe probe;
	char dir[64];
	char path[96];
	struct error error;
	unsigned joined, left, notices;
	char reason[256];
	char notice[512];
	struct port *ports[FIXTURE_PORTS]; /* those that are there, in the order of joining */
	unsigned port_count;
	struct drops gone; /* of ports that left */
	struct traffic gone_to_guest;
	bool by_hand; /* the test runs the switch's rounds */
};

static inline uint64_t fixture_clock(void *owner)
{
	return ((struct fixture *)owner)->now_us;
}

static inline void probe_queue(struct port *port, const struct frame *frame)
{
	struct probe *probe = container_of(port, struct probe, port);

	if (probe->frames < PROBE_FRAMES)
		probe->lengths[probe->frames] = frame->length;
	frame_copy(frame, 0, probe->last, frame->length);
	probe->offload = frame->offload;
	probe->frames++;
	probe->bytes += frame->length;
}

static inline void probe_flush(struct port *port)
{
	(void)port;
}

static const struct port_ops probe_ops = {.queue = probe_queue, .flush = probe_flush};

static inline void fixture_on_joined(void *owner, struct endpoint *endpoint, struct port *port)
{
	struct fixture *fixture = owner;

	assert_non_null(endpoint);
	assert_non_null(port->ethswitch);
	fixture->joined++;
	assert_true(fixture->port_count < FIXTURE_PORTS);
	fixture->ports[fixture->port_count++] = port;
}

static inline void fixture_on_left(void *owner, struct endpoint *endpoint, struct port *port, const char *reason)
{
	struct fixture *fixture = owner;
	unsigned kept = 0;

	assert_non_null(endpoint);
	assert_non_null(port->ethswitch);
	fixture->left++;
	snprintf(fixture->reason, sizeof(fixture->reason), "%s", reason);
	for (unsigned i = 0; i < fixture->port_count; i++) {
		if (fixture->ports[i] != port)
			fixture->ports[kept++] = fixture->ports[i];
	}
	assert_int_equal(kept + 1, fixture->port_count);
	fixture->port_count = kept;
	for (int i = 0; i < DROP_REASONS; i++)
		fixture->gone.count[i] += port->counters.drops.count[i];
	fixture->gone_to_guest.frames += port->counters.to_guest.frames;
	fixture->gone_to_guest.bytes += port->counters.to_guest.bytes;
}

static inline void fixture_on_notice(void *owner, struct endpoint *endpoint, const char *text)
{
	struct fixture *fixture = owner;

	(void)endpoint;
	fixture->notices++;
	snprintf(fixture->notice, sizeof(fixture->notice), "%s", text);
}

/* An experimental type (IEEE 802), so that nobody reads what is inside. */
static inline void frame_make(uint8_t *bytes, size_t count, unsigned to, unsigned from)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)(i * 7 + from);
	memcpy(bytes, (uint8_t[]){2, 0, 0, 0, (uint8_t)(to >> 8), (uint8_t)to}, 6);
	memcpy(bytes + 6, (uint8_t[]){2, 0, 0, 0, (uint8_t)(from >> 8), (uint8_t)from}, 6);
	memcpy(bytes + 12, (uint8_t[]){0x88, 0xb5}, 2);
}

/* One frame from the probe, who is number 1. Number 0xffff goes to everybody. */
static inline void probe_send(struct fixture *fixture, unsigned to, size_t count)
{
	uint8_t bytes[FRAME_BYTES_MAX];
	struct frame frame;

	frame_make(bytes, count, to, 1);
	if (to == 0xffff)
		memset(bytes, 0xff, 6);
	frame_init(&frame, bytes, count);
	ethswitch_input(&fixture->probe.port, &frame, 1);
}

static inline struct fixture *fixture_new_mtu(uint32_t mtu_bytes, size_t blocks)
{
	static struct bell bell; /* of all: to close one takes long */
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct ethswitch_config config = {.mtu_bytes = mtu_bytes, .blocks = blocks};

	assert_non_null(fixture);
	fixture->now_us = 1000 * 1000;
	assert_int_equal(loop_new(fixture_clock, fixture, &fixture->loop), 0);
	assert_int_equal(ethswitch_new(&config, &fixture->ethswitch), 0);
	ethswitch_set_now(fixture->ethswitch, fixture->now_us);
	fixture->setup = (struct endpoint_setup){
		.loop = fixture->loop,
		.ethswitch = fixture->ethswitch,
		.bell = &bell,
		.limbo = &fixture->limbo,
		.name = "g",
		.on_joined = fixture_on_joined,
		.on_left = fixture_on_left,
		.on_notice = fixture_on_notice,
		.owner = fixture,
	};
	port_init(&fixture->probe.port, &probe_ops, "probe");
	fixture->probe.port.uplink = true;
	fixture->probe.port.accepts = (struct port_accepts){true, true, true, true, true, FRAME_BYTES_MAX};
	ethswitch_attach(fixture->ethswitch, &fixture->probe.port);
	snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/gw-port-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/s", fixture->dir);
	/* Its address is known, so that what is sent to it reaches nobody else. */
	probe_send(fixture, 0xffff, 14);
	memset(&fixture->probe.port.counters, 0, sizeof(fixture->probe.port.counters));
	return fixture;
}

static inline struct fixture *fixture_new(void)
{
	return fixture_new_mtu(1500, 0);
}

/* Closes the endpoint, and with it nothing may be left: no port, no pool item, no file. */
static inline void fixture_free(struct fixture *fixture)
{
	endpoint_close(fixture->endpoint);
	assert_int_equal(fixture->joined, fixture->left);
	assert_int_equal(ethswitch_frames(fixture->ethswitch)->taken, 0);
	assert_int_equal(ethswitch_blocks(fixture->ethswitch)->taken, 0);
	assert_int_equal(loop_timeout_us(fixture->loop), -1);
	ethswitch_detach(&fixture->probe.port);
	ethswitch_free(fixture->ethswitch);
	loop_free(fixture->loop);
	assert_int_equal(rmdir(fixture->dir), 0);
	free(fixture);
}

static inline int fixture_try_open(struct fixture *fixture, const char *text)
{
	struct spec spec;
	int code = spec_parse(&spec, text, &fixture->error);

	assert_int_equal(code, 0);
	return endpoint_open(&spec, &fixture->setup, &fixture->endpoint, &fixture->error);
}

__attribute__((format(printf, 2, 3))) static inline void fixture_open(struct fixture *fixture, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (fixture_try_open(fixture, text) < 0)
		fail_msg("%s: %s", text, fixture->error.text);
}

static inline void fixture_turn(struct fixture *fixture)
{
	ethswitch_set_now(fixture->ethswitch, fixture->now_us);
	assert_true(loop_turn(fixture->loop, 0) >= 0);
	if (!fixture->by_hand)
		(void)ethswitch_run(fixture->ethswitch);
}

/* Until nothing happens any more. */
static inline void fixture_settle(struct fixture *fixture)
{
	for (int i = 0; i < 8; i++)
		fixture_turn(fixture);
}

static inline void fixture_pass(struct fixture *fixture, uint64_t time_us)
{
	fixture->now_us += time_us;
	fixture_settle(fixture);
}

static inline uint64_t fixture_drops(const struct port *port)
{
	uint64_t all = 0;

	for (int i = 0; i < DROP_REASONS; i++)
		all += port->counters.drops.count[i];
	return all;
}

static inline int fixture_connect(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline struct port_status fixture_look(const struct port *port)
{
	struct port_status status = {0};

	port->ops->look(port, &status);
	return status;
}

static inline unsigned fixture_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

#endif
