/* SPDX-License-Identifier: MIT */
/* IPv4 headers, addresses and their text. The checksums in the tables were computed by hand from RFC 1071. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/ip.h"
#include "wire/ipv4.h"

static const struct header_row {
	const char *what;
	const char *bytes;
	size_t packet_bytes; /* 0: as many as there are */
	enum ip4_sum sum;
	enum drop_reason verdict;
	size_t payload; /* what the reader has left */
} header_rows[] = {
	{"an example with its sum", "4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7 00*95", 0, IP4_SUM_CHECK,
	 DROP_NONE, 95},
	{"padding is cut off", "4500 0018 0000 0000 4011 f981 c0a80001 c0a80002 01020304 00*22", 0, IP4_SUM_CHECK,
	 DROP_NONE, 4},
	{"the head of a large packet", "4500 ffff 0000 4000 4006 0000 c0a80001 c0a800c7 00*40", 65535, IP4_SUM_SKIP,
	 DROP_NONE, 40},
	{"options", "4600 0018 0000 0000 4001 648d c0a80001 c0a80002 94040000", 0, IP4_SUM_CHECK, DROP_NONE, 0},
	{"60 bytes of header", "4f00 003c 0000 0000 4001 0000 c0a80001 c0a80002 01*40", 0, IP4_SUM_SKIP, DROP_NONE, 0},
	{"nothing", "", 0, IP4_SUM_CHECK, DROP_IP4_SHORT, 0},
	{"19 bytes", "4500 0073 0000 4000 4011 b861 c0a80001 c0a800", 0, IP4_SUM_CHECK, DROP_IP4_SHORT, 0},
	{"version 6", "6500 0073 0000 4000 4011 b861 c0a80001 c0a800c7 00*95", 0, IP4_SUM_CHECK, DROP_IP4_VERSION, 0},
	{"header of 16 bytes", "4400 0073 0000 4000 4011 b861 c0a80001 c0a800c7 00*95", 0, IP4_SUM_SKIP,
	 DROP_IP4_HEADER_LENGTH, 0},
	{"header beyond the packet", "4600 0014 0000 4000 4011 b861 c0a80001 c0a800c7", 0, IP4_SUM_SKIP,
	 DROP_IP4_HEADER_LENGTH, 0},
	{"header beyond what is seen", "4600 0073 0000 4000 4011 b861 c0a80001 c0a800c7", 200, IP4_SUM_SKIP,
	 DROP_IP4_SHORT, 0},
	{"total below the header", "4500 0013 0000 4000 4011 b861 c0a80001 c0a800c7 00*95", 0, IP4_SUM_SKIP,
	 DROP_IP4_TOTAL_LENGTH, 0},
	{"total of 0", "4500 0000 0000 4000 4011 b861 c0a80001 c0a800c7 00*95", 0, IP4_SUM_SKIP, DROP_IP4_TOTAL_LENGTH,
	 0},
	{"total beyond the packet", "4500 0074 0000 4000 4011 b860 c0a80001 c0a800c7 00*95", 0, IP4_SUM_CHECK,
	 DROP_IP4_TOTAL_LENGTH, 0},
	{"wrong sum", "4500 0073 0000 4000 4011 b862 c0a80001 c0a800c7 00*95", 0, IP4_SUM_CHECK, DROP_IP4_CHECKSUM, 0},
	{"wrong sum, not asked", "4500 0073 0000 4000 4011 b862 c0a80001 c0a800c7 00*95", 0, IP4_SUM_SKIP, DROP_NONE,
	 95},
};

static void headers_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_rows) / sizeof(header_rows[0]); i++) {
		const struct header_row *row = &header_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		struct ip4_header header;
		size_t packet = row->packet_bytes ? row->packet_bytes : hex.count;

		print_message("%s\n", row->what);
		assert_int_equal(ip4_header_read(&reader, packet, row->sum, &header), row->verdict);
		if (row->verdict == DROP_NONE)
			assert_int_equal(reader.left, row->payload);
		hex_done(&hex);
	}
}

