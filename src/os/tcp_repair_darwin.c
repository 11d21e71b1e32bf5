/* SPDX-License-Identifier: MIT */
/* This system has no such sockets. */
#include "os/tcp_repair.h"

#include <errno.h>

int tcp_repair_begin(int fd, const struct tcp_repair *repair)
{
	(void)fd;
	(void)repair;
	return -EOPNOTSUPP;
}

int tcp_repair_end(int fd)
{
	(void)fd;
	return -EOPNOTSUPP;
}

bool tcp_repair_is_over(int fd)
{
	(void)fd;
	return true;
}
