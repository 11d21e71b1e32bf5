/* SPDX-License-Identifier: MIT */
/* IPv6 headers, the walk over extension headers, and addresses. The walk finds the transport and no more: what an
 * option says is looked at by nobody here, and the order of the headers is not judged. */
#include "wire/ipv6.h"

#include <stdio.h>
#include <string.h>

#include "wire/ip.h"
#include "wire/ipv4.h"

enum { IP6_GROUPS = 8 };

struct ip6_wire {
	struct be32 version_class_label;
	struct be16 payload;
	uint8_t next_header;
	uint8_t hop_limit;
	struct ip6 from;
	struct ip6 to;
};

_Static_assert(sizeof(struct ip6_wire) == IP6_HEADER_BYTES, "RFC 8200 3");

enum drop_reason ip6_header_read(struct reader *reader, size_t packet_bytes, struct ip6_header *ret_header)
{
	const uint8_t *bytes = reader_skip(reader, IP6_HEADER_BYTES);
	struct ip6_wire wire;
	uint32_t first;
	uint16_t payload;

	if (!bytes || packet_bytes < IP6_HEADER_BYTES)
		return DROP_IP6_SHORT;
	memcpy(&wire, bytes, sizeof(wire));
	first = be32_value(wire.version_class_label);
	if (first >> 28 != 6)
		return DROP_IP6_VERSION;
	payload = be16_value(wire.payload);
	if (payload > packet_bytes - IP6_HEADER_BYTES)
		return DROP_IP6_PAYLOAD_LENGTH;
	if (reader->left > payload)
		reader->left = payload;
	*ret_header = (struct ip6_header){
		.from = wire.from,
		.to = wire.to,
		.flow_label = first & 0xfffff,
		.payload_bytes = payload,
		.service = (uint8_t)(first >> 20),
		.next_header = wire.next_header,
		.hop_limit = wire.hop_limit,
	};
	return DROP_NONE;
}

void ip6_header_write(struct writer *writer, const struct ip6_header *header)
{
	struct ip6_wire wire = {
		.version_class_label =
			be32_from((uint32_t)6 << 28 | (uint32_t)header->service << 20 | (header->flow_label & 0xfffff)),
		.payload = be16_from(header->payload_bytes),
		.next_header = header->next_header,
		.hop_limit = header->hop_limit,
		.from = header->from,
		.to = header->to,
	};

	writer_copy(writer, &wire, sizeof(wire));
}

void ip6_header_patch(uint8_t *header, uint16_t payload_bytes)
{
	struct be16 payload = be16_from(payload_bytes);

	memcpy(header + IP6_PAYLOAD_LENGTH_AT, payload.byte, sizeof(payload.byte));
}

/* How long the extension header is that begins with these two bytes; 0 when the protocol is no extension. */
static size_t ip6_extension_bytes(uint8_t protocol, uint8_t length)
{
	switch (protocol) {
	case IP_PROTOCOL_HOP_BY_HOP:
	case IP_PROTOCOL_ROUTING:
	case IP_PROTOCOL_DESTINATION:
	case IP_PROTOCOL_MOBILITY:
	case IP_PROTOCOL_HOST_IDENTITY:
	case IP_PROTOCOL_SHIM6:
		return ((size_t)length + 1) * 8; /* RFC 6564 4 */
	case IP_PROTOCOL_FRAGMENT:
		return IP6_FRAGMENT_BYTES;
	case IP_PROTOCOL_AUTHENTICATION:
		return ((size_t)length + 2) * 4; /* RFC 4302 2.2 */
	default:
		return 0;
	}
}

static void ip6_fragment_decode(const uint8_t *bytes, struct ip6_extensions *extensions)
{
	struct reader reader;
	uint16_t offset;

	reader_init(&reader, bytes + 2, IP6_FRAGMENT_BYTES - 2);
	offset = reader_be16(&reader);
	extensions->fragment = true;
	extensions->more_fragments = offset & 1;
	extensions->fragment_offset = offset & 0xfff8;
	extensions->fragment_id = reader_be32(&reader);
}

enum drop_reason ip6_extensions_read(struct reader *reader, uint8_t next_header, struct ip6_extensions *ret_extensions)
{
	struct ip6_extensions extensions = {.protocol = next_header, .protocol_at = IP6_NEXT_HEADER_AT};

