/* SPDX-License-Identifier: MIT */
/* One AF_UNIX datagram socket with a path, and its guests, told apart by the addresses of their sockets; or, as QEMU's
 * -netdev dgram has it, with one guest whose address is known beforehand (remote=).
 *
 * What surprises. What the guests have not read is charged to the one socket that sent it, so that a guest that never
 * reads takes room from all others; no event tells of it, and a second socket could not reach a guest that connected to the
 * first. So the buffer is raised as far as allowed; while three quarters of it are taken, nothing more is sent, and if that
 * stays so, the guest that was sent most since its own last frame is muted until it is heard again, with those who are as
 * deaf. What they hold is not coming back: three quarters are counted of the rest from then on. A guest that must be
 * isolated gets a path of its own.
 *
 * Nor does any event tell that a guest is gone: a send that is refused does (ECONNREFUSED, ENOENT), and of a muted one a
 * look now and then. */
#ifndef PORT_SHARED_DGRAM_H
#define PORT_SHARED_DGRAM_H

#include "os/unix_listener.h"
#include "port/endpoint.h"

enum shared_dgram_limits {
	SHARED_DGRAM_SEND_BUFFER_BYTES = 16 * 1024 * 1024, /* wanted; without privilege the system's limit is less */
	SHARED_DGRAM_BUCKETS = 256,
	SHARED_DGRAM_PROBES = 4, /* guests that are asked whether they live when a new one finds no place */
	SHARED_DGRAM_RETRY_LEAST_US = 250,
	SHARED_DGRAM_RETRY_MOST_US = 64 * 1000,
	SHARED_DGRAM_MUTE_AFTER_US = 10 * 1000,
	SHARED_DGRAM_MUTE_STUCK_US = 100 * 1000,
	SHARED_DGRAM_LOOK_US = 5 * 1000 * 1000,  /* whether guests that are muted are there still */
	SHARED_DGRAM_TELL_US = 60 * 1000 * 1000, /* one notice of one guest in so long, however often it is muted */
};

struct shared_dgram_words {
	const char *path;
	const char *remote; /* NULL: whoever sends */
};

int shared_dgram_open(const struct endpoint_kind *kind, const struct shared_dgram_words *words, struct spec *spec,
		      const struct endpoint_setup *setup, struct endpoint **ret_endpoint, struct error *ret_error);

#endif
