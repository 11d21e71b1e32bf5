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
 * What cannot be held: devices are believed to close, since those that would not take privileges to have. */
#ifndef OS_LIMBO_H
#define OS_LIMBO_H

#include <stdbool.h>
#include <stdint.h>

enum { LIMBO_MAX = 64 };

/* Zeroed memory is an empty one. */
struct limbo {
	uint32_t kept; /* descriptors, for good */
};

/* Closed where that cannot wait, else kept. */
void limbo_close(struct limbo *limbo, int fd);

/* The same of a connection of ours, AF_UNIX, over which descriptors come, with those that wait in it: to close it closes them.
 * While there is place: who fills the limbo first can still have a close() wait for a connection's far end. */
void limbo_close_connection(struct limbo *limbo, int fd);

static inline bool limbo_is_full(const struct limbo *limbo)
{
	return limbo->kept >= LIMBO_MAX;
}

#endif
