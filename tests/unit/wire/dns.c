/* SPDX-License-Identifier: MIT */
/* DNS messages, RFC 1035: what holds together, names, and answers of our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/dns.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* "vm1", type A, class IN */
#define VM1 "03766d31 00 0001 0001"

static const struct message_row {
	const char *what;
	const char *bytes;
	enum drop_reason verdict;
} message_rows[] = {
	{"query", "1234 0100 0001 0000 0000 0000 " VM1, DROP_NONE},
	{"query and bytes behind it", "1234 0100 0001 0000 0000 0000 " VM1 " 00*9", DROP_NONE},
	{"no question", "1234 0100 0000 0000 0000 0000", DROP_NONE},
	{"two questions", "1234 0100 0002 0000 0000 0000 " VM1 " c00c 001c 0001", DROP_NONE},
	{"query with OPT", "1234 0100 0001 0000 0000 0001 " VM1 " 00 0029 04d0 00000000 0000", DROP_NONE},
	{"answer, compressed", "1234 8180 0001 0001 0000 0000 " VM1 " c00c 0001 0001 0000003c 0004 0a00020f",
	 DROP_NONE},
	{"answer, empty data", "1234 8180 0001 0001 0000 0000 " VM1 " c00c 0010 0001 0000003c 0000", DROP_NONE},
	{"nothing", "", DROP_DNS_SHORT},
	{"half a header", "1234 0100 0001 0000 0000 00", DROP_DNS_SHORT},
	{"no room for the class", "1234 0100 0001 0000 0000 0000 03766d31 00 0001 00", DROP_DNS_SHORT},
	{"question missing", "1234 0100 0001 0000 0000 0000", DROP_DNS_NAME},
	{"second question missing", "1234 0100 0002 0000 0000 0000 " VM1, DROP_DNS_NAME},
	{"label beyond the end", "1234 0100 0001 0000 0000 0000 05766d31", DROP_DNS_NAME},
	{"label and no end", "1234 0100 0001 0000 0000 0000 03766d31", DROP_DNS_NAME},
	{"label of an unknown kind", "1234 0100 0001 0000 0000 0000 41 61*65 00 0001 0001", DROP_DNS_NAME},
	{"pointer to itself", "1234 0100 0001 0000 0000 0000 c00c 0001 0001", DROP_DNS_NAME},
	{"pointer forward", "1234 0100 0001 0000 0000 0000 c010 0001 0001 00", DROP_DNS_NAME},
	{"half a pointer", "1234 0100 0001 0000 0000 0000 c0", DROP_DNS_NAME},
	{"two pointers in a ring", "1234 8180 0001 0001 0000 0000 " VM1 " 0161 c018 0001 0001 00000000 0000",
	 DROP_DNS_RECORD},
	{"name of 255 bytes", "1234 0100 0001 0000 0000 0000 3f 61*63 3f 61*63 3f 61*63 3d 61*61 00 0001 0001",
	 DROP_NONE},
	{"name of 256 bytes", "1234 0100 0001 0000 0000 0000 3f 61*63 3f 61*63 3f 61*63 3e 61*62 00 0001 0001",
	 DROP_DNS_NAME},
	{"record missing", "1234 8180 0001 0001 0000 0000 " VM1, DROP_DNS_RECORD},
	{"record cut in its head", "1234 8180 0001 0001 0000 0000 " VM1 " c00c 0001 0001 0000003c 00", DROP_DNS_RECORD},
	{"record data beyond the end", "1234 8180 0001 0001 0000 0000 " VM1 " c00c 0001 0001 0000003c 0004 0a0002",
	 DROP_DNS_RECORD},
	{"65535 records announced", "1234 8180 0001 ffff 0000 0000 " VM1, DROP_DNS_RECORD},
	{"authority missing", "1234 8180 0001 0000 0001 0000 " VM1, DROP_DNS_RECORD},
};

static void messages_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(message_rows); i++) {
		struct hex hex = hex_read(message_rows[i].bytes);
		struct dns_message message;

		print_message("%s\n", message_rows[i].what);
		assert_int_equal(dns_message_read(hex.bytes, hex.count, &message), message_rows[i].verdict);
		hex_done(&hex);
	}
}

