/* SPDX-License-Identifier: MIT */
/* Offloads in software, for ports whose far end does not take them: the checksum filled in, and a large frame cut into
 * segments of fresh headers before slices of the same payload. Nothing is moved; the payload is read only to sum it. */
#ifndef FABRIC_SEGMENT_H
#define FABRIC_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/drop.h"
#include "fabric/frame.h"
#include "fabric/port.h"

enum segment_limits {
	SEGMENT_PIECES_MAX = 64, /* a frame's body, and what of the payload stands in its head */
};

/* For segment_fits(): a frame with a partial checksum. */
bool segment_fits_partial(const struct port_accepts *accepts, const struct frame *frame);
/* Does the port take the frame as it is? Not about its size. */
static inline bool segment_fits(const struct port_accepts *accepts, const struct frame *frame)
{
	return frame->offload.csum != CSUM_PARTIAL || segment_fits_partial(accepts, frame);
}

/* Cuts one frame for one port. Parsed frames of at most FRAME_PIECES_MAX pieces only (frame_parse). The partial sum that
 * came with a frame is adjusted, not made anew: behind a routing header it is not the sum of the addresses one sees. */
struct segmenter {
	const struct frame *frame;
	uint32_t payload; /* offset of the next segment's payload */
	uint32_t index;
	bool complete_csum;
};

/* What one segment needs besides the payload: caller's memory, valid as long as the segment. */
struct segment {
	struct frame frame;
	uint8_t head[FRAME_HEAD_BYTES];
	struct iovec pieces[SEGMENT_PIECES_MAX];
};

void segmenter_init(struct segmenter *segmenter, const struct frame *frame, const struct port_accepts *accepts);
/* The next segment (a frame that needs only its checksum is one segment): true; false when all are made. */
bool segmenter_next(struct segmenter *segmenter, struct segment *ret_segment);
/* How many there will be. */
uint32_t segment_count(const struct frame *frame);
/* The bytes of the longest. */
static inline uint32_t segment_bytes_max(const struct frame *frame)
{
	uint32_t longest = (uint32_t)frame->layout.payload + frame->offload.segment_bytes;

	return frame->offload.gso == GSO_NONE || frame->length < longest ? frame->length : longest;
}
/* For a port with csum=partial: every TCP and UDP sum is unfinished or may be, so each is made CSUM_PARTIAL over a
 * pseudo-header's sum of our own, and a TCP frame beyond the MTU a frame to be cut. Parsed frames only. Writes into
 * `head`, which is the frame's own private head. */
void segment_adopt(struct frame *frame, uint8_t *head, uint32_t mtu_bytes);

#endif
