/* SPDX-License-Identifier: MIT */
/* Detours: what the sockets of a network namespace send in one TCP connection comes back to that namespace over its loopback
 * interface, instead of leaving by its way out. Whoever has a socket there with the far end's address and numbers carries
 * that connection from then on (os/tcp_repair.h). Each is a rule of routing for one connection's addresses and ports; all of
 * them lead to one table, which is nobody else's. Linux only. */
#ifndef HOSTNET_DETOUR_H
#define HOSTNET_DETOUR_H

#include <stdint.h>
#include <sys/socket.h>

enum detour_limits {
	DETOUR_TABLE = 0x67770001, /* "gw" */
	DETOUR_RULES_MAX = 1024,   /* of those that somebody left behind */
};

/* Both sockets are the namespace's, opened there with CAP_NET_ADMIN: rules are asked for by whoever has that again. */
struct detour {
	int routes;  /* rtnetlink; -1: there are no detours */
	int sockets; /* sock_diag */
};

/* In the namespace. 0; -EADDRINUSE: somebody else has its detours; or another negative errno. */
int detour_open(struct detour *ret_detour);
/* -ENOENT: no socket of the namespace has this connection, or it is bound to an interface and would not hear. Another negative errno:
 * it cannot be. */
int detour_add(const struct detour *detour, const struct sockaddr *from, const struct sockaddr *to);
void detour_remove(const struct detour *detour, const struct sockaddr *from, const struct sockaddr *to);
/* All that there are: what an owner left that was killed. */
void detour_clear(const struct detour *detour);
void detour_close(struct detour *detour);

#endif