static void a_chain_of_pointers_ends(void **state)
{
	uint8_t bytes[2 + 2 * (DNS_POINTERS_MAX + 2)] = {0};
	struct dns_name name;
	size_t at;

	(void)state;
	/* 0: the root; from 2 on each pair points to the one before it */
	for (size_t i = 2; i < sizeof(bytes); i += 2) {
		bytes[i] = 0xc0;
		bytes[i + 1] = (uint8_t)(i - 2);
	}
	at = 2 * DNS_POINTERS_MAX;
	assert_true(dns_name_read(bytes, sizeof(bytes), &at, &name));
	assert_int_equal(at, 2 * DNS_POINTERS_MAX + 2);
	assert_int_equal(name.bytes, 1);
	assert_false(dns_name_read(bytes, sizeof(bytes), &at, &name));
	assert_int_equal(at, 2 * DNS_POINTERS_MAX + 2);
}

static void the_question_and_opt_are_understood(void **state)
{
	struct hex hex = hex_read("1234 0110 0001 0000 0000 0001 03566d31 00 001c 0001 00 0029 04d0 00008000 0000");
	struct dns_message message;
	char text[DOMAIN_TEXT_BYTES];

	(void)state;
	assert_int_equal(dns_message_read(hex.bytes, hex.count, &message), DROP_NONE);
	assert_int_equal(message.header.id, 0x1234);
	assert_int_equal(message.header.flags, DNS_FLAG_WANT_RECURSION | DNS_FLAG_CHECK_DISABLE);
	assert_int_equal(message.question.type, DNS_TYPE_AAAA);
	assert_int_equal(message.question.class, DNS_CLASS_IN);
	assert_true(dns_name_text(&message.question.name, text));
	assert_string_equal(text, "vm1");
	assert_true(message.edns);
	assert_true(message.dnssec_ok);
	assert_int_equal(message.udp_bytes, 1232);
	assert_int_equal(message.records_at, 12 + 9);
	hex_done(&hex);
}

static void an_opt_below_512_counts_as_512(void **state)
{
	struct hex hex = hex_read("1234 0100 0001 0000 0000 0001 " VM1 " 00 0029 0010 00010000 0000");
	struct dns_message message;

	(void)state;
	assert_int_equal(dns_message_read(hex.bytes, hex.count, &message), DROP_NONE);
	assert_int_equal(message.udp_bytes, DNS_UDP_BYTES);
	assert_int_equal(message.edns_version, 1);
	assert_false(message.dnssec_ok);
	hex_done(&hex);
}

static void names_are_compared_without_case(void **state)
{
	struct dns_name a, b, c, root;
	char text[DOMAIN_TEXT_BYTES];

	(void)state;
	assert_true(dns_name_parse("VM1.Lab.internal", &a));
	assert_true(dns_name_parse("vm1.lab.INTERNAL", &b));
	assert_true(dns_name_parse("vm2.lab.internal", &c));
	assert_true(dns_name_parse("", &root));
	assert_true(dns_name_equal(&a, &b));
	assert_false(dns_name_equal(&a, &c));
	assert_false(dns_name_equal(&a, &root));
	assert_true(dns_name_text(&a, text));
	assert_string_equal(text, "vm1.lab.internal");
	assert_true(dns_name_text(&root, text));
	assert_string_equal(text, "");
	assert_false(dns_name_parse("a..b", &a));
	a = (struct dns_name){.bytes = 4, .wire = {2, 'a', '.', 0}};
	assert_false(dns_name_text(&a, text));
}

static const struct reverse_row {
	const char *name;
	const char *address; /* "" : none */
} reverse_rows[] = {
	{"15.2.0.10.in-addr.arpa", "10.0.2.15"},
	{"2.0.10.in-addr.arpa", ""},
	{"in-addr.arpa", ""},
	{"15.2.0.10.in-addr.arpa.org", ""},
	{"1.15.2.0.10.in-addr.arpa", ""},
	{"256.2.0.10.in-addr.arpa", ""},
	{"f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "fd00::f"},
	{"f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.g.ip6.arpa", ""},
	{"f00.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arp", ""},
	{"0.d.f.ip6.arpa", ""},
	{"vm1", ""},
};

static void reverse_names_are_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(reverse_rows); i++) {
		const struct reverse_row *row = &reverse_rows[i];
		char text[IP6_TEXT_BYTES] = "";
		struct ip4 ip4;
		struct ip6 ip6;

		print_message("%s\n", row->name);
		if (dns_name_ip4(row->name, &ip4))
			ip4_format(ip4, text);
		else if (dns_name_ip6(row->name, &ip6))
			ip6_format(ip6, text);
		assert_string_equal(text, row->address);
	}
}

