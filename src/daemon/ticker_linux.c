/* SPDX-License-Identifier: MIT */
/* timerfd_create(2). */
#include "daemon/ticker.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

int ticker_open(uint64_t interval_us)
{
	const struct timespec each = {.tv_sec = (time_t)(interval_us / 1000000),
				      .tv_nsec = (long)(interval_us % 1000000) * 1000};
	const struct itimerspec when = {.it_interval = each, .it_value = each};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), error;

	if (fd < 0)
		return -errno;
	if (timerfd_settime(fd, 0, &when, NULL) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

void ticker_take(int fd)
{
	uint64_t times;

	(void)!read(fd, &times, sizeof(times));
}