	while (ip6_extension_bytes(extensions.protocol, 0) > 0 && extensions.fragment_offset == 0) {
		const uint8_t *bytes = reader->next;
		size_t count;

		if (reader->failed || reader->left < 2)
			return DROP_IP6_EXTENSION_SHORT;
		count = ip6_extension_bytes(extensions.protocol, bytes[1]);
		if (extensions.count == IP6_EXTENSIONS_MAX || extensions.bytes + count > IP6_EXTENSIONS_BYTES)
			return DROP_IP6_EXTENSIONS;
		if (!reader_skip(reader, count))
			return DROP_IP6_EXTENSION_SHORT;
		if (extensions.protocol == IP_PROTOCOL_FRAGMENT) {
			if (extensions.fragment)
				return DROP_IP6_EXTENSIONS; /* RFC 8200 4.1: each at most once */
			ip6_fragment_decode(bytes, &extensions);
			extensions.fragment_protocol = bytes[0];
			extensions.fragment_bytes = (uint16_t)(extensions.bytes + count);
		}
		extensions.protocol = bytes[0];
		extensions.protocol_at = (uint16_t)(IP6_HEADER_BYTES + extensions.bytes);
		extensions.bytes = (uint16_t)(extensions.bytes + count);
		extensions.count++;
	}
	*ret_extensions = extensions;
	return DROP_NONE;
}

void ip6_fragment_write(struct writer *writer, uint8_t next_header, uint16_t offset, bool more, uint32_t id)
{
	writer_u8(writer, next_header);
	writer_u8(writer, 0);
	writer_be16(writer, (uint16_t)((offset & 0xfff8) | more));
	writer_be32(writer, id);
}

void ip6_pseudo(struct checksum *checksum, struct ip6 from, struct ip6 to, uint8_t protocol, uint32_t bytes)
{
	struct {
		struct ip6 from;
		struct ip6 to;
		struct be32 bytes;
		struct be32 protocol;
	} pseudo = {from, to, be32_from(bytes), be32_from(protocol)};

	checksum_add(checksum, &pseudo, sizeof(pseudo));
}

bool ip6_equal(struct ip6 a, struct ip6 b)
{
	return memcmp(a.byte, b.byte, sizeof(a.byte)) == 0;
}

bool ip6_is_zero(struct ip6 address)
{
	return ip6_equal(address, (struct ip6){0});
}

bool ip6_is_link_local(struct ip6 address)
{
	return address.byte[0] == 0xfe && (address.byte[1] & 0xc0) == 0x80;
}

bool ip6_in_net(struct ip6 address, struct ip6 net, unsigned prefix)
{
	unsigned whole = prefix / 8;
	unsigned bits = prefix % 8;

	if (prefix >= 128)
		return ip6_equal(address, net);
	if (memcmp(address.byte, net.byte, whole) != 0)
		return false;
	return ((address.byte[whole] ^ net.byte[whole]) & (0xff00 >> bits) & 0xff) == 0;
}

struct ip6 ip6_link_local(struct mac mac)
{
	const uint8_t *m = mac.byte;

	/* The universal bit is inverted: RFC 4291 appendix A. */
	return (struct ip6){{0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}};
}

struct ip6 ip6_solicited_node(struct ip6 address)
{
	const uint8_t *a = address.byte;

	return (struct ip6){{0xff, 0x02, [11] = 1, 0xff, a[13], a[14], a[15]}};
}

struct mac ip6_multicast_mac(struct ip6 address)
{
	const uint8_t *a = address.byte;

	return (struct mac){{0x33, 0x33, a[12], a[13], a[14], a[15]}};
}