static struct dns_message query_for(const char *name, enum dns_type type, uint16_t udp_bytes)
{
	struct dns_question question = {.type = (uint16_t)type, .class = DNS_CLASS_IN};
	struct dns_message message;
	struct writer writer;
	uint8_t bytes[512];

	assert_true(dns_name_parse(name, &question.name));
	writer_init(&writer, bytes, sizeof(bytes));
	dns_query_write(&writer, 77, &question, udp_bytes);
	assert_false(writer.failed);
	assert_int_equal(dns_message_read(bytes, writer_used(&writer), &message), DROP_NONE);
	assert_int_equal(message.edns, udp_bytes != 0);
	return message;
}

static void a_written_answer_is_read_again(void **state)
{
	struct dns_message query = query_for("vm1.lab.internal", DNS_TYPE_ANY, 1400), message;
	struct dns_record record;
	struct dns_draft draft;
	uint8_t bytes[512];
	size_t count, at;

	(void)state;
	dns_draft_begin(&draft, bytes, sizeof(bytes), &query, DNS_RCODE_OK,
			DNS_FLAG_AUTHORITATIVE | DNS_FLAG_RECURSION);
	dns_draft_ip4(&draft, 5, (struct ip4){{10, 0, 2, 15}});
	dns_draft_ip6(&draft, 5, (struct ip6){{0xfd, [15] = 15}});
	dns_draft_ptr(&draft, 5, "vm1.lab.internal");
	dns_draft_soa(&draft, 9, "lab.internal");
	count = dns_draft_end(&draft);
	assert_true(count > 0);
	assert_int_equal(dns_message_read(bytes, count, &message), DROP_NONE);
	assert_int_equal(message.header.id, 77);
	assert_int_equal(message.header.flags,
			 DNS_FLAG_RESPONSE | DNS_FLAG_AUTHORITATIVE | DNS_FLAG_RECURSION | DNS_FLAG_WANT_RECURSION);
	assert_int_equal(message.header.count[DNS_ANSWERS], 3);
	assert_int_equal(message.header.count[DNS_AUTHORITY], 1);
	assert_int_equal(message.header.count[DNS_ADDITIONAL], 1);
	assert_true(message.edns);
	assert_true(dns_name_equal(&message.question.name, &query.question.name));
	at = message.records_at;
	assert_true(dns_record_read(bytes, count, &at, &record));
	assert_int_equal(record.type, DNS_TYPE_A);
	assert_int_equal(record.ttl_s, 5);
	assert_int_equal(record.data_bytes, 4);
	assert_true(dns_name_equal(&record.name, &query.question.name));
	assert_true(dns_record_read(bytes, count, &at, &record));
	assert_int_equal(record.type, DNS_TYPE_AAAA);
	assert_int_equal(record.data_bytes, 16);
	assert_true(dns_record_read(bytes, count, &at, &record));
	assert_int_equal(record.type, DNS_TYPE_PTR);
	assert_true(dns_record_read(bytes, count, &at, &record));
	assert_int_equal(record.type, DNS_TYPE_SOA);
	assert_int_equal(record.data_bytes, 14 + 14 + 20);
	assert_true(dns_record_read(bytes, count, &at, &record));
	assert_int_equal(record.type, DNS_TYPE_OPT);
	assert_int_equal(at, count);
}

static void an_answer_that_does_not_fit_is_none(void **state)
{
	struct dns_message query = query_for("vm1", DNS_TYPE_A, 0);
	struct dns_draft draft;
	uint8_t bytes[30];

	(void)state;
	dns_draft_begin(&draft, bytes, sizeof(bytes), &query, DNS_RCODE_OK, 0);
	dns_draft_ip4(&draft, 5, (struct ip4){{10, 0, 2, 15}});
	assert_int_equal(dns_draft_end(&draft), 0);
	dns_draft_begin(&draft, bytes, sizeof(bytes), &query, DNS_RCODE_OK, 0);
	dns_draft_ptr(&draft, 5, "not..a.name");
	assert_int_equal(dns_draft_end(&draft), 0);
	dns_draft_begin(&draft, bytes, sizeof(bytes), &query, DNS_RCODE_OK, 0);
	dns_draft_soa(&draft, 5, ".");
	assert_int_equal(dns_draft_end(&draft), 0);
}

