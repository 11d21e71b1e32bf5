/* SPDX-License-Identifier: MIT */
/* IPv4 headers and addresses. Options are carried, never interpreted: nobody here routes by them. */
#include "wire/ipv4.h"

#include <stdio.h>
#include <string.h>

enum ip4_fragment_bits {
	IP4_DONT_FRAGMENT = 0x4000,
	IP4_MORE_FRAGMENTS = 0x2000,
	IP4_OFFSET_MASK = 0x1fff,
};

struct ip4_wire {
	uint8_t version_length;
	uint8_t service;
	struct be16 total;
	struct be16 id;
	struct be16 fragment;
	uint8_t hop_limit;
	uint8_t protocol;
	struct be16 checksum;
	struct ip4 from;
	struct ip4 to;
};

_Static_assert(sizeof(struct ip4_wire) == IP4_HEADER_BYTES, "RFC 791 3.1");
_Static_assert(offsetof(struct ip4_wire, checksum) == IP4_CHECKSUM_AT, "RFC 791 3.1");

static struct be16 ip4_header_sum(const uint8_t *header, size_t bytes)
{
	struct checksum checksum;

	checksum_init(&checksum);
	checksum_add(&checksum, header, bytes);
	return checksum_final(&checksum);
}

static void ip4_header_decode(const struct ip4_wire *wire, struct ip4_header *ret_header)
{
	uint16_t fragment = be16_value(wire->fragment);

	*ret_header = (struct ip4_header){
		.from = wire->from,
		.to = wire->to,
		.header_bytes = (uint16_t)((wire->version_length & 15) * 4),
		.total_bytes = be16_value(wire->total),
		.id = be16_value(wire->id),
		.fragment_offset = (uint16_t)((fragment & IP4_OFFSET_MASK) * 8),
		.dont_fragment = fragment & IP4_DONT_FRAGMENT,
		.more_fragments = fragment & IP4_MORE_FRAGMENTS,
		.service = wire->service,
		.hop_limit = wire->hop_limit,
		.protocol = wire->protocol,
	};
}

enum drop_reason ip4_header_read(struct reader *reader, size_t packet_bytes, enum ip4_sum sum,
				 struct ip4_header *ret_header)
{
	const uint8_t *bytes = reader_skip(reader, IP4_HEADER_BYTES);
	const uint8_t *options = NULL;
	struct ip4_header header;
	struct ip4_wire wire;
	size_t payload;

	if (!bytes)
		return DROP_IP4_SHORT;
	memcpy(&wire, bytes, sizeof(wire));
	if (wire.version_length >> 4 != 4)
		return DROP_IP4_VERSION;
	ip4_header_decode(&wire, &header);
	if (header.header_bytes < IP4_HEADER_BYTES || header.header_bytes > packet_bytes)
		return DROP_IP4_HEADER_LENGTH;
	if (header.total_bytes < header.header_bytes || header.total_bytes > packet_bytes)
		return DROP_IP4_TOTAL_LENGTH;
	if (header.header_bytes > IP4_HEADER_BYTES) {
		options = reader_skip(reader, (size_t)header.header_bytes - IP4_HEADER_BYTES);
		if (!options)
			return DROP_IP4_SHORT;
		header.options = options;
	}
	if (sum == IP4_SUM_CHECK && be16_value(ip4_header_sum(bytes, header.header_bytes)) != 0)
		return DROP_IP4_CHECKSUM;
	payload = (size_t)header.total_bytes - header.header_bytes;
	if (reader->left > payload)
		reader->left = payload;
	*ret_header = header;
	return DROP_NONE;
}

static bool ip4_header_valid(const struct ip4_header *header)
{
	return header->header_bytes >= IP4_HEADER_BYTES && header->header_bytes <= IP4_HEADER_MAX &&
	       header->header_bytes % 4 == 0 && header->total_bytes >= header->header_bytes &&
	       header->fragment_offset % 8 == 0;
}

void ip4_header_write(struct writer *writer, const struct ip4_header *header)
{
	struct ip4_wire wire = {
		.version_length = (uint8_t)(4 << 4 | header->header_bytes / 4),
		.service = header->service,
		.hop_limit = header->hop_limit,
		.protocol = header->protocol,
		.from = header->from,
		.to = header->to,
	};
	uint8_t *room = NULL;

	if (ip4_header_valid(header))
		room = writer_skip(writer, header->header_bytes);
	if (!room) {
		writer->failed = true;
		return;
	}
	wire.fragment =
		be16_from((uint16_t)((header->dont_fragment ? IP4_DONT_FRAGMENT : 0) |
				     (header->more_fragments ? IP4_MORE_FRAGMENTS : 0) | header->fragment_offset / 8));
	memcpy(room, &wire, sizeof(wire));
	if (header->options)
		memcpy(room + IP4_HEADER_BYTES, header->options, (size_t)header->header_bytes - IP4_HEADER_BYTES);
	ip4_header_patch(room, header->total_bytes, header->id);
}

