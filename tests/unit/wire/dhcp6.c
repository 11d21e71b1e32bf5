/* SPDX-License-Identifier: MIT */
/* DHCPv6: what is refused, what a client's message becomes, and what is written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/dhcp6.h"

static const struct row {
	const char *what;
	const char *bytes;
	enum drop_reason verdict; /* of either step */
} rows[] = {
	{"an information request", "0b 123456", DROP_NONE},
	{"a solicit",
	 "01 123456 0001 000a 00030001 525400123456 0003 000c 00000001 00*8 0006 0004 0017 0018 0008 0002 0000",
	 DROP_NONE},
	{"nothing", "", DROP_DHCP6_SHORT},
	{"three bytes", "01 1234", DROP_DHCP6_SHORT},
	{"type 0", "00 123456", DROP_DHCP6_TYPE},
	{"a relay's", "0c 123456 00*34", DROP_DHCP6_TYPE},
	{"type 255", "ff 123456", DROP_DHCP6_TYPE},
	{"an option's first byte", "01 123456 00", DROP_DHCP6_OPTION_LENGTH},
	{"an option without its length", "01 123456 0001 00", DROP_DHCP6_OPTION_LENGTH},
	{"an option beyond the message", "01 123456 0001 0005 00030001", DROP_DHCP6_OPTION_LENGTH},
	{"two clients", "01 123456 0001 0003 000301 0001 0003 000301", DROP_DHCP6_CLIENT_ID},
	{"a client of 2 bytes", "01 123456 0001 0002 0003", DROP_DHCP6_CLIENT_ID},
	{"a client of 131 bytes", "01 123456 0001 0083 00*131", DROP_DHCP6_CLIENT_ID},
	{"a client of 130 bytes", "01 123456 0001 0082 00*130", DROP_NONE},
	{"two servers", "01 123456 0002 0003 000301 0002 0003 000301", DROP_DHCP6_SERVER_ID},
	{"a server of nothing", "01 123456 0002 0000", DROP_DHCP6_SERVER_ID},
	{"IA of 11 bytes", "01 123456 0003 000b 00*11", DROP_DHCP6_OPTION_LENGTH},
	{"an option beyond its IA", "01 123456 0003 0011 00*12 0005 0018 00", DROP_DHCP6_OPTION_LENGTH},
	{"IAADDR of 23 bytes", "01 123456 0003 0027 00*12 0005 0017 00*23", DROP_DHCP6_OPTION_LENGTH},
	{"a status of 1 byte in an IA", "01 123456 0003 0011 00*12 000d 0001 00", DROP_DHCP6_OPTION_LENGTH},
	{"IA_PD of 4 bytes", "01 123456 0019 0004 00*4", DROP_DHCP6_OPTION_LENGTH},
	{"ORO of 3 bytes", "01 123456 0006 0003 001700", DROP_DHCP6_OPTION_LENGTH},
	{"elapsed time of 1 byte", "01 123456 0008 0001 00", DROP_DHCP6_OPTION_LENGTH},
	{"a status of 1 byte", "07 123456 000d 0001 00", DROP_DHCP6_OPTION_LENGTH},
	{"rapid commit with a value", "01 123456 000e 0001 00", DROP_DHCP6_OPTION_LENGTH},
	{"half a DNS server", "07 123456 0017 0018 00*24", DROP_DHCP6_OPTION_LENGTH},
	{"a domain list that lies", "07 123456 0018 0002 0561", DROP_DHCP6_OPTION_LENGTH},
	{"a client name without flags", "01 123456 0027 0000", DROP_DHCP6_OPTION_LENGTH},
	{"unknown options", "01 123456 ffff 0002 0000 0010 0000", DROP_NONE},
};

static enum drop_reason read_both(const uint8_t *bytes, size_t count, struct dhcp6 *ret_message,
				  struct dhcp6_request *ret_request)
{
	enum drop_reason reason;
	struct reader reader;

	reader_init(&reader, bytes, count);
	reason = dhcp6_read(&reader, ret_message);
	return reason == DROP_NONE ? dhcp6_request_read(ret_message, ret_request) : reason;
}

static void messages_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hex hex = hex_read(rows[i].bytes);
		struct dhcp6_request request;
		struct dhcp6 message;

		print_message("%s\n", rows[i].what);
		assert_int_equal(read_both(hex.bytes, hex.count, &message, &request), rows[i].verdict);
		hex_done(&hex);
	}
}

