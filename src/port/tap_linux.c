/* SPDX-License-Identifier: MIT */
/* A tap: the host's kernel, or that of a namespace, as one guest. Its virtio header carries offloads both ways, so that a
 * 64 KiB segment passes uncut. One read and one write per frame: the kernel has no call for more.
 *
 * What surprises: a tap that is down refuses writes (EIO) and one that was deleted gives EBADFD for ever after. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "fabric/ethswitch.h"
#include "os/tap.h"
#include "port/kinds.h"
#include "port/outlet.h"
#include "port/vnet_header.h"

enum tap_end_limits {
	TAP_END_BATCH = 16, /* frames of a turn; 64 KiB ones stay within the cache by the next limit */
	TAP_END_BATCH_BYTES = PORT_TURN_BYTES,
	TAP_END_QUEUE_PIECES = 32,
	TAP_END_PATIENCE = 15,
};

/* How many frames a turn reads before it asks the loop again: each read that finds nothing delays what the last one brought.
 * Where frames come one by one it stays at 1, and more is tried ever more seldom; where they come faster it doubles. What
 * is left is told at once, by level. */
struct tap_end_hope {
	uint8_t frames; /* 1 … TAP_END_BATCH */
	uint8_t left;   /* turns until more are hoped for */
	uint8_t pause;  /* as many, when that was wrong */
};

struct tap_end {
	struct endpoint endpoint;
	struct outlet outlet;
	struct outlet_way way; /* its own: a tap that was inherited may be without header */
	struct tap tap;
	struct watch watch;
	struct tap_end_hope hope;
	bool joined;
};

static struct tap_end *tap_end_of(struct endpoint *endpoint)
{
	return container_of(endpoint, struct tap_end, endpoint);
}

static struct tap_end *tap_end_of_outlet(struct outlet *outlet)
{
	return container_of(outlet, struct tap_end, outlet);
}

static void tap_end_leave(struct outlet *outlet, const char *reason)
{
	struct tap_end *end = tap_end_of_outlet(outlet);

	loop_unwatch(end->endpoint.setup->loop, &end->watch);
	end->joined = false;
	outlet_left(outlet, reason);
	tap_close(&end->tap);
}

static void tap_end_wait(struct outlet *outlet)
{
	struct tap_end *end = tap_end_of_outlet(outlet);

	loop_watch(end->endpoint.setup->loop, &end->watch, LOOP_READ | LOOP_WRITE);
}

/* What to do with a frame that the kernel did not take: keep it (DROP_NONE), drop it by name, or all is over
 * (DROP_PORT_CLOSED). */
static enum drop_reason tap_end_verdict(int failure)
{
	switch (failure) {
	case EAGAIN:
	case EINTR:
	case EFAULT: /* a guest has taken back what is to be sent: copied, where somebody deals with the fault */
		return DROP_NONE;
	case EIO:
		return DROP_TAP_DOWN;
	case EBADFD:
	case EBADF:
		return DROP_PORT_CLOSED;
	default:
		return DROP_TAP_REFUSED;
	}
}

static void tap_end_send(struct outlet *outlet)
{
	struct gather *gather = &outlet->gather;
	int fd = tap_end_of_outlet(outlet)->tap.fd;

	for (uint32_t i = 0; i < gather->count; i++) {
		const struct gather_entry *entry = &gather->entry[i];
		enum drop_reason verdict;
		struct frame frame;

		if (writev(fd, &gather->piece[entry->first], entry->pieces) >= 0) {
			outlet_sent(outlet, i);
			continue;
		}
		verdict = tap_end_verdict(errno);
		if (verdict == DROP_NONE) {
			outlet_keep_from(outlet, i, 0);
			return;
		}
		if (verdict == DROP_PORT_CLOSED) {
			outlet_drop_from(outlet, i, verdict);
			outlet_leave_later(outlet, "the interface is gone");
			return;
		}
		gather_frame(gather, i, &frame);
		port_drop(&outlet->port, verdict, &frame);
	}
}

/* False when the interface is gone. */
static bool tap_end_drain(struct tap_end *end)
{
	struct framequeue *queue = &end->outlet.queue;
	struct iovec pieces[TAP_END_QUEUE_PIECES];
	size_t bytes;

	for (int i = 0; i < PORT_TURN_FRAMES; i++) {
		int count = framequeue_peek_frame(queue, pieces, TAP_END_QUEUE_PIECES, &bytes);

		if (count == 0)
			return true;
		if (writev(end->tap.fd, pieces, count) < 0) {
			enum drop_reason verdict = tap_end_verdict(errno);

			if (verdict == DROP_NONE)
				return true;
			if (verdict == DROP_PORT_CLOSED)
				return false;
			outlet_drop_queued(&end->outlet, verdict);
			continue;
		}
		framequeue_consume_frame(queue);
	}
	return true;
}

