/* SPDX-License-Identifier: MIT */
/* What every system tells in the same way: a socket is bound to an address that is its own, and to no other. */
#include "os/own_address.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "os/socket.h"

int own_address_look(const struct sockaddr *address, socklen_t bytes)
{
	struct sockaddr_storage any_port;
	bool is;
	int fd;

	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return 1;
	memcpy(&any_port, address, bytes);
	/* it stands at the same place in both families */
	((struct sockaddr_in *)(void *)&any_port)->sin_port = 0;
	fd = socket_open(address->sa_family, SOCK_DGRAM);
	if (fd < 0)
		return fd;
	is = bind(fd, (const struct sockaddr *)(const void *)&any_port, bytes) == 0;
	close(fd);
	return is;
}

bool own_address_is(const struct sockaddr *address, socklen_t bytes)
{
	return own_address_look(address, bytes) != 0;
}
