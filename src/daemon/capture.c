/* SPDX-License-Identifier: MIT */
/* The buffer is a straight one, so that a block is written in one piece; it is closed up when its end is reached, which
 * a reader that keeps up never makes it do, because it empties it in between. Interfaces are numbered as they are announced,
 * and one may have to wait for that while the buffer is full: what its port loses meanwhile is counted from the beginning. */
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
	CAPTURE_INTERFACE_BYTES = 128, /* at most, of the block that announces one … */
	CAPTURE_STATISTICS_BYTES = 64, /* … and of the one that says what became of its frames */
};

struct capture_interface {
	char name[CAPTURE_NAME_BYTES];
	uint64_t kept, lost;
	uint64_t unsaid; /* lost, and not yet told in a packet */
};

struct capture {
	struct gw_capture *tap;         /* NULL: stopped */
	char guest[CAPTURE_NAME_BYTES]; /* "": every port */
	uint64_t turn_us;               /* the network's clock, which does not know of sleep, at the last frame … */
	uint64_t wall_us;               /* … and the time since 1970 */
	uint8_t *bytes;
	size_t start, end, bound;
	struct capture_interface *interfaces;
	size_t interface_count, announced; /* the first of them */
	size_t recent;                     /* the interface of the last frame: batches are of one port */
};

static uint64_t capture_wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
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

/* A closed-up buffer's free end. */
static uint8_t *capture_room(struct capture *capture, size_t wanted, size_t *ret_room)
{
	if (capture->start && capture->end + wanted > capture->bound) {
		memmove(capture->bytes, capture->bytes + capture->start, capture->end - capture->start);
		capture->end -= capture->start;
		capture->start = 0;
	}
	*ret_room = capture->bound - capture->end;
	return capture->bytes + capture->end;
}

/* The number of a new one; negative: no memory. */
static long capture_add(struct capture *capture, const char *port)
{
	struct capture_interface *interfaces;

	interfaces = realloc(capture->interfaces, (capture->interface_count + 1) * sizeof(*interfaces));
	if (!interfaces)
		return -ENOMEM;
	capture->interfaces = interfaces;
	interfaces[capture->interface_count] = (struct capture_interface){0};
	snprintf(interfaces[capture->interface_count].name, CAPTURE_NAME_BYTES, "%s", port);
	return (long)capture->interface_count++;
}

/* All that there are, in their order; false: the buffer has no room for that now. */
static bool capture_announce(struct capture *capture)
{
	size_t room, written;
	uint8_t *to;

	while (capture->announced < capture->interface_count) {
		to = capture_room(capture, CAPTURE_INTERFACE_BYTES, &room);
		written = pcapng_write_interface(to, room, capture->interfaces[capture->announced].name);
		if (!written)
			return false;
		capture->end += written;
		capture->announced++;
	}
	return true;
}

/* The number of a port's interface; negative: no memory. A guest that joins again has a new port: who does so thousands of times is one of the others then, and seen as well. */
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
	return capture_add(capture, capture->interface_count == CAPTURE_PORTS_MAX - 1 ? "others" : port);
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

/* Frames of one turn have one time. */
static uint64_t capture_time_us(struct capture *capture, uint64_t now_us)
{
	if (!capture->wall_us || now_us != capture->turn_us)
		capture->wall_us = capture_wall_us();
	capture->turn_us = now_us;
	return capture->wall_us;
}

/* False: it did not fit. */
static bool capture_put(struct capture *capture, size_t number, const struct gw_capture_frame *frame)
{
	struct pcapng_packet packet = {.interface = (uint32_t)number,
				       .direction = capture_direction(frame->direction),
				       .time_us = capture_time_us(capture, frame->now_us),
				       .lost = capture->interfaces[number].unsaid,
				       .pieces = frame->frame.pieces,
				       .piece_count = frame->frame.piece_count,
				       .length = (uint32_t)frame->length};
	char comment[PCAPNG_COMMENT_BYTES];
	size_t room, written;
	uint8_t *to;

	if (!capture_announce(capture))
		return false;
	if (frame->direction == GW_CAPTURE_DROPPED) {
		snprintf(comment, sizeof(comment), "dropped: %s (%s)", gw_drop_name(frame->reason),
			 gw_drop_text(frame->reason));
		packet.comment = comment;
	}
	to = capture_room(capture, frame->length + 512, &room);
	written = pcapng_write_packet(to, room, &packet);
	capture->end += written;
	return written > 0;
}

static void capture_on_frame(void *owner, const struct gw_capture_frame *frame)
{
	struct capture *capture = owner;
	struct capture_interface *interface;
	long number;

	if (!capture_wants(capture, frame->port))
		return;
	number = capture_interface(capture, frame->port);
	if (number < 0)
		return;
	capture->recent = (size_t)number;
	interface = &capture->interfaces[number];
	if (capture_put(capture, (size_t)number, frame)) {
		interface->kept++;
		interface->unsaid = 0;
	} else {
		interface->lost++;
		interface->unsaid++;
	}
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
	snprintf(capture->guest, sizeof(capture->guest), "%s", guest ? guest : "");
	capture->bytes = malloc(CAPTURE_BUFFER_BYTES);
	if (!capture->bytes)
		goto fail;
	capture->bound = CAPTURE_BUFFER_BYTES;
	capture->end = pcapng_write_section(capture->bytes, CAPTURE_BUFFER_BYTES, "guestwire");
	gw_network_each_port(network, capture_on_port, capture);
	capture_announce(capture);
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

/* By what the end needs. Without memory as much of that stands there as fits. */
static void capture_widen(struct capture *capture)
{
	size_t more = (capture->interface_count - capture->announced) * CAPTURE_INTERFACE_BYTES +
		      capture->interface_count * CAPTURE_STATISTICS_BYTES;
	uint8_t *bytes = realloc(capture->bytes, CAPTURE_BUFFER_BYTES + more);

	if (!bytes)
		return;
	capture->bytes = bytes;
	capture->bound = CAPTURE_BUFFER_BYTES + more;
}

void capture_stop(struct capture *capture)
{
	uint64_t now_us = capture_wall_us();
	size_t room;
	uint8_t *to;

	if (!capture->tap)
		return;
	gw_capture_free(capture->tap);
	capture->tap = NULL;
	capture_widen(capture);
	capture_announce(capture);
	for (size_t i = 0; i < capture->announced; i++) {
		const struct capture_interface *interface = &capture->interfaces[i];

		to = capture_room(capture, CAPTURE_STATISTICS_BYTES, &room);
		capture->end +=
			pcapng_write_statistics(to, room, (uint32_t)i, now_us, interface->kept, interface->lost);
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
