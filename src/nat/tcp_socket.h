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

struct outbound;

struct nat_socket_ops {
	/* A stream socket of this family that leaves by this way, NULL: by any. -ENODEV, -EADDRNOTAVAIL: the way is not there. */
	int (*open)(void *owner, int family, const struct outbound *outbound);
	/* The next one of this family will be wanted: it can be made when there is time. */
	void (*prepare)(void *owner, int family);
	/* From this port if it can be had and the far end's is another. 0, or -EINPROGRESS and LOOP_WRITE tells when it is over. */
	int (*connect)(void *owner, int fd, const struct sockaddr *address, socklen_t bytes, uint16_t port);
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
	/* Has this machine lost the address that the connection is from, or the interface that it is bound to? */
	bool (*is_homeless)(void *owner, int fd);
	/* The end of what we send. */
	int (*shut)(void *owner, int fd);
	/* `reset`: the far end sees a reset, whatever was still on its way. */
	void (*close)(void *owner, int fd, bool reset);
	int (*watch)(void *owner, struct loop *loop, struct watch *watch, unsigned events);
	/* `closes`: close() comes next, and makes half of the work needless. */
	void (*unwatch)(void *owner, struct loop *loop, struct watch *watch, bool closes);
};

enum tcp_socket_limits {
	TCP_SOCKET_FAMILIES = 2, /* IPv4, IPv6 */
	TCP_SOCKET_CLOSING_MOST = 16,
};

/* Of one family. */
struct tcp_socket_spare {
	int fd;      /* -1: none */
	bool wanted; /* to be made */
};

/* The owner of the system's sockets, or NULL: what is done for them in quiet turns of the loop. A socket of each family is
 * made before it is wanted, and those that are over are closed: either takes 3 of the 90 µs of a whole connection, and
 * the guest would wait for it. */
struct tcp_socket_chores {
	struct loop *loop;
	struct task task;
	struct tcp_socket_spare spares[TCP_SOCKET_FAMILIES];
	uint8_t closing_count;
	int closing[TCP_SOCKET_CLOSING_MOST];
};

void tcp_socket_chores_init(struct tcp_socket_chores *chores, struct loop *loop);
void tcp_socket_chores_done(struct tcp_socket_chores *chores);

extern const struct nat_socket_ops tcp_socket_system;

#endif
