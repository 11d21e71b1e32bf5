/* SPDX-License-Identifier: MIT */
/* Captures: each sees the frames of one port or of all. A capture that is freed while frames are shown goes when the
 * last callback has returned. */
#include "network/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "network/network.h"
#include "network/offload.h"

struct gw_capture {
	struct list link;
	struct gw_network *network;
	bool freed;
	char port[PORT_NAME_BYTES]; /* "" for every one */
	void (*on_frame)(void *owner, const struct gw_capture_frame *frame);
	void *owner;
};

/* A port by its name, or all ports NAME.1, NAME.2 … of a guest. */
static bool capture_wants(const struct gw_capture *capture, const char *name)
{
	size_t length = strlen(capture->port);

	return length == 0 ||
	       (strncmp(name, capture->port, length) == 0 && (name[length] == '\0' || name[length] == '.'));
}

static void capture_sweep(struct gw_network *network)
{
	network->captures.sweep = false;
	list_for_each_safe (at, &network->captures.captures) {
		struct gw_capture *capture = container_of(at, struct gw_capture, link);

		if (!capture->freed)
			continue;
		list_remove(&capture->link);
		free(capture);
	}
	if (list_empty(&network->captures.captures))
		ethswitch_observe(network->ethswitch, NULL);
}

static void capture_show(struct gw_network *network, const struct port *port, enum gw_capture_direction direction,
			 unsigned reason, const struct frame *frame)
{
	struct iovec pieces[1 + ROOM_PIECES_MAX];
	struct gw_capture_frame shown = GW_INIT(struct gw_capture_frame);
	size_t count = 0;

	if (frame->body_pieces > ROOM_PIECES_MAX)
		return;
	if (frame->head_bytes > 0)
		pieces[count++] =
			(struct iovec){.iov_base = (void *)(uintptr_t)frame->head, .iov_len = frame->head_bytes};
	for (uint32_t i = 0; i < frame->body_pieces; i++)
		pieces[count++] = frame->body[i];
	shown.direction = direction;
	shown.reason = reason;
	shown.port = port->name;
	shown.now_us = ethswitch_now_us(network->ethswitch);
	shown.length = frame->length;
	shown.frame =
		(struct gw_frame){.pieces = pieces, .piece_count = count, .offload = offload_show(&frame->offload)};
	network->calling++;
	network->captures.showing++;
	list_for_each (at, &network->captures.captures) {
		struct gw_capture *capture = container_of(at, struct gw_capture, link);

		if (!capture->freed && capture_wants(capture, port->name))
			capture->on_frame(capture->owner, &shown);
	}
	network->captures.showing--;
	network->calling--;
	if (network->captures.showing == 0 && network->captures.sweep)
		capture_sweep(network);
}

static void capture_on_from_guest(void *owner, struct port *port, const struct frame *frame)
{
	capture_show(owner, port, GW_CAPTURE_FROM_GUEST, DROP_NONE, frame);
}

static void capture_on_to_guest(void *owner, struct port *port, const struct frame *frame)
{
	capture_show(owner, port, GW_CAPTURE_TO_GUEST, DROP_NONE, frame);
}

static void capture_on_drop(void *owner, struct port *port, enum drop_reason reason, const struct frame *frame)
{
	if (frame)
		capture_show(owner, port, GW_CAPTURE_DROPPED, reason, frame);
}

int gw_capture_new(struct gw_network *network, const char *port,
		   void (*on_frame)(void *owner, const struct gw_capture_frame *frame), void *owner,
		   struct gw_capture **ret_capture)
{
	struct gw_capture *capture;

	if (port && strlen(port) >= sizeof(capture->port))
		return -ENOENT;
	capture = calloc(1, sizeof(*capture));
	if (!capture)
		return -ENOMEM;
	if (port)
		memcpy(capture->port, port, strlen(port) + 1);
	capture->network = network;
	capture->on_frame = on_frame;
	capture->owner = owner;
	network->captures.observer = (struct observer){.on_from_guest = capture_on_from_guest,
						       .on_to_guest = capture_on_to_guest,
						       .on_drop = capture_on_drop,
						       .owner = network};
	ethswitch_observe(network->ethswitch, &network->captures.observer);
	list_append(&network->captures.captures, &capture->link);
	*ret_capture = capture;
	return 0;
}

void gw_capture_free(struct gw_capture *capture)
{
	struct gw_network *network;

	if (!capture)
		return;
	network = capture->network;
	capture->freed = true;
	/* the switch may be between two frames of a batch: its observer goes with the next that is shown, or here */
	if (network->captures.showing > 0)
		network->captures.sweep = true;
	else
		capture_sweep(network);
}

bool capture_list_any(const struct gw_network *network)
{
	return !list_empty(&network->captures.captures);
}

void capture_list_done(struct gw_network *network)
{
	list_for_each (at, &network->captures.captures)
		container_of(at, struct gw_capture, link)->freed = true;
	capture_sweep(network);
}
