/* SPDX-License-Identifier: MIT */
/* Descriptors that other processes handed over and that are not wanted; to close one may wait for ever. close(), dup2()
 * and close_range(), exec and the process's end all have the file flushed first, and FUSE asks its server to, which may
 * never answer; who waits for that cannot be interrupted and not even killed (seen with Linux 6.18). So do network file
 * systems with a server that is gone; a socket of a network may wait for its far end (SO_LINGER).
 *
 * There is no way to be rid of such a descriptor once one has it: only one that is still under way in a socket is let go
 * without (seen too). So what may be such a file stays open, up to a bound, and who has that many takes no more. The kernel
 * does wait at the process's end, when all else is over; to end the file's server ends that.
 *
 * Sockets of this machine do close, once nothing can come into them any more and nothing is in them: to close one closes
 * the descriptors that wait in it unread.
 *
 * What cannot be held: devices are believed to close, since those that would not take privileges to have. Where there is
 * no /proc and Linux is 5.15 or newer, a descriptor that came as urgent data and was read without being taken is not seen. */
#ifndef OS_LIMBO_H
#define OS_LIMBO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	LIMBO_MAX = 64,
	LIMBO_MOST = 2 * LIMBO_MAX, /* with connections that were turned away: nobody is to be let in any more */
};

/* Zeroed memory is an empty one. */
struct limbo {
	uint32_t kept; /* descriptors, for good */
	bool told;     /* by its user, that it is full */
};

/* Closed where that cannot wait, else kept. */
void limbo_close(struct limbo *limbo, int fd);
/* … of one that there may be; -1 is in its place then. */
static inline void limbo_close_one(struct limbo *limbo, int *fd)
{
	if (*fd >= 0)
		limbo_close(limbo, *fd);
	*fd = -1;
}

/* A connection of ours, AF_UNIX, over which descriptors come: once, before anything else is done with it. */
void limbo_open_connection(int fd);
/* recvmsg() from it, into one piece, and never waits. The message has room for SOCKET_RIGHTS_MOST descriptors: what finds
 * none the kernel closes, in our turn. -1 with errno; EMFILE: descriptors wait, which cannot be taken any more. */
ssize_t limbo_receive(const struct limbo *limbo, int fd, struct msghdr *message);
/* It ends, with what waits in it. */
void limbo_close_connection(struct limbo *limbo, int fd);
/* The same of one that listens and is nobody else's, with those who were not accepted. */
void limbo_close_listener(struct limbo *limbo, int fd);

static inline bool limbo_is_full(const struct limbo *limbo)
{
	return limbo->kept >= LIMBO_MAX;
}

/* Nobody may come any more, either: who is turned away may be kept, too. */
static inline bool limbo_overflows(const struct limbo *limbo)
{
	return limbo->kept >= LIMBO_MOST;
}

#endif
