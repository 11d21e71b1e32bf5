/* SPDX-License-Identifier: MIT */
/* ICMP and ICMPv6: headers, errors with what they quote, and checksums. Whether an error may be sent at all is for who
 * sends it. */
#include "wire/icmp.h"

#include <string.h>

#include "wire/ipv4.h"
#include "wire/ipv6.h"

enum drop_reason icmp_header_read(struct reader *reader, struct icmp_header *ret_header)
{
	struct icmp_header header;

	header.type = reader_u8(reader);
	header.code = reader_u8(reader);
	header.checksum = reader_be16(reader);
	header.rest = reader_be32(reader);
	if (reader->failed)
		return DROP_ICMP_SHORT;
	*ret_header = header;
	return DROP_NONE;
}

void icmp_header_write(struct writer *writer, const struct icmp_header *header)
{
	writer_u8(writer, header->type);
	writer_u8(writer, header->code);
	writer_be16(writer, header->checksum);
	writer_be32(writer, header->rest);
}

bool icmp4_is_error(uint8_t type)
{
	switch (type) {
	case ICMP4_UNREACHABLE:
	case ICMP4_SOURCE_QUENCH:
	case ICMP4_REDIRECT:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER:
		return true;
	default:
		return false;
	}
}

bool icmp6_is_error(uint8_t type)
{
	return type < ICMP6_ECHO_REQUEST; /* RFC 4443 2.1 */
}

static void icmp_error_write(struct writer *writer, const struct icmp_header *header, const void *packet, size_t bytes,
			     size_t most)
{
	struct icmp_header without = *header;

	without.checksum = 0;
	icmp_header_write(writer, &without);
	writer_copy(writer, packet, bytes < most ? bytes : most);
}

void icmp4_error_write(struct writer *writer, const struct icmp_header *header, const void *packet, size_t bytes)
{
	icmp_error_write(writer, header, packet, bytes, ICMP4_ERROR_PACKET_MAX - IP4_HEADER_BYTES - ICMP_HEADER_BYTES);
}

void icmp6_error_write(struct writer *writer, const struct icmp_header *header, const void *packet, size_t bytes)
{
	icmp_error_write(writer, header, packet, bytes, ICMP6_ERROR_PACKET_MAX - IP6_HEADER_BYTES - ICMP_HEADER_BYTES);
}

static struct checksum icmp_checksum_start(const struct checksum *pseudo)
{
	struct checksum checksum;

	checksum_init(&checksum);
	return pseudo ? *pseudo : checksum;
}

enum drop_reason icmp_checksum_verify(const struct checksum *pseudo, const uint8_t *message, size_t bytes)
{
	struct checksum checksum = icmp_checksum_start(pseudo);

	if (bytes < 4)
		return DROP_ICMP_SHORT;
	checksum_add(&checksum, message, bytes);
	return be16_value(checksum_final(&checksum)) == 0 ? DROP_NONE : DROP_ICMP_CHECKSUM;
}

void icmp_checksum_fill(const struct checksum *pseudo, uint8_t *message, size_t bytes)
{
	struct checksum checksum = icmp_checksum_start(pseudo);
	struct be16 sum = {0};

	memcpy(message + ICMP_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
	checksum_add(&checksum, message, bytes);
	sum = checksum_final(&checksum);
	memcpy(message + ICMP_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
}
