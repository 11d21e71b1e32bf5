/* SPDX-License-Identifier: MIT */
/* DHCPv4: what is refused, what a client's message becomes, and options that are long, split or stand elsewhere. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/dhcp4.h"

/* op htype hlen hops, xid, secs flags, four addresses, chaddr, sname, file, cookie */
#define FIXED "01 01 06 00 12345678 0000 8000 00*16 525400123456 00*10 00*64 00*128 "
#define COOKIE " 63825363 "

static const struct read_row {
	const char *what;
	const char *bytes;
	enum drop_reason verdict;
} read_rows[] = {
	{"a discover", FIXED COOKIE "350101 ff", DROP_NONE},
	{"without its end", FIXED COOKIE "350101", DROP_NONE},
	{"no option", FIXED COOKIE, DROP_NONE},
	{"anything behind the end", FIXED COOKIE "350101 ff 35ff", DROP_NONE},
	{"nothing", "", DROP_DHCP4_SHORT},
	{"235 bytes", "01 01 06 00 12345678 0000 8000 00*16 525400123456 00*10 00*64 00*127", DROP_DHCP4_SHORT},
	{"operation 3", "03 01 06 00 00*232" COOKIE, DROP_DHCP4_FORMAT},
	{"token ring", "01 06 06 00 00*232" COOKIE, DROP_DHCP4_FORMAT},
	{"MAC of 16 bytes", "01 01 10 00 00*232" COOKIE, DROP_DHCP4_FORMAT},
	{"BOOTP without a cookie", FIXED, DROP_DHCP4_COOKIE},
	{"another cookie", FIXED "63825364 ff", DROP_DHCP4_COOKIE},
	{"half a cookie", FIXED "6382", DROP_DHCP4_COOKIE},
	{"an option without a length", FIXED COOKIE "350101 0c", DROP_DHCP4_OPTION_LENGTH},
	{"an option beyond the message", FIXED COOKIE "350101 0c05 766d3100", DROP_DHCP4_OPTION_LENGTH},
	{"overload of 2 bytes", FIXED COOKIE "34020101 ff", DROP_DHCP4_OPTION_LENGTH},
	{"overload of nothing", FIXED COOKIE "3400 ff", DROP_DHCP4_OPTION_LENGTH},
	{"overload 4 is ignored", FIXED COOKIE "340104 ff", DROP_NONE},
	{"overloaded, empty", FIXED COOKIE "340103 ff", DROP_NONE},
	{"a lie in file", "01 01 06 00 00*40 00*64 0c 80 00*126" COOKIE "340101 ff", DROP_DHCP4_OPTION_LENGTH},
	{"a lie in the server's name", "01 01 06 00 00*40 0c 3f 00*62 00*128" COOKIE "340102 ff",
	 DROP_DHCP4_OPTION_LENGTH},
	{"the same, not overloaded", "01 01 06 00 00*40 0c 3f 00*62 00*128" COOKIE "340101 ff", DROP_NONE},
};

static void messages_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(read_rows) / sizeof(read_rows[0]); i++) {
		struct hex hex = hex_read(read_rows[i].bytes);
		struct reader reader = hex_reader(&hex);
		struct dhcp4 message;

		print_message("%s\n", read_rows[i].what);
		assert_int_equal(dhcp4_read(&reader, &message), read_rows[i].verdict);
		hex_done(&hex);
	}
}

