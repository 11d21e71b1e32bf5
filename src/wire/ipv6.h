/* SPDX-License-Identifier: MIT */
/* IPv6, RFC 8200 and RFC 4291: addresses and the header. */
#ifndef WIRE_IPV6_H
#define WIRE_IPV6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"
#include "wire/ethernet.h"

struct ip6 {
	uint8_t byte[16];
};

enum ip6_sizes {
	IP6_TEXT_BYTES = 46,
	IP6_HEADER_BYTES = 40,
	IP6_FRAGMENT_BYTES = 8,
	IP6_MTU_MIN = 1280,     /* RFC 8200 5 */
	IP6_EXTENSIONS_MAX = 8, /* ours: more of them serve nobody but who wants to pass a filter */
	IP6_EXTENSIONS_BYTES = 128,
};

/* Offsets from the start of the header, for those who patch one in place. */
enum ip6_offset {
	IP6_PAYLOAD_LENGTH_AT = 4,
	IP6_NEXT_HEADER_AT = 6,
	IP6_HOP_LIMIT_AT = 7,
	IP6_FROM_AT = 8,
	IP6_TO_AT = 24,
};

struct ip6_header {
	struct ip6 from;
	struct ip6 to;
	uint32_t flow_label; /* 20 bits */
	uint16_t payload_bytes;
	uint8_t service;     /* the traffic class: DSCP and ECN */
	uint8_t next_header; /* enum ip_protocol */
	uint8_t hop_limit;
};

/* What stands between the header and the transport. */
struct ip6_extensions {
	uint8_t protocol;     /* of what follows the last of them: TCP, ICMPv6, ESP, "nothing", or an unknown one */
	uint16_t protocol_at; /* where that is said, from the IPv6 header's beginning on */
	uint8_t count;
	uint16_t bytes; /* of all of them */
	bool fragment;  /* there is a fragment header, be it of a whole packet (RFC 6946) */
	bool more_fragments;
	uint8_t fragment_protocol; /* of what the fragment is a part of, … */
	uint16_t fragment_bytes; /* … which begins behind so many bytes of them: more may follow, in a first fragment */
	uint16_t fragment_offset; /* in bytes; not 0: what follows is no transport header, whatever `protocol` says */
	uint32_t fragment_id;
};

#define IP6_ALL_NODES ((struct ip6){{0xff, 0x02, [15] = 1}})
#define IP6_ALL_ROUTERS ((struct ip6){{0xff, 0x02, [15] = 2}})

/* The packet is `packet_bytes` long (padding behind it included); the reader may see only its beginning. On success the
 * reader is over the payload, as much of it as there is to see, and padding is cut off.
 * DROP_NONE, DROP_IP6_SHORT, _VERSION, _PAYLOAD_LENGTH. */
enum drop_reason ip6_header_read(struct reader *reader, size_t packet_bytes, struct ip6_header *ret_header);
/* From behind the header to the transport: DROP_NONE, DROP_IP6_EXTENSIONS, DROP_IP6_EXTENSION_SHORT. */
enum drop_reason ip6_extensions_read(struct reader *reader, uint8_t next_header, struct ip6_extensions *ret_extensions);
void ip6_header_write(struct writer *writer, const struct ip6_header *header);
/* Sets the payload's length in a whole header that stands at `header`. */
void ip6_header_patch(uint8_t *header, uint16_t payload_bytes);
/* A fragment header, RFC 8200 4.5; `offset` in bytes, a multiple of 8. */
void ip6_fragment_write(struct writer *writer, uint8_t next_header, uint16_t offset, bool more, uint32_t id);
/* Adds the pseudo-header (RFC 8200 8.1) over `bytes` bytes of transport header and payload. */
void ip6_pseudo(struct checksum *checksum, struct ip6 from, struct ip6 to, uint8_t protocol, uint32_t bytes);

bool ip6_equal(struct ip6 a, struct ip6 b);
bool ip6_is_zero(struct ip6 address);
bool ip6_is_link_local(struct ip6 address);
static inline bool ip6_is_multicast(struct ip6 address)
{
	return address.byte[0] == 0xff;
}
bool ip6_in_net(struct ip6 address, struct ip6 net, unsigned prefix);
/* fe80:: and the modified EUI-64 (RFC 4291 appendix A). */
struct ip6 ip6_link_local(struct mac mac);
/* ff02::1:ffXX:XXXX */
struct ip6 ip6_solicited_node(struct ip6 address);
/* 33:33:… of a multicast address (RFC 2464 7) */
struct mac ip6_multicast_mac(struct ip6 address);
bool ip6_parse(const char *text, struct ip6 *ret_address);
/* "fd00::/64" */
bool ip6_parse_net(const char *text, struct ip6 *ret_address, unsigned *ret_prefix);
/* RFC 5952. `text` has IP6_TEXT_BYTES. */
char *ip6_format(struct ip6 address, char *text);

#endif
