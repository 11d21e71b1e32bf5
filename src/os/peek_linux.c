/* SPDX-License-Identifier: MIT */
/* SO_PEEK_OFF for TCP: Linux 6.9 over IPv4, later over IPv6. Stream sockets of AF_UNIX have it too, but do not throw
 * bytes away by MSG_TRUNC: peek_start() refuses them. */
#include "os/peek.h"

#include <errno.h>
#include <stddef.h>

int peek_start(int fd, bool is_tcp)
{
	int family = AF_UNSPEC;
	socklen_t length = sizeof(family);

	if (is_tcp)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0)
		return -errno;
	return family == AF_INET || family == AF_INET6 ? 0 : -EOPNOTSUPP;
}

int peek_seek(int fd, uint32_t offset)
{
	int value = (int)offset;

	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &value, sizeof(value)) < 0 ? -errno : 0;
}

ssize_t peek_read(int fd, const struct iovec *pieces, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};
	ssize_t got;

	do
		got = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

ssize_t peek_consume(int fd, uint32_t bytes)
{
	ssize_t got;

	do
		got = recv(fd, NULL, bytes, MSG_TRUNC | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}