static void a_query_without_a_question_can_be_refused(void **state)
{
	struct dns_message query = {.header = {.id = 5, .flags = 0x2800}}, message;
	struct dns_draft draft;
	uint8_t bytes[12];

	(void)state;
	dns_draft_begin(&draft, bytes, sizeof(bytes), &query, DNS_RCODE_NOT_IMPLEMENTED, 0);
	assert_int_equal(dns_draft_end(&draft), 12);
	assert_int_equal(dns_message_read(bytes, 12, &message), DROP_NONE);
	assert_int_equal(message.header.flags, DNS_FLAG_RESPONSE | 0x2800 | DNS_RCODE_NOT_IMPLEMENTED);
}

static void a_long_answer_is_cut_to_its_question(void **state)
{
	struct hex answer = hex_read("0001 8583 0001 0001 0000 0000 " VM1 " c00c 0001 0001 0000003c 0004 0a00020f");
	struct dns_message query = query_for("vm1", DNS_TYPE_A, 0), message;
	uint8_t bytes[512];
	size_t count;

	(void)state;
	count = dns_truncate(&query, answer.bytes, answer.count, bytes, sizeof(bytes));
	assert_int_equal(count, 12 + 9);
	assert_int_equal(dns_message_read(bytes, count, &message), DROP_NONE);
	assert_int_equal(message.header.id, 77);
	assert_int_equal(message.header.flags, DNS_FLAG_RESPONSE | DNS_FLAG_AUTHORITATIVE | DNS_FLAG_TRUNCATED |
						       DNS_FLAG_WANT_RECURSION | DNS_FLAG_RECURSION | DNS_RCODE_NAME);
	assert_int_equal(dns_truncate(&query, answer.bytes, 11, bytes, sizeof(bytes)), 0);
	hex_done(&answer);
}

static void messages_are_told_apart_in_a_stream(void **state)
{
	struct hex hex = hex_read("0003 aabbcc 0000 0002 dd");
	uint8_t prefix[DNS_STREAM_PREFIX];

	(void)state;
	assert_int_equal(dns_stream_message(hex.bytes, 0), 0);
	assert_int_equal(dns_stream_message(hex.bytes, 1), 0);
	assert_int_equal(dns_stream_message(hex.bytes, 4), 0);
	assert_int_equal(dns_stream_message(hex.bytes, hex.count), 5);
	assert_int_equal(dns_stream_message(hex.bytes + 5, hex.count - 5), 2);
	assert_int_equal(dns_stream_message(hex.bytes + 7, hex.count - 7), 0);
	dns_stream_prefix(0x1234, prefix);
	assert_int_equal(prefix[0], 0x12);
	assert_int_equal(prefix[1], 0x34);
	hex_done(&hex);
}

static void an_id_is_set_in_place(void **state)
{
	struct hex hex = hex_read("1234 0100 0001 0000 0000 0000 " VM1);
	struct dns_header header;

	(void)state;
	dns_message_set_id(hex.bytes, 0xbeef);
	assert_int_equal(dns_header_read(hex.bytes, hex.count, &header), DROP_NONE);
	assert_int_equal(header.id, 0xbeef);
	assert_int_equal(header.flags, DNS_FLAG_WANT_RECURSION);
	hex_done(&hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_get_their_verdicts),
		cmocka_unit_test(a_chain_of_pointers_ends),
		cmocka_unit_test(the_question_and_opt_are_understood),
		cmocka_unit_test(an_opt_below_512_counts_as_512),
		cmocka_unit_test(names_are_compared_without_case),
		cmocka_unit_test(reverse_names_are_addresses),
		cmocka_unit_test(a_written_answer_is_read_again),
		cmocka_unit_test(an_answer_that_does_not_fit_is_none),
		cmocka_unit_test(a_query_without_a_question_can_be_refused),
		cmocka_unit_test(a_long_answer_is_cut_to_its_question),
		cmocka_unit_test(messages_are_told_apart_in_a_stream),
		cmocka_unit_test(an_id_is_set_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
