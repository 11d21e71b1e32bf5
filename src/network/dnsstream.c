/* SPDX-License-Identifier: MIT */
/* Two buffers around a socket: one message at a time comes in, whole ones go out. */
#include "network/dnsstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/dns.h"

enum { DNSSTREAM_IN_BYTES = DNS_STREAM_PREFIX + DNS_MESSAGE_MAX };

struct dnsstream {
	struct loop *loop;
	struct watch watch;
	struct timer idle;
	const struct dnsstream_ops *ops;
	void *owner;
	bool failed;
	bool half; /* the far end has said all, and may listen still */
	uint8_t *out;
	size_t out_bytes, out_room;
	size_t in_bytes;
	uint8_t in[DNSSTREAM_IN_BYTES];
};

static void dnsstream_rest(struct dnsstream *stream)
{
	timer_set(loop_timers(stream->loop), &stream->idle, loop_now_us(stream->loop) + DNSSTREAM_IDLE_US);
}

static void dnsstream_ask(struct dnsstream *stream)
{
	unsigned events = (stream->half ? 0 : LOOP_READ) | (stream->out_bytes > 0 ? LOOP_WRITE : 0);

	if (loop_watch(stream->loop, &stream->watch, events) < 0)
		stream->failed = true;
}

/* -ENOTCONN and such: it is connecting still, and the loop will say. */
static void dnsstream_write(struct dnsstream *stream)
{
	ssize_t sent;

	while (stream->out_bytes > 0) {
		sent = send(stream->watch.fd, stream->out, stream->out_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0) {
			stream->failed = stream->failed || (errno != EAGAIN && errno != EINTR && errno != ENOTCONN);
			break;
		}
		stream->out_bytes -= (size_t)sent;
		memmove(stream->out, stream->out + sent, stream->out_bytes);
	}
}

/* Whole messages out of what came; what is left is moved to the front. */
static void dnsstream_take(struct dnsstream *stream)
{
	size_t at = 0, whole;

	while ((whole = dns_stream_message(stream->in + at, stream->in_bytes - at)) > 0) {
		stream->ops->on_message(stream->owner, stream, stream->in + at + DNS_STREAM_PREFIX,
					whole - DNS_STREAM_PREFIX);
		at += whole;
	}
	stream->in_bytes -= at;
	memmove(stream->in, stream->in + at, stream->in_bytes);
}

static void dnsstream_read(struct dnsstream *stream)
{
	ssize_t got = recv(stream->watch.fd, stream->in + stream->in_bytes, sizeof(stream->in) - stream->in_bytes,
			   MSG_DONTWAIT);

	if (got < 0)
		stream->failed = stream->failed || (errno != EAGAIN && errno != EINTR && errno != ENOTCONN);
	if (got == 0)
		stream->half = true;
	if (got <= 0)
		return;
	stream->in_bytes += (size_t)got;
	dnsstream_rest(stream);
	dnsstream_take(stream);
}

static bool dnsstream_is_over(const struct dnsstream *stream)
{
	if (stream->failed || !stream->half)
		return stream->failed;
	return !stream->ops->awaits || (stream->out_bytes == 0 && !stream->ops->awaits(stream->owner));
}

static void dnsstream_on_ready(void *owner, unsigned events)
{
	struct dnsstream *stream = owner;

	if (!stream->half)
		dnsstream_read(stream);
	else if (events & LOOP_HANGUP)
		stream->failed = true; /* nobody listens any more */
	if (events & LOOP_WRITE)
		dnsstream_write(stream);
	if (dnsstream_is_over(stream)) {
		stream->ops->on_end(stream->owner, stream);
		return;
	}
	dnsstream_ask(stream);
}

static void dnsstream_on_idle(void *owner, uint64_t now_us)
{
	struct dnsstream *stream = owner;

	(void)now_us;
	stream->ops->on_end(stream->owner, stream);
}

int dnsstream_new(struct loop *loop, int fd, const struct dnsstream_ops *ops, void *owner,
		  struct dnsstream **ret_stream)
{
	struct dnsstream *stream = calloc(1, sizeof(*stream));
	int error;

	if (!stream)
		return -ENOMEM;
	stream->loop = loop;
	stream->ops = ops;
	stream->owner = owner;
	watch_init(&stream->watch, fd, dnsstream_on_ready, stream);
	timer_init(&stream->idle, dnsstream_on_idle, stream);
	error = loop_watch(loop, &stream->watch, LOOP_READ);
	if (error < 0) {
		free(stream);
		return error;
	}
	dnsstream_rest(stream);
	*ret_stream = stream;
	return 0;
}

void dnsstream_free(struct dnsstream *stream)
{
	if (!stream)
		return;
	timer_clear(loop_timers(stream->loop), &stream->idle);
	loop_unwatch(stream->loop, &stream->watch);
	close(stream->watch.fd);
	free(stream->out);
	free(stream);
}

static bool dnsstream_grow(struct dnsstream *stream, size_t bytes)
{
	size_t room = stream->out_room ? stream->out_room : 4096;
	uint8_t *out;

	while (room < stream->out_bytes + bytes)
		room *= 2;
	if (room > DNSSTREAM_OUT_BYTES)
		return false;
	if (room == stream->out_room)
		return true;
	out = realloc(stream->out, room);
	if (!out)
		return false;
	stream->out = out;
	stream->out_room = room;
	return true;
}

int dnsstream_send(struct dnsstream *stream, const void *message, size_t bytes)
{
	uint8_t *to;

	if (stream->failed)
		return -EPIPE;
	if (!dnsstream_grow(stream, DNS_STREAM_PREFIX + bytes)) {
		stream->failed = true;
		shutdown(stream->watch.fd, SHUT_RDWR); /* the loop will say so */
		return -ENOBUFS;
	}
	to = stream->out + stream->out_bytes;
	dns_stream_prefix(bytes, to);
	memcpy(to + DNS_STREAM_PREFIX, message, bytes);
	stream->out_bytes += DNS_STREAM_PREFIX + bytes;
	dnsstream_rest(stream);
	dnsstream_ask(stream);
	return 0;
}
