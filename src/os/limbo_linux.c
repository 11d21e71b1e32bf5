/* SPDX-License-Identifier: MIT */
/* See limbo.h. Which kind of file it is must not be asked of the file's own system either. */
#include "os/limbo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/socket.h"

enum { LIMBO_DRAIN_BYTES = 4096 };

static bool limbo_is(int fd, int option, int wanted)
{
	int value;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* A socket of this machine in which no other descriptor waits, nor will. */
static bool limbo_is_local_and_empty(int fd)
{
	char byte;

	return limbo_is(fd, SO_DOMAIN, AF_UNIX) && limbo_is(fd, SO_TYPE, SOCK_STREAM) &&
	       limbo_is(fd, SO_ACCEPTCONN, 0) && (shutdown(fd, SHUT_RD) == 0 || errno == ENOTCONN) &&
	       recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* Only files in memory have seals. What lies on a disk has the number of its device; what has a server has none. A name
 * alone (O_PATH) is not flushed. */
static bool limbo_may_wait(int fd)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0)
		return true;
	if (S_ISSOCK(status.stx_mode))
		return !limbo_is_local_and_empty(fd);
	return S_ISREG(status.stx_mode) && status.stx_dev_major == 0 && fcntl(fd, F_GET_SEALS) < 0 &&
	       !(fcntl(fd, F_GETFL) & O_PATH);
}

void limbo_close(struct limbo *limbo, int fd)
{
	if (limbo_may_wait(fd))
		limbo->kept++;
	else
		close(fd);
}

static void limbo_close_all(struct limbo *limbo, struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		const unsigned char *at = CMSG_DATA(part), *end = (const unsigned char *)part + part->cmsg_len;
		int fd;

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (; at + sizeof(fd) <= end; at += sizeof(fd)) {
			memcpy(&fd, at, sizeof(fd));
			limbo_close(limbo, fd);
		}
	}
}

/* More than 0: there may be more. */
static ssize_t limbo_drain(struct limbo *limbo, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(SOCKET_RIGHTS_MOST * sizeof(int))];
	} control;
	char bytes[LIMBO_DRAIN_BYTES];
	struct iovec piece = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	ssize_t got = socket_receive(fd, &message, MSG_DONTWAIT);

	if (got >= 0)
		limbo_close_all(limbo, &message);
	return got < 0 && errno == EINTR ? 1 : got;
}

void limbo_close_connection(struct limbo *limbo, int fd)
{
	ssize_t more = 1;

	socket_take_rights(fd, false);
	(void)shutdown(fd, SHUT_RD); /* so that it has an end */
	while (more > 0 && !limbo_is_full(limbo))
		more = limbo_drain(limbo, fd);
	close(fd);
}
