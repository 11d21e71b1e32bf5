/* SPDX-License-Identifier: MIT */
/* Who makes sockets that connect to where a connection is to be taken: this machine, or a guest whose sockets the program can
 * make (gw_dialler of guestwire.h: a namespace). A forward asks dialler_find() whether its guest has one; then what comes
 * from this machine's own loopback is spliced to the guest's (splice.h), and the rest goes as packets. */
#ifndef NETWORK_DIALLER_H
#define NETWORK_DIALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "wire/ipv6.h"

struct gw_dialler;
struct gw_network;

struct dialler {
	/* An unconnected, non-blocking socket, the caller's from now on. -EAGAIN: none now, who waits will be told; another
	 * negative errno: never. */
	int (*open)(void *owner, int family, int type);
	/* As gw_dialler_config has it; NULL: there are no detours. */
	int (*detour)(void *owner, const struct sockaddr *guest, const struct sockaddr *far, bool on);
	void *owner;
};

/* This machine's own sockets. */
extern const struct dialler dialler_here;
/* Nobody's. */
extern const struct dialler dialler_nowhere;

/* The guest's that has this address (IPv4 as ::ffff:a.b.c.d); NULL: it has none. */
const struct dialler *dialler_find(const struct gw_network *network, struct ip6 address);
/* Of a program's own. */
const struct dialler *dialler_of(const struct gw_dialler *dialler);
/* 127/8, ::1, and what is mapped of it. */
bool dialler_is_loopback(const struct sockaddr *address);
/* Does what is dialled (dialler_loopback()) arrive at a socket that listens at this address? */
bool dialler_reaches(struct ip6 listening);
/* The loopback address of the client's family with this port. */
socklen_t dialler_loopback(const struct sockaddr *client, uint16_t port, struct sockaddr_storage *ret_to);
/* Takes an accepted connection from this machine's loopback to a port of the guest's. `fd` is ours when this returns 0. */
int dialler_take(struct gw_network *network, const struct dialler *dialler, int fd, const struct sockaddr *client,
		 uint16_t port);

/* Ends those that the program left. */
void dialler_done(struct gw_network *network);

#endif
