/* SPDX-License-Identifier: MIT */
/* Guests on byte streams, AF_UNIX or TCP, as QEMU's -netdev stream and socket, libkrun and socket_vmnet's clients speak:
 * a length before each frame (framing.h). A turn is one read for many frames and, for each guest that they go to, one
 * sendmsg. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "fabric/ethswitch.h"
#include "port/connected.h"
#include "port/framing.h"
#include "port/kinds.h"

enum stream_limits {
	STREAM_READ_BYTES = PORT_TURN_BYTES,
	STREAM_DRAIN_PIECES = 64, /* 256 KiB of blocks */
};

struct stream_guest {
	struct connection connection;
	struct framing framing;
	uint32_t read_bytes; /* what one read asks for, with what is there of a frame that the last one cut in two */
	uint8_t *rest;       /* what a read brought beyond a turn's frames, while it is handed in; NULL: nothing */
	uint8_t partial[FRAME_BYTES_MAX]; /* memory that is never touched while no frame is cut in two */
};

static struct stream_guest *stream_guest_of(struct connection *connection)
{
	return container_of(connection, struct stream_guest, connection);
}

static void stream_init(struct connection *connection)
{
	struct stream_guest *guest = stream_guest_of(connection);

	framing_init(&guest->framing, guest->partial);
	guest->read_bytes = PORT_TURN_FRAMES * 1518;
	guest->rest = NULL;
}

static void stream_done(struct connection *connection)
{
	free(stream_guest_of(connection)->rest);
}

/* As many frames of the size that it sent last as a turn may bring, and nothing of the next: who sends frames of one size
 * has few cut in two, and each read goes out in one piece. A guest of small frames gets small reads, so that it hands in no
 * more frames a turn than others. */
static void stream_adapt(struct stream_guest *guest, size_t bytes, size_t frames)
{
	size_t each = bytes / frames, most = STREAM_READ_BYTES / each;

	guest->read_bytes = (uint32_t)(each * (most < PORT_TURN_FRAMES ? most : PORT_TURN_FRAMES));
}

/* What was read holds more frames than a turn's: the rest leaves the memory that all guests share and is handed in by
 * rounds, and nothing is read meanwhile. False without memory for that. */
static bool stream_put_off(struct stream_guest *guest)
{
	if (!guest->rest) {
		guest->rest = malloc(guest->framing.left);
		if (!guest->rest)
			return false;
		framing_move(&guest->framing, guest->rest);
	}
	port_schedule(&guest->connection.outlet.port);
	return true;
}

/* Whether this turn is over, after so many frames. */
static bool stream_is_over(struct stream_guest *guest, size_t frames)
{
	if (frames % PORT_TURN_FRAMES != 0)
		return false;
	if (!framing_settle(&guest->framing))
		return stream_put_off(guest);
	return true;
}

/* Hands in a turn's worth of what was read. NULL, or why the stream is lost. */
static const char *stream_deliver(struct stream_guest *guest)
{
	size_t held = framing_held(&guest->framing), count, all = 0;
	struct frame frames[PORT_TURN_FRAMES];
	enum drop_reason verdict;

	do {
		count = framing_next(&guest->framing, frames, PORT_TURN_FRAMES - all % PORT_TURN_FRAMES, &verdict);
		if (count > 0)
			ethswitch_input(&guest->connection.outlet.port, frames, count);
		all += count;
		if (verdict != DROP_NONE) {
			port_drop(&guest->connection.outlet.port, verdict, NULL);
			return drop_text(verdict);
		}
	} while (count > 0 && !stream_is_over(guest, all));
	if (all > 0)
		stream_adapt(guest, held - framing_held(&guest->framing), all);
	return NULL;
}

static void stream_run(struct outlet *outlet)
{
	struct stream_guest *guest = stream_guest_of(connection_of(outlet));
	const char *reason = stream_deliver(guest);

	if (reason) {
		outlet_leave_later(outlet, reason);
	} else if (guest->framing.left == 0) {
		free(guest->rest);
		guest->rest = NULL;
	}
}

static const char *stream_ended(struct stream_guest *guest, const char *reason)
{
	enum drop_reason verdict = framing_end(&guest->framing);

	if (verdict != DROP_NONE)
		port_drop(&guest->connection.outlet.port, verdict, NULL);
	return reason;
}

/* Of what a read asks for: the frame that was cut in two is one of the turn's, and its rest goes behind what is there. */
static size_t stream_room(const struct stream_guest *guest)
{
	size_t cut = framing_cut(&guest->framing);

	return guest->read_bytes > cut ? guest->read_bytes - cut : 0;
}

static const char *stream_read(struct connection *connection, bool *ret_idle)
{
	struct stream_guest *guest = stream_guest_of(connection);
	void *buffer = connection->connected->turn;
	struct iovec pieces[FRAMING_ROOMS];
	struct msghdr message = {.msg_iov = pieces};
	ssize_t got;

	if (guest->rest)
		return NULL;
	message.msg_iovlen = (size_t)framing_room(&guest->framing, buffer, stream_room(guest), pieces);
	got = recvmsg(connection->fd, &message, MSG_DONTWAIT);
	if (got == 0)
		return stream_ended(guest, "closed the connection");
	if (got > 0) {
		framing_filled(&guest->framing, buffer, (size_t)got);
		return stream_deliver(guest);
	}
	if (errno == EAGAIN || errno == EINTR) {
		*ret_idle = errno == EAGAIN;
		return NULL;
	}
	return stream_ended(guest, error_name(-errno));
}