/* One to four hex digits; NULL when there are none, or more. Returns what follows them. */
static const char *group_parse(const char *text, uint16_t *ret_group)
{
	unsigned value = 0;
	int digits = 0;

	for (; digits < 5; digits++, text++) {
		if (*text >= '0' && *text <= '9')
			value = value << 4 | (unsigned)(*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			value = value << 4 | (unsigned)(*text - 'a' + 10);
		else if (*text >= 'A' && *text <= 'F')
			value = value << 4 | (unsigned)(*text - 'A' + 10);
		else
			break;
	}
	if (digits == 0 || digits == 5)
		return NULL;
	*ret_group = (uint16_t)value;
	return text;
}

/* Text as groups, and the place of "::" among them. */
struct ip6_text {
	uint16_t groups[IP6_GROUPS];
	int count;
	int gap; /* before which group; -1: there is none */
};

/* The groups up to the end of the text or to "::"; the last two may be an IPv4 address (RFC 4291 2.2). NULL when they
 * make no sense; else the end, or what follows "::". */
static const char *groups_parse(const char *text, struct ip6_text *parsed)
{
	while (parsed->count < IP6_GROUPS) {
		struct ip4 tail;
		const char *end = group_parse(text, &parsed->groups[parsed->count]);

		if (parsed->count <= IP6_GROUPS - 2 && ip4_parse(text, &tail)) {
			parsed->groups[parsed->count++] = (uint16_t)(ip4_value(tail) >> 16);
			parsed->groups[parsed->count++] = (uint16_t)ip4_value(tail);
			return text + strlen(text);
		}
		if (!end)
			return NULL;
		parsed->count++;
		if (*end == '\0')
			return end;
		if (*end != ':' || end[1] == '\0')
			return NULL;
		if (end[1] == ':') {
			if (parsed->gap >= 0)
				return NULL;
			parsed->gap = parsed->count;
			return end + 2;
		}
		text = end + 1;
	}
	return NULL;
}

bool ip6_parse(const char *text, struct ip6 *ret_address)
{
	struct ip6_text parsed = {.gap = -1};
	struct ip6 address = {0};
	int zeros;

	if (text[0] == ':' && text[1] == ':') {
		parsed.gap = 0;
		text += 2;
	} else {
		text = groups_parse(text, &parsed);
	}
	if (text && *text)
		text = groups_parse(text, &parsed);
	if (!text || *text)
		return false;
	zeros = IP6_GROUPS - parsed.count;
	if (parsed.gap < 0 ? zeros != 0 : zeros < 1)
		return false;
	for (int i = 0; i < parsed.count; i++) {
		int at = parsed.gap >= 0 && i >= parsed.gap ? i + zeros : i;

		address.byte[2 * at] = (uint8_t)(parsed.groups[i] >> 8);
		address.byte[2 * at + 1] = (uint8_t)parsed.groups[i];
	}
	*ret_address = address;
	return true;
}

static bool ip6_parse_prefix(const char *text, unsigned *ret_prefix)
{
	unsigned prefix = 0;
	size_t digits = strlen(text);

	if (digits == 0 || digits > 3 || (digits > 1 && text[0] == '0'))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		prefix = prefix * 10 + (unsigned)(*text - '0');
	}
	if (prefix > 128)
		return false;
	*ret_prefix = prefix;
	return true;
}

bool ip6_parse_net(const char *text, struct ip6 *ret_address, unsigned *ret_prefix)
{
	const char *slash = strchr(text, '/');
	char address_text[IP6_TEXT_BYTES];
	struct ip6 address;
	unsigned prefix;

	if (!slash || slash - text >= IP6_TEXT_BYTES)
		return false;
	memcpy(address_text, text, (size_t)(slash - text));
	address_text[slash - text] = '\0';
	if (!ip6_parse(address_text, &address) || !ip6_parse_prefix(slash + 1, &prefix))
		return false;
	*ret_address = address;
	*ret_prefix = prefix;
	return true;
}

static unsigned ip6_group(struct ip6 address, int at)
{
	return (unsigned)address.byte[2 * at] << 8 | address.byte[2 * at + 1];
}

/* The first of the longest runs of two zero groups or more (RFC 5952 4.2); its length, 0 when there is none. */
static int ip6_longest_zeros(struct ip6 address, int *ret_start)
{
	int longest = 0;

	for (int at = 0; at < IP6_GROUPS; at++) {
		int end = at;

		while (end < IP6_GROUPS && ip6_group(address, end) == 0)
			end++;
		if (end - at >= 2 && end - at > longest) {
			longest = end - at;
			*ret_start = at;
		}
	}
	return longest;
}

/* ::ffff:0:0/96, whose text ends as an IPv4 address (RFC 5952 5). */
static bool ip6_is_mapped(struct ip6 address)
{
	return ip6_in_net(address, (struct ip6){{[10] = 0xff, [11] = 0xff}}, 96);
}

char *ip6_format(struct ip6 address, char *text)
{
	const uint8_t *a = address.byte;
	int start = IP6_GROUPS;
	int zeros = ip6_longest_zeros(address, &start);
	size_t used = 0;

	if (ip6_is_mapped(address)) {
		snprintf(text, IP6_TEXT_BYTES, "::ffff:%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
		return text;
	}
	text[0] = '\0';
	for (int at = 0; at < IP6_GROUPS; at++) {
		if (zeros > 0 && at == start) {
			used += (size_t)snprintf(text + used, IP6_TEXT_BYTES - used, "::");
			at += zeros - 1;
			continue;
		}
		used += (size_t)snprintf(text + used, IP6_TEXT_BYTES - used, "%s%x",
					 used > 0 && text[used - 1] != ':' ? ":" : "", ip6_group(address, at));
	}
	return text;
}
