/* SPDX-License-Identifier: MIT */
/* Which pair of queues each conversation of a guest uses: the one that the guest sent it in last (virtio 1.2, 5.1.6.5.6,
 * automatic receive steering). A table of fixed size; a conversation whose place is taken by another that was heard just
 * now is not kept, and stays where its number leads. Pure. */
#ifndef PORT_STEERING_H
#define PORT_STEERING_H

#include <stdbool.h>
#include <stdint.h>

enum steering_limits {
	STEERING_PLACES = 1024,
	STEERING_IDLE_US = 3 * 1000 * 1000, /* silent for so long, a conversation leaves its place to another */
};

struct steering {
	struct steering_place {
		uint64_t heard_us;
		uint32_t flow; /* fabric/steer.h; 0: empty */
		uint32_t pair;
	} places[STEERING_PLACES];
};

/* The guest sent a frame of it in this pair. */
void steering_hear(struct steering *steering, uint32_t flow, uint32_t pair, uint64_t now_us);
/* False: it was not heard, or not kept. */
bool steering_find(const struct steering *steering, uint32_t flow, uint32_t *ret_pair);

#endif
