/* SPDX-License-Identifier: MIT */
/* The buffer is a straight one, so that a block is written in one piece; it is closed up when its end is reached, which
 * a reader that keeps up never makes it do, because it empties it in between. */
#include "daemon/capture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/pcapng.h"
#include "guestwire/guestwire.h"

enum {
	CAPTURE_NAME_BYTES = 64,
	CAPTURE_STATISTICS_BYTES = 64,
};

struct capture_interface {
	char name[CAPTURE_NAME_BYTES];
	uint64_t kept, lost;
	uint64_t unsaid; /* lost, and not yet told in a packet */
};

struct capture {
	struct gw_capture *tap;         /* NULL: stopped */
	char guest[CAPTURE_NAME_BYTES]; /* "": every port */
	uint64_t wall_us;               /* what to add to the network's clock to get the time since 1970 */
	uint64_t last_us;
	uint8_t *bytes;
	size_t start, end;
	struct capture_interface *interfaces;
	size_t interface_count;
	size_t recent; /* the interface of the last frame: batches are of one port */
};

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The port is the one that was named, or NAME.1, NAME.2 … of what --guest made. */
static bool capture_wants(const struct capture *capture, const char *port)
{
	size_t length = strlen(capture->guest);

	if (length == 0)
		return true;
	return strncmp(port, capture->guest, length) == 0 &&
	       (!port[length] ||
		(port[length] == '.' && strspn(port + length + 1, "0123456789") == strlen(port + length + 1)));
}

/* A closed-up buffer's free end. The statistics' room stays reserved for the end. */
static uint8_t *capture_room(struct capture *capture, size_t wanted, size_t *ret_room)
{
	size_t reserved = (capture->interface_count + 1) * CAPTURE_STATISTICS_BYTES;
	size_t bound = CAPTURE_BUFFER_BYTES > reserved ? CAPTURE_BUFFER_BYTES - reserved : 0;

	if (capture->start && capture->end + wanted > bound) {
		memmove(capture->bytes, capture->bytes + capture->start, capture->end - capture->start);
		capture->end -= capture->start;
		capture->start = 0;
	}
	*ret_room = bound > capture->end ? bound - capture->end : 0;
	return capture->bytes + capture->end;
}

/* The number of a new one; negative: no room to announce it. */
static long capture_announce(struct capture *capture, const char *port)
{
	struct capture_interface *interfaces;
	size_t room, written;
	uint8_t *to;

	interfaces = realloc(capture->interfaces, (capture->interface_count + 1) * sizeof(*interfaces));
	if (!interfaces)
		return -ENOMEM;
	capture->interfaces = interfaces;
	to = capture_room(capture, 128, &room);
	written = pcapng_write_interface(to, room, port);
	if (!written)
		return -ENOBUFS;
	capture->end += written;
	interfaces[capture->interface_count] = (struct capture_interface){0};
	snprintf(interfaces[capture->interface_count].name, CAPTURE_NAME_BYTES, "%s", port);
	return (long)capture->interface_count++;
}

/* The number of a port's interface, which is announced before its first frame; negative: no room for that. A guest that
 * joins again has a new port: who does so thousands of times is one of the others then, and seen as well. */
static long capture_interface(struct capture *capture, const char *port)
{
	if (capture->recent < capture->interface_count && strcmp(capture->interfaces[capture->recent].name, port) == 0)
		return (long)capture->recent;
	for (size_t i = 0; i < capture->interface_count; i++) {
		if (strcmp(capture->interfaces[i].name, port) == 0)
			return (long)i;
	}
	if (capture->interface_count == CAPTURE_PORTS_MAX)
		return CAPTURE_PORTS_MAX - 1;
	return capture_announce(capture, capture->interface_count == CAPTURE_PORTS_MAX - 1 ? "others" : port);
}