static void what_is_written_is_what_is_read(void **state)
{
	static const uint8_t options[4] = {0x94, 4, 0, 0};
	struct ip4_header header = {
		.from = {{10, 0, 2, 2}},
		.to = {{10, 0, 2, 15}},
		.header_bytes = 24,
		.total_bytes = 32,
		.id = 0xbeef,
		.fragment_offset = 1480,
		.dont_fragment = true,
		.more_fragments = true,
		.service = 0xb8,
		.hop_limit = 64,
		.protocol = IP_PROTOCOL_UDP,
		.options = options,
	};
	uint8_t bytes[32] = {0};
	struct ip4_header again;
	struct writer writer;
	struct reader reader;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	ip4_header_write(&writer, &header);
	assert_false(writer.failed);
	assert_int_equal(writer_used(&writer), 24);
	reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(ip4_header_read(&reader, sizeof(bytes), IP4_SUM_CHECK, &again), DROP_NONE);
	assert_int_equal(reader.left, 8);
	assert_true(ip4_equal(again.from, header.from));
	assert_true(ip4_equal(again.to, header.to));
	assert_int_equal(again.header_bytes, 24);
	assert_int_equal(again.total_bytes, 32);
	assert_int_equal(again.id, 0xbeef);
	assert_int_equal(again.fragment_offset, 1480);
	assert_true(again.dont_fragment);
	assert_true(again.more_fragments);
	assert_true(ip4_is_fragment(&again));
	assert_int_equal(again.service, 0xb8);
	assert_int_equal(again.hop_limit, 64);
	assert_int_equal(again.protocol, IP_PROTOCOL_UDP);
	assert_memory_equal(again.options, options, sizeof(options));
}

static void a_patched_header_has_its_sum_again(void **state)
{
	struct hex hex = hex_read("4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7 00*200");
	struct reader reader = hex_reader(&hex);
	struct ip4_header header;

	(void)state;
	ip4_header_patch(hex.bytes, 220, 7);
	assert_int_equal(ip4_header_read(&reader, hex.count, IP4_SUM_CHECK, &header), DROP_NONE);
	assert_int_equal(header.total_bytes, 220);
	assert_int_equal(header.id, 7);
	hex_done(&hex);
}

static void a_header_that_cannot_be_fails_the_writer(void **state)
{
	static const struct ip4_header headers[] = {
		{.header_bytes = 16, .total_bytes = 40},
		{.header_bytes = 64, .total_bytes = 80},
		{.header_bytes = 22, .total_bytes = 40},
		{.header_bytes = 20, .total_bytes = 19},
		{.header_bytes = 20, .total_bytes = 40, .fragment_offset = 4},
	};
	uint8_t bytes[100];

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct writer writer;

		writer_init(&writer, bytes, sizeof(bytes));
		ip4_header_write(&writer, &headers[i]);
		assert_true(writer.failed);
		assert_int_equal(writer_used(&writer), 0);
	}
}

static void the_pseudo_header_is_twelve_bytes(void **state)
{
	/* c0a8 + 0001 + c0a8 + 00c7 + 0011 + 000c = 18235 -> 8236 */
	struct checksum checksum;

	(void)state;
	checksum_init(&checksum);
	ip4_pseudo(&checksum, (struct ip4){{192, 168, 0, 1}}, (struct ip4){{192, 168, 0, 199}}, IP_PROTOCOL_UDP, 12);
	assert_int_equal(be16_value(checksum_partial(&checksum)), 0x8236);
}

