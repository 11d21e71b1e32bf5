/* SPDX-License-Identifier: MIT */
/* Neighbour discovery: what RFC 4861 refuses, and what an advertisement with every option becomes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/ndp.h"

#define TARGET " fe80 00*11 123456 "
#define SOURCE_MAC " 01 01 525400123456"

enum from {
	FROM_LINK_LOCAL,
	FROM_GLOBAL,
	FROM_NOBODY, /* :: */
};

enum to {
	TO_NODE,
	TO_ALL,
	TO_SOLICITED,
};

static const struct row {
	const char *what;
	enum from from;
	enum to to;
	uint8_t hop_limit;
	const char *bytes;
	enum drop_reason verdict;
} rows[] = {
	{"RS", FROM_LINK_LOCAL, TO_ALL, 255, "85 00 0000 00000000", DROP_NONE},
	{"RS with its MAC", FROM_LINK_LOCAL, TO_ALL, 255, "85 00 0000 00000000" SOURCE_MAC, DROP_NONE},
	{"RS from nobody", FROM_NOBODY, TO_ALL, 255, "85 00 0000 00000000", DROP_NONE},
	{"RS from nobody with a MAC", FROM_NOBODY, TO_ALL, 255, "85 00 0000 00000000" SOURCE_MAC, DROP_NDP_SOURCE},
	{"RS of 7 bytes", FROM_LINK_LOCAL, TO_ALL, 255, "85 00 0000 000000", DROP_NDP_SHORT},
	{"RS that was forwarded", FROM_LINK_LOCAL, TO_ALL, 254, "85 00 0000 00000000", DROP_NDP_HOP_LIMIT},
	{"RS with code 1", FROM_LINK_LOCAL, TO_ALL, 255, "85 01 0000 00000000", DROP_NDP_CODE},
	{"an echo", FROM_LINK_LOCAL, TO_ALL, 255, "80 00 0000 00000000", DROP_ICMP_TYPE},
	{"a redirect", FROM_LINK_LOCAL, TO_ALL, 255, "89 00 0000 00000000", DROP_ICMP_TYPE},
	{"nothing", FROM_LINK_LOCAL, TO_ALL, 255, "", DROP_NDP_SHORT},
	{"NS", FROM_LINK_LOCAL, TO_SOLICITED, 255, "87 00 0000 00000000" TARGET SOURCE_MAC, DROP_NONE},
	{"NS to the node itself", FROM_GLOBAL, TO_NODE, 255, "87 00 0000 00000000" TARGET, DROP_NONE},
	{"NS for a group", FROM_LINK_LOCAL, TO_SOLICITED, 255, "87 00 0000 00000000 ff02 00*13 01", DROP_NDP_TARGET},
	{"NS of 23 bytes", FROM_LINK_LOCAL, TO_SOLICITED, 255, "87 00 0000 00000000 fe80 00*13", DROP_NDP_SHORT},
	{"duplicate address detection", FROM_NOBODY, TO_SOLICITED, 255, "87 00 0000 00000000" TARGET, DROP_NONE},
	{"the same with a nonce", FROM_NOBODY, TO_SOLICITED, 255, "87 00 0000 00000000" TARGET "0e 01 00*6", DROP_NONE},
	{"the same with a MAC", FROM_NOBODY, TO_SOLICITED, 255, "87 00 0000 00000000" TARGET SOURCE_MAC,
	 DROP_NDP_SOURCE},
	{"the same to all nodes", FROM_NOBODY, TO_ALL, 255, "87 00 0000 00000000" TARGET, DROP_NDP_SOURCE},
	{"NA", FROM_LINK_LOCAL, TO_NODE, 255, "88 00 0000 60000000" TARGET "02 01 525400123456", DROP_NONE},
	{"NA unsolicited to all", FROM_LINK_LOCAL, TO_ALL, 255, "88 00 0000 20000000" TARGET, DROP_NONE},
	{"NA solicited to all", FROM_LINK_LOCAL, TO_ALL, 255, "88 00 0000 40000000" TARGET, DROP_NDP_SOURCE},
	{"RA", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*8", DROP_NONE},
	{"RA from a global address", FROM_GLOBAL, TO_ALL, 255, "86 00 0000 40000708 00*8", DROP_NDP_SOURCE},
	{"RA of 15 bytes", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*7", DROP_NDP_SHORT},
	{"option of length 0", FROM_LINK_LOCAL, TO_ALL, 255, "85 00 0000 00000000 0e 00 00*6", DROP_NDP_OPTION_LENGTH},
	{"half an option", FROM_LINK_LOCAL, TO_ALL, 255, "85 00 0000 00000000 01 01 5254", DROP_NDP_OPTION_LENGTH},
	{"an option's first byte", FROM_LINK_LOCAL, TO_ALL, 255, "85 00 0000 00000000 0e", DROP_NDP_OPTION_LENGTH},
	{"MAC of 14 bytes", FROM_LINK_LOCAL, TO_ALL, 255, "85 00 0000 00000000 01 02 00*14", DROP_NDP_OPTION_LENGTH},
	{"prefix of 24 bytes", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*8 03 03 00*22",
	 DROP_NDP_OPTION_LENGTH},
	{"MTU of 16 bytes", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*8 05 02 00*14",
	 DROP_NDP_OPTION_LENGTH},
	{"RDNSS of no address", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*8 19 01 00*6",
	 DROP_NDP_OPTION_LENGTH},
	{"RDNSS of half an address", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*8 19 04 00*30",
	 DROP_NDP_OPTION_LENGTH},
	{"DNSSL of no name", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*8 1f 01 00*6",
	 DROP_NDP_OPTION_LENGTH},
	{"DNSSL beyond the message", FROM_LINK_LOCAL, TO_ALL, 255, "86 00 0000 40000708 00*8 1f 02 00*6",
	 DROP_NDP_OPTION_LENGTH},
};

static struct ip6_header header_of(enum from from, enum to to, uint8_t hop_limit)
{
	static const struct ip6 sources[] = {{{0xfe, 0x80, [15] = 1}}, {{0xfd, [15] = 1}}, {{0}}};
	static const struct ip6 targets[] = {
		{{0xfe, 0x80, [15] = 2}},
		{{0xff, 0x02, [15] = 1}},
		{{0xff, 0x02, [11] = 1, 0xff, 0x12, 0x34, 0x56}},
	};

	return (struct ip6_header){.from = sources[from], .to = targets[to], .hop_limit = hop_limit};
}

static void messages_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct ip6_header ip = header_of(row->from, row->to, row->hop_limit);
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		struct ndp ndp;

		print_message("%s\n", row->what);
		assert_int_equal(ndp_read(&reader, &ip, &ndp), row->verdict);
		hex_done(&hex);
	}
}

