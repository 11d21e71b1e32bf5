/* SPDX-License-Identifier: MIT */
/* Sockets as Linux was seen to behave: a peek at the end of the stream is 0 although bytes before it are unread; a reset is
 * told once, when no byte is at the place that is asked for, and what had arrived can be read before and after; behind an end it is
 * told by the pending error and by sends alone. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "kit/model_tcp.h"

enum { PATTERN = 65521 };

static const uint8_t *pattern_table(void)
{
	static uint8_t table[2 * PATTERN];
	static bool made;

	if (!made) {
		struct random random;

		random_init(&random, 7);
		random_fill(&random, table, PATTERN);
		memcpy(table + PATTERN, table, PATTERN);
		made = true;
	}
	return table;
}

void model_pattern(uint32_t stream, uint64_t offset, void *to, size_t count)
{
	uint8_t *next = to;

	while (count > 0) {
		size_t here = count < PATTERN ? count : PATTERN;

		memcpy(next, pattern_table() + (offset + (uint64_t)stream * 977) % PATTERN, here);
		next += here;
		offset += here;
		count -= here;
	}
}

bool model_pattern_is(uint32_t stream, uint64_t offset, const void *bytes, size_t count)
{
	const uint8_t *next = bytes;

	while (count > 0) {
		size_t here = count < PATTERN ? count : PATTERN;

		if (memcmp(next, pattern_table() + (offset + (uint64_t)stream * 977) % PATTERN, here) != 0)
			return false;
		next += here;
		offset += here;
		count -= here;
	}
	return true;
}

static void host_wrong(struct model_host *host, const char *what)
{
	if (!host->wrong)
		host->wrong = what;
}

static struct model_socket *socket_at(void *owner, int fd)
{
	struct model_host *host = owner;

	return &host->sockets[fd - 100];
}

static uint64_t later(struct model_host *host, uint32_t most_us)
{
	return loop_now_us(host->loop) + (most_us ? random_below(host->random, most_us) : 0) + 1;
}

static struct timers *socket_tell_timers(const struct model_socket *socket)
{
	return loop_timers(socket->host->asked ? socket->host->asked : socket->host->loop);
}

static void socket_tell(struct model_socket *socket, unsigned events)
{
	socket->told |= events;
	if (!socket->tell.set)
		timer_set(socket_tell_timers(socket), &socket->tell, loop_now_us(socket->host->loop));
}

static void socket_on_tell(void *owner, uint64_t now_us)
{
	struct model_socket *socket = owner;
	unsigned told = socket->told;

	(void)now_us;
	socket->told = 0;
	if (socket->watch && !socket->closed)
		socket->watch->on_ready(socket->watch->owner, told);
}

/* ---- the far end ---- */

static void socket_reset(struct model_socket *socket)
{
	socket->reset = true;
	socket->error = ECONNRESET;
	socket_tell(socket, LOOP_READ | LOOP_WRITE | LOOP_HANGUP);
}

static void socket_on_remote(void *owner, uint64_t now_us)
{
	struct model_socket *socket = owner;
	const struct model_script *script = &socket->script;
	uint64_t left = script->down - socket->arrived,
		 room = script->buffer_bytes - (socket->arrived - socket->consumed);
	uint64_t chunk;

	(void)now_us;
	if (socket->closed || socket->reset)
		return;
	if (socket->ended && socket->shut)
		return; /* both have said all: nothing is left that could be reset */
	if (socket->ended || socket->arrived >= script->reset_after) {
		socket_reset(socket);
		return;
	}
	chunk = 1 + random_below(socket->host->random, script->chunk_bytes);
	chunk = chunk < left ? chunk : left;
	chunk = chunk < room ? chunk : room;
	socket->arrived += chunk;
	if (chunk > 0)
		socket_tell(socket, LOOP_READ);
	if (socket->arrived == script->down && script->holds)
		return;
	if (socket->arrived == script->down && script->reset_after == MODEL_NEVER) {
		socket->ended = true;
		socket_tell(socket, LOOP_READ | LOOP_HANGUP);
		if (script->late_us)
			timer_set(loop_timers(socket->host->loop), &socket->remote,
				  loop_now_us(socket->host->loop) + script->late_us);
		return;
	}
	/* with the buffer full the program waits for it, here by looking again */
	timer_set(loop_timers(socket->host->loop), &socket->remote,
		  later(socket->host, script->pause_us) + (room == 0 ? 5000 : 0));
}

static void socket_on_drain(void *owner, uint64_t now_us)
{
	struct model_socket *socket = owner;
	uint32_t gone = socket->unsent < socket->script.drain_bytes ? socket->unsent : socket->script.drain_bytes;

	socket->unsent -= gone;
	if (socket->nospace && socket->unsent < socket->script.buffer_bytes * 2 / 3) {
		socket->nospace = false;
		socket_tell(socket, LOOP_WRITE);
	}
	if (socket->unsent > 0 || socket->nospace)
		timer_set(loop_timers(socket->host->loop), &socket->drain, now_us + socket->script.drain_us);
}

