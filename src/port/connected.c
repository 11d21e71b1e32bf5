/* SPDX-License-Identifier: MIT */
/* See connected.h. */
#include "port/connected.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "os/socket.h"
#include "port/inet.h"

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

		reason = connection->connected->way->drain(connection);
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
		port_room_returned(&outlet->port);
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
	free(connection);
	connected->endpoint.told_full = false;
	connector_lost(&connected->connector);
}

/* Who is there, for show. */
static void connected_far_end(const struct connected *connected, int fd, char *ret_text, size_t size)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	char text[INET_TEXT_BYTES] = "";
	pid_t pid;

	if (getpeername(fd, (struct sockaddr *)&address, &length) == 0)
		inet_address_format(&address, text);
	if (text[0])
		snprintf(ret_text, size, "%s", text);
	else if (socket_peer_pid(fd, &pid) == 0)
		snprintf(ret_text, size, "pid %ld", (long)pid);
	else
		snprintf(ret_text, size, "%.127s", connected->endpoint.path);
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
static int connected_admit(struct connected *connected, int fd)
{
	const struct endpoint_setup *setup = connected->endpoint.setup;
	struct connection *connection = malloc(connected->way->connection_bytes);
	uint32_t frame_bytes = connected_prepare(connected, fd);
	char name[PORT_NAME_BYTES], far_end[128];
	int code;

	if (!connection)
		return -ENOMEM;
	memset(connection, 0, sizeof(*connection));
	endpoint_port_name(&connected->endpoint, ++connected->number, name, sizeof(name));
	connected_far_end(connected, fd, far_end, sizeof(far_end));
	outlet_init(&connection->outlet, &connected->way->outlet, &connected->endpoint, name, far_end);
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

static void connected_on_socket(struct endpoint *endpoint, int fd)
{
	struct connected *connected = connected_of(endpoint);
	int code;

	if (endpoint->guests >= endpoint->guests_max) {
		endpoint_refuse_guest(endpoint);
		close(fd);
		return;
	}
	code = connected_admit(connected, fd);
	if (code == 0)
		return;
	close(fd);
	endpoint_notice(endpoint, "%s: a guest could not be admitted: %s", endpoint->setup->name, error_name(code));
	connector_lost(&connected->connector);
}

static void connected_close(struct endpoint *endpoint)
{
	struct connected *connected = connected_of(endpoint);

	listener_close(&connected->listener);
	connector_close(&connected->connector);
	list_for_each_safe (at, &connected->connections)
		connected_leave(&container_of(at, struct connection, link)->outlet, "closed");
	free(connected->turn);
	free(connected);
}

static int connected_open_path(struct connected *connected, const char *path, struct spec *spec,
			       struct error *ret_error)
{
	struct unix_access access = {.mode = 0600};
	int code = spec_mode(spec, "mode", &access.mode, ret_error);

	if (code < 0)
		return code;
	access.has_mode = true;
	access.group = spec_string(spec, "group");
	return listener_open_path(&connected->listener, path, connected->way->type, &access, ret_error);
}

static int connected_open_connect(struct connected *connected, const struct connected_words *words,
				  struct error *ret_error)
{
	struct endpoint *endpoint = &connected->endpoint;
	struct sockaddr_storage address = {0};
	struct sockaddr_un local;
	socklen_t length;
	int code;

	if (words->connect) {
		code = socket_unix_address(words->connect, &local, &length, ret_error);
		if (code == 0)
			memcpy(&address, &local, sizeof(local));
		snprintf(endpoint->path, sizeof(endpoint->path), "%s", words->connect);
	} else {
		code = inet_address_parse("connect-tcp", words->connect_tcp, &address, &length, ret_error);
		snprintf(endpoint->address, sizeof(endpoint->address), "%s", words->connect_tcp);
	}
	if (code < 0)
		return code;
	snprintf(endpoint->describe, sizeof(endpoint->describe), "connects to %.128s",
		 words->connect ? words->connect : words->connect_tcp);
	connector_start(&connected->connector, &address, length, connected->way->type);
	return 0;
}

static const char *connected_type_name(int type)
{
	return type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "dgram" : "seqpacket";
}

/* A descriptor stays the caller's until it is taken over. */
static int connected_open_fd(struct connected *connected, int fd, struct error *ret_error)
{
	struct endpoint *endpoint = &connected->endpoint;
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int type, code;

	code = socket_type(fd, &type);
	if (code < 0)
		return error_set(ret_error, code, "fd=%d: not a socket that this process has: %s", fd,
				 error_name(code));
	if (type != connected->way->type)
		return error_set(ret_error, -EINVAL, "fd=%d: another type of socket; use %s,fd=%d", fd,
				 connected_type_name(type), fd);
	if (getpeername(fd, (struct sockaddr *)&address, &length) < 0)
		return error_set(ret_error, -errno,
				 "fd=%d: not connected; give one end of a pair or a connected socket", fd);
	snprintf(endpoint->describe, sizeof(endpoint->describe), "descriptor %d", fd);
	code = endpoint_check_mtu(endpoint->setup, endpoint->describe, connected_prepare(connected, fd), ret_error);
	if (code < 0)
		return code;
	/* Not made non-blocking, for whoever shares it: every call says MSG_DONTWAIT. */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	code = connected_admit(connected, fd);
	if (code == -EEXIST)
		return error_set(ret_error, code, "fd=%d: has another guest already; give each one of its own", fd);
	return code < 0 ? error_set(ret_error, code, "fd=%d: %s", fd, error_name(code)) : 0;
}

static int connected_open_words(struct connected *connected, const struct connected_words *words, struct spec *spec,
				struct error *ret_error)
{
	/* Options last, but before anything is opened: a word too many must leave nothing behind. Words that only a path
	 * has are asked for here, so that they are known. */
	if (words->path) {
		(void)spec_string(spec, "mode");
		(void)spec_string(spec, "group");
	}
	if (endpoint_read_options(&connected->endpoint, spec, ret_error) < 0)
		return -EINVAL;
	if (words->path)
		return connected_open_path(connected, words->path, spec, ret_error);
	if (words->tcp)
		return listener_open_tcp(&connected->listener, words->tcp, ret_error);
	if (words->fd >= 0)
		return connected_open_fd(connected, (int)words->fd, ret_error);
	return connected_open_connect(connected, words, ret_error);
}

static struct connected *connected_new(const struct endpoint_kind *kind, const struct connected_way *way,
				       const struct endpoint_setup *setup)
{
	struct connected *connected = calloc(1, sizeof(*connected));

	if (!connected)
		return NULL;
	endpoint_init(&connected->endpoint, kind, setup, connected_close);
	connected->way = way;
	list_init(&connected->connections);
	listener_init(&connected->listener, &connected->endpoint, connected_on_socket);
	connector_init(&connected->connector, &connected->endpoint, connected_on_socket);
	connected->turn = malloc(way->turn_bytes);
	if (connected->turn)
		return connected;
	free(connected);
	return NULL;
}

int connected_open(const struct endpoint_kind *kind, const struct connected_way *way,
		   const struct connected_words *words, struct spec *spec, const struct endpoint_setup *setup,
		   struct endpoint **ret_endpoint, struct error *ret_error)
{
	int given = !!words->path + !!words->tcp + !!words->connect + !!words->connect_tcp + (words->fd >= 0);
	struct connected *connected;
	int code = 0;

	if (given != 1)
		return error_set(ret_error, -EINVAL, "%s: give one of its addresses: %s", kind->name, kind->words);
	connected = connected_new(kind, way, setup);
	if (!connected)
		return error_set(ret_error, -ENOMEM, "%s: no memory", kind->name);
	if (words->path || words->tcp) {
		connected->endpoint.guests_max = ENDPOINT_GUESTS_MAX;
		code = spec_u32(spec, "guests", 1, ENDPOINT_GUESTS_MAX, &connected->endpoint.guests_max, ret_error);
	}
	if (code == 0)
		code = connected_open_words(connected, words, spec, ret_error);
	if (code < 0) {
		connected_close(&connected->endpoint);
		return code;
	}
	*ret_endpoint = &connected->endpoint;
	return 0;
}
