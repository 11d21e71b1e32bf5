/* SPDX-License-Identifier: MIT */
/* The small process inside a network namespace: it makes sockets there on request and hands them out, and does nothing else.
 * It has nothing to lose: neither privileges (privilege.h) nor descriptors but its channel. Requests are answered in order;
 * it ends with its channel. Nothing that it gets is trusted, and nothing that it gives (inside.h is the other end). */
#ifndef DAEMON_INSIDER_H
#define DAEMON_INSIDER_H

#include <stdint.h>
#include <sys/socket.h>

#include "daemon/rights.h"

enum insider_want {
	INSIDER_SOCKETS = 1, /* `count` unconnected ones, non-blocking */
	INSIDER_BIND,        /* one, bound to `address`; a stream socket listens */
	INSIDER_TABLE,       /* the file in /proc that lists sockets of this kind; Linux */
};

enum insider_limits {
	INSIDER_SOCKETS_MAX = RIGHTS_FDS_MAX,
	INSIDER_IFNAME_BYTES = 16,
	INSIDER_BACKLOG = 128,
};

struct insider_request {
	uint32_t want;
	uint32_t count;
	int32_t family;                    /* AF_INET, AF_INET6 */
	int32_t type;                      /* SOCK_STREAM, SOCK_DGRAM */
	char ifname[INSIDER_IFNAME_BYTES]; /* INSIDER_BIND: only from there; "": from anywhere */
	uint32_t address_bytes;
	struct sockaddr_storage address;
};

/* With the descriptors: with fewer than were asked for, `error` says why. */
struct insider_answer {
	int32_t error; /* 0 or negative errno */
};

/* Until the other end closes. `channel` is a SOCK_SEQPACKET one. */
void insider_serve(int channel);

#endif
