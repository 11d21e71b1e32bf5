/* SPDX-License-Identifier: MIT */
/* IPv6 headers, the walk over extension headers, addresses and their text (RFC 5952). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/ip.h"
#include "wire/ipv6.h"

#define ADDRESSES "fe80 00*13 01 ff02 00*13 01 "

static const struct header_row {
	const char *what;
	const char *bytes;
	size_t packet_bytes; /* 0: as many as there are */
	enum drop_reason verdict;
	size_t payload;
} header_rows[] = {
	{"no payload", "60000000 0000 3b 40" ADDRESSES, 0, DROP_NONE, 0},
	{"padding is cut off", "60000000 0004 11 40" ADDRESSES "01020304 00*6", 0, DROP_NONE, 4},
	{"the head of a large packet", "60000000 ffff 06 40" ADDRESSES "00*60", 65575, DROP_NONE, 60},
	{"nothing", "", 0, DROP_IP6_SHORT, 0},
	{"39 bytes", "60000000 0000 3b 40 fe80 00*13 01 ff02 00*13", 0, DROP_IP6_SHORT, 0},
	{"version 4", "40000000 0000 3b 40" ADDRESSES, 0, DROP_IP6_VERSION, 0},
	{"payload beyond the packet", "60000000 0005 11 40" ADDRESSES "01020304", 0, DROP_IP6_PAYLOAD_LENGTH, 0},
	{"payload beyond a large packet", "60000000 ffff 06 40" ADDRESSES "00*60", 65574, DROP_IP6_PAYLOAD_LENGTH, 0},
};

static void headers_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_rows) / sizeof(header_rows[0]); i++) {
		const struct header_row *row = &header_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		struct ip6_header header;
		size_t packet = row->packet_bytes ? row->packet_bytes : hex.count;

		print_message("%s\n", row->what);
		assert_int_equal(ip6_header_read(&reader, packet, &header), row->verdict);
		if (row->verdict == DROP_NONE)
			assert_int_equal(reader.left, row->payload);
		hex_done(&hex);
	}
}

static void what_is_written_is_what_is_read(void **state)
{
	struct ip6_header header = {
		.from = {{0xfd, [15] = 2}},
		.to = {{0xfd, [15] = 15}},
		.flow_label = 0xabcde,
		.payload_bytes = 8,
		.service = 0xb9,
		.next_header = IP_PROTOCOL_UDP,
		.hop_limit = 255,
	};
	uint8_t bytes[IP6_HEADER_BYTES + 16] = {0};
	struct ip6_header again;
	struct writer writer;
	struct reader reader;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	ip6_header_write(&writer, &header);
	assert_false(writer.failed);
	ip6_header_patch(bytes, 16);
	reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(ip6_header_read(&reader, sizeof(bytes), &again), DROP_NONE);
	assert_true(ip6_equal(again.from, header.from));
	assert_true(ip6_equal(again.to, header.to));
	assert_int_equal(again.flow_label, 0xabcde);
	assert_int_equal(again.payload_bytes, 16);
	assert_int_equal(again.service, 0xb9);
	assert_int_equal(again.next_header, IP_PROTOCOL_UDP);
	assert_int_equal(again.hop_limit, 255);
}

