/* SPDX-License-Identifier: MIT */
/* The kernel's own announcements (rtnetlink(7)). */
#include "os/own_address.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

enum { OWN_ADDRESS_BYTES = 16 * 1024 }; /* of one announcement, and more */

int own_address_watch(void)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK,
					    .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE), error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static bool own_address_says(const struct nlmsghdr *message, ssize_t bytes)
{
	unsigned left = (unsigned)bytes;

	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_type == RTM_DELADDR)
			return true;
	}
	return false;
}

bool own_address_has_gone(int fd)
{
	union {
		struct nlmsghdr first;
		char bytes[OWN_ADDRESS_BYTES];
	} messages;
	bool gone = false;
	ssize_t got;

	while ((got = recv(fd, &messages, sizeof(messages), MSG_DONTWAIT)) > 0 || (got < 0 && errno == ENOBUFS))
		gone |= got < 0 || own_address_says(&messages.first, got);
	return gone;
}
