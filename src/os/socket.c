/* SPDX-License-Identifier: MIT */
/* What POSIX says of sockets, the same on every system; the rest is in socket_linux.c and socket_darwin.c. */
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
