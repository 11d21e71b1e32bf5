/* SPDX-License-Identifier: MIT */
/* See limbo.h. Which kind of file it is must not be asked of the file's own system either.
 *
 * What surprises: a byte of urgent data may bring descriptors (Linux 5.15), which a read that skips it closes, and a look does
 * not see. In sockets of ours it is in its place, by SO_OOBINLINE; of one that others have open as well, the kernel's own
 * count of what waits in it is what tells, and no look. */
#include "os/limbo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

static void limbo_set_inline(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

/* How many descriptors wait in a socket; negative: nobody says. */
static long limbo_waiting(int fd)
{
	char text[1024] = "", *found;
	int info;

	snprintf(text, sizeof(text), "/proc/thread-self/fdinfo/%d", fd);
	info = open(text, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -1;
	text[0] = '\0';
	(void)!read(info, text, sizeof(text) - 1);
	close(info);
	found = strstr(text, "scm_fds:");
	return found ? strtol(found + strlen("scm_fds:"), NULL, 10) : -1;
}

static bool limbo_looks_empty(int fd)
{
	char byte;

	limbo_set_inline(fd);
	return limbo_is(fd, SO_TYPE, SOCK_STREAM) && recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* A socket of this machine in which no other descriptor waits, nor will: first nothing can come any more, then it is seen
 * that it does not listen, nor ever connected anybody, and that it is empty. */
static bool limbo_is_local_and_empty(int fd)
{
	long waiting;

	if (!limbo_is(fd, SO_DOMAIN, AF_UNIX) || shutdown(fd, SHUT_RD) < 0 || !limbo_is(fd, SO_ACCEPTCONN, 0))
		return false;
	waiting = limbo_waiting(fd);
	return waiting < 0 ? limbo_looks_empty(fd) : waiting == 0;
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

void limbo_open_connection(int fd)
{
	limbo_set_inline(fd);
}

/* Whether the next bytes, of so many, come without descriptors: then how many they are; else -1 with errno. */
static ssize_t limbo_look(int fd, const struct iovec *piece)
{
	struct iovec part = *piece;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t got = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0 || !(message.msg_flags & MSG_CTRUNC))
		return got;
	errno = EMFILE;
	return -1;
}

ssize_t limbo_receive(const struct limbo *limbo, int fd, struct msghdr *message)
{
	ssize_t seen;

	if (!limbo_is_full(limbo))
		return socket_receive(fd, message, MSG_DONTWAIT);
	message->msg_controllen = 0;
	message->msg_flags = 0;
	seen = limbo_look(fd, message->msg_iov);
	return seen > 0 ? recv(fd, message->msg_iov->iov_base, (size_t)seen, MSG_DONTWAIT) : seen;
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
	ssize_t got = limbo_receive(limbo, fd, &message);

	if (got >= 0)
		limbo_close_all(limbo, &message);
	return got < 0 && errno == EINTR ? 1 : got;
}

void limbo_close_connection(struct limbo *limbo, int fd)
{
	limbo_set_inline(fd);
	socket_take_rights(fd, false);
	(void)shutdown(fd, SHUT_RDWR); /* so that it has an end, for who is there, too, if it is kept */
	while (limbo_drain(limbo, fd) > 0)
		;
	limbo_close(limbo, fd);
}

void limbo_close_listener(struct limbo *limbo, int fd)
{
	int waiting;

	(void)shutdown(fd, SHUT_RD);
	while ((waiting = socket_accept(fd)) >= 0)
		limbo_close_connection(limbo, waiting);
	/* there is somebody left, and no descriptor to accept him with */
	if (waiting == -EMFILE || waiting == -ENFILE)
		limbo->kept++;
	else
		close(fd);
}
