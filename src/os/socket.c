/* SPDX-License-Identifier: MIT */
/* What POSIX says of sockets, the same on every system; the rest is in socket_linux.c and socket_darwin.c. */
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PAIR_STRANGERS_MOST = 16,
	PAIR_WAIT_MS = 100, /* only somebody who fills the listener's queue makes it wait at all */
};

int socket_accept(int listener)
{
	struct sockaddr_storage from;

	return socket_accept_from(listener, &from);
}

int socket_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	flags = fcntl(fd, F_GETFD);
	return flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0 ? -errno : 0;
}

int socket_tell_from(int fd, int bytes)
{
	return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

/* Of an IPv4 socket, or of its far end. */
static int socket_name4(int fd, bool far, struct sockaddr_in *ret_name)
{
	socklen_t length = sizeof(*ret_name);
	struct sockaddr *name = (struct sockaddr *)ret_name;

	return (far ? getpeername(fd, name, &length) : getsockname(fd, name, &length)) < 0 ? -errno : 0;
}

/* Which of those who came is `near`. Anybody of this machine may have come before it. */
static int socket_accept_near(int listener, int near)
{
	struct pollfd coming = {.fd = listener, .events = POLLIN};
	struct sockaddr_in own, from;
	int fd, error = socket_name4(near, false, &own);

	for (int i = 0; error >= 0 && i < PAIR_STRANGERS_MOST; i++) {
		if (poll(&coming, 1, PAIR_WAIT_MS) == 0)
			return -ETIMEDOUT;
		fd = socket_accept(listener);
		if (fd < 0)
			return fd;
		if (socket_name4(fd, true, &from) == 0 && from.sin_port == own.sin_port &&
		    from.sin_addr.s_addr == own.sin_addr.s_addr)
			return fd;
		close(fd);
	}
	return error < 0 ? error : -ECONNABORTED;
}

/* On the loopback a connection is made within the call, or before the listener says that somebody came. */
static int socket_pair_over(int listener, int near)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	int error;

	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, PAIR_STRANGERS_MOST) < 0)
		return -errno;
	error = socket_name4(listener, false, &address);
	if (error < 0)
		return error;
	if (connect(near, (const struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
		return -errno;
	return socket_accept_near(listener, near);
}

int socket_pair_tcp(int ret_fds[2])
{
	int listener = socket_open(AF_INET, SOCK_STREAM), near = socket_open(AF_INET, SOCK_STREAM), far = -EMFILE;

	if (listener >= 0 && near >= 0)
		far = socket_pair_over(listener, near);
	if (listener >= 0)
		close(listener);
	if (near >= 0 && far < 0)
		close(near);
	if (far < 0)
		return listener < 0 ? listener : near < 0 ? near : far;
	ret_fds[0] = near;
	ret_fds[1] = far;
	return 0;
}

int socket_type(int fd, int *ret_type)
{
	socklen_t length = sizeof(*ret_type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, ret_type, &length) < 0 ? -errno : 0;
}

bool socket_is_listening(int fd)
{
	int listens = 0;
	socklen_t length = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens;
}

bool socket_is_its_own_far_end(int fd)
{
	struct sockaddr_storage here = {0}, there = {0};
	socklen_t here_bytes = sizeof(here), there_bytes = sizeof(there);

	return getsockname(fd, (struct sockaddr *)&here, &here_bytes) == 0 &&
	       getpeername(fd, (struct sockaddr *)&there, &there_bytes) == 0 && here.ss_family != AF_UNIX &&
	       here_bytes == there_bytes && memcmp(&here, &there, here_bytes) == 0;
}

void socket_share_address(int fd, bool on)
{
	const int value = on;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value));
}

void socket_reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}
