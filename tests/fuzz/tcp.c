/* SPDX-License-Identifier: MIT */
/* covers: src/wire/tcp.c */
/* The input is a segment. */
#include "wire/tcp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Written again from what was understood, it must be understood as the same; whatever order the options had. */
static void check_options(const struct tcp_header *header, const struct tcp_options *options)
{
	uint8_t first[TCP_HEADER_MAX], second[TCP_HEADER_MAX];
	struct tcp_options again;
	struct tcp_header read;
	struct writer writer, twice;
	struct reader reader;

	writer_init(&writer, first, sizeof(first));
	tcp_header_write(&writer, header, options);
	if (writer.failed)
		return; /* without padding they fitted */
	reader_init(&reader, first, writer_used(&writer));
	assert(tcp_header_read(&reader, writer_used(&writer), &read) == DROP_NONE);
	assert(tcp_options_read(&read, &again) == DROP_NONE);
	assert(again.sack_count == options->sack_count && again.mss == options->mss);
	assert(again.timestamp == options->timestamp && again.window_scale == options->window_scale);
	writer_init(&twice, second, sizeof(second));
	tcp_header_write(&twice, &read, &again);
	assert(!twice.failed && writer_used(&twice) == writer_used(&writer));
	assert(memcmp(first, second, writer_used(&writer)) == 0);
}

static void check_checksum(const uint8_t *bytes, size_t count)
{
	struct checksum pseudo = {0};
	uint8_t *copy = malloc(count);

	assert(copy);
	memcpy(copy, bytes, count);
	tcp_checksum_verify(&pseudo, copy, count);
	tcp_checksum_fill(&pseudo, copy, count);
	assert(tcp_checksum_verify(&pseudo, copy, count) == DROP_NONE);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	uint8_t written[TCP_HEADER_MAX];
	struct checksum pseudo = {0};
	struct tcp_options options;
	struct tcp_header header;
	struct writer writer;
	struct reader reader;

	reader_init(&reader, bytes, count);
	if (tcp_header_read(&reader, count, &header) != DROP_NONE) {
		assert(count >= TCP_HEADER_BYTES || tcp_checksum_verify(&pseudo, bytes, count) == DROP_TCP_SHORT);
		return 0;
	}
	assert(reader.left == count - header.header_bytes);
	writer_init(&writer, written, sizeof(written));
	tcp_header_write(&writer, &header, NULL);
	written[TCP_DATA_OFFSET_AT] |= bytes[TCP_DATA_OFFSET_AT] & 15; /* reserved bits are not kept */
	assert(writer_used(&writer) == header.header_bytes && memcmp(written, bytes, header.header_bytes) == 0);
	check_checksum(bytes, count);
	if (tcp_options_read(&header, &options) != DROP_NONE)
		return 0;
#ifdef PLANTED
	if (options.has_timestamps && options.has_window_scale && options.window_scale != 7)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	check_options(&header, &options);
	options.sack_count = TCP_SACKS_MAX + 1;
	tcp_header_write(&writer, &header, &options);
	assert(writer.failed);
	return 0;
}