static const struct request_row {
	const char *what;
	const char *options;
	enum drop_reason verdict;
	const char *hostname;
} request_rows[] = {
	{"a discover", "350101 ff", DROP_NONE, ""},
	{"no type", "ff", DROP_DHCP4_TYPE, NULL},
	{"type 0", "350100 ff", DROP_DHCP4_TYPE, NULL},
	{"type 9", "350109 ff", DROP_DHCP4_TYPE, NULL},
	{"type of 2 bytes", "35020101 ff", DROP_DHCP4_OPTION_LENGTH, NULL},
	{"type of nothing", "3500 ff", DROP_DHCP4_OPTION_LENGTH, NULL},
	{"requested address of 3 bytes", "350103 32030a0002 ff", DROP_DHCP4_OPTION_LENGTH, NULL},
	{"server of 5 bytes", "350103 36050a00020202 ff", DROP_DHCP4_OPTION_LENGTH, NULL},
	{"lease of 2 bytes", "350103 33020010 ff", DROP_DHCP4_OPTION_LENGTH, NULL},
	{"message size of 1 byte", "350103 390104 ff", DROP_DHCP4_OPTION_LENGTH, NULL},
	{"an empty host name", "350101 0c00 ff", DROP_NONE, ""},
	{"a host name", "350101 0c03766d31 ff", DROP_NONE, "vm1"},
	{"a host name with a NUL", "350101 0c04766d3100 ff", DROP_NONE, "vm1"},
	{"a host name with a dot", "350101 0c04766d312e ff", DROP_NONE, "vm1"},
	{"a NUL inside", "350101 0c0376006d ff", DROP_NONE, ""},
	{"a blank inside", "350101 0c0376206d ff", DROP_NONE, ""},
	{"81 in ASCII goes first", "350101 5106 000000766d32 0c03766d31 ff", DROP_NONE, "vm2"},
	{"81 as labels", "350101 0c03766d31 5107 050000 03766d32 ff", DROP_NONE, "vm2"},
	{"81 with the root", "350101 5108 050000 03766d32 00 ff", DROP_NONE, "vm2"},
	{"81 empty", "350101 0c03766d31 5103 050000 ff", DROP_NONE, ""},
	{"81 without result codes", "350101 0c03766d31 5102 0500 ff", DROP_NONE, "vm1"},
	{"81 that lies", "350101 5105 050000 3f61 ff", DROP_NONE, ""},
};

static void requests_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(request_rows) / sizeof(request_rows[0]); i++) {
		const struct request_row *row = &request_rows[i];
		struct hex hex = hex_read(row->options);
		struct dhcp4 message = {.options = hex.bytes, .options_bytes = hex.count};
		struct dhcp4_request request;

		print_message("%s\n", row->what);
		assert_int_equal(dhcp4_request_read(&message, &request), row->verdict);
		if (row->hostname)
			assert_string_equal(request.hostname, row->hostname);
		hex_done(&hex);
	}
}

static void everything_a_client_says_is_found(void **state)
{
	struct hex hex = hex_read("350103 3204 0a00020f 3604 0a000202 3304 00000e10 3902 05dc 5d02 0007 5000"
				  " 3d07 01525400123456 3706 010306777901 3c09 505845436c69656e74 ff");
	struct dhcp4 message = {.options = hex.bytes, .options_bytes = hex.count};
	struct dhcp4_request request;

	(void)state;
	assert_int_equal(dhcp4_request_read(&message, &request), DROP_NONE);
	assert_int_equal(request.type, DHCP4_REQUEST);
	assert_true(request.has_requested && ip4_equal(request.requested, (struct ip4){{10, 0, 2, 15}}));
	assert_true(request.has_server_id && ip4_equal(request.server_id, (struct ip4){{10, 0, 2, 2}}));
	assert_int_equal(request.lease_s, 3600);
	assert_int_equal(request.message_bytes, 1500);
	assert_true(request.has_architecture);
	assert_int_equal(request.architecture, 7);
	assert_true(request.rapid_commit);
	assert_int_equal(request.client_id_bytes, 7);
	assert_int_equal(request.client_id[0], 1);
	assert_true(dhcp4_request_wants(&request, DHCP4_OPTION_SEARCH));
	assert_true(dhcp4_request_wants(&request, DHCP4_OPTION_ROUTES));
	assert_false(dhcp4_request_wants(&request, DHCP4_OPTION_MTU));
	assert_int_equal(request.vendor_class_bytes, 9);
	assert_memory_equal(request.vendor_class, "PXEClient", 9);
	hex_done(&hex);
}