static void stream_prefix(const struct frame *frame, uint8_t *ret_prefix)
{
	struct be32 length = be32_from(frame->length);

	memcpy(ret_prefix, &length, sizeof(length));
}

/* 0 when the far end takes nothing now, or a guest has taken back what is to be sent (EFAULT): it is copied, where
 * somebody deals with the fault. Negative errno when it is gone. */
static ssize_t stream_write(int fd, struct iovec *pieces, size_t count)
{
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
	ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0)
		return sent;
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == EFAULT ? 0 : -errno;
}

static void stream_send(struct outlet *outlet)
{
	struct gather *gather = &outlet->gather;
	ssize_t sent = stream_write(connection_of(outlet)->fd, gather->piece, gather->pieces);
	size_t left;
	uint32_t index;

	if (sent < 0) {
		outlet_drop_from(outlet, 0, DROP_PORT_CLOSED);
		outlet_leave_later(outlet, error_name((int)sent));
		return;
	}
	left = (size_t)sent;
	if (left == gather->bytes) {
		outlet_sent_all(outlet);
		return;
	}
	for (index = 0; index < gather->count && left >= gather->entry[index].bytes; index++) {
		left -= gather->entry[index].bytes;
		outlet_sent(outlet, index);
	}
	if (!outlet_keep_from(outlet, index, left))
		outlet_leave_later(outlet, "no memory to finish a frame that was sent in part");
}

static const char *stream_drain(struct outlet *outlet)
{
	struct framequeue *queue = &outlet->queue;
	struct iovec pieces[STREAM_DRAIN_PIECES];
	int count = framequeue_peek_bytes(queue, pieces, STREAM_DRAIN_PIECES);
	ssize_t sent;

	if (count == 0)
		return NULL;
	sent = stream_write(connection_of(outlet)->fd, pieces, (size_t)count);
	if (sent < 0)
		return error_name((int)sent);
	framequeue_consume_bytes(queue, (size_t)sent);
	return NULL;
}

static const struct connected_way stream_way = {
	.type = SOCK_STREAM,
	.outlet =
		{
			.prefix = stream_prefix,
			.prefix_bytes = FRAMING_HEADER_BYTES,
			.keeps_framing = true,
			.send = stream_send,
			.drain = stream_drain,
			.run = stream_run,
			.wait = connected_wait,
			.leave = connected_leave,
		},
	.connection_bytes = sizeof(struct stream_guest),
	.turn_bytes = STREAM_READ_BYTES,
	.init = stream_init,
	.done = stream_done,
	.read = stream_read,
};

/* QEMU's own words for the same: server=on,addr.type=unix,addr.path=P. A connection that ends is made again in any case. */
static int stream_read_qemu_words(struct spec *spec, struct doorway_words *words, char *inet, size_t size,
				  struct error *ret_error)
{
	const char *type = spec_string(spec, "addr.type");
	bool server = false;

	if (!type)
		return 0;
	(void)spec_string(spec, "reconnect");
	(void)spec_string(spec, "reconnect-ms");
	if (spec_bool(spec, "server", &server, ret_error) < 0)
		return -EINVAL;
	if (strcmp(type, "unix") == 0) {
		const char *path = spec_string(spec, "addr.path");

		*(server ? &words->path : &words->connect) = path;
		return path ? 0 : error_set(ret_error, -EINVAL, "stream: addr.type=unix needs addr.path=");
	}
	if (strcmp(type, "inet") == 0) {
		const char *host = spec_string(spec, "addr.host"), *port = spec_string(spec, "addr.port");

		if (!port)
			return error_set(ret_error, -EINVAL, "stream: addr.type=inet needs addr.port=");
		snprintf(inet, size, "%s%s%s:%s", host && strchr(host, ':') ? "[" : "", host ? host : "127.0.0.1",
			 host && strchr(host, ':') ? "]" : "", port);
		*(server ? &words->tcp : &words->connect_tcp) = inet;
		return 0;
	}
	if (strcmp(type, "fd") == 0)
		return endpoint_read_fd(spec, "addr.str", &words->fd, ret_error);
	return error_set(ret_error, -EINVAL, "stream: addr.type=%s: unix, inet or fd", type);
}

static int stream_open(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
		       struct error *ret_error)
{
	struct doorway_words words = {
		.path = spec_string(spec, "path"),
		.tcp = spec_string(spec, "tcp"),
		.connect = spec_string(spec, "connect"),
		.connect_tcp = spec_string(spec, "connect-tcp"),
		.fd = -1,
	};
	char inet[128];

	if (endpoint_read_fd(spec, "fd", &words.fd, ret_error) < 0 ||
	    stream_read_qemu_words(spec, &words, inet, sizeof(inet), ret_error) < 0)
		return -EINVAL;
	return connected_open(&stream_kind, &stream_way, &words, spec, setup, ret_endpoint, ret_error);
}

const struct endpoint_kind stream_kind = {
	.name = "stream",
	.words = "path=P | tcp=[ADDRESS:]PORT | connect=P | connect-tcp=ADDRESS:PORT | fd=N; mode= group= guests= "
		 "queue= "
		 "isolated= mac= csum=partial",
	.open = stream_open,
};