struct tap_end_batch {
	uint8_t *room[TAP_END_BATCH];
	struct frame frames[TAP_END_BATCH];
	size_t rooms;
	size_t count;
	size_t bytes;
};

static void tap_end_take(struct tap_end *end, struct tap_end_batch *batch, const uint8_t *bytes, size_t count)
{
	struct frame *frame = &batch->frames[batch->count];
	struct port *port = &end->outlet.port;
	uint32_t header_bytes = end->way.prefix_bytes;
	enum drop_reason verdict;

	if (count < header_bytes) {
		port_drop(port, DROP_TAP_HEADER, NULL);
		return;
	}
	frame_init(frame, bytes + header_bytes, count - header_bytes);
	verdict = header_bytes ? vnet_header_read(bytes, &frame->offload) : DROP_NONE;
	if (verdict != DROP_NONE) {
		port_drop(port, verdict, frame);
		return;
	}
	batch->bytes += count;
	batch->count++;
}

/* What a turn has taught: it read so many frames, and found out that there are no more, or did not look. */
static void tap_end_learn(struct tap_end_hope *hope, size_t frames, bool looked)
{
	if (looked) {
		hope->frames = frames > 1 ? (uint8_t)frames : 1;
		hope->pause = frames > 1                       ? 0
			      : hope->pause < TAP_END_PATIENCE ? (uint8_t)(hope->pause * 2 + 1)
							       : TAP_END_PATIENCE;
		hope->left = hope->pause;
	} else if (hope->left > 0) {
		hope->left--;
	} else {
		hope->frames = (uint8_t)(hope->frames * 2 < TAP_END_BATCH ? hope->frames * 2 : TAP_END_BATCH);
	}
}

/* 0, or the errno that ended the reading. */
static int tap_end_fill(struct tap_end *end, struct pool *pool, struct tap_end_batch *batch)
{
	while (batch->rooms < end->hope.frames && batch->bytes < TAP_END_BATCH_BYTES) {
		uint8_t *room = pool_take(pool);
		ssize_t got;

		if (!room)
			return ENOMEM;
		batch->room[batch->rooms++] = room;
		got = read(end->tap.fd, room, FRAME_ROOM_BYTES);
		if (got < 0)
			return errno;
		tap_end_take(end, batch, room, (size_t)got);
	}
	return 0;
}

/* NULL, or why the guest leaves. */
static const char *tap_end_read(struct tap_end *end, unsigned events)
{
	struct pool *pool = ethswitch_frames(end->endpoint.setup->ethswitch);
	struct tap_end_batch batch;
	uint8_t byte;
	int failure;

	batch.rooms = batch.count = batch.bytes = 0;
	failure = tap_end_fill(end, pool, &batch);
	tap_end_learn(&end->hope, batch.count, failure == EAGAIN);
	if (batch.count > 0)
		ethswitch_input(&end->outlet.port, batch.frames, batch.count);
	while (batch.rooms > 0)
		pool_give(pool, batch.room[--batch.rooms]);
	/* A frame that finds no buffer is thrown away, or the tap would stay ready for ever. */
	if (failure == ENOMEM && batch.count == 0 && read(end->tap.fd, &byte, sizeof(byte)) >= 0)
		port_drop(&end->outlet.port, DROP_POOL_EMPTY, NULL);
	if (failure == EAGAIN && batch.count == 0 && events & LOOP_HANGUP)
		return "the interface is gone";
	return failure == 0 || failure == EAGAIN || failure == EINTR || failure == ENOMEM ? NULL
											  : "the interface is gone";
}

static void tap_end_on_ready(void *owner, unsigned events)
{
	struct tap_end *end = owner;
	const char *reason = NULL;

	if (events & LOOP_WRITE && !tap_end_drain(end))
		reason = "the interface is gone";
	if (!reason && events & (LOOP_READ | LOOP_HANGUP))
		reason = tap_end_read(end, events);
	if (reason) {
		tap_end_leave(&end->outlet, reason);
	} else if (events & LOOP_WRITE && framequeue_empty(&end->outlet.queue)) {
		loop_watch(end->endpoint.setup->loop, &end->watch, LOOP_READ);
		port_room_returned(&end->outlet.port, 0);
	}
}

static void tap_end_close(struct endpoint *endpoint)
{
	struct tap_end *end = tap_end_of(endpoint);

	if (end->joined)
		tap_end_leave(&end->outlet, "closed");
	tap_close(&end->tap);
	free(end);
}

/* ---- opening ---- */

