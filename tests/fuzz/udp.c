/* SPDX-License-Identifier: MIT */
/* covers: src/wire/udp.c */
/* The input is the payload of an IP packet. */
#include "wire/udp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	uint8_t written[UDP_HEADER_BYTES];
	struct checksum pseudo = {0};
	struct udp_header header;
	struct writer writer;
	struct reader reader;
	uint8_t *copy;

	udp_checksum_verify(&pseudo, bytes, count, false);
	reader_init(&reader, bytes, count);
	if (udp_header_read(&reader, count, &header) != DROP_NONE)
		return 0;
	assert(reader.left + UDP_HEADER_BYTES == header.bytes && header.bytes <= count);
	writer_init(&writer, written, sizeof(written));
	udp_header_write(&writer, &header);
	assert(!writer.failed && memcmp(written, bytes, sizeof(written)) == 0);
#ifdef PLANTED
	if (header.to_port == 67 && header.from_port == 68 && reader.left == 4)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	copy = malloc(header.bytes);
	assert(copy);
	memcpy(copy, bytes, header.bytes);
	udp_checksum_fill(&pseudo, copy, header.bytes);
	assert(udp_checksum_verify(&pseudo, copy, header.bytes, true) == DROP_NONE);
	free(copy);
	return 0;
}
