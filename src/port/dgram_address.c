/* SPDX-License-Identifier: MIT */
/* See dgram_address.h. */
#include "port/dgram_address.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "os/socket.h"

void dgram_address_format(const struct sockaddr_un *address, socklen_t length, char ret_text[DGRAM_ADDRESS_TEXT_BYTES])
{
	size_t bytes = length - offsetof(struct sockaddr_un, sun_path);
	bool abstract = address->sun_path[0] == 0;

	snprintf(ret_text, DGRAM_ADDRESS_TEXT_BYTES, "%s%.*s", abstract ? "@" : "", (int)(bytes - (abstract ? 1 : 0)),
		 address->sun_path + (abstract ? 1 : 0));
}

bool dgram_address_is_relative(const struct sockaddr_un *address)
{
	return address->sun_path[0] != '/' && address->sun_path[0] != 0;
}

/* connect() looks for the owner as sending does. */
int dgram_address_probe(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket_open(AF_UNIX, SOCK_DGRAM);
	int code;

	if (fd < 0)
		return 0; /* nobody knows */
	code = connect(fd, (const struct sockaddr *)address, length) < 0 ? -errno : 0;
	close(fd);
	return code;
}

bool dgram_address_is_alive(const struct sockaddr_un *address, socklen_t length)
{
	int code = dgram_address_probe(address, length);

	return code != -ECONNREFUSED && code != -ENOENT;
}