static void addresses_have_one_text(void **state)
{
	static const char *const good[] = {"0.0.0.0", "10.0.2.15", "255.255.255.255", "1.20.100.9"};
	static const char *const bad[] = {
		"",
		".",
		"1",
		"1.2.3",
		"1.2.3.",
		"1.2.3.4.",
		"1.2.3.4.5",
		"256.1.1.1",
		"1.2.3.256",
		"01.2.3.4",
		"1.2.3.00",
		"1..3.4",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.-4",
		"1.2.3.4x",
		"0x1.2.3.4",
		"1.2.3.4/24",
		"1.2.3.99999999999",
		"1,2.3.4",
	};
	char text[IP4_TEXT_BYTES];
	struct ip4 address;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(ip4_parse(good[i], &address));
		assert_string_equal(ip4_format(address, text), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		print_message("%s\n", bad[i]);
		assert_false(ip4_parse(bad[i], &address));
	}
}

static void networks_have_a_prefix_or_a_mask(void **state)
{
	static const struct {
		const char *text;
		int prefix; /* -1: refused */
	} rows[] = {
		{"10.0.2.0/24", 24},
		{"10.0.2.0/0", 0},
		{"10.0.2.0/32", 32},
		{"10.0.2.0/255.255.255.0", 24},
		{"10.0.2.0/255.0.0.0", 8},
		{"10.0.2.0/0.0.0.0", 0},
		{"10.0.2.0/255.255.255.255", 32},
		{"10.0.2.0", -1},
		{"10.0.2.0/", -1},
		{"10.0.2.0/33", -1},
		{"10.0.2.0/024", -1},
		{"10.0.2.0/24x", -1},
		{"10.0.2/24", -1},
		{"10.0.2.0/255.0.255.0", -1},
		{"10.0.2.0/-1", -1},
		{"/24", -1},
		{"10.0.2.0//24", -1},
		{"10.0.2.0/255.255.255.1", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip4 address;
		unsigned prefix = 99;

		print_message("%s\n", rows[i].text);
		assert_int_equal(ip4_parse_net(rows[i].text, &address, &prefix), rows[i].prefix >= 0);
		assert_int_equal(prefix, rows[i].prefix >= 0 ? rows[i].prefix : 99);
		if (rows[i].prefix >= 0)
			assert_true(ip4_equal(address, (struct ip4){{10, 0, 2, 0}}));
	}
}

static void addresses_lie_in_nets(void **state)
{
	struct ip4 net = {{10, 0, 2, 0}};

	(void)state;
	assert_int_equal(ip4_mask(0), 0);
	assert_int_equal(ip4_mask(1), 0x80000000);
	assert_int_equal(ip4_mask(24), 0xffffff00);
	assert_int_equal(ip4_mask(32), 0xffffffff);
	assert_true(ip4_in_net((struct ip4){{10, 0, 2, 255}}, net, 24));
	assert_false(ip4_in_net((struct ip4){{10, 0, 3, 0}}, net, 24));
	assert_true(ip4_in_net((struct ip4){{10, 0, 3, 0}}, net, 23));
	assert_true(ip4_in_net((struct ip4){{192, 168, 0, 1}}, net, 0));
	assert_false(ip4_in_net((struct ip4){{10, 0, 2, 1}}, net, 32));
	assert_true(ip4_is_zero((struct ip4){0}));
	assert_true(ip4_is_multicast((struct ip4){{239, 1, 1, 1}}));
	assert_false(ip4_is_multicast((struct ip4){{240, 1, 1, 1}}));
	assert_true(ip4_is_loopback((struct ip4){{127, 9, 9, 9}}));
	assert_true(ip4_equal(ip4_from(0x0a00020f), (struct ip4){{10, 0, 2, 15}}));
	assert_int_equal(ip4_value(IP4_BROADCAST), 0xffffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_get_their_verdicts),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(a_patched_header_has_its_sum_again),
		cmocka_unit_test(a_header_that_cannot_be_fails_the_writer),
		cmocka_unit_test(the_pseudo_header_is_twelve_bytes),
		cmocka_unit_test(addresses_have_one_text),
		cmocka_unit_test(networks_have_a_prefix_or_a_mask),
		cmocka_unit_test(addresses_lie_in_nets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