static void read_back(const struct ndp *ndp, const struct ip6_header *ip, struct ndp *ret_again)
{
	uint8_t bytes[1500];
	struct writer writer;
	struct reader reader;

	writer_init(&writer, bytes, sizeof(bytes));
	ndp_write(&writer, ndp);
	assert_false(writer.failed);
	assert_int_equal(writer_used(&writer) % 8, 0);
	reader_init(&reader, bytes, writer_used(&writer));
	assert_int_equal(ndp_read(&reader, ip, ret_again), DROP_NONE);
	assert_int_equal(ret_again->type, ndp->type);
}

static void a_written_advertisement_is_read_again(void **state)
{
	struct ip6_header ip = header_of(FROM_LINK_LOCAL, TO_ALL, 255);
	struct ndp again;
	struct ndp ndp = {
		.type = ICMP6_ROUTER_ADVERT,
		.hop_limit = 64,
		.managed = true,
		.lifetime_s = 1800,
		.reachable_ms = 30000,
		.retransmit_ms = 1000,
		.has_source_mac = true,
		.source_mac = {{0x52, 0x55, 0, 0, 0, 2}},
		.mtu_bytes = 1500,
		.prefix_count = 2,
		.prefixes =
			{
				{.net = {{0xfd}},
				 .bits = 64,
				 .on_link = true,
				 .autonomous = true,
				 .valid_s = 86400,
				 .preferred_s = 14400},
				{.net = {{0xfd, 1}}, .bits = 48, .on_link = true, .valid_s = NDP_FOREVER_S},
			},
		.dns_count = 2,
		.dns_s = 1200,
		.dns = {{{0xfd, [15] = 3}}, {{0xfd, [15] = 4}}},
		.search_s = 1201,
		.search = {.count = 2, .name = {"example.org", "lan"}},
	};

	(void)state;
	read_back(&ndp, &ip, &again);
	assert_int_equal(again.hop_limit, 64);
	assert_true(again.managed);
	assert_false(again.other);
	assert_int_equal(again.lifetime_s, 1800);
	assert_int_equal(again.reachable_ms, 30000);
	assert_int_equal(again.retransmit_ms, 1000);
	assert_true(again.has_source_mac);
	assert_true(mac_equal(again.source_mac, ndp.source_mac));
	assert_int_equal(again.mtu_bytes, 1500);
	assert_int_equal(again.prefix_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(ip6_equal(again.prefixes[i].net, ndp.prefixes[i].net));
		assert_int_equal(again.prefixes[i].bits, ndp.prefixes[i].bits);
		assert_int_equal(again.prefixes[i].on_link, ndp.prefixes[i].on_link);
		assert_int_equal(again.prefixes[i].autonomous, ndp.prefixes[i].autonomous);
		assert_int_equal(again.prefixes[i].valid_s, ndp.prefixes[i].valid_s);
		assert_int_equal(again.prefixes[i].preferred_s, ndp.prefixes[i].preferred_s);
		assert_true(ip6_equal(again.dns[i], ndp.dns[i]));
		assert_string_equal(again.search.name[i], ndp.search.name[i]);
	}
	assert_int_equal(again.dns_count, 2);
	assert_int_equal(again.dns_s, 1200);
	assert_int_equal(again.search.count, 2);
	assert_int_equal(again.search_s, 1201);
}

