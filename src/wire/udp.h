/* SPDX-License-Identifier: MIT */
/* UDP datagrams, RFC 768, and what IPv6 changes about their checksum (RFC 8200 8.1). */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"

enum { UDP_HEADER_BYTES = 8 };

/* Offsets from the start of the header, for those who patch one in place. */
enum udp_offset {
	UDP_LENGTH_AT = 4,
	UDP_CHECKSUM_AT = 6,
};

struct udp_header {
	uint16_t from_port;
	uint16_t to_port;
	uint16_t bytes; /* header and payload */
	uint16_t checksum;
};

/* The datagram has `packet_bytes` bytes of IP payload to itself; the reader may see only its beginning. On success the
 * reader is over the datagram's payload. DROP_NONE, DROP_UDP_SHORT, DROP_UDP_LENGTH. The checksum is not looked at. */
enum drop_reason udp_header_read(struct reader *reader, size_t packet_bytes, struct udp_header *ret_header);
void udp_header_write(struct writer *writer, const struct udp_header *header);

/* Over a whole datagram in one piece, the pseudo-header's sum in `pseudo`; `bytes` is the header's length field.
 * `is6`: a checksum of 0, "none", is wrong. DROP_NONE, DROP_UDP_SHORT, DROP_UDP_CHECKSUM. */
enum drop_reason udp_checksum_verify(const struct checksum *pseudo, const uint8_t *datagram, size_t bytes, bool is6);
/* `bytes` >= UDP_HEADER_BYTES. Never 0: that would say "none". */
void udp_checksum_fill(const struct checksum *pseudo, uint8_t *datagram, size_t bytes);

#endif
