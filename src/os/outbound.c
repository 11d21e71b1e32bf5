/* SPDX-License-Identifier: MIT */
/* The interface first: on Linux a socket that has an address already may choose none without privilege. */
#include "os/outbound.h"

#include <errno.h>
#include <netinet/in.h>

#include "os/own_address.h"
#include "os/socket.h"

const struct outbound *outbounds_of(const struct outbounds *outbounds, int family)
{
	const struct outbound *outbound;

	if (!outbounds)
		return NULL;
	outbound = family == AF_INET6 ? &outbounds->ip6 : &outbounds->ip4;
	return *outbound->ifname || outbound->address.ss_family != AF_UNSPEC ? outbound : NULL;
}

int outbound_bind(int fd, const struct outbound *outbound)
{
	int error = *outbound->ifname ? socket_bind_device(fd, outbound->ifname) : 0;

	if (error < 0 || outbound->address.ss_family == AF_UNSPEC)
		return error;
	return socket_bind_source(fd, (const struct sockaddr *)&outbound->address,
				  outbound->address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
									  : sizeof(struct sockaddr_in));
}

bool outbound_is_lost(int fd)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);

	if (socket_has_lost_device(fd))
		return true;
	return getsockname(fd, (struct sockaddr *)&address, &bytes) == 0 &&
	       !own_address_is((const struct sockaddr *)&address, bytes);
}
