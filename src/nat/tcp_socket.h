/* SPDX-License-Identifier: MIT */
/* Every call that TCP makes of the host's sockets, as a table, so that the simulator can stand in for them. Descriptors
 * are numbers to everybody else. Nothing blocks; failures are negative errno. */
#ifndef NAT_TCP_SOCKET_H
#define NAT_TCP_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "loop/loop.h"

struct nat_socket_ops {
	/* A stream socket of this family. */
	int (*open)(void *owner, int family);
	/* 0, or -EINPROGRESS and LOOP_WRITE tells when it is over. */
	int (*connect)(void *owner, int fd, const struct sockaddr *address, socklen_t bytes);
	/* No delay, keep-alive: before the second send, which is the first that could be delayed. */
	void (*adopt)(void *owner, int fd);
	/* The pending error, which it clears; 0: none. */
	int (*error)(void *owner, int fd);
	ssize_t (*send)(void *owner, int fd, const struct iovec *pieces, int count);
	ssize_t (*read)(void *owner, int fd, const struct iovec *pieces, int count);
	/* As os/peek.h has them. */
	int (*peek_start)(void *owner, int fd, bool is_tcp);
	int (*peek_seek)(void *owner, int fd, uint32_t offset);
	ssize_t (*peek)(void *owner, int fd, const struct iovec *pieces, int count);
	ssize_t (*consume)(void *owner, int fd, uint32_t bytes);
	/* Has this machine lost the address that the connection is from? */
	bool (*is_homeless)(void *owner, int fd);
	/* The end of what we send. */
	int (*shut)(void *owner, int fd);
	/* `reset`: the far end sees a reset, whatever was still on its way. */
	void (*close)(void *owner, int fd, bool reset);
	int (*watch)(void *owner, struct loop *loop, struct watch *watch, unsigned events);
	/* Before close() alone. */
	void (*unwatch)(void *owner, struct loop *loop, struct watch *watch);
};

extern const struct nat_socket_ops tcp_socket_system;

#endif