static void everything_a_client_says_is_found(void **state)
{
	struct hex hex = hex_read("03 abcdef"
				  " 0001 000a 00030001 525400123456"
				  " 0002 000a 00030001 525500000002"
				  " 0003 0028 00000007 00000001 00000002 0005 0018 fd00 00*13 10 00000064 000000c8"
				  " 0019 000c 00000009 00*8"
				  " 0006 0006 0017 0018 0052"
				  " 0008 0002 0010"
				  " 000e 0000"
				  " 0027 0005 01 03766d31");
	struct dhcp6_request request;
	struct dhcp6 message;

	(void)state;
	assert_int_equal(read_both(hex.bytes, hex.count, &message, &request), DROP_NONE);
	assert_int_equal(message.type, DHCP6_REQUEST);
	assert_int_equal(message.transaction, 0xabcdef);
	assert_int_equal(request.client_id.count, 10);
	assert_int_equal(request.client_id.bytes[9], 0x56);
	assert_int_equal(request.server_id.count, 10);
	assert_int_equal(request.server_id.bytes[9], 2);
	assert_int_equal(request.ia_count, 1);
	assert_int_equal(request.ias[0].id, 7);
	assert_int_equal(request.ias[0].t1_s, 1);
	assert_int_equal(request.ias[0].t2_s, 2);
	assert_int_equal(request.ias[0].address_count, 1);
	assert_true(ip6_equal(request.ias[0].addresses[0].address, (struct ip6){{0xfd, [15] = 0x10}}));
	assert_int_equal(request.ias[0].addresses[0].preferred_s, 100);
	assert_int_equal(request.ias[0].addresses[0].valid_s, 200);
	assert_int_equal(request.ia_pd_count, 1);
	assert_int_equal(request.ia_pds[0], 9);
	assert_true(dhcp6_request_wants(&request, DHCP6_OPTION_DNS));
	assert_true(dhcp6_request_wants(&request, DHCP6_OPTION_SOL_MAX_RT));
	assert_false(dhcp6_request_wants(&request, DHCP6_OPTION_FQDN));
	assert_int_equal(request.elapsed_cs, 16);
	assert_true(request.rapid_commit);
	assert_true(request.has_fqdn);
	assert_int_equal(request.fqdn_flags, DHCP6_FQDN_SERVER_UPDATES);
	assert_string_equal(request.hostname, "vm1");
	hex_done(&hex);
}

static void what_is_too_much_is_left_out(void **state)
{
	struct dhcp6 message = {.type = DHCP6_SOLICIT};
	struct dhcp6_ia ia = {.address_count = DHCP6_ADDRESSES_MAX};
	struct dhcp6_request request;
	uint8_t bytes[2048];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp6_write(&writer, &message);
	for (int i = 0; i < DHCP6_IAS_MAX + 1; i++) {
		dhcp6_ia_write(&writer, &ia);
		dhcp6_ia_pd_write(&writer, 1, DHCP6_STATUS_NO_PREFIXES);
	}
	assert_false(writer.failed);
	assert_int_equal(read_both(bytes, writer_used(&writer), &message, &request), DROP_NONE);
	assert_int_equal(request.ia_count, DHCP6_IAS_MAX);
	assert_int_equal(request.ia_pd_count, DHCP6_IAS_MAX);
}

static void a_fifth_address_is_left_out(void **state)
{
	struct hex hex =
		hex_read("03 abcdef 0003 0098 00*12 0005 0018 01*24 0005 0018 02*24 0005 0018 03*24 0005 0018 04*24"
			 " 0005 0018 05*24");
	struct dhcp6_request request;
	struct dhcp6 message;

	(void)state;
	assert_int_equal(read_both(hex.bytes, hex.count, &message, &request), DROP_NONE);
	assert_int_equal(request.ias[0].address_count, DHCP6_ADDRESSES_MAX);
	assert_int_equal(request.ias[0].addresses[3].address.byte[0], 4);
	hex_done(&hex);
}