static void what_is_not_said_has_its_default(void **state)
{
	struct hex hex = hex_read("350101 3902 0010 3d01 01 3700 5d01 00 ff");
	struct dhcp4 message = {.options = hex.bytes, .options_bytes = hex.count};
	struct dhcp4_request request;

	(void)state;
	assert_int_equal(dhcp4_request_read(&message, &request), DROP_NONE);
	assert_int_equal(request.message_bytes, DHCP4_CLIENT_MESSAGE_MIN);
	assert_int_equal(request.client_id_bytes, 0); /* RFC 2132 9.14: two bytes at least */
	assert_int_equal(request.parameter_count, 0);
	assert_false(dhcp4_request_wants(&request, DHCP4_OPTION_DNS));
	assert_false(request.has_architecture);
	assert_false(request.has_requested);
	hex_done(&hex);
}

static void options_stand_in_file_and_server_name_too(void **state)
{
	struct hex hex =
		hex_read("01 01 06 00 12345678 0000 8000 00*16 525400123456 00*10"
			 " 77 03 626172 00*59" /* sname: pieces of 119, padding, no end */
			 " 77 03 036261 35 01 01 ff 00*119" /* file */ COOKIE " 340103 7706 03666f6f 0002 00 00 ff");
	struct reader reader = hex_reader(&hex);
	struct dhcp4_option option;
	struct dhcp4_walk walk;
	struct dhcp4 message;
	uint8_t joined[16];
	int pieces = 0;

	(void)state;
	assert_int_equal(dhcp4_read(&reader, &message), DROP_NONE);
	dhcp4_walk_init(&walk, &message);
	while (dhcp4_walk_next(&walk, &option))
		pieces++;
	assert_false(dhcp4_walk_next(&walk, &option));
	assert_int_equal(pieces, 5);
	assert_int_equal(dhcp4_option_join(&message, DHCP4_OPTION_SEARCH, joined, sizeof(joined)), 12);
	assert_memory_equal(joined,
			    "\x03"
			    "foo\x00\x02\x03"
			    "babar",
			    12); /* options, file, server name: RFC 3396 5 */
	assert_int_equal(dhcp4_option_join(&message, DHCP4_OPTION_SEARCH, joined, 11), -1);
	assert_int_equal(dhcp4_option_join(&message, DHCP4_OPTION_DNS, joined, sizeof(joined)), -1);
	hex_done(&hex);
}

static const struct search_row {
	const char *what;
	const char *options;
	bool good;
	size_t count;
	const char *last;
} search_rows[] = {
	{"RFC 3397's example", "7709 03656e67 056170706c 7706 65 03636f6d 00 770c 096d61726b6574696e67 c004 ff", true,
	 2, "marketing.apple.com"},
	{"absent", "ff", false, 0, NULL},
	{"empty", "7700 ff", false, 0, NULL},
	{"the root alone", "7701 00 ff", true, 0, NULL},
	{"a pointer into itself", "7702 c000 ff", false, 0, NULL},
	{"cut short", "7703 03 6162 ff", false, 0, NULL},
};

static void search_lists_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(search_rows) / sizeof(search_rows[0]); i++) {
		const struct search_row *row = &search_rows[i];
		struct hex hex = hex_read(row->options);
		struct dhcp4 message = {.options = hex.bytes, .options_bytes = hex.count};
		struct domain_list search = {0};

		print_message("%s\n", row->what);
		assert_int_equal(dhcp4_search_read(&message, &search), row->good);
		assert_int_equal(search.count, row->count);
		if (row->last)
			assert_string_equal(search.name[search.count - 1], row->last);
		hex_done(&hex);
	}
}

static void routes_of_nonsense_are_refused(void **state)
{
	static const char *const bad[] = {"ff", "7900 ff", "7906 21 0a 0a000202 ff", "7904 18 0a0002 ff", "7901 00 ff"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hex hex = hex_read(bad[i]);
		struct dhcp4 message = {.options = hex.bytes, .options_bytes = hex.count};
		struct dhcp4_route route;
		size_t count;

		print_message("%s\n", bad[i]);
		assert_false(dhcp4_routes_read(&message, &route, 1, &count));
		hex_done(&hex);
	}
}

