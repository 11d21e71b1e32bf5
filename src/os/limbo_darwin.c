/* SPDX-License-Identifier: MIT */
/* Nobody hands over files on macOS, where there is no vhost-user. */
#include "os/limbo.h"

#include <unistd.h>

#include "os/socket.h"

void limbo_close(struct limbo *limbo, int fd)
{
	(void)limbo;
	close(fd);
}

void limbo_open_connection(int fd)
{
	(void)fd;
}

ssize_t limbo_receive(const struct limbo *limbo, int fd, struct msghdr *message)
{
	(void)limbo;
	return socket_receive(fd, message, MSG_DONTWAIT);
}

void limbo_close_connection(struct limbo *limbo, int fd)
{
	(void)limbo;
	close(fd);
}

void limbo_close_listener(struct limbo *limbo, int fd)
{
	(void)limbo;
	close(fd);
}
