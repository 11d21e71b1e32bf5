/* SPDX-License-Identifier: MIT */
/* By pselect(2): poll(2) counts milliseconds and knows no signals here. Descriptors beyond what a set holds are left out; the
 * machine's are opened first. Never run on macOS. */
#include "semu/doze.h"

#include <stddef.h>
#include <sys/select.h>

static int fill(const struct pollfd *polled, unsigned count, fd_set *reading, fd_set *writing)
{
	int end = 0;

	for (unsigned i = 0; i < count; i++) {
		const int fd = polled[i].fd;

		if (fd < 0 || fd >= FD_SETSIZE)
			continue;
		if (polled[i].events & POLLIN)
			FD_SET(fd, reading);
		if (polled[i].events & POLLOUT)
			FD_SET(fd, writing);
		end = fd >= end ? fd + 1 : end;
	}
	return end;
}

int doze_poll(struct pollfd *polled, unsigned count, uint64_t most_ns, const sigset_t *signals)
{
	const struct timespec timeout = {.tv_sec = (time_t)(most_ns / 1000000000),
					 .tv_nsec = (long)(most_ns % 1000000000)};
	fd_set reading, writing;
	int end, ready;

	FD_ZERO(&reading);
	FD_ZERO(&writing);
	end = fill(polled, count, &reading, &writing);
	ready = pselect(end, &reading, &writing, NULL, most_ns == UINT64_MAX ? NULL : &timeout, signals);
	for (unsigned i = 0; i < count; i++) {
		const int fd = polled[i].fd;

		polled[i].revents = 0;
		if (ready <= 0 || fd < 0 || fd >= FD_SETSIZE)
			continue;
		polled[i].revents =
			(short)((FD_ISSET(fd, &reading) ? POLLIN : 0) | (FD_ISSET(fd, &writing) ? POLLOUT : 0));
	}
	return ready;
}