static void socket_on_connected(struct model_socket *socket)
{
	timer_init(&socket->remote, socket_on_remote, socket);
	socket->connected = true;
	timer_set(loop_timers(socket->host->loop), &socket->remote, later(socket->host, socket->script.pause_us));
}

static void socket_on_connect(void *owner, uint64_t now_us)
{
	struct model_socket *socket = owner;

	(void)now_us;
	if (socket->script.connect_error) {
		socket->error = socket->script.connect_error;
		socket_tell(socket, LOOP_WRITE | LOOP_HANGUP);
		return;
	}
	socket_on_connected(socket);
	socket_tell(socket, LOOP_WRITE);
}

/* ---- the calls ---- */

static int model_open(void *owner, int family, const struct outbound *outbound)
{
	struct model_host *host = owner;
	struct model_socket *socket;

	(void)family;
	if (host->count == MODEL_SOCKETS_MAX)
		return -EMFILE;
	if (outbound && host->outbound_error)
		return host->outbound_error;
	socket = &host->sockets[host->count];
	*socket = (struct model_socket){.host = host, .used = true, .outbound = outbound};
	timer_init(&socket->tell, socket_on_tell, socket);
	timer_init(&socket->drain, socket_on_drain, socket);
	timer_init(&socket->remote, socket_on_connect, socket);
	return 100 + (int)host->count++;
}

static void model_prepare(void *owner, int family)
{
	(void)owner;
	(void)family;
}

static void socket_play(struct model_socket *socket, uint32_t number)
{
	socket->number = number;
	socket->script = socket->host->scripts[number];
	socket->stream = socket->host->streams[number];
}

int model_accept(struct model_host *host, uint32_t number)
{
	int fd = model_open(host, 0, NULL);
	struct model_socket *socket = socket_at(host, fd);

	socket_play(socket, number);
	socket_on_connected(socket);
	return fd;
}

static int model_connect(void *owner, int fd, const struct sockaddr *address, socklen_t bytes, uint16_t port)
{
	struct model_socket *socket = socket_at(owner, fd);

	(void)bytes;
	(void)port;
	/* the port stands at the same place in both families */
	socket_play(socket, ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port) - MODEL_PORT);
	if (socket->script.connect_us == 0 && !socket->script.connect_error) {
		socket_on_connected(socket);
		return 0;
	}
	timer_set(loop_timers(socket->host->loop), &socket->remote, later(socket->host, socket->script.connect_us));
	return -EINPROGRESS;
}

static void model_adopt(void *owner, int fd)
{
	(void)owner;
	(void)fd;
}

static int model_error(void *owner, int fd)
{
	struct model_socket *socket = socket_at(owner, fd);
	int error = socket->error;

	socket->error = 0;
	return -error;
}

static ssize_t model_send(void *owner, int fd, const struct iovec *pieces, int count)
{
	struct model_socket *socket = socket_at(owner, fd);
	uint32_t room = socket->script.buffer_bytes - socket->unsent, wanted = 0, sent = 0;

	if (socket->closed || socket->shut)
		host_wrong(socket->host, "a send on a socket that is closed or shut");
	if (socket->error) {
		socket->error = 0;
		return -ECONNRESET;
	}
	if (socket->reset)
		return -EPIPE;
	for (int i = 0; i < count; i++)
		wanted += (uint32_t)pieces[i].iov_len;
	if (socket->script.partial_every && ++socket->sends % socket->script.partial_every == 0 && wanted > 1) {
		uint32_t part =
			random_below(socket->host->random, 4) ? 1 + random_below(socket->host->random, wanted - 1) : 0;

		room = room < part ? room : part;
	}
	for (int i = 0; i < count && sent < room; i++) {
		uint32_t here = (uint32_t)pieces[i].iov_len < room - sent ? (uint32_t)pieces[i].iov_len : room - sent;

		if (!model_pattern_is(socket->stream + 1, socket->taken, pieces[i].iov_base, here))
			host_wrong(socket->host, "a wrong byte came to the host");
		socket->taken += here;
		sent += here;
	}
	socket->unsent += sent;
	socket->nospace |= sent < wanted;
	if (!socket->drain.set)
		timer_set(loop_timers(socket->host->loop), &socket->drain,
			  loop_now_us(socket->host->loop) + socket->script.drain_us);
	return sent > 0 || wanted == 0 ? (ssize_t)sent : -EAGAIN;
}