static const struct walk_row {
	const char *what;
	uint8_t next_header;
	const char *bytes;
	enum drop_reason verdict;
	struct ip6_extensions found;
} walk_rows[] = {
	{"none", 6, "1234", DROP_NONE, {.protocol = 6}},
	{"no next header", 59, "", DROP_NONE, {.protocol = 59}},
	{"ESP ends the walk", 50, "0000", DROP_NONE, {.protocol = 50}},
	{"hop-by-hop with router alert",
	 0,
	 "3a00 0502 0000 0100 8f00",
	 DROP_NONE,
	 {.protocol = 58, .count = 1, .bytes = 8}},
	{"all kinds",
	 0,
	 "3c00 00*6 2b00 00*6 3300 00*6 8702 00*14 8b00 00*6 8c00 00*6 1100 00*6",
	 DROP_NONE,
	 {.protocol = 17, .count = 7, .bytes = 64}},
	{"first fragment",
	 44,
	 "1100 0001 12345678 0000",
	 DROP_NONE,
	 {.protocol = 17, .count = 1, .bytes = 8, .fragment = true, .more_fragments = true, .fragment_id = 0x12345678}},
	{"atomic fragment",
	 44,
	 "1100 0000 00000007",
	 DROP_NONE,
	 {.protocol = 17, .count = 1, .bytes = 8, .fragment = true, .fragment_id = 7}},
	{"a later fragment ends the walk",
	 44,
	 "0000 05a9 00000007 ffff",
	 DROP_NONE,
	 {.protocol = 0,
	  .count = 1,
	  .bytes = 8,
	  .fragment = true,
	  .more_fragments = true,
	  .fragment_offset = 1448,
	  .fragment_id = 7}},
	{"a second fragment header", 44, "2c00 0001 00000007 1100 0000 00000007", DROP_IP6_EXTENSIONS, {0}},
	{"128 bytes", 60, "060f 00*126", DROP_NONE, {.protocol = 6, .count = 1, .bytes = 128}},
	{"136 bytes", 60, "0610 00*134", DROP_IP6_EXTENSIONS, {0}},
	{"120 bytes, then 16", 60, "3c0e 00*118 0601 00*14", DROP_IP6_EXTENSIONS, {0}},
	{"eight headers",
	 60,
	 "3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 0600 00*6",
	 DROP_NONE,
	 {.protocol = 6, .count = 8, .bytes = 64}},
	{"nine headers",
	 60,
	 "3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 3c00 00*6 0600 00*6",
	 DROP_IP6_EXTENSIONS,
	 {0}},
	{"ends before the header", 0, "", DROP_IP6_EXTENSION_SHORT, {0}},
	{"ends in its first bytes", 0, "3a", DROP_IP6_EXTENSION_SHORT, {0}},
	{"ends inside", 0, "3a00 0502 0000 01", DROP_IP6_EXTENSION_SHORT, {0}},
	{"ends inside a fragment header", 44, "1100 0001 123456", DROP_IP6_EXTENSION_SHORT, {0}},
	{"lies about its length", 0, "3a01 0502 0000 0100", DROP_IP6_EXTENSION_SHORT, {0}},
};

static void extension_headers_are_walked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(walk_rows) / sizeof(walk_rows[0]); i++) {
		const struct walk_row *row = &walk_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		struct ip6_extensions found = {0};

		print_message("%s\n", row->what);
		assert_int_equal(ip6_extensions_read(&reader, row->next_header, &found), row->verdict);
		assert_int_equal(found.protocol, row->found.protocol);
		assert_int_equal(found.count, row->found.count);
		assert_int_equal(found.bytes, row->found.bytes);
		assert_int_equal(found.fragment, row->found.fragment);
		assert_int_equal(found.more_fragments, row->found.more_fragments);
		assert_int_equal(found.fragment_offset, row->found.fragment_offset);
		assert_int_equal(found.fragment_id, row->found.fragment_id);
		if (row->verdict == DROP_NONE)
			assert_int_equal(reader.left, hex.count - found.bytes);
		hex_done(&hex);
	}
}

static void a_written_fragment_header_is_read_again(void **state)
{
	uint8_t bytes[IP6_FRAGMENT_BYTES];
	struct ip6_extensions found;
	struct writer writer;
	struct reader reader;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	ip6_fragment_write(&writer, IP_PROTOCOL_TCP, 1448, true, 99);
	assert_false(writer.failed);
	reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(ip6_extensions_read(&reader, IP_PROTOCOL_FRAGMENT, &found), DROP_NONE);
	assert_int_equal(found.protocol, IP_PROTOCOL_TCP);
	assert_int_equal(found.fragment_offset, 1448);
	assert_true(found.more_fragments);
	assert_int_equal(found.fragment_id, 99);
}

static void the_pseudo_header_is_forty_bytes(void **state)
{
	/* fd00 + 0002 + fd00 + 000f + 003a + 0001 0000 (the length's halves) = 1fa4c -> fa4d */
	struct checksum checksum;

	(void)state;
	checksum_init(&checksum);
	ip6_pseudo(&checksum, (struct ip6){{0xfd, [15] = 2}}, (struct ip6){{0xfd, [15] = 15}}, IP_PROTOCOL_ICMP6,
		   65536);
	assert_int_equal(be16_value(checksum_partial(&checksum)), 0xfa4d);
}

