/* SPDX-License-Identifier: MIT */
/* A frame on its way: bytes that somebody else owns, and what virtio-net's header would say of them. A frame is a view
 * for the time of one delivery; who wants to keep it copies it (framequeue.h).
 *
 * The head is private memory: the first bytes, checked and routed and sent from this one copy, whatever the guest does
 * to its own memory meanwhile. It holds the whole frame or at least FRAME_HEAD_BYTES of it (of a segment that the fabric
 * cut: its headers); the rest is in pieces that may be the guest's memory and are only ever copied, never believed. */
#ifndef FABRIC_FRAME_H
#define FABRIC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/drop.h"

enum frame_limits {
	FRAME_HEAD_BYTES = 256,           /* headers, with every option and extension that we admit, end here */
	FRAME_BYTES_MAX = 65535 + 14 + 8, /* the largest IP packet behind Ethernet and two VLAN tags */
	FRAME_BYTES_MIN = 14,
	FRAME_PIECES_MAX = 63,     /* of a body, as a port gets it: the switch gathers what has more */
	FRAME_SEGMENTS_MAX = 2048, /* of one frame: 32 bytes of payload each; Linux stops at an MSS of 48 */
};

enum csum_state {
	CSUM_UNKNOWN,  /* nobody says: the field may be right or wrong and is sent on as it is */
	CSUM_PARTIAL,  /* the field holds the pseudo-header's sum; from csum_start on it is still to be added */
	CSUM_VERIFIED, /* somebody who computed it says that it is right */
};

enum gso_type {
	GSO_NONE,
	GSO_TCP4,
	GSO_TCP6,
	GSO_UDP, /* USO: each segment a datagram of its own, IPv4 or IPv6 */
};

struct offload {
	enum csum_state csum;
	enum gso_type gso;
	bool ecn;               /* TCP: the first segment alone carries CWR */
	uint16_t csum_start;    /* CSUM_PARTIAL: offset of the first byte summed */
	uint16_t csum_offset;   /* CSUM_PARTIAL: of the field, from csum_start */
	uint16_t segment_bytes; /* GSO: payload of each segment but the last */
};

/* Where things stand in the head; filled in by frame_parse(), 0 where there is no such thing. */
struct frame_layout {
	uint16_t vlan;    /* the outer tag's identifier, 0 without a tag */
	uint16_t type;    /* EtherType behind the tags */
	uint16_t l3;      /* offset of the network header */
	uint16_t l4;      /* offset of the transport header; 0: not IP, a later fragment, or not in the head */
	uint16_t payload; /* offset behind the TCP or UDP header; 0: neither */
	uint8_t protocol; /* of the transport header */
	bool fragment;    /* IP in fragments: no transport checksum can be told from this frame alone */
	uint32_t end;     /* offset behind the IP packet, or the frame's length; what follows is padding */
};

struct frame {
	const uint8_t *head;
	/* The head as a stream brought it, its length in the 4 bytes before; another head than `head`, or NULL: not so. A
	 * stream that it goes out by sends those bytes, and many such frames in one piece. */
	const uint8_t *framed;
	uint32_t head_bytes;
	uint32_t length; /* head and body */
	const struct iovec *body;
	uint32_t body_pieces;
	struct offload offload;
	struct frame_layout layout;
};

/* A frame in one private piece, without offloads. */
static inline void frame_init(struct frame *ret_frame, const void *bytes, size_t count)
{
	*ret_frame = (struct frame){.head = bytes, .head_bytes = (uint32_t)count, .length = (uint32_t)count};
}

/* Finds the layout. A frame that is not IP, or whose IP does not parse, is no error unless its offloads need it:
 * Ethernet carries anything. Checks offloads against the bytes: a verdict is about the frame as a whole. A frame to be
 * segmented is TCP or UDP to its last byte, with all headers in the head. CSUM_VERIFIED of something without a transport
 * checksum becomes CSUM_UNKNOWN. */
enum drop_reason frame_parse(struct frame *frame);
/* Copies `count` bytes from `offset`; they must be there. */
void frame_copy(const struct frame *frame, uint32_t offset, void *to, size_t count);
/* The bytes [offset, offset + count) as at most `most` pieces; how many, or -1 when they are not enough. */
int frame_slice(const struct frame *frame, uint32_t offset, uint32_t count, struct iovec *ret_pieces, int most);

#endif