/* The bytes from `at` on; what a read or a peek returns. */
static ssize_t socket_get(struct model_socket *socket, uint64_t at, const struct iovec *pieces, int count)
{
	ssize_t got = 0;

	if (socket->closed)
		host_wrong(socket->host, "a read of a closed socket");
	if (at == socket->arrived && socket->ended)
		return 0;
	if (at == socket->arrived) {
		if (socket->error) {
			socket->error = 0;
			return -ECONNRESET;
		}
		return socket->reset ? 0 : -EAGAIN;
	}
	for (int i = 0; i < count && at < socket->arrived; i++) {
		uint64_t left = socket->arrived - at, here = pieces[i].iov_len < left ? pieces[i].iov_len : left;

		model_pattern(socket->stream, at, pieces[i].iov_base, here);
		at += here;
		got += (ssize_t)here;
	}
	return got;
}

static ssize_t model_read(void *owner, int fd, const struct iovec *pieces, int count)
{
	struct model_socket *socket = socket_at(owner, fd);
	ssize_t got = socket_get(socket, socket->consumed, pieces, count);

	if (got > 0)
		socket->consumed += (uint64_t)got;
	return got;
}

/* What cannot be peeked at an offset says so at once, or, as TCP of older kernels, when it is asked for one. */
static int model_peek_start(void *owner, int fd, bool is_tcp)
{
	return socket_at(owner, fd)->script.peeks || is_tcp ? 0 : -EOPNOTSUPP;
}

static int model_peek_seek(void *owner, int fd, uint32_t offset)
{
	struct model_socket *socket = socket_at(owner, fd);

	if (!socket->script.peeks)
		return -EOPNOTSUPP;
	socket->seeks = true;
	socket->peek_at = socket->consumed + offset;
	if (socket->peek_at > socket->arrived)
		host_wrong(socket->host, "a peek beyond what has arrived");
	return 0;
}

static ssize_t model_peek(void *owner, int fd, const struct iovec *pieces, int count)
{
	struct model_socket *socket = socket_at(owner, fd);
	ssize_t got = socket_get(socket, socket->seeks ? socket->peek_at : socket->consumed, pieces, count);

	if (got > 0 && socket->seeks)
		socket->peek_at += (uint64_t)got;
	return got;
}

static ssize_t model_consume(void *owner, int fd, uint32_t bytes)
{
	struct model_socket *socket = socket_at(owner, fd);

	if (bytes > socket->arrived - socket->consumed)
		host_wrong(socket->host, "more is consumed than has arrived");
	socket->consumed += bytes;
	if (socket->peek_at < socket->consumed)
		socket->peek_at = socket->consumed;
	return (ssize_t)bytes;
}

static bool model_is_homeless(void *owner, int fd)
{
	return socket_at(owner, fd)->homeless;
}

static int model_shut(void *owner, int fd)
{
	struct model_socket *socket = socket_at(owner, fd);

	if (socket->shut)
		host_wrong(socket->host, "shut twice");
	socket->shut = true;
	return 0;
}

static void socket_stop(struct model_socket *socket)
{
	struct timers *timers = loop_timers(socket->host->loop);

	timer_clear(socket_tell_timers(socket), &socket->tell);
	timer_clear(timers, &socket->remote);
	timer_clear(timers, &socket->drain);
}

static void model_close(void *owner, int fd, bool reset)
{
	struct model_socket *socket = socket_at(owner, fd);

	if (socket->closed)
		host_wrong(socket->host, "closed twice");
	socket->closed = true;
	socket->closed_by_reset = reset;
	socket_stop(socket);
}

/* What is ready by now is told, as epoll does it. */
static int model_watch(void *owner, struct loop *loop, struct watch *watch, unsigned events)
{
	struct model_socket *socket = socket_at(owner, watch->fd);

	(void)loop;
	(void)events;
	if (socket->host->watch_error)
		return socket->host->watch_error;
	socket->watch = watch;
	watch->watched = true;
	if (socket->connected)
		socket_tell(socket, LOOP_WRITE | (socket->arrived > 0 ? LOOP_READ : 0) |
					    (socket->ended || socket->reset ? LOOP_READ | LOOP_HANGUP : 0));
	return 0;
}

static void model_unwatch(void *owner, struct loop *loop, struct watch *watch, bool closes)
{
	(void)closes;
	(void)loop;
	socket_at(owner, watch->fd)->watch = NULL;
	watch->watched = false;
}

const struct nat_socket_ops model_socket_ops = {
	.open = model_open,
	.prepare = model_prepare,
	.connect = model_connect,
	.adopt = model_adopt,
	.error = model_error,
	.send = model_send,
	.read = model_read,
	.peek_start = model_peek_start,
	.peek_seek = model_peek_seek,
	.peek = model_peek,
	.consume = model_consume,
	.is_homeless = model_is_homeless,
	.shut = model_shut,
	.close = model_close,
	.watch = model_watch,
	.unwatch = model_unwatch,
};

void model_host_done(struct model_host *host)
{
	for (size_t i = 0; i < host->count; i++)
		socket_stop(&host->sockets[i]);
	host->count = 0;
}
