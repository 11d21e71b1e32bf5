/* SPDX-License-Identifier: MIT */
/* This system peeks at the first unread byte only. */
#include "os/peek.h"

#include <errno.h>

int peek_start(int fd, bool is_tcp)
{
	(void)fd;
	(void)is_tcp;
	return -EOPNOTSUPP;
}

int peek_seek(int fd, uint32_t offset)
{
	(void)fd;
	(void)offset;
	return -EOPNOTSUPP;
}

ssize_t peek_read(int fd, const struct iovec *pieces, int count)
{
	(void)fd;
	(void)pieces;
	(void)count;
	return -EOPNOTSUPP;
}

ssize_t peek_consume(int fd, uint32_t bytes)
{
	(void)fd;
	(void)bytes;
	return -EOPNOTSUPP;
}
