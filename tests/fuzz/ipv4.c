/* SPDX-License-Identifier: MIT */
/* covers: src/wire/ipv4.c */
/* The input is a packet, and once more an address or a network as text. */
#include "wire/ipv4.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_again(const uint8_t *written, const struct ip4_header *header, size_t packet_bytes)
{
	uint8_t twice[IP4_HEADER_MAX];
	struct ip4_header again;
	struct writer writer;
	struct reader reader;

	reader_init(&reader, written, header->header_bytes);
	assert(ip4_header_read(&reader, packet_bytes, IP4_SUM_CHECK, &again) == DROP_NONE);
	assert(again.total_bytes == header->total_bytes && again.id == header->id &&
	       again.protocol == header->protocol);
	assert(ip4_is_fragment(&again) == ip4_is_fragment(header) && ip4_equal(again.to, header->to));
	writer_init(&writer, twice, sizeof(twice));
	ip4_header_write(&writer, &again);
	assert(!writer.failed && memcmp(twice, written, header->header_bytes) == 0);
}

static void check_packet(const uint8_t *bytes, size_t count)
{
	uint8_t written[IP4_HEADER_MAX];
	struct ip4_header header;
	struct checksum checksum;
	struct writer writer;
	struct reader reader;

	reader_init(&reader, bytes, count);
	if (ip4_header_read(&reader, count, IP4_SUM_SKIP, &header) != DROP_NONE)
		return;
	assert(reader.left == (size_t)header.total_bytes - header.header_bytes && header.total_bytes <= count);
	writer_init(&writer, written, sizeof(written));
	ip4_header_write(&writer, &header);
	assert(!writer.failed);
	check_again(written, &header, count);
	checksum_init(&checksum);
	ip4_pseudo(&checksum, header.from, header.to, header.protocol, header.total_bytes);
	reader_init(&reader, bytes, count);
	if (ip4_header_read(&reader, count, IP4_SUM_CHECK, &header) != DROP_NONE)
		return;
#ifdef PLANTED
	if (header.options && header.more_fragments)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	header.header_bytes = IP4_HEADER_BYTES - 4;
	ip4_header_write(&writer, &header);
	assert(writer.failed);
}

static void check_text(const uint8_t *bytes, size_t count)
{
	char again[IP4_TEXT_BYTES];
	char text[64] = {0};
	struct ip4 address, second;
	unsigned prefix;

	memcpy(text, bytes, count < sizeof(text) ? count : sizeof(text) - 1);
	if (ip4_parse(text, &address)) {
		assert(strcmp(ip4_format(address, again), text) == 0);
		assert(ip4_equal(ip4_from(ip4_value(address)), address));
		assert(ip4_is_zero(address) == (strcmp(text, "0.0.0.0") == 0));
	}
	if (ip4_parse_net(text, &address, &prefix)) {
		assert(prefix <= 32 && ip4_parse(ip4_format(address, again), &second) && ip4_equal(address, second));
		assert(ip4_in_net(ip4_from(ip4_value(address) | ~ip4_mask(prefix)), address, prefix));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	check_packet(bytes, count);
	check_text(bytes, count);
	return 0;
}
