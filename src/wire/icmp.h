/* SPDX-License-Identifier: MIT */
/* ICMP (RFC 792) and ICMPv6 (RFC 4443): the 8 bytes that all messages of ours begin with, echoes and errors. The two
 * differ in their numbers and in that ICMPv6's checksum covers a pseudo-header. Neighbour discovery is ndp.h. */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"

enum icmp_sizes {
	ICMP_HEADER_BYTES = 8,
	ICMP4_ERROR_PACKET_MAX = 576,  /* an error's whole packet: RFC 1812 4.3.2.3 */
	ICMP6_ERROR_PACKET_MAX = 1280, /* RFC 4443 3.1 */
};

enum { ICMP_CHECKSUM_AT = 2 };

enum icmp4_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_SOURCE_QUENCH = 4, /* RFC 6633: no longer sent */
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,
};

enum icmp4_unreachable {
	ICMP4_UNREACHABLE_NET = 0,
	ICMP4_UNREACHABLE_HOST = 1,
	ICMP4_UNREACHABLE_PROTOCOL = 2,
	ICMP4_UNREACHABLE_PORT = 3,
	ICMP4_UNREACHABLE_FRAGMENT = 4,    /* too large; the low half of `rest` is the MTU (RFC 1191 4) */
	ICMP4_UNREACHABLE_PROHIBITED = 13, /* RFC 1812 5.2.7.1 */
};

/* Of both families. */
enum icmp_time_exceeded {
	ICMP_TIME_IN_TRANSIT = 0,
	ICMP_TIME_IN_REASSEMBLY = 1,
};

enum icmp6_type {
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2, /* `rest` is the MTU */
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER = 4, /* `rest` points at the wrong byte */
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_LISTENER_QUERY = 130, /* RFC 2710 3 */
	ICMP6_LISTENER_REPORT = 131,
	ICMP6_LISTENER_DONE = 132,
	ICMP6_ROUTER_SOLICIT = 133, /* 133 … 137: RFC 4861 4 */
	ICMP6_ROUTER_ADVERT = 134,
	ICMP6_NEIGHBOUR_SOLICIT = 135,
	ICMP6_NEIGHBOUR_ADVERT = 136,
	ICMP6_REDIRECT = 137,
	ICMP6_LISTENER_REPORT2 = 143, /* RFC 3810 5.2 */
};

enum icmp6_unreachable {
	ICMP6_UNREACHABLE_ROUTE = 0,
	ICMP6_UNREACHABLE_PROHIBITED = 1,
	ICMP6_UNREACHABLE_ADDRESS = 3,
	ICMP6_UNREACHABLE_PORT = 4,
};

struct icmp_header {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint32_t rest; /* echo: identifier and sequence number; errors: MTU, pointer or 0 */
};

static inline uint16_t icmp_echo_id(const struct icmp_header *header)
{
	return (uint16_t)(header->rest >> 16);
}

static inline uint16_t icmp_echo_sequence(const struct icmp_header *header)
{
	return (uint16_t)header->rest;
}

static inline uint32_t icmp_echo_rest(uint16_t id, uint16_t sequence)
{
	return (uint32_t)id << 16 | sequence;
}

/* On success the reader is over what follows: an echo's data, the packet that an error quotes.
 * DROP_NONE or DROP_ICMP_SHORT. */
enum drop_reason icmp_header_read(struct reader *reader, struct icmp_header *ret_header);
void icmp_header_write(struct writer *writer, const struct icmp_header *header);
/* Is it an error, which may never be answered with one (RFC 1122 3.2.2, RFC 4443 2.4)? */
bool icmp4_is_error(uint8_t type);
bool icmp6_is_error(uint8_t type);
/* An error about `packet`, from its IP header on: as much of it is quoted as an error of this family may hold behind
 * an IP header without options. The checksum is left 0: icmp_checksum_fill(). */
void icmp4_error_write(struct writer *writer, const struct icmp_header *header, const void *packet, size_t bytes);
void icmp6_error_write(struct writer *writer, const struct icmp_header *header, const void *packet, size_t bytes);

/* Over a whole message in one piece; `pseudo` is NULL for ICMP. DROP_NONE, DROP_ICMP_SHORT, DROP_ICMP_CHECKSUM. */
enum drop_reason icmp_checksum_verify(const struct checksum *pseudo, const uint8_t *message, size_t bytes);
/* `bytes` >= 4. */
void icmp_checksum_fill(const struct checksum *pseudo, uint8_t *message, size_t bytes);

#endif
