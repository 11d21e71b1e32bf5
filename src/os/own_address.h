/* SPDX-License-Identifier: MIT */
/* Which addresses are this machine's own, and when it loses one: a network is left, a lease is not renewed. */
#ifndef OS_OWN_ADDRESS_H
#define OS_OWN_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* A descriptor that is readable when an address has gone, or negative errno. No privilege is needed. */
int own_address_watch(void);
/* Reads all that is there. True: an address has gone, or more happened than the system could tell. */
bool own_address_has_gone(int fd);
/* Of either family, its port is of no account; any other family: 1. 1, 0; negative errno: no descriptor was left to look by. */
int own_address_look(const struct sockaddr *address, socklen_t bytes);
/* The same; where nobody knows: true. */
bool own_address_is(const struct sockaddr *address, socklen_t bytes);

#endif