static void a_written_reply_is_read_again(void **state)
{
	static const struct ip6 servers[2] = {{{0xfd, [15] = 3}}, {{0xfd, [15] = 4}}};
	struct domain_list search = {.count = 2, .name = {"example.org", "lan"}};
	struct dhcp6_ia ia = {
		.id = 5,
		.t1_s = 50,
		.t2_s = 80,
		.address_count = 1,
		.has_status = true,
		.status = DHCP6_STATUS_NOT_ON_LINK,
		.addresses = {{{{0xfd, [15] = 9}}, 100, 200}},
	};
	struct dhcp6 message = {.type = DHCP6_REPLY, .transaction = 0xff123456};
	uint8_t duid[DHCP6_DUID_MAC_BYTES];
	struct dhcp6_request request;
	uint8_t bytes[512];
	struct writer writer;

	(void)state;
	dhcp6_duid_from_mac((struct mac){{0x52, 0x55, 0, 0, 0, 2}}, duid);
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp6_write(&writer, &message);
	dhcp6_option_write(&writer, DHCP6_OPTION_SERVER_ID, duid, sizeof(duid));
	dhcp6_ia_write(&writer, &ia);
	dhcp6_status_write(&writer, DHCP6_STATUS_USE_MULTICAST, "no");
	dhcp6_dns_write(&writer, servers, 2);
	dhcp6_search_write(&writer, &search);
	dhcp6_fqdn_write(&writer, DHCP6_FQDN_OVERRIDE, "vm1.lan");
	assert_false(writer.failed);
	assert_int_equal(read_both(bytes, writer_used(&writer), &message, &request), DROP_NONE);
	assert_int_equal(message.type, DHCP6_REPLY);
	assert_int_equal(message.transaction, 0x123456);
	assert_memory_equal(request.server_id.bytes, "\x00\x03\x00\x01\x52\x55\x00\x00\x00\x02", 10);
	assert_null(request.client_id.bytes);
	assert_int_equal(request.ias[0].id, 5);
	assert_int_equal(request.ias[0].t1_s, 50);
	assert_int_equal(request.ias[0].t2_s, 80);
	assert_true(request.ias[0].has_status);
	assert_int_equal(request.ias[0].status, DHCP6_STATUS_NOT_ON_LINK);
	assert_true(ip6_equal(request.ias[0].addresses[0].address, ia.addresses[0].address));
	assert_int_equal(request.ias[0].addresses[0].preferred_s, 100);
	assert_int_equal(request.ias[0].addresses[0].valid_s, 200);
	assert_true(request.has_status);
	assert_int_equal(request.status, DHCP6_STATUS_USE_MULTICAST);
	assert_int_equal(request.dns_count, 2);
	assert_true(ip6_equal(request.dns[1], servers[1]));
	assert_int_equal(request.search.count, 2);
	assert_string_equal(request.search.name[0], "example.org");
	assert_string_equal(request.search.name[1], "lan");
	assert_int_equal(request.fqdn_flags, DHCP6_FQDN_OVERRIDE);
	assert_string_equal(request.hostname, "vm1.lan");
}

static void options_are_laid_out_as_the_rfcs_say(void **state)
{
	struct hex expected = hex_read("0007 0001 ff 0020 0004 00015180 0008 0002 0010"
				       " 0019 0012 00000009 00000000 00000000 000d 0002 0006"
				       " 0027 0005 02 03766d31 000d 0002 0000");
	struct domain_list none = {0};
	uint8_t bytes[512];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp6_u8_write(&writer, DHCP6_OPTION_PREFERENCE, 255);
	dhcp6_u32_write(&writer, DHCP6_OPTION_REFRESH_TIME, 86400);
	dhcp6_u16_write(&writer, DHCP6_OPTION_ELAPSED, 16);
	dhcp6_ia_pd_write(&writer, 9, DHCP6_STATUS_NO_PREFIXES);
	dhcp6_fqdn_write(&writer, DHCP6_FQDN_OVERRIDE, "vm1");
	dhcp6_dns_write(&writer, NULL, 0);
	dhcp6_search_write(&writer, &none);
	dhcp6_status_write(&writer, DHCP6_STATUS_SUCCESS, "");
	assert_false(writer.failed);
	assert_int_equal(writer_used(&writer), expected.count);
	assert_memory_equal(bytes, expected.bytes, expected.count);
	hex_done(&expected);
}

static void what_cannot_be_written_fails_the_writer(void **state)
{
	static const uint8_t large[70000];
	struct domain_list wrong = {.count = 1, .name = {"a..b"}};
	static uint8_t bytes[80000];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp6_search_write(&writer, &wrong);
	assert_true(writer.failed);
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp6_fqdn_write(&writer, 0, "..");
	assert_true(writer.failed);
	writer_init(&writer, bytes, sizeof(bytes));
	dhcp6_option_write(&writer, DHCP6_OPTION_STATUS, large, sizeof(large));
	assert_true(writer.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_get_their_verdicts),
		cmocka_unit_test(everything_a_client_says_is_found),
		cmocka_unit_test(what_is_too_much_is_left_out),
		cmocka_unit_test(a_fifth_address_is_left_out),
		cmocka_unit_test(a_written_reply_is_read_again),
		cmocka_unit_test(options_are_laid_out_as_the_rfcs_say),
		cmocka_unit_test(what_cannot_be_written_fails_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