void ip4_header_patch(uint8_t *header, uint16_t total_bytes, uint16_t id)
{
	struct be16 total = be16_from(total_bytes);
	struct be16 identification = be16_from(id);
	struct be16 sum = {0};

	memcpy(header + IP4_TOTAL_LENGTH_AT, total.byte, sizeof(total.byte));
	memcpy(header + IP4_ID_AT, identification.byte, sizeof(identification.byte));
	memcpy(header + IP4_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
	sum = ip4_header_sum(header, (size_t)(header[0] & 15) * 4);
	memcpy(header + IP4_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
}

void ip4_pseudo(struct checksum *checksum, struct ip4 from, struct ip4 to, uint8_t protocol, uint16_t bytes)
{
	struct {
		struct ip4 from;
		struct ip4 to;
		uint8_t zero;
		uint8_t protocol;
		struct be16 bytes;
	} pseudo = {from, to, 0, protocol, be16_from(bytes)};

	checksum_add(checksum, &pseudo, sizeof(pseudo));
}

bool ip4_equal(struct ip4 a, struct ip4 b)
{
	return memcmp(a.byte, b.byte, sizeof(a.byte)) == 0;
}

bool ip4_is_zero(struct ip4 address)
{
	return ip4_value(address) == 0;
}

bool ip4_in_net(struct ip4 address, struct ip4 net, unsigned prefix)
{
	return ((ip4_value(address) ^ ip4_value(net)) & ip4_mask(prefix)) == 0;
}

uint32_t ip4_value(struct ip4 address)
{
	return (uint32_t)address.byte[0] << 24 | (uint32_t)address.byte[1] << 16 | (uint32_t)address.byte[2] << 8 |
	       (uint32_t)address.byte[3];
}

struct ip4 ip4_from(uint32_t value)
{
	return (struct ip4){{(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value}};
}

uint32_t ip4_mask(unsigned prefix)
{
	if (prefix == 0)
		return 0;
	return prefix >= 32 ? UINT32_MAX : UINT32_MAX << (32 - prefix);
}

/* A decimal number without leading zeros, at most `most`; NULL when there is none. Returns what follows it. */
static const char *decimal_parse(const char *text, unsigned most, unsigned *ret_value)
{
	unsigned value = 0;
	const char *at = text;

	while (*at >= '0' && *at <= '9') {
		value = value * 10 + (unsigned)(*at++ - '0');
		if (value > most || (at - text > 1 && *text == '0'))
			return NULL;
	}
	if (at == text)
		return NULL;
	*ret_value = value;
	return at;
}

/* The address that `text` begins with; NULL when it does not. Returns what follows it. */
static const char *ip4_parse_start(const char *text, struct ip4 *ret_address)
{
	struct ip4 address;

	for (int i = 0; i < 4; i++) {
		unsigned value = 0;

		if (i > 0 && *text++ != '.')
			return NULL;
		text = decimal_parse(text, 255, &value);
		if (!text)
			return NULL;
		address.byte[i] = (uint8_t)value;
	}
	*ret_address = address;
	return text;
}

bool ip4_parse(const char *text, struct ip4 *ret_address)
{
	struct ip4 address;
	const char *end = ip4_parse_start(text, &address);

	if (!end || *end)
		return false;
	*ret_address = address;
	return true;
}

/* 255.255.255.0: ones, then zeros. */
static bool ip4_parse_netmask(const char *text, unsigned *ret_prefix)
{
	struct ip4 mask;

	if (!ip4_parse(text, &mask))
		return false;
	for (unsigned prefix = 0; prefix <= 32; prefix++) {
		if (ip4_mask(prefix) == ip4_value(mask)) {
			*ret_prefix = prefix;
			return true;
		}
	}
	return false;
}

bool ip4_parse_net(const char *text, struct ip4 *ret_address, unsigned *ret_prefix)
{
	struct ip4 address;
	unsigned prefix = 0;
	const char *slash = ip4_parse_start(text, &address);
	const char *end;

	if (!slash || *slash != '/')
		return false;
	end = decimal_parse(slash + 1, 32, &prefix);
	if ((!end || *end) && !ip4_parse_netmask(slash + 1, &prefix))
		return false;
	*ret_address = address;
	*ret_prefix = prefix;
	return true;
}

char *ip4_format(struct ip4 address, char *text)
{
	snprintf(text, IP4_TEXT_BYTES, "%u.%u.%u.%u", address.byte[0], address.byte[1], address.byte[2],
		 address.byte[3]);
	return text;
}
