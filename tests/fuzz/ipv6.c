/* SPDX-License-Identifier: MIT */
/* covers: src/wire/ipv6.c */
/* The input is a packet, and once more an address or a network as text. */
#include "wire/ipv6.h"

#include <assert.h>
#include <string.h>

#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_extensions(struct reader *reader, const struct ip6_header *header)
{
	struct ip6_extensions extensions;
	uint8_t fragment[IP6_FRAGMENT_BYTES];
	struct ip6_extensions again;
	struct writer writer;
	const uint8_t *start = reader->next;

	if (ip6_extensions_read(reader, header->next_header, &extensions) != DROP_NONE)
		return;
	assert(extensions.count <= IP6_EXTENSIONS_MAX && extensions.bytes <= IP6_EXTENSIONS_BYTES);
	assert(reader->next == start + extensions.bytes && reader->left + extensions.bytes == header->payload_bytes);
#ifdef PLANTED
	if (extensions.fragment && !extensions.more_fragments)
		assert(((const volatile uint8_t *)reader->next)[reader->left] <= 0xff);
#endif
	writer_init(&writer, fragment, sizeof(fragment));
	ip6_fragment_write(&writer, extensions.protocol, extensions.fragment_offset | 8, extensions.more_fragments,
			   extensions.fragment_id);
	reader_init(reader, fragment, sizeof(fragment));
	assert(ip6_extensions_read(reader, IP_PROTOCOL_FRAGMENT, &again) == DROP_NONE);
	assert(again.fragment_offset == (extensions.fragment_offset | 8) &&
	       again.fragment_id == extensions.fragment_id);
}

static void check_address(struct ip6 address)
{
	char text[IP6_TEXT_BYTES];
	struct ip6 again;

	assert(ip6_parse(ip6_format(address, text), &again));
	assert(ip6_equal(address, again) && strlen(text) < sizeof(text));
	assert(ip6_is_zero(address) == (strcmp(text, "::") == 0));
	assert(!ip6_is_multicast(address) || ip6_multicast_mac(address).byte[0] == 0x33);
	assert(ip6_is_multicast(ip6_solicited_node(address)));
}

static void check_packet(const uint8_t *bytes, size_t count)
{
	uint8_t written[IP6_HEADER_BYTES];
	struct ip6_header header;
	struct checksum checksum;
	struct writer writer;
	struct reader reader;

	reader_init(&reader, bytes, count);
	if (ip6_header_read(&reader, count, &header) != DROP_NONE)
		return;
	assert(reader.left == header.payload_bytes);
	writer_init(&writer, written, sizeof(written));
	ip6_header_write(&writer, &header);
	assert(!writer.failed && memcmp(written, bytes, sizeof(written)) == 0);
	ip6_header_patch(written, 0);
	assert(written[IP6_PAYLOAD_LENGTH_AT] == 0 && written[IP6_PAYLOAD_LENGTH_AT + 1] == 0);
	checksum_init(&checksum);
	ip6_pseudo(&checksum, header.from, header.to, header.next_header, header.payload_bytes);
	check_address(header.from);
	check_address(header.to);
	check_extensions(&reader, &header);
}

static void check_text(const uint8_t *bytes, size_t count)
{
	char text[64] = {0};
	struct ip6 address;
	unsigned prefix;

	memcpy(text, bytes, count < sizeof(text) ? count : sizeof(text) - 1);
	if (ip6_parse(text, &address))
		check_address(address);
	if (!ip6_parse_net(text, &address, &prefix))
		return;
	assert(prefix <= 128 && ip6_in_net(address, address, prefix));
	address.byte[15] ^= 1;
	assert(ip6_is_link_local(ip6_link_local(ip6_multicast_mac(address))));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	check_packet(bytes, count);
	check_text(bytes, count);
	return 0;
}
