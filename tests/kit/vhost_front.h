/* SPDX-License-Identifier: MIT */
/* A vhost-user front end with an honest driver on its rings, for tests. Its messages are sent one by one, so that a test
 * of lies can send its own instead. The back end runs in the same thread: pump() lets it. */
#ifndef KIT_VHOST_FRONT_H
#define KIT_VHOST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kit/ring_driver.h"
#include "port/virtnet.h"
#include "wire/vhost.h"

enum vhost_front_limits {
	VHOST_FRONT_RINGS = 8, /* four pairs */
	VHOST_FRONT_SIZE = 128,
	VHOST_FRONT_PAGES = 600,
	VHOST_FRONT_ROOM_BYTES = 1526,
};

struct vhost_front {
	int fd;
	void (*pump)(void *owner);
	void *owner;
	int memory_fd;
	uint8_t *memory;
	uint32_t rings;    /* that it uses: 2, unless a test says otherwise before it starts */
	size_t ring_bytes; /* of one ring and its pages; the memory holds one of each ring */
	uint64_t features, protocol;
	uint32_t packed_base; /* what it says of a new packed ring */
	struct ring_driver drivers[VHOST_FRONT_RINGS];
	int kick[VHOST_FRONT_RINGS], call[VHOST_FRONT_RINGS];
};

/* The descriptor becomes the front end's. */
void vhost_front_init(struct vhost_front *front, int fd, void (*pump)(void *owner), void *owner);
/* Before anything is sent: its memory is a file that may shrink. */
void vhost_front_unseal(struct vhost_front *front);
void vhost_front_done(struct vhost_front *front);

/* One message as it stands; false when the back end is gone. */
bool vhost_front_send(struct vhost_front *front, uint32_t request, uint32_t flags, const void *payload, uint32_t bytes,
		      const int *descriptors, uint32_t count);
/* Lets the back end run and takes its answer: how many bytes of payload, or -1 when there is none. */
int vhost_front_answer(struct vhost_front *front, union vhost_payload *ret_payload);
/* A request with a number as payload, acknowledged: the back end's verdict, 0 or not; -1: it is gone. */
int vhost_front_tell(struct vhost_front *front, uint32_t request, uint64_t number);

/* All that it takes to run: features, memory, rings, and rooms for frames. */
void vhost_front_start(struct vhost_front *front, uint64_t features);
/* The steps of that. */
void vhost_front_set_features(struct vhost_front *front, uint64_t features);
int vhost_front_set_memory(struct vhost_front *front);
void vhost_front_set_ring(struct vhost_front *front, uint32_t ring);

/* Offers one frame behind a header and kicks if it is wanted. */
void vhost_front_frame(struct vhost_front *front, const void *header, const void *bytes, size_t count);
/* The next frame for the guest, header first, and new rooms in place of its own; 0: none. */
size_t vhost_front_receive(struct vhost_front *front, void *to, size_t most);
/* The same in another pair than the first. */
void vhost_front_frame_in(struct vhost_front *front, uint32_t pair, const void *header, const void *bytes,
			  size_t count);
size_t vhost_front_receive_in(struct vhost_front *front, uint32_t pair, void *to, size_t most);

#endif
