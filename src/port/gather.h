/* SPDX-License-Identifier: MIT */
/* The frames that a port was given since its last flush(), as one list of pieces: what a single writev or sendmmsg
 * takes. It copies no payload: the pieces point where the frames' bytes are, which holds until flush() returns. It is
 * small (5 KiB), because in a flood every port of the network has one in use; a full one is flushed early. */
#ifndef PORT_GATHER_H
#define PORT_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fabric/frame.h"

enum gather_limits {
	GATHER_FRAMES = 64,
	GATHER_PIECES = 192, /* a 64 KiB frame cut for MTU 1500 is 45 segments of prefix, header and payload */
	GATHER_PREFIX_BYTES = 12,
};

struct gather_entry {
	const uint8_t *standing; /* its prefix, with the whole frame behind it in memory; NULL: in pieces */
	uint16_t first;          /* of its pieces; the prefix is the first, where there is one */
	uint16_t pieces;
	uint32_t bytes; /* with the prefix */
};

struct gather {
	uint32_t count;
	uint32_t pieces;
	size_t bytes;
	uint32_t prefix_bytes; /* the same for all frames of a port; 0 … GATHER_PREFIX_BYTES */
	struct gather_entry entry[GATHER_FRAMES];
	uint8_t prefix[GATHER_FRAMES][GATHER_PREFIX_BYTES];
	struct iovec piece[GATHER_PIECES];
};

void gather_init(struct gather *gather, uint32_t prefix_bytes);
void gather_clear(struct gather *gather);
/* False when there is no room, and nothing was added: flush and try again. An empty gather takes every frame of at most
 * GATHER_PIECES - 2 body pieces. */
bool gather_add(struct gather *gather, const void *prefix, const struct frame *frame);
/* A prefix that stands right before the whole frame needs no piece of its own, and frames that stand one behind the
 * other that way make one piece: for streams, whose pieces are not counted out to frames. */
bool gather_add_standing(struct gather *gather, const uint8_t *prefix, const struct frame *frame);
/* As it was given. */
const uint8_t *gather_prefix(const struct gather *gather, uint32_t index);
/* Frame `index` again, without its prefix, as long as its bytes are there. */
void gather_frame(const struct gather *gather, uint32_t index, struct frame *ret_frame);

#endif