static void read_options(struct writer *writer, struct dhcp4 *ret_message)
{
	struct reader reader;

	assert_false(writer->failed);
	reader_init(&reader, writer->start, writer_used(writer));
	assert_int_equal(dhcp4_read(&reader, ret_message), DROP_NONE);
}

static void what_is_written_is_what_is_read(void **state)
{
	static const uint8_t file[DHCP4_FILE_BYTES] = "pxelinux.0";
	static const uint8_t server_name[DHCP4_SERVER_NAME_BYTES] = "boot";
	struct dhcp4 message = {
		.operation = DHCP4_BOOTREPLY,
		.hops = 1,
		.transaction = 0xdeadbeef,
		.seconds = 3,
		.flags = DHCP4_FLAG_BROADCAST,
		.client = {{10, 0, 2, 1}},
		.yours = {{10, 0, 2, 15}},
		.server = {{10, 0, 2, 2}},
		.relay = {{10, 0, 9, 9}},
		.mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}},
		.file = file,
		.server_name = server_name,
	};
	uint8_t bytes[576];
	struct dhcp4 again;
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp4_write(&writer, &message);
	dhcp4_u8_write(&writer, DHCP4_OPTION_TYPE, DHCP4_ACK);
	dhcp4_end_write(&writer);
	assert_int_equal(writer_used(&writer), DHCP4_BYTES_MIN);
	read_options(&writer, &again);
	assert_int_equal(again.operation, DHCP4_BOOTREPLY);
	assert_int_equal(again.hops, 1);
	assert_int_equal(again.transaction, 0xdeadbeef);
	assert_int_equal(again.seconds, 3);
	assert_int_equal(again.flags, DHCP4_FLAG_BROADCAST);
	assert_true(ip4_equal(again.client, message.client));
	assert_true(ip4_equal(again.yours, message.yours));
	assert_true(ip4_equal(again.server, message.server));
	assert_true(ip4_equal(again.relay, message.relay));
	assert_true(mac_equal(again.mac, message.mac));
	assert_memory_equal(again.file, file, sizeof(file));
	assert_memory_equal(again.server_name, server_name, sizeof(server_name));
	assert_int_equal(again.overload, 0);
}

/* A message's options as they stand behind the cookie. */
static void expect_options(struct writer *writer, const char *expected_text)
{
	struct hex expected = hex_read(expected_text);

	assert_false(writer->failed);
	assert_int_equal(writer_used(writer), expected.count);
	assert_memory_equal(writer->start, expected.bytes, expected.count);
	hex_done(&expected);
}

static void options_are_laid_out_as_the_rfcs_say(void **state)
{
	static const struct ip4 servers[2] = {{{10, 0, 2, 3}}, {{10, 0, 2, 4}}};
	static const struct dhcp4_route routes[3] = {
		{{{10, 0, 2, 99}}, 0, {{10, 0, 2, 2}}},
		{{{10, 229, 0, 128}}, 25, {{10, 0, 2, 2}}},
		{{{10, 17, 5, 5}}, 12, {{0}}},
	};
	struct domain_list search = {.count = 2, .name = {"a.b", "c"}};
	struct domain_list none = {0};
	uint8_t bytes[576];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp4_u16_write(&writer, DHCP4_OPTION_MTU, 1500);
	dhcp4_u32_write(&writer, DHCP4_OPTION_LEASE_TIME, 3600);
	dhcp4_ip4_write(&writer, DHCP4_OPTION_DNS, servers, 2);
	dhcp4_ip4_write(&writer, DHCP4_OPTION_ROUTER, servers, 0);
	dhcp4_text_write(&writer, DHCP4_OPTION_DOMAIN, "lan");
	dhcp4_text_write(&writer, DHCP4_OPTION_BOOT_FILE, "");
	dhcp4_search_write(&writer, &search);
	dhcp4_search_write(&writer, &none);
	dhcp4_routes_write(&writer, routes, 3);
	dhcp4_routes_write(&writer, routes, 0);
	dhcp4_fqdn_write(&writer, DHCP4_FQDN_NO_UPDATE | DHCP4_FQDN_WIRE_NAME, "vm1");
	dhcp4_fqdn_write(&writer, DHCP4_FQDN_NO_UPDATE, "vm1");
	expect_options(
		&writer,
		"1a02 05dc 3304 00000e10 0608 0a000203 0a000204 0f03 6c616e 7708 0161 0162 00 0163 00"
		"7915 00 0a000202 19 0ae50080 0a000202 0c 0a10 00000000 5107 0cffff 03766d31 5106 08ffff 766d31");
}