static void an_advertisement_is_laid_out_as_the_rfcs_say(void **state)
{
	struct hex expected = hex_read("86 00 0000 40 40 0708 00000000 00000000"
				       " 01 01 525500000002"
				       " 05 01 0000 000005dc"
				       " 03 04 40 c0 00015180 00003840 00000000 fd00 00*14"
				       " 19 03 0000 000004b0 fd00 00*13 03"
				       " 1f 02 0000 000004b0 036c616e 00 00*3");
	struct ndp ndp = {
		.type = ICMP6_ROUTER_ADVERT,
		.hop_limit = 64,
		.other = true,
		.lifetime_s = 1800,
		.has_source_mac = true,
		.source_mac = {{0x52, 0x55, 0, 0, 0, 2}},
		.mtu_bytes = 1500,
		.prefix_count = 1,
		.prefixes = {{.net = {{0xfd}},
			      .bits = 64,
			      .on_link = true,
			      .autonomous = true,
			      .valid_s = 86400,
			      .preferred_s = 14400}},
		.dns_count = 1,
		.dns_s = 1200,
		.dns = {{{0xfd, [15] = 3}}},
		.search_s = 1200,
		.search = {.count = 1, .name = {"lan"}},
	};
	uint8_t bytes[1500];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	ndp_write(&writer, &ndp);
	assert_int_equal(writer_used(&writer), expected.count);
	assert_memory_equal(bytes, expected.bytes, expected.count);
	hex_done(&expected);
}

