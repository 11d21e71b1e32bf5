/* SPDX-License-Identifier: MIT */
/* Frames on a byte stream: a 32-bit big-endian length before each, as QEMU, libkrun and socket_vmnet write it. Pure: it
 * says where the next bytes of the stream are to be read, and is told how many came.
 *
 * One read brings many frames into a buffer that all guests of an endpoint share; they are handed on where they lie. Only
 * what the read cut in two is copied, into memory of this guest's own, and the next read goes on behind it. That
 * memory is not from the network's pool: a guest that stops inside a frame would hold a piece of it for ever. */
#ifndef PORT_FRAMING_H
#define PORT_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/drop.h"
#include "fabric/frame.h"

enum framing_sizes {
	FRAMING_HEADER_BYTES = 4,
	FRAMING_ROOMS = 2,
};

struct framing {
	uint8_t header[FRAMING_HEADER_BYTES]; /* of the frame that is cut in two */
	uint32_t header_bytes;
	uint32_t length;  /* what the header says; 0 until all of it is there */
	uint32_t have;    /* of the frame's bytes, in `partial` */
	uint8_t *partial; /* FRAME_BYTES_MAX bytes, the caller's; untouched until needed */
	uint8_t *next;    /* what was read and is not handed on yet, in the shared buffer */
	size_t left;
};

void framing_init(struct framing *framing, void *partial);
/* Where the stream's next bytes go: the rest of a frame that was cut, then `buffer`. How many pieces. */
int framing_room(const struct framing *framing, void *buffer, size_t buffer_bytes,
		 struct iovec ret_pieces[FRAMING_ROOMS]);
/* So many bytes were read into the room. framing_next() must then be called until it gives 0, or framing_settle(). */
void framing_filled(struct framing *framing, void *buffer, size_t count);
/* The next whole frames; they are valid until the next call of any of these. 0: no more, and what is left over is
 * kept. With a verdict other than DROP_NONE the stream is lost, behind the frames that were returned. */
size_t framing_next(struct framing *framing, struct frame *ret_frames, size_t most, enum drop_reason *ret_verdict);
/* After framing_next() gave as many frames as were wanted. True when there are no more, and what is left over is kept.
 * False: the bytes [next, next + left) have more; framing_move() when they cannot stay where they are. */
bool framing_settle(struct framing *framing);
/* To `to`, which has room for `left` bytes. */
void framing_move(struct framing *framing, void *to);
/* What was read and not returned. */
size_t framing_held(const struct framing *framing);
/* Of the frame that is cut in two, with its header: all that there will be, as far as is known. 0: none is. */
size_t framing_cut(const struct framing *framing);
/* What it means that the stream ends here. */
enum drop_reason framing_end(const struct framing *framing);

#endif
