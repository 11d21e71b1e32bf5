/* SPDX-License-Identifier: MIT */
/* covers: src/wire/vhost.c src/port/vhost_device.c src/port/vhost_ring.c src/port/vhost_memory.c src/port/virtnet.c */
/* covers: src/port/virtnet_control.c */
/* A front end that says anything: messages with descriptors of every kind (memory, events, a socket, a pipe, a device), its
 * memory written at will, kicks, and frames and commands in between. The first byte says whether it begins honestly, so
 * that what comes then meets rings that run. Nothing may crash or be read beyond; every descriptor is closed at the end. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/spec.h"
#include "kit/input.h"
#include "kit/vhost_front.h"
#include "loop/loop.h"
#include "port/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { STEPS = 48, CONTROL = 2, RINGS = 3 };

struct bed {
	struct loop *loop;
	struct ethswitch *ethswitch;
	struct endpoint_setup setup;
	struct endpoint *endpoint;
	struct port probe;
	struct port *guest; /* NULL: it left */
	struct vhost_front front;
	int other[4]; /* a socket, a pipe's end, a device, a second memory */
};

static uint64_t bed_clock(void *owner)
{
	(void)owner;
	return 1000000;
}

static void bed_on_joined(void *owner, struct endpoint *endpoint, struct port *port)
{
	(void)endpoint;
	((struct bed *)owner)->guest = port;
}

static void bed_on_left(void *owner, struct endpoint *endpoint, struct port *port, const char *reason)
{
	(void)endpoint;
	(void)port;
	assert(reason);
	((struct bed *)owner)->guest = NULL;
}

static void bed_pump(void *owner)
{
	struct bed *bed = owner;

	for (int i = 0; i < 3; i++) {
		loop_turn(bed->loop, 0);
		while (ethswitch_run(bed->ethswitch))
			;
	}
}

static void probe_queue(struct port *port, const struct frame *frame)
{
	static uint8_t bytes[FRAME_BYTES_MAX];

	(void)port;
	frame_copy(frame, 0, bytes, frame->length);
}

static void probe_flush(struct port *port)
{
	(void)port;
}

static const struct port_ops probe_ops = {.queue = probe_queue, .flush = probe_flush};

static struct bed *bed_new(void)
{
	static struct bed bed;
	static struct bell bell;
	static struct limbo limbo;
	struct ethswitch_config config = {.mtu_bytes = 1500};

	if (bed.loop)
		return &bed;
	if (loop_new(bed_clock, &bed, &bed.loop) < 0 || ethswitch_new(&config, &bed.ethswitch) < 0)
		abort();
	ethswitch_set_now(bed.ethswitch, bed_clock(NULL));
	bed.setup = (struct endpoint_setup){.loop = bed.loop,
					    .ethswitch = bed.ethswitch,
					    .bell = &bell,
					    .limbo = &limbo,
					    .name = "g",
					    .on_joined = bed_on_joined,
					    .on_left = bed_on_left,
					    .owner = &bed};
	port_init(&bed.probe, &probe_ops, "probe");
	bed.probe.uplink = true;
	bed.probe.accepts = (struct port_accepts){true, true, true, true, true, FRAME_BYTES_MAX};
	ethswitch_attach(bed.ethswitch, &bed.probe);
	return &bed;
}

