/* SPDX-License-Identifier: MIT */
/* An epoll descriptor is readable for an outer poll exactly while an event waits in it, and an event by edge is gone once
 * it was collected. A host program polls one descriptor of ours: loop_fd(). */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return poll(&one, 1, 0) == 1;
}

int main(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int epoll = epoll_create1(0);
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t one = 1;

	if (epoll < 0 || fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return 77;
	/* the eventfd is never read: each write is an edge of its own */
	for (int i = 0; i < 3; i++) {
		if (readable(epoll))
			return printf("readable with nothing to tell\n"), 1;
		if (write(fd, &one, sizeof(one)) != sizeof(one) || !readable(epoll))
			return printf("not readable after a write\n"), 1;
		if (epoll_wait(epoll, &event, 1, 0) != 1)
			return printf("readable, and no event\n"), 1;
	}
	return readable(epoll) ? printf("readable after the last event\n"), 1 : 0;
}