static enum pcapng_direction capture_direction(enum gw_capture_direction direction)
{
	switch (direction) {
	case GW_CAPTURE_FROM_GUEST:
		return PCAPNG_INBOUND;
	case GW_CAPTURE_TO_GUEST:
		return PCAPNG_OUTBOUND;
	case GW_CAPTURE_DROPPED:
		break;
	}
	return PCAPNG_UNKNOWN;
}

static void capture_on_frame(void *owner, const struct gw_capture_frame *frame)
{
	struct capture *capture = owner;
	struct pcapng_packet packet = {.direction = capture_direction(frame->direction)};
	struct capture_interface *interface;
	char comment[PCAPNG_COMMENT_BYTES];
	size_t room, written;
	long number;
	uint8_t *to;

	if (!capture_wants(capture, frame->port))
		return;
	capture->last_us = packet.time_us = frame->now_us + capture->wall_us;
	number = capture_interface(capture, frame->port);
	if (number < 0)
		return;
	capture->recent = (size_t)number;
	interface = &capture->interfaces[number];
	packet.interface = (uint32_t)number;
	packet.lost = interface->unsaid;
	packet.pieces = frame->frame.pieces;
	packet.piece_count = frame->frame.piece_count;
	packet.length = (uint32_t)frame->length;
	if (frame->direction == GW_CAPTURE_DROPPED) {
		snprintf(comment, sizeof(comment), "dropped: %s (%s)", gw_drop_name(frame->reason),
			 gw_drop_text(frame->reason));
		packet.comment = comment;
	}
	to = capture_room(capture, frame->length + 512, &room);
	written = pcapng_write_packet(to, room, &packet);
	capture->end += written;
	interface->kept += written != 0;
	interface->lost += written == 0;
	interface->unsaid = written ? 0 : interface->unsaid + 1;
}

/* Known at the start, so that a file without a frame is one that every reader opens. */
static void capture_on_port(void *owner, const struct gw_port_info *info)
{
	struct capture *capture = owner;

	if (capture_wants(capture, info->name))
		capture_interface(capture, info->name);
}

int capture_new(struct gw_network *network, const char *guest, struct capture **ret_capture)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int result = -ENOMEM;

	if (!capture)
		return result;
	capture->wall_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
	snprintf(capture->guest, sizeof(capture->guest), "%s", guest ? guest : "");
	capture->bytes = malloc(CAPTURE_BUFFER_BYTES);
	if (!capture->bytes)
		goto fail;
	capture->end = pcapng_write_section(capture->bytes, CAPTURE_BUFFER_BYTES, "guestwire");
	gw_network_each_port(network, capture_on_port, capture);
	result = gw_capture_new(network, NULL, capture_on_frame, capture, &capture->tap);
	if (result < 0)
		goto fail;
	*ret_capture = capture;
	return 0;
fail:
	capture_free(capture);
	return result;
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	gw_capture_free(capture->tap);
	free(capture->interfaces);
	free(capture->bytes);
	free(capture);
}

void capture_stop(struct capture *capture)
{
	size_t room = 0;

	if (!capture->tap)
		return;
	gw_capture_free(capture->tap);
	capture->tap = NULL;
	capture_room(capture, CAPTURE_BUFFER_BYTES, &room);
	for (size_t i = 0; i < capture->interface_count; i++) {
		const struct capture_interface *interface = &capture->interfaces[i];

		capture->end +=
			pcapng_write_statistics(capture->bytes + capture->end, CAPTURE_BUFFER_BYTES - capture->end,
						(uint32_t)i, capture->last_us, interface->kept, interface->lost);
	}
}

const void *capture_pending(const struct capture *capture, size_t *ret_count)
{
	*ret_count = capture->end - capture->start;
	return *ret_count ? capture->bytes + capture->start : NULL;
}

void capture_sent(struct capture *capture, size_t count)
{
	capture->start += count;
	if (capture->start == capture->end)
		capture->start = capture->end = 0;
}
