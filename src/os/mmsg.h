/* SPDX-License-Identifier: MIT */
/* Many messages by one call where the system has one (recvmmsg, sendmmsg), by a loop where it has not. Nothing blocks
 * and nothing raises SIGPIPE. */
#ifndef OS_MMSG_H
#define OS_MMSG_H

#include <sys/socket.h>

struct mmsg {
	struct msghdr header; /* the kernel writes msg_namelen, msg_controllen and msg_flags on receipt */
	unsigned bytes;       /* how many were received or sent */
};

/* How many messages, at least 1, or negative errno (-EAGAIN: none now). An error behind the first message is not lost:
 * the next call tells it. */
int mmsg_receive(int fd, struct mmsg *messages, unsigned count);
int mmsg_send(int fd, struct mmsg *messages, unsigned count);

#endif
