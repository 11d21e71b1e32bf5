/* SPDX-License-Identifier: MIT */
/* UDP datagrams. Bytes of the packet behind the UDP length are no error, for RFC 768 does not forbid them; they are cut
 * off. */
#include "wire/udp.h"

#include <string.h>

struct udp_wire {
	struct be16 from_port;
	struct be16 to_port;
	struct be16 bytes;
	struct be16 checksum;
};

_Static_assert(sizeof(struct udp_wire) == UDP_HEADER_BYTES, "RFC 768");

enum drop_reason udp_header_read(struct reader *reader, size_t packet_bytes, struct udp_header *ret_header)
{
	const uint8_t *bytes = reader_skip(reader, UDP_HEADER_BYTES);
	struct udp_wire wire;
	struct udp_header header;
	size_t payload;

	if (!bytes)
		return DROP_UDP_SHORT;
	memcpy(&wire, bytes, sizeof(wire));
	header = (struct udp_header){
		.from_port = be16_value(wire.from_port),
		.to_port = be16_value(wire.to_port),
		.bytes = be16_value(wire.bytes),
		.checksum = be16_value(wire.checksum),
	};
	if (header.bytes < UDP_HEADER_BYTES || header.bytes > packet_bytes)
		return DROP_UDP_LENGTH;
	payload = (size_t)header.bytes - UDP_HEADER_BYTES;
	if (reader->left > payload)
		reader->left = payload;
	*ret_header = header;
	return DROP_NONE;
}

void udp_header_write(struct writer *writer, const struct udp_header *header)
{
	writer_be16(writer, header->from_port);
	writer_be16(writer, header->to_port);
	writer_be16(writer, header->bytes);
	writer_be16(writer, header->checksum);
}

enum drop_reason udp_checksum_verify(const struct checksum *pseudo, const uint8_t *datagram, size_t bytes, bool is6)
{
	struct checksum checksum = *pseudo;

	if (bytes < UDP_HEADER_BYTES)
		return DROP_UDP_SHORT;
	if (datagram[UDP_CHECKSUM_AT] == 0 && datagram[UDP_CHECKSUM_AT + 1] == 0)
		return is6 ? DROP_UDP_CHECKSUM : DROP_NONE;
	checksum_add(&checksum, datagram, bytes);
	return be16_value(checksum_final(&checksum)) == 0 ? DROP_NONE : DROP_UDP_CHECKSUM;
}

void udp_checksum_fill(const struct checksum *pseudo, uint8_t *datagram, size_t bytes)
{
	struct checksum checksum = *pseudo;
	struct be16 sum = {0};

	memcpy(datagram + UDP_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
	checksum_add(&checksum, datagram, bytes);
	sum = checksum_final(&checksum);
	if (be16_value(sum) == 0)
		sum = be16_from(0xffff);
	memcpy(datagram + UDP_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
}
