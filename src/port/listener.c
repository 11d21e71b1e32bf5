/* SPDX-License-Identifier: MIT */
/* See listener.h. */
#include "port/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "os/socket.h"
#include "port/endpoint.h"
#include "port/inet.h"

static struct loop *listener_loop(const struct listener *listener)
{
	return listener->endpoint->setup->loop;
}

static void listener_pause(struct listener *listener, int code)
{
	struct loop *loop = listener_loop(listener);

	loop_watch(loop, &listener->watch, 0);
	timer_set(loop_timers(loop), &listener->pause, loop_now_us(loop) + LISTENER_PAUSE_US);
	if (listener->told)
		return;
	listener->told = true;
	endpoint_notice(listener->endpoint, "%s: cannot accept a guest: %s; trying again every second",
			listener->endpoint->setup->name, error_name(code));
}

static void listener_on_pause_over(void *owner, uint64_t now_us)
{
	struct listener *listener = owner;

	(void)now_us;
	if (!listener->stopped)
		loop_watch(listener_loop(listener), &listener->watch, LOOP_READ);
}

static void listener_on_ready(void *owner, unsigned events)
{
	struct listener *listener = owner;

	(void)events;
	for (int i = 0; i < LISTENER_ACCEPTS_PER_TURN && !listener->stopped; i++) {
		int fd = socket_accept(listener->fd);

		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			listener_pause(listener, fd);
			return;
		}
		listener->told = false;
		listener->on_accepted(listener, fd);
	}
}

void listener_init(struct listener *listener, struct endpoint *endpoint,
		   void (*on_accepted)(struct listener *listener, int fd))
{
	*listener = (struct listener){.endpoint = endpoint, .on_accepted = on_accepted, .fd = -1};
	listener->unix_listener.fd = -1;
	watch_init(&listener->watch, -1, listener_on_ready, listener);
	timer_init(&listener->pause, listener_on_pause_over, listener);
}

static int listener_watch(struct listener *listener, struct error *ret_error)
{
	int code;

	watch_init(&listener->watch, listener->fd, listener_on_ready, listener);
	code = loop_watch(listener_loop(listener), &listener->watch, LOOP_READ);
	if (code < 0) {
		error_set(ret_error, code, "%s: cannot be watched: %s", listener->endpoint->describe, error_name(code));
		listener_close(listener);
	}
	return code;
}

int listener_open_path(struct listener *listener, const char *path, int type, const struct unix_access *access,
		       struct error *ret_error)
{
	struct endpoint *endpoint = listener->endpoint;
	int code = unix_listener_open(path, type, access, &listener->unix_listener, ret_error);

	if (code < 0)
		return code;
	listener->has_path = true;
	listener->fd = listener->unix_listener.fd;
	snprintf(endpoint->path, sizeof(endpoint->path), "%s", path);
	snprintf(endpoint->describe, sizeof(endpoint->describe), "listening on %s", path);
	return listener_watch(listener, ret_error);
}

static int listener_listen_tcp(int fd, const struct sockaddr_storage *address, socklen_t length,
			       struct sockaddr_storage *ret_address)
{
	socklen_t got = sizeof(*ret_address);
	int on = 1;

	/* A listener's own connections in TIME_WAIT must not keep its successor out. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)address, length) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)ret_address, &got) < 0)
		return -errno;
	return 0;
}

static const char *listener_advice(int code)
{
	switch (code) {
	case -EADDRINUSE:
		return "; choose another port, or 0 to have one chosen";
	case -EACCES:
		return "; ports below 1024 are root's, choose another";
	case -EADDRNOTAVAIL:
		return "; it must be one of this machine's";
	default:
		return "";
	}
}

int listener_open_tcp(struct listener *listener, const char *text, struct error *ret_error)
{
	struct endpoint *endpoint = listener->endpoint;
	struct sockaddr_storage address, bound;
	socklen_t length;
	int fd, code;

	code = inet_address_parse("tcp", text, &address, &length, ret_error);
	if (code < 0)
		return code;
	fd = socket_open(address.ss_family, SOCK_STREAM);
	if (fd < 0)
		return error_set(ret_error, fd, "tcp=%s: cannot make a socket: %s", text, error_name(fd));
	code = listener_listen_tcp(fd, &address, length, &bound);
	if (code < 0) {
		close(fd);
		return error_set(ret_error, code, "tcp=%s: cannot listen: %s%s", text, error_name(code),
				 listener_advice(code));
	}
	listener->fd = fd;
	inet_address_format(&bound, endpoint->address);
	snprintf(endpoint->describe, sizeof(endpoint->describe), "listening on %.128s", endpoint->address);
	return listener_watch(listener, ret_error);
}

int listener_open_fd(struct listener *listener, int fd, struct error *ret_error)
{
	struct endpoint *endpoint = listener->endpoint;
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	int code = socket_set_nonblocking(fd);

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	watch_init(&listener->watch, fd, listener_on_ready, listener);
	if (code == 0)
		code = loop_watch(listener_loop(listener), &listener->watch, LOOP_READ);
	if (code < 0)
		return error_set(ret_error, code, "fd=%d: cannot be watched: %s", fd, error_name(code));
	listener->fd = fd;
	if (getsockname(fd, (struct sockaddr *)&address, &length) == 0)
		inet_address_format(&address, endpoint->address);
	snprintf(endpoint->describe, sizeof(endpoint->describe), "listening on descriptor %d", fd);
	return 0;
}

void listener_stop(struct listener *listener)
{
	listener->stopped = true;
	if (listener->fd >= 0)
		loop_watch(listener_loop(listener), &listener->watch, 0);
}

/* The socket's file goes before those who came by it are turned away. Whom an inherited one still has others may accept. */
static void listener_close_path(struct listener *listener)
{
	unix_listener_remove(&listener->unix_listener);
	if (listener->takes_rights)
		limbo_close_listener(listener->endpoint->setup->limbo, listener->fd);
	else
		close(listener->fd);
	listener->unix_listener.fd = -1;
}

void listener_close(struct listener *listener)
{
	struct loop *loop = listener_loop(listener);

	timer_clear(loop_timers(loop), &listener->pause);
	if (listener->fd < 0)
		return;
	loop_unwatch(loop, &listener->watch);
	if (listener->has_path)
		listener_close_path(listener);
	else
		close(listener->fd);
	listener->fd = -1;
}
