/* SPDX-License-Identifier: MIT */
/* Connects a socket to a far end that may come and go: at once, and then again and again, after 100 ms at first and
 * every 5 s at last. It tells when that begins to fail and when it works again, never each attempt. */
#ifndef PORT_CONNECTOR_H
#define PORT_CONNECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "loop/loop.h"
#include "port/endpoint.h"

enum connector_limits {
	CONNECTOR_WAIT_LEAST_US = 100 * 1000,
	CONNECTOR_WAIT_MOST_US = 5 * 1000 * 1000,
};

struct connector {
	struct endpoint *endpoint;
	/* The descriptor is the receiver's, who says connector_lost() when the connection is gone. */
	void (*on_connected)(struct connector *connector, int fd);
	struct sockaddr_storage address;
	socklen_t length;                /* 0: there is nothing to connect to */
	char where[ENDPOINT_TEXT_BYTES]; /* for a person */
	int type;
	bool takes_rights; /* the far end hands over descriptors */
	int fd;            /* a connection in the making, or -1 */
	bool told;         /* that it fails */
	uint64_t wait_us;
	uint64_t connected_us;
	struct watch watch;
	struct timer again;
};

void connector_init(struct connector *connector, struct endpoint *endpoint,
		    void (*on_connected)(struct connector *connector, int fd));
/* Notices name it as `where`. */
void connector_start(struct connector *connector, const char *where, const struct sockaddr_storage *address,
		     socklen_t length, int type);
/* No effect on one that was not started. */
void connector_lost(struct connector *connector);
void connector_close(struct connector *connector);

#endif
