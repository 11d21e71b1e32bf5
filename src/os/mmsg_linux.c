/* SPDX-License-Identifier: MIT */
/* Linux has the calls; struct mmsg is laid out as their struct mmsghdr, so that nothing is copied. */
#include "os/mmsg.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

static_assert(sizeof(struct mmsg) == sizeof(struct mmsghdr), "struct mmsg is struct mmsghdr");
static_assert(offsetof(struct mmsg, header) == offsetof(struct mmsghdr, msg_hdr), "struct mmsg is struct mmsghdr");
static_assert(offsetof(struct mmsg, bytes) == offsetof(struct mmsghdr, msg_len), "struct mmsg is struct mmsghdr");

int mmsg_receive(int fd, struct mmsg *messages, unsigned count)
{
	int got;

	do {
		got = recvmmsg(fd, (struct mmsghdr *)(void *)messages, count, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int mmsg_send(int fd, struct mmsg *messages, unsigned count)
{
	int sent;

	do {
		sent = sendmmsg(fd, (struct mmsghdr *)(void *)messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}
