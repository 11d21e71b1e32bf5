/* SPDX-License-Identifier: MIT */
/* One sendmsg() and one recvmsg() with SCM_RIGHTS. */
#include "daemon/rights.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/socket.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored by the program anyway */
#endif

union rights_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(RIGHTS_FDS_MAX * sizeof(int))];
};

int rights_send(int channel, const void *bytes, size_t count, const int *fds, size_t fd_count)
{
	union rights_control control;
	struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	struct cmsghdr *header;
	ssize_t sent;

	memset(&control, 0, sizeof(control));
	if (fd_count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
	}
	do
		sent = sendmsg(channel, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

ssize_t rights_receive(int channel, void *bytes, size_t room, int fds[RIGHTS_FDS_MAX], size_t *ret_fd_count)
{
	union rights_control control;
	struct iovec piece = {.iov_base = bytes, .iov_len = room};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	size_t count = 0;
	ssize_t got;

	do
		got = socket_receive(channel, &message, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		/* More than fit into `control` the kernel has closed. */
		count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(at), count * sizeof(int));
	}
	if (message.msg_flags & MSG_TRUNC) {
		while (count > 0)
			close(fds[--count]);
		return -EBADMSG;
	}
	*ret_fd_count = count;
	return got;
}
