/* SPDX-License-Identifier: MIT */
/* What keeps a namespace that we did not make: a process, or a file that `ip netns` made. When it is gone nobody needs
 * the namespace any more, though it lives as long as we are in it. Linux only. */
#ifndef DAEMON_HOLDER_H
#define DAEMON_HOLDER_H

#include <sys/types.h>

#include "os/tap.h"

struct gw_network;
struct gw_watch;

struct holder {
	char path[TAP_NETNS_BYTES];
	dev_t device; /* which namespace the path led to */
	ino_t inode;
	int fd; /* -1: it is not watched */
	struct gw_watch *watch;
	void (*on_gone)(void *owner);
	void *owner;
};

/* `attach` as in namespace_request. Where the system cannot watch it nothing is called, ever. */
void holder_start(struct holder *holder, const char *attach, struct gw_network *network, void (*on_gone)(void *owner),
		  void *owner);
/* After the network has gone, too. */
void holder_done(struct holder *holder);

#endif
