/* SPDX-License-Identifier: MIT */
/* IPv4, RFC 791: addresses and the header. */
#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"

struct ip4 {
	uint8_t byte[4];
};

enum ip4_sizes {
	IP4_TEXT_BYTES = 16,
	IP4_HEADER_BYTES = 20, /* without options */
	IP4_HEADER_MAX = 60,
	IP4_PACKET_MAX = 65535,
};

/* Offsets from the start of the header, for those who patch one in place. */
enum ip4_offset {
	IP4_TOTAL_LENGTH_AT = 2,
	IP4_ID_AT = 4,
	IP4_FRAGMENT_AT = 6,
	IP4_HOP_LIMIT_AT = 8,
	IP4_PROTOCOL_AT = 9,
	IP4_CHECKSUM_AT = 10,
	IP4_FROM_AT = 12,
	IP4_TO_AT = 16,
};

enum ip4_sum {
	IP4_SUM_CHECK,
	IP4_SUM_SKIP, /* the switch: it forwards what it does not believe */
};

struct ip4_header {
	struct ip4 from;
	struct ip4 to;
	uint16_t header_bytes; /* 20 … 60, options included */
	uint16_t total_bytes;  /* header and payload */
	uint16_t id;
	uint16_t fragment_offset; /* in bytes, a multiple of 8 */
	bool dont_fragment;
	bool more_fragments;
	uint8_t service; /* DSCP and ECN */
	uint8_t hop_limit;
	uint8_t protocol;       /* enum ip_protocol */
	const uint8_t *options; /* header_bytes - 20 bytes of the reader's owner; NULL without options */
};

#define IP4_BROADCAST ((struct ip4){{255, 255, 255, 255}})

/* The packet is `packet_bytes` long (padding behind it included); the reader may see only its beginning. On success the
 * reader is over the payload, as much of it as there is to see, and padding is cut off.
 * DROP_NONE, DROP_IP4_SHORT, _VERSION, _HEADER_LENGTH, _TOTAL_LENGTH, _CHECKSUM. */
enum drop_reason ip4_header_read(struct reader *reader, size_t packet_bytes, enum ip4_sum sum,
				 struct ip4_header *ret_header);
/* With its checksum. Fails the writer when header_bytes, total_bytes and fragment_offset cannot be. */
void ip4_header_write(struct writer *writer, const struct ip4_header *header);
/* Sets length and identification of a whole header that stands at `header`, and its checksum anew. */
void ip4_header_patch(uint8_t *header, uint16_t total_bytes, uint16_t id);
static inline bool ip4_is_fragment(const struct ip4_header *header)
{
	return header->more_fragments || header->fragment_offset;
}
/* Adds the pseudo-header of TCP and UDP (RFC 9293 3.1, RFC 768) over `bytes` bytes of transport header and payload. */
void ip4_pseudo(struct checksum *checksum, struct ip4 from, struct ip4 to, uint8_t protocol, uint16_t bytes);

bool ip4_equal(struct ip4 a, struct ip4 b);
bool ip4_is_zero(struct ip4 address);
/* 224.0.0.0/4 */
static inline bool ip4_is_multicast(struct ip4 address)
{
	return (address.byte[0] & 0xf0) == 0xe0;
}
/* 127.0.0.0/8 */
static inline bool ip4_is_loopback(struct ip4 address)
{
	return address.byte[0] == 127;
}
bool ip4_in_net(struct ip4 address, struct ip4 net, unsigned prefix);
/* As a number, for pools and masks. */
uint32_t ip4_value(struct ip4 address);
struct ip4 ip4_from(uint32_t value);
/* The netmask of a prefix of 0 … 32 bits. */
uint32_t ip4_mask(unsigned prefix);
/* The whole text: dotted decimal, no leading zeros. */
bool ip4_parse(const char *text, struct ip4 *ret_address);
/* "10.0.2.0/24"; also a netmask behind the slash, as QEMU's net= takes. */
bool ip4_parse_net(const char *text, struct ip4 *ret_address, unsigned *ret_prefix);
/* `text` has IP4_TEXT_BYTES. Returns it. */
char *ip4_format(struct ip4 address, char *text);

#endif