static void a_search_list_longer_than_an_option_is_split(void **state)
{
	struct domain_list search = {.count = 5};
	struct dhcp4_option option;
	struct domain_list again;
	struct dhcp4_walk walk;
	struct dhcp4 message = {.operation = DHCP4_BOOTREPLY};
	uint8_t bytes[1400];
	struct writer writer;
	int pieces = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		memset(search.name[i], 'a' + i, 60);
		memcpy(search.name[i] + 60, ".example.org", sizeof(".example.org"));
	}
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp4_write(&writer, &message);
	dhcp4_search_write(&writer, &search);
	dhcp4_end_write(&writer);
	read_options(&writer, &message);
	dhcp4_walk_init(&walk, &message);
	while (dhcp4_walk_next(&walk, &option))
		pieces++;
	assert_int_equal(pieces, 2); /* 5 * 74 bytes */
	assert_true(dhcp4_search_read(&message, &again));
	assert_int_equal(again.count, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(again.name[i], search.name[i]);
}

static void written_routes_are_read_again(void **state)
{
	static const struct dhcp4_route routes[2] = {{{{10, 0, 0, 0}}, 8, {{10, 0, 2, 2}}},
						     {{{1, 2, 3, 4}}, 32, {{10, 0, 2, 3}}}};
	struct dhcp4 message = {.operation = DHCP4_BOOTREPLY};
	struct dhcp4_route again[2];
	uint8_t bytes[400];
	struct writer writer;
	size_t count;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp4_write(&writer, &message);
	dhcp4_routes_write(&writer, routes, 2);
	read_options(&writer, &message);
	assert_true(dhcp4_routes_read(&message, again, 2, &count));
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(ip4_equal(again[i].net, routes[i].net));
		assert_int_equal(again[i].prefix, routes[i].prefix);
		assert_true(ip4_equal(again[i].via, routes[i].via));
	}
	assert_true(dhcp4_routes_read(&message, again, 1, &count));
	assert_int_equal(count, 1);
}

static void what_cannot_be_written_fails_the_writer(void **state)
{
	struct domain_list wrong = {.count = 1, .name = {"a..b"}};
	struct dhcp4_route routes[DHCP4_ROUTES_MAX + 1];
	uint8_t bytes[1400];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp4_search_write(&writer, &wrong);
	assert_true(writer.failed);
	for (size_t i = 0; i < DHCP4_ROUTES_MAX + 1; i++)
		routes[i] = (struct dhcp4_route){.prefix = 32};
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp4_routes_write(&writer, routes, DHCP4_ROUTES_MAX + 1);
	assert_true(writer.failed);
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp4_fqdn_write(&writer, DHCP4_FQDN_WIRE_NAME, "..");
	assert_true(writer.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_get_their_verdicts),
		cmocka_unit_test(requests_get_their_verdicts),
		cmocka_unit_test(everything_a_client_says_is_found),
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(options_stand_in_file_and_server_name_too),
		cmocka_unit_test(search_lists_are_read),
		cmocka_unit_test(routes_of_nonsense_are_refused),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(options_are_laid_out_as_the_rfcs_say),
		cmocka_unit_test(a_search_list_longer_than_an_option_is_split),
		cmocka_unit_test(written_routes_are_read_again),
		cmocka_unit_test(what_cannot_be_written_fails_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
