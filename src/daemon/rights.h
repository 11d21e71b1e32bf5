/* SPDX-License-Identifier: MIT */
/* Messages with descriptors between two processes of this program, over a SOCK_SEQPACKET pair. What comes is not trusted:
 * descriptors that nobody expects are closed, and those that are must be looked at by who gets them. */
#ifndef DAEMON_RIGHTS_H
#define DAEMON_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>

enum { RIGHTS_FDS_MAX = 32 };

/* Neither waits when the channel does not. The descriptors stay the caller's. 0 or negative errno. */
int rights_send(int channel, const void *bytes, size_t count, const int *fds, size_t fd_count);
/* How many bytes; 0: the other end has closed; -EBADMSG: longer than `room`. Descriptors are closed on exec. */
ssize_t rights_receive(int channel, void *bytes, size_t room, int fds[RIGHTS_FDS_MAX], size_t *ret_fd_count);

#endif
