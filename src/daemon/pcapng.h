/* SPDX-License-Identifier: MIT */
/* pcapng (draft-ietf-opsawg-pcapng), as much of it as a capture of ours needs: one section, an interface per port,
 * enhanced packet blocks with direction, comment and a count of what was lost, statistics at the end. Written into and
 * read from memory; numbers stand in the writer's byte order, as the format wants it. No file, no socket, no clock. */
#ifndef DAEMON_PCAPNG_H
#define DAEMON_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum pcapng_limits {
	PCAPNG_SNAP_BYTES = 256 * 1024, /* no frame of a network is longer */
	PCAPNG_COMMENT_BYTES = 256,
	PCAPNG_BLOCK_BYTES = PCAPNG_SNAP_BYTES + 1024, /* no block of ours is longer */
};

enum pcapng_type {
	PCAPNG_SECTION = 0x0a0d0d0a,
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATISTICS = 5,
	PCAPNG_PACKET = 6,
};

/* epb_flags, bits 0 and 1 */
enum pcapng_direction {
	PCAPNG_UNKNOWN = 0,
	PCAPNG_INBOUND = 1,  /* from the guest */
	PCAPNG_OUTBOUND = 2, /* to the guest */
};

struct pcapng_packet {
	uint32_t interface;
	uint64_t time_us; /* since 1970 */
	enum pcapng_direction direction;
	uint64_t lost;       /* frames that the capture itself could not keep since the last one */
	const char *comment; /* NULL: none; cut to PCAPNG_COMMENT_BYTES */
	const struct iovec *pieces;
	size_t piece_count;
	uint32_t length; /* of all pieces */
};

/* Each: how many bytes it wrote at `to`, or 0 when `room` is too small: nothing useful is there then. */
size_t pcapng_write_section(void *to, size_t room, const char *application);
size_t pcapng_write_interface(void *to, size_t room, const char *name);
size_t pcapng_write_packet(void *to, size_t room, const struct pcapng_packet *packet);
size_t pcapng_write_statistics(void *to, size_t room, uint32_t interface, uint64_t time_us, uint64_t kept,
			       uint64_t lost);

/* One block as it was read; the pointers point into the bytes. */
struct pcapng_block {
	uint32_t type;
	size_t bytes; /* the whole block */
	uint32_t interface;
	uint64_t time_us;
	enum pcapng_direction direction;
	uint64_t lost; /* of a packet, or in all (statistics) */
	const uint8_t *frame;
	uint32_t captured, length;
	const char *text; /* a packet's comment, an interface's name; not terminated */
	size_t text_length;
};

/* What stands at the start of `bytes`: 1; 0: more bytes are needed; -EINVAL: not pcapng of this machine. Blocks of
 * other types are given with their type alone, to be skipped. */
int pcapng_read(const void *bytes, size_t count, struct pcapng_block *ret_block);

#endif
