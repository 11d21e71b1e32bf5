/* SPDX-License-Identifier: MIT */
/* covers: src/wire/icmp.c */
/* The input is a message, and once more a packet that an error quotes. */
#include "wire/icmp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_error(const struct icmp_header *header, const uint8_t *bytes, size_t count)
{
	uint8_t message[ICMP6_ERROR_PACKET_MAX];
	struct writer writer;

	writer_init(&writer, message, sizeof(message));
	icmp4_error_write(&writer, header, bytes, count);
	assert(!writer.failed && writer_used(&writer) <= ICMP4_ERROR_PACKET_MAX - 20);
	icmp_checksum_fill(NULL, message, writer_used(&writer));
	assert(icmp_checksum_verify(NULL, message, writer_used(&writer)) == DROP_NONE ||
	       (message[0] == 0 && message[1] == 0));
	writer_init(&writer, message, sizeof(message));
	icmp6_error_write(&writer, header, bytes, count);
	assert(!writer.failed && writer_used(&writer) <= ICMP6_ERROR_PACKET_MAX - 40);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	uint8_t written[ICMP_HEADER_BYTES];
	struct checksum pseudo = {.sum = 1};
	struct icmp_header header;
	struct writer writer;
	struct reader reader;

	if (icmp_checksum_verify(&pseudo, bytes, count) == DROP_ICMP_SHORT)
		assert(count < 4);
	reader_init(&reader, bytes, count);
	if (icmp_header_read(&reader, &header) != DROP_NONE)
		return 0;
	assert(reader.left + ICMP_HEADER_BYTES == count);
	writer_init(&writer, written, sizeof(written));
	icmp_header_write(&writer, &header);
	assert(!writer.failed && memcmp(written, bytes, sizeof(written)) == 0);
	assert(icmp_echo_rest(icmp_echo_id(&header), icmp_echo_sequence(&header)) == header.rest);
#ifdef PLANTED
	if (header.type == ICMP6_TOO_BIG && header.rest == 1280 && reader.left > 0)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	if (icmp4_is_error(header.type) || icmp6_is_error(header.type))
		check_error(&header, bytes, count);
	return 0;
}