static void written_neighbour_messages_are_read_again(void **state)
{
	struct ip6_header ip = header_of(FROM_LINK_LOCAL, TO_NODE, 255);
	struct ndp advert = {
		.type = ICMP6_NEIGHBOUR_ADVERT,
		.target = {{0xfe, 0x80, [15] = 9}},
		.router = true,
		.solicited = true,
		.override = true,
		.has_target_mac = true,
		.target_mac = {{2, 0, 0, 0, 0, 9}},
	};
	struct ndp solicit = {
		.type = ICMP6_NEIGHBOUR_SOLICIT,
		.target = {{0xfd, [15] = 9}},
		.has_source_mac = true,
		.source_mac = {{2, 0, 0, 0, 0, 8}},
	};
	struct ndp router = {.type = ICMP6_ROUTER_SOLICIT, .has_source_mac = true, .source_mac = {{2, 0, 0, 0, 0, 8}}};
	struct ndp again;

	(void)state;
	read_back(&advert, &ip, &again);
	assert_true(ip6_equal(again.target, advert.target));
	assert_true(again.router && again.solicited && again.override);
	assert_true(again.has_target_mac && mac_equal(again.target_mac, advert.target_mac));
	read_back(&solicit, &ip, &again);
	assert_true(ip6_equal(again.target, solicit.target));
	assert_true(again.has_source_mac && mac_equal(again.source_mac, solicit.source_mac));
	assert_false(again.router || again.solicited || again.override);
	read_back(&router, &ip, &again);
	assert_true(again.has_source_mac && mac_equal(again.source_mac, solicit.source_mac));
}

static void options_where_they_may_not_be_are_ignored(void **state)
{
	struct hex hex =
		hex_read("88 00 0000 00000000" TARGET SOURCE_MAC "05 01 0000 000005dc 19 03 00*22 1f 02 00*14");
	struct ip6_header ip = header_of(FROM_LINK_LOCAL, TO_NODE, 255);
	struct reader reader = hex_reader(&hex);
	struct ndp ndp;

	(void)state;
	assert_int_equal(ndp_read(&reader, &ip, &ndp), DROP_NONE);
	assert_false(ndp.has_source_mac);
	assert_false(ndp.has_target_mac);
	assert_int_equal(ndp.mtu_bytes, 0);
	assert_int_equal(ndp.dns_count, 0);
	assert_int_equal(ndp.search.count, 0);
	hex_done(&hex);
}

static void what_is_too_much_or_wrong_in_an_advertisement_is_left_out(void **state)
{
	struct hex hex =
		hex_read("86 00 0000 40000708 00*8"
			 " 03 04 81 c0 00*28" /* 129 bits */
			 " 03 04 40 c0 00*28 03 04 40 c0 00*28 03 04 40 c0 00*28 03 04 40 c0 00*28 03 04 40 c0 00*28"
			 " 19 0b 0000 00000001 fd*80"
			 " 01 01 020000000001 01 01 020000000002"
			 " 1f 02 0000 00000005 05 61 00*6" /* ends inside a label */
			 " 1f 02 0000 00000006 00*8");     /* no name */
	struct ip6_header ip = header_of(FROM_LINK_LOCAL, TO_ALL, 255);
	struct reader reader = hex_reader(&hex);
	struct ndp ndp;

	(void)state;
	assert_int_equal(ndp_read(&reader, &ip, &ndp), DROP_NONE);
	assert_int_equal(ndp.prefix_count, NDP_PREFIXES_MAX);
	assert_int_equal(ndp.prefixes[0].bits, 64);
	assert_int_equal(ndp.dns_count, NDP_DNS_MAX);
	assert_int_equal(ndp.source_mac.byte[5], 1);
	assert_int_equal(ndp.search.count, 0);
	assert_int_equal(ndp.search_s, 0);
	hex_done(&hex);
}

static void a_name_that_cannot_be_fails_the_writer(void **state)
{
	struct ndp ndp = {.type = ICMP6_ROUTER_ADVERT, .search = {.count = 1, .name = {"a..b"}}};
	uint8_t bytes[1500];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	ndp_write(&writer, &ndp);
	assert_true(writer.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_get_their_verdicts),
		cmocka_unit_test(a_written_advertisement_is_read_again),
		cmocka_unit_test(an_advertisement_is_laid_out_as_the_rfcs_say),
		cmocka_unit_test(written_neighbour_messages_are_read_again),
		cmocka_unit_test(options_where_they_may_not_be_are_ignored),
		cmocka_unit_test(what_is_too_much_or_wrong_in_an_advertisement_is_left_out),
		cmocka_unit_test(a_name_that_cannot_be_fails_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