static const char *const good_texts[][2] = {
	{"::", "::"},
	{"::1", "::1"},
	{"1::", "1::"},
	{"fe80::1", "fe80::1"},
	{"FE80::ABCD", "fe80::abcd"},
	{"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"}, /* RFC 5952 4.2.3: the first of equals */
	{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
	{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* RFC 5952 4.2.2: one group is not shortened */
	{"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
	{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"}, /* the longest */
	{"0:0:0:0:0:0:0:0", "::"},
	{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
	{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
	{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
	{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
	{"::ffff:192.0.2.1", "::ffff:192.0.2.1"}, /* RFC 5952 5 */
	{"::ffff:c000:201", "::ffff:192.0.2.1"},
	{"::192.0.2.1", "::c000:201"},
	{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
	{"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

static const char *const bad_texts[] = {
	"",
	":",
	":::",
	"1",
	"1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9",
	"1:2:3:4:5:6:7:8::",
	"::1:2:3:4:5:6:7:8",
	"1::2:3:4:5:6:7:8",
	"1::2::3",
	"12345::",
	"g::",
	"1:",
	":1",
	"1:2:3:4:5:6:7:",
	"fe80::1%eth0",
	"::1 ",
	" ::1",
	"::1.2.3",
	"::1.2.3.4.5",
	"::01.2.3.4",
	"1.2.3.4::",
	"1:2:3:4:5:6:7:1.2.3.4",
	"1.2.3.4",
	"::1::",
	"1:::2",
	"[::1]",
	"::1/64",
	"::-1",
	"::1:",
	"1:2:3:4:5:6:7:8:",
	"::@",
	"::`",
	"::/",
};

static void addresses_have_one_text(void **state)
{
	char text[IP6_TEXT_BYTES];
	struct ip6 address;

	(void)state;
	for (size_t i = 0; i < sizeof(good_texts) / sizeof(good_texts[0]); i++) {
		print_message("%s\n", good_texts[i][0]);
		assert_true(ip6_parse(good_texts[i][0], &address));
		assert_string_equal(ip6_format(address, text), good_texts[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
		print_message("%s\n", bad_texts[i]);
		assert_false(ip6_parse(bad_texts[i], &address));
	}
}

static void networks_have_a_prefix(void **state)
{
	static const struct {
		const char *text;
		int prefix; /* -1: refused */
	} rows[] = {
		{"fd00::/64", 64},  {"fd00::/0", 0},     {"fd00::/128", 128},
		{"fd00::", -1},     {"fd00::/", -1},     {"fd00::/129", -1},
		{"fd00::/064", -1}, {"fd00::/6x", -1},   {"fd00:/64", -1},
		{"/64", -1},        {"fd00::/1000", -1}, {"fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000/64", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip6 address;
		unsigned prefix = 999;

		print_message("%s\n", rows[i].text);
		assert_int_equal(ip6_parse_net(rows[i].text, &address, &prefix), rows[i].prefix >= 0);
		assert_int_equal(prefix, rows[i].prefix >= 0 ? rows[i].prefix : 999);
	}
}

static void addresses_lie_in_nets(void **state)
{
	struct ip6 net = {{0xfd, 0, [7] = 0x10}};
	struct ip6 inside = {{0xfd, 0, [7] = 0x1f, [15] = 1}};

	(void)state;
	assert_true(ip6_in_net(inside, net, 60));
	assert_false(ip6_in_net(inside, net, 61));
	assert_false(ip6_in_net(inside, net, 64));
	assert_true(ip6_in_net(inside, net, 56));
	assert_true(ip6_in_net(inside, net, 0));
	assert_true(ip6_in_net(inside, inside, 128));
	assert_false(ip6_in_net(net, inside, 128));
	assert_false(ip6_in_net((struct ip6){{0xfe}}, net, 60));
}

static void addresses_are_derived(void **state)
{
	struct mac mac = {{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}};
	char text[IP6_TEXT_BYTES];
	char mac_text[MAC_TEXT_BYTES];
	struct ip6 link_local = ip6_link_local(mac);

	(void)state;
	assert_string_equal(ip6_format(link_local, text), "fe80::5054:ff:fe12:3456");
	assert_true(ip6_is_link_local(link_local));
	assert_true(ip6_is_link_local((struct ip6){{0xfe, 0xbf}}));
	assert_false(ip6_is_link_local((struct ip6){{0xfe, 0xc0}}));
	assert_string_equal(ip6_format(ip6_solicited_node(link_local), text), "ff02::1:ff12:3456");
	assert_string_equal(mac_format(ip6_multicast_mac(ip6_solicited_node(link_local)), mac_text),
			    "33:33:ff:12:34:56");
	assert_string_equal(ip6_format(IP6_ALL_NODES, text), "ff02::1");
	assert_string_equal(ip6_format(IP6_ALL_ROUTERS, text), "ff02::2");
	assert_true(ip6_is_multicast(IP6_ALL_NODES));
	assert_true(ip6_is_zero((struct ip6){0}));
	assert_false(ip6_is_zero(link_local));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_get_their_verdicts),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(extension_headers_are_walked),
		cmocka_unit_test(a_written_fragment_header_is_read_again),
		cmocka_unit_test(the_pseudo_header_is_forty_bytes),
		cmocka_unit_test(addresses_have_one_text),
		cmocka_unit_test(networks_have_a_prefix),
		cmocka_unit_test(addresses_lie_in_nets),
		cmocka_unit_test(addresses_are_derived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
