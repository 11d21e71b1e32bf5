/* SPDX-License-Identifier: MIT */
/* The kernel's own announcements (route(4)). */
#include "os/own_address.h"

#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>
#include <unistd.h>

#include "os/socket.h"

int own_address_watch(void)
{
	return socket_open(PF_ROUTE, SOCK_RAW);
}

bool own_address_has_gone(int fd)
{
	char bytes[2048];
	bool gone = false;
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 || (got < 0 && errno == ENOBUFS)) {
		struct rt_msghdr header;

		if (got < (ssize_t)sizeof(header)) {
			gone |= got < 0;
			continue;
		}
		memcpy(&header, bytes, sizeof(header));
		gone |= header.rtm_type == RTM_DELADDR;
	}
	return gone;
}
