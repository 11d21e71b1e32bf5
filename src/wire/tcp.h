/* SPDX-License-Identifier: MIT */
/* TCP segments, RFC 9293: the header and its options. No state and no opinion of what a segment means. */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"

enum tcp_sizes {
	TCP_HEADER_BYTES = 20, /* without options */
	TCP_HEADER_MAX = 60,
	TCP_SACKS_MAX = 4,
	TCP_WINDOW_SCALE_MAX = 14, /* RFC 7323 2.3 */
	TCP_MSS_DEFAULT4 = 536,    /* RFC 9293 3.7.1 */
	TCP_MSS_DEFAULT6 = 1220,
};

/* Offsets from the start of the header, for those who patch one in place. */
enum tcp_offset {
	TCP_SEQUENCE_AT = 4,
	TCP_ACKNOWLEDGEMENT_AT = 8,
	TCP_DATA_OFFSET_AT = 12,
	TCP_FLAGS_AT = 13,
	TCP_CHECKSUM_AT = 16,
};

enum tcp_flags {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40, /* RFC 3168 6.1 */
	TCP_CWR = 0x80,
};

enum tcp_option {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_WINDOW_SCALE = 3,
	TCP_OPTION_SACK_PERMITTED = 4,
	TCP_OPTION_SACK = 5,
	TCP_OPTION_TIMESTAMPS = 8,
};

struct tcp_header {
	uint16_t from_port;
	uint16_t to_port;
	uint32_t sequence;
	uint32_t acknowledgement;
	uint16_t header_bytes; /* 20 … 60, options included; set by reading, ignored by writing */
	uint8_t flags;         /* enum tcp_flags */
	uint16_t window;       /* as it stands there, unscaled */
	uint16_t checksum;
	uint16_t urgent;
	const uint8_t *options; /* header_bytes - 20 bytes of the reader's owner; NULL without options */
};

struct tcp_sack {
	uint32_t left;
	uint32_t right; /* the first byte that is not in the block */
};

struct tcp_options {
	bool has_mss;
	bool has_window_scale;
	bool sack_permitted;
	bool has_timestamps;
	uint8_t sack_count;
	uint8_t window_scale; /* at most 14 */
	uint16_t mss;
	uint32_t timestamp;
	uint32_t timestamp_echo;
	struct tcp_sack sacks[TCP_SACKS_MAX];
};

/* The segment is `segment_bytes` long; the reader may see only its beginning. On success the reader is over the data.
 * DROP_NONE, DROP_TCP_SHORT, DROP_TCP_OFFSET. The checksum is not looked at. */
enum drop_reason tcp_header_read(struct reader *reader, size_t segment_bytes, struct tcp_header *ret_header);
/* DROP_NONE or DROP_TCP_OPTION_LENGTH. Unknown options are skipped. */
enum drop_reason tcp_options_read(const struct tcp_header *header, struct tcp_options *ret_options);
/* `options` may be NULL; without them those that `header` points to are written. Fails the writer when they are more
 * than 40 bytes. The checksum field is written as it is in `header`. */
void tcp_header_write(struct writer *writer, const struct tcp_header *header, const struct tcp_options *options);

/* Over a whole segment in one piece, the pseudo-header's sum in `pseudo`. DROP_NONE, DROP_TCP_SHORT, _CHECKSUM. */
enum drop_reason tcp_checksum_verify(const struct checksum *pseudo, const uint8_t *segment, size_t bytes);
/* `bytes` >= TCP_HEADER_BYTES. */
void tcp_checksum_fill(const struct checksum *pseudo, uint8_t *segment, size_t bytes);

#endif
