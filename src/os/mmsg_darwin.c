/* SPDX-License-Identifier: MIT */
/* macOS has no documented call for many messages: a loop, which ends at the first that does not go. Not compiled on
 * Linux, and not yet run on macOS. */
#include "os/mmsg.h"

#include <errno.h>

int mmsg_receive(int fd, struct mmsg *messages, unsigned count)
{
	unsigned done = 0;

	while (done < count) {
		ssize_t got = recvmsg(fd, &messages[done].header, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return done > 0 ? (int)done : -errno;
		messages[done++].bytes = (unsigned)got;
		/* The end of a seqpacket or stream socket would be told again and again. */
		if (got == 0)
			break;
	}
	return (int)done;
}

int mmsg_send(int fd, struct mmsg *messages, unsigned count)
{
	unsigned done = 0;

	while (done < count) {
		/* SIGPIPE is off by SO_NOSIGPIPE (socket_darwin.c). */
		ssize_t sent = sendmsg(fd, &messages[done].header, MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return done > 0 ? (int)done : -errno;
		messages[done++].bytes = (unsigned)sent;
	}
	return (int)done;
}
