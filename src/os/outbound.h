/* SPDX-License-Identifier: MIT */
/* By which of this machine's addresses and interfaces a socket leaves, where a person has chosen and the routes alone do not
 * say. No privilege is needed, and nothing is done per packet: the socket is bound before it is used.
 *
 * An address is where connections come from; the routes still say which way they take. An interface is both: nothing is sent
 * by another, and nothing that comes by another is heard. That is SO_BINDTODEVICE on Linux, for IP_UNICAST_IF leaves TCP
 * alone and hears everything; macOS has IP_BOUND_IF. */
#ifndef OS_OUTBOUND_H
#define OS_OUTBOUND_H

#include <net/if.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Of one family. */
struct outbound {
	char ifname[IF_NAMESIZE];        /* "": whichever the routes lead by */
	struct sockaddr_storage address; /* AF_UNSPEC: whichever belongs to that; its port is 0 */
};

/* What is unused is zero. */
struct outbounds {
	struct outbound ip4, ip6;
};

/* NULL: nothing was chosen for this family. `outbounds` may be NULL. */
const struct outbound *outbounds_of(const struct outbounds *outbounds, int family);
/* A socket that was just opened leaves by it from now on. 0; -ENODEV, -EADDRNOTAVAIL: there is no such interface, no such
 * address, now; -EPERM: this user may not choose an interface (Linux before 5.7). */
int outbound_bind(int fd, const struct outbound *outbound);
/* Is the address that a socket is bound to, or connected from, not this machine's any more, or has the interface that it was
 * bound to gone? One of the same name that came since is another. */
bool outbound_is_lost(int fd);

#endif