static void bed_join(struct bed *bed)
{
	char text[64];
	struct error error;
	struct spec spec;
	int ends[2], pipes[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 || pipe(pipes) < 0)
		abort();
	snprintf(text, sizeof(text), "vhost-user,fd=%d", ends[0]);
	if (spec_parse(&spec, text, &error) < 0 || endpoint_open(&spec, &bed->setup, &bed->endpoint, &error) < 0)
		abort();
	vhost_front_init(&bed->front, ends[1], bed_pump, bed);
	close(pipes[0]);
	bed->other[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	bed->other[1] = pipes[1];
	bed->other[2] = open("/dev/null", O_RDWR);
	bed->other[3] = memfd_create("other", MFD_CLOEXEC);
	if (ftruncate(bed->other[3], 1 << 16) < 0)
		abort();
}

static void bed_leave(struct bed *bed)
{
	vhost_front_done(&bed->front);
	bed_pump(bed);
	endpoint_close(bed->endpoint);
	bed->endpoint = NULL;
	assert(!bed->guest);
	for (int i = 0; i < 4; i++)
		close(bed->other[i]);
}

static int bed_descriptor(const struct bed *bed, uint32_t choice)
{
	const int all[] = {bed->front.memory_fd, bed->front.kick[0], bed->front.kick[1], bed->front.call[0],
			   bed->other[0],        bed->other[1],      bed->other[2],      bed->other[3]};

	return all[choice % 8];
}

/* Any number in any place: small ones, and those of the honest memory. */
static void input_payload(struct input *input, uint8_t *to, size_t bytes)
{
	static const uint64_t places[] = {0, 0x1000, 0x40000000, 0x70000000, UINT64_MAX - 4095, 1 << 16, 0x100, 8};

	for (size_t at = 0; at < bytes; at += 8) {
		uint32_t form = input_number(input, 1);
		uint64_t number = form & 0x80   ? places[form & 7] + input_number(input, 1) * 16
				  : form & 0x40 ? (uint64_t)input_number(input, 2) << 32 | (form & 0x1f)
						: form & 0x3f;

		memcpy(to + at, &number, bytes - at < 8 ? bytes - at : 8);
	}
}

static void step_message(struct bed *bed, struct input *input)
{
	static const uint16_t sizes[] = {0, 8, 40, 16, 20, 12, 72, 268, 24, 104, 4};
	uint8_t payload[300] = {0};
	uint32_t request = input_number(input, 1), shape = input_number(input, 1), count = input_number(input, 1) & 15;
	int descriptors[16];
	uint32_t bytes = sizes[(shape >> 4) % 11];

	for (uint32_t i = 0; i < count; i++)
		descriptors[i] = bed_descriptor(bed, input_number(input, 1));
	input_payload(input, payload, bytes);
	vhost_front_send(&bed->front, request, shape & 15, payload, bytes, descriptors, count);
}

static void step_memory(struct bed *bed, struct input *input)
{
	size_t at = input_number(input, 1) % RINGS * bed->front.ring_bytes + input_number(input, 2),
	       count = input_number(input, 1);

	for (size_t i = 0; i < count && at + i < RINGS * bed->front.ring_bytes; i++)
		bed->front.memory[at + i] = (uint8_t)input_number(input, 1);
}

static void step_offer(struct bed *bed, struct input *input)
{
	static uint8_t frame[2000] = {[12] = 2, [17] = 9, [18] = 2, [23] = 1, [24] = 8};
	struct ring_driver *driver = &bed->front.drivers[1];
	uint32_t bytes = input_number(input, 2) % sizeof(frame);

	frame[0] = (uint8_t)input_number(input, 1);
	frame[1] = (uint8_t)input_number(input, 1);
	if (driver->setup.size > 0 && bytes > 0 &&
	    ring_driver_offer_frame(driver, frame, bytes, 1 + input_number(input, 1) % 24) >= 0)
		ring_driver_publish(driver);
	eventfd_write(bed->front.kick[1], 1);
}

/* Pieces of any size and direction; the first bytes are the input's. */
static void step_command(struct bed *bed, struct input *input)
{
	struct ring_driver *driver = &bed->front.drivers[CONTROL];
	struct ring_driver_piece pieces[7] = {0};
	uint32_t count = input_number(input, 1) % 7, writable = input_number(input, 1), left = 8;
	int id;

	for (uint32_t i = 0; i < count; i++)
		pieces[i] = (struct ring_driver_piece){.bytes = 1 + input_number(input, 1) % 8,
						       .writable = writable >> i & 1};
	if (driver->setup.size == 0 || count == 0)
		return;
	id = ring_driver_offer(driver, pieces, count, driver->setup.indirect && writable & 128);
	for (uint32_t i = 0; id >= 0 && i < count; i++) {
		const struct ring_driver_piece *piece = &driver->buffers[id].pieces[i];

		for (uint32_t at = 0; !piece->writable && at < piece->bytes && left > 0; at++, left--)
			piece->at[at] = (uint8_t)input_number(input, 1);
	}
	if (id >= 0)
		ring_driver_publish(driver);
	eventfd_write(bed->front.kick[CONTROL], 1);
}

static void step_frame(struct bed *bed, struct input *input)
{
	static uint8_t bytes[FRAME_BYTES_MAX] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 3, 8};
	struct frame frame;

	for (uint32_t i = 1 + input_number(input, 1); i > 0; i--) {
		frame_init(&frame, bytes, 60 + input_number(input, 2) % 1455);
		ethswitch_input(&bed->probe, &frame, 1);
	}
}

static void step_lend(struct bed *bed, struct input *input)
{
	static const struct destination guest = {.mac = {{2, 0, 0, 0, 0, 1}}};
	static const uint8_t bytes[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 8};
	struct offload offload = {0};
	struct room room;

	if (ethswitch_reserve(&bed->probe, &guest, 60, 60 + input_number(input, 2), &room) < 0)
		return;
	room_write(&room, 0, bytes, sizeof(bytes));
	if (input_number(input, 1) & 1)
		ethswitch_commit(&bed->probe, &room, bytes, 60, &offload);
	else
		ethswitch_cancel(&bed->probe, &room);
}

static void step_pump(struct bed *bed, struct input *input)
{
	uint8_t answers[4096];

	(void)input;
	bed_pump(bed);
	while (recv(bed->front.fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
}

static void step_kick(struct bed *bed, struct input *input)
{
	eventfd_write(bed->front.kick[input_number(input, 1) % RINGS], 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static void (*const steps[])(struct bed *,
				     struct input *) = {step_message, step_memory, step_offer,   step_frame,
							step_lend,    step_pump,   step_kick,    step_message,
							step_message, step_memory, step_offer,   step_frame,
							step_lend,    step_pump,   step_command, step_message};
	static const uint64_t features[] = {0, VIRTNET_FEATURE(RING_PACKED),
					    VIRTNET_FEATURE(INDIRECT_DESC) | VIRTNET_FEATURE(EVENT_IDX),
					    VIRTNET_FEATURE(MRG_RXBUF) | VIRTNET_FEATURE(RING_PACKED) |
						    UINT64_C(1) << VHOST_F_LOG_ALL};
	struct input input = {bytes, count};
	struct bed *bed = bed_new();
	uint32_t begin = input_number(&input, 1);

	bed_join(bed);
	bed->front.rings = begin & 8 ? RINGS : 2;
	if (begin & 1)
		vhost_front_start(&bed->front, (begin & 16 ? 0 : VIRTNET_FEATURE(VERSION_1)) |
						       features[begin >> 1 & 3] |
						       (begin & 8 ? VIRTNET_FEATURE(CTRL_VQ) : 0));
	for (int i = 0; i < STEPS && input.left > 0; i++)
		steps[input_number(&input, 1) % 16](bed, &input);
	bed_leave(bed);
	return 0;
}
