/* SPDX-License-Identifier: MIT */
/* A listening socket, AF_UNIX or TCP: it accepts and hands over, and outlives everybody whom it accepted. When the
 * process has no descriptors left it stops listening for a second instead of spinning on what it cannot accept. */
#ifndef PORT_LISTENER_H
#define PORT_LISTENER_H

#include <stdbool.h>

#include "loop/loop.h"
#include "os/unix_listener.h"

struct endpoint;
struct error;

enum listener_limits {
	LISTENER_ACCEPTS_PER_TURN = 16,
	LISTENER_PAUSE_US = 1000 * 1000,
};

struct listener {
	struct endpoint *endpoint;
	/* The descriptor is the receiver's. */
	void (*on_accepted)(struct listener *listener, int fd);
	int fd;                             /* -1: closed */
	struct unix_listener unix_listener; /* when it has a path */
	bool has_path;
	bool takes_rights; /* descriptors may wait in who was not accepted yet */
	bool stopped;
	bool told; /* of a want of descriptors, until an accept goes well */
	struct watch watch;
	struct timer pause;
};

/* Makes it safe to close. */
void listener_init(struct listener *listener, struct endpoint *endpoint,
		   void (*on_accepted)(struct listener *listener, int fd));
/* Fill in the endpoint's path or address, and describe. */
int listener_open_path(struct listener *listener, const char *path, int type, const struct unix_access *access,
		       struct error *ret_error);
int listener_open_tcp(struct listener *listener, const char *text, struct error *ret_error);
/* One that listens already, and is the listener's when it returns 0. */
int listener_open_fd(struct listener *listener, int fd, struct error *ret_error);
/* Nobody is accepted any more. */
void listener_stop(struct listener *listener);
void listener_close(struct listener *listener);

#endif