static int tap_end_check_mtu(struct tap_end *end, struct error *ret_error)
{
	uint32_t wanted = ethswitch_mtu(end->endpoint.setup->ethswitch);
	uint32_t has = end->tap.mtu_bytes;

	if (has >= wanted || has == 0) {
		if (has > wanted)
			endpoint_notice(&end->endpoint,
					"%s: its MTU is %u and the network's %u: what is larger is dropped; "
					"`ip link set %s mtu %u`",
					end->tap.name, has, wanted, end->tap.name, wanted);
		return 0;
	}
	return error_set(ret_error, -EMSGSIZE,
			 "%s: its MTU is %u, too small for the network's %u; `ip link set %s mtu %u`, or give "
			 "the network mtu=%u",
			 end->tap.name, has, wanted, end->tap.name, wanted, has);
}

static void tap_end_accept(struct tap_end *end)
{
	struct port_accepts *accepts = &end->outlet.port.accepts;
	unsigned offloads = end->way.prefix_bytes ? end->tap.offloads : 0;

	accepts->csum = offloads & TAP_CSUM;
	accepts->tso4 = offloads & TAP_TSO4;
	accepts->tso6 = offloads & TAP_TSO6;
	accepts->ecn = offloads & TAP_ECN;
	accepts->uso = (offloads & TAP_USO4) && (offloads & TAP_USO6);
}

static int tap_end_start(struct tap_end *end, struct error *ret_error)
{
	struct endpoint *endpoint = &end->endpoint;
	int code = tap_end_check_mtu(end, ret_error);

	if (code < 0)
		return code;
	end->way = (struct outlet_way){.send = tap_end_send,
				       .wait = tap_end_wait,
				       .leave = tap_end_leave,
				       .one_by_one = true};
	if (end->tap.header_bytes) {
		end->way.prefix = vnet_header_write;
		end->way.prefix_bytes = VNET_HEADER_BYTES;
	}
	outlet_init(&end->outlet, &end->way, endpoint, endpoint->setup->name, end->tap.name);
	tap_end_accept(end);
	snprintf(endpoint->address, sizeof(endpoint->address), "%s", end->tap.name);
	snprintf(endpoint->describe, sizeof(endpoint->describe), "interface %s", end->tap.name);
	watch_init(&end->watch, end->tap.fd, tap_end_on_ready, end);
	code = loop_watch(endpoint->setup->loop, &end->watch, LOOP_READ);
	if (code < 0)
		return error_set(ret_error, code, "%s: cannot be watched: %s", end->tap.name, error_name(code));
	end->joined = true;
	outlet_join(&end->outlet);
	return 0;
}

/* QEMU's words for what is done to the interface once it is there. */
static int tap_read_script(const char *key, const char *value, struct error *ret_error)
{
	if (!value || !*value || strcmp(value, "no") == 0)
		return 0;
	return error_set(ret_error, -EINVAL,
			 "tap,%s=%.200s: no script is run here; give %s=no, and do yourself what it does", key, value,
			 key);
}

static int tap_end_open(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
			struct error *ret_error)
{
	struct tap_request request = {
		.name = spec_string(spec, "ifname"),
		.netns = spec_string(spec, "netns"),
		.mtu_bytes = ethswitch_mtu(setup->ethswitch),
	};
	struct tap_end *end = calloc(1, sizeof(*end));
	int64_t fd = -1;
	int code;

	if (!end)
		return error_set(ret_error, -ENOMEM, "tap: no memory");
	endpoint_init(&end->endpoint, &tap_kind, setup, tap_end_close);
	end->tap.fd = -1;
	end->hope.frames = 1;
	code = endpoint_read_fd(spec, "fd", &fd, ret_error);
	if (code == 0)
		code = tap_read_script("script", spec_string(spec, "script"), ret_error);
	if (code == 0)
		code = tap_read_script("downscript", spec_string(spec, "downscript"), ret_error);
	if (code == 0)
		code = endpoint_read_options(&end->endpoint, spec, ret_error);
	if (code == 0 && fd >= 0 && (request.name || request.netns))
		code = error_set(ret_error, -EINVAL, "tap: give ifname= and netns=, or fd= alone");
	if (code == 0)
		code = fd >= 0 ? tap_adopt((int)fd, &end->tap, ret_error) : tap_open(&request, &end->tap, ret_error);
	if (code == 0) {
		code = tap_end_start(end, ret_error);
		if (code < 0 && fd >= 0)
			end->tap.fd = -1; /* it is the caller's still */
	}
	if (code < 0) {
		tap_end_close(&end->endpoint);
		return code;
	}
	*ret_endpoint = &end->endpoint;
	return 0;
}

const struct endpoint_kind tap_kind = {
	.name = "tap",
	.words = "[ifname=NAME][,netns=PID|PATH|NAME] | fd=N; queue= isolated= mac= csum=partial",
	.open = tap_end_open,
};
