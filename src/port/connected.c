/* SPDX-License-Identifier: MIT */
/* See connected.h. */
#include "port/connected.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "os/socket.h"

/* AF_UNIX refuses a packet beyond its buffer less 32 bytes (Linux, net/unix/af_unix.c). */
enum { CONNECTED_PACKET_OVERHEAD = 32 };

static struct connected *connected_of(struct endpoint *endpoint)
{
	return container_of(endpoint, struct connected, endpoint);
}

/* Ready to take more, said the system, and took nothing: macOS does so of datagrams (ENOBUFS), any when memory is short.
 * Not asked in a circle, but after a while. */
static void connection_retry_later(struct connection *connection)
{
	struct loop *loop = connection->outlet.endpoint->setup->loop;

	loop_watch(loop, &connection->watch, LOOP_READ);
	timer_set(loop_timers(loop), &connection->retry, loop_now_us(loop) + CONNECTED_RETRY_US);
}

static void connection_on_retry(void *owner, uint64_t now_us)
{
	struct connection *connection = owner;

	(void)now_us;
	connected_wait(&connection->outlet);
}

static void connection_on_ready(void *owner, unsigned events)
{
	struct connection *connection = owner;
	struct outlet *outlet = &connection->outlet;
	const char *reason = NULL;
	bool idle = false, stuck = false;

	if (events & LOOP_WRITE) {
		size_t before = outlet->queue.bytes;

		reason = outlet_drain(outlet);
		stuck = outlet->queue.bytes == before;
	}
	if (!reason && events & (LOOP_READ | LOOP_HANGUP))
		reason = connection->connected->way->read(connection, &idle);
	/* Nothing left to read and nobody there: only now, what came before the end is delivered. */
	if (!reason && events & LOOP_HANGUP && idle)
		reason = "hung up";
	if (reason) {
		outlet->way->leave(outlet, reason);
		return;
	}
	if (events & LOOP_WRITE && framequeue_empty(&outlet->queue)) {
		loop_watch(outlet->endpoint->setup->loop, &connection->watch, LOOP_READ);
		port_room_returned(&outlet->port, 0);
	} else if (stuck) {
		connection_retry_later(connection);
	}
}

void connected_wait(struct outlet *outlet)
{
	struct connection *connection = connection_of(outlet);

	loop_watch(outlet->endpoint->setup->loop, &connection->watch, LOOP_READ | LOOP_WRITE);
}

void connected_leave(struct outlet *outlet, const char *reason)
{
	struct connection *connection = connection_of(outlet);
	struct connected *connected = connection->connected;

	loop_unwatch(connected->endpoint.setup->loop, &connection->watch);
	timer_clear(loop_timers(connected->endpoint.setup->loop), &connection->retry);
	outlet_left(outlet, reason);
	close(connection->fd);
	list_remove(&connection->link);
	if (connected->way->done)
		connected->way->done(connection);
	free(connection);
	doorway_left(&connected->doorway);
}

/* What the socket needs before frames go over it; the largest frame that it carries. */
static uint32_t connected_prepare(const struct connected *connected, int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	uint32_t buffer_bytes;
	int on = 1;

	getsockname(fd, (struct sockaddr *)&address, &length);
	if (address.ss_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		socket_keep_alive(fd);
		return FRAME_BYTES_MAX;
	}
	buffer_bytes = socket_raise_send_buffer(fd, CONNECTED_SEND_BUFFER_BYTES);
	if (!connected->way->packets || buffer_bytes > FRAME_BYTES_MAX + CONNECTED_PACKET_OVERHEAD)
		return FRAME_BYTES_MAX;
	return buffer_bytes > CONNECTED_PACKET_OVERHEAD ? buffer_bytes - CONNECTED_PACKET_OVERHEAD : 0;
}

/* The descriptor is the connection's when it returns 0. */
static int connected_admit(struct endpoint *endpoint, int fd, const char *name, const char *far_end)
{
	struct connected *connected = connected_of(endpoint);
	const struct endpoint_setup *setup = endpoint->setup;
	struct connection *connection = malloc(connected->way->connection_bytes);
	uint32_t frame_bytes = connected_prepare(connected, fd);
	int code;

	if (!connection)
		return -ENOMEM;
	memset(connection, 0, sizeof(*connection));
	outlet_init(&connection->outlet, &connected->way->outlet, endpoint, name, far_end);
	if (connection->outlet.port.accepts.frame_bytes > frame_bytes)
		connection->outlet.port.accepts.frame_bytes = frame_bytes;
	connection->connected = connected;
	connection->fd = fd;
	if (connected->way->init)
		connected->way->init(connection);
	watch_init(&connection->watch, fd, connection_on_ready, connection);
	timer_init(&connection->retry, connection_on_retry, connection);
	code = loop_watch(setup->loop, &connection->watch, LOOP_READ);
	if (code < 0) {
		free(connection);
		return code;
	}
	list_append(&connected->connections, &connection->link);
	outlet_join(&connection->outlet);
	return 0;
}

static int connected_check(struct endpoint *endpoint, int fd, struct error *ret_error)
{
	uint32_t frame_bytes = connected_prepare(connected_of(endpoint), fd);

	return endpoint_check_mtu(endpoint->setup, endpoint->describe, frame_bytes, ret_error);
}

static void connected_close(struct endpoint *endpoint)
{
	struct connected *connected = connected_of(endpoint);

	doorway_close(&connected->doorway);
	list_for_each_safe (at, &connected->connections)
		connected_leave(&container_of(at, struct connection, link)->outlet, "closed");
	free(connected->turn);
	free(connected);
}

static struct connected *connected_new(const struct endpoint_kind *kind, const struct connected_way *way,
				       const struct endpoint_setup *setup)
{
	struct doorway_way in = {.type = way->type, .check = connected_check, .admit = connected_admit};
	struct connected *connected = calloc(1, sizeof(*connected));

	if (!connected)
		return NULL;
	endpoint_init(&connected->endpoint, kind, setup, connected_close);
	connected->way = way;
	list_init(&connected->connections);
	doorway_init(&connected->doorway, &connected->endpoint, &in);
	connected->turn = malloc(way->turn_bytes);
	if (connected->turn)
		return connected;
	free(connected);
	return NULL;
}

int connected_open(const struct endpoint_kind *kind, const struct connected_way *way, const struct doorway_words *words,
		   struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
		   struct error *ret_error)
{
	struct connected *connected = connected_new(kind, way, setup);
	int code;

	if (!connected)
		return error_set(ret_error, -ENOMEM, "%s: no memory", kind->name);
	code = doorway_open(&connected->doorway, words, spec, ret_error);
	if (code < 0) {
		connected_close(&connected->endpoint);
		return code;
	}
	*ret_endpoint = &connected->endpoint;
	return 0;
}
