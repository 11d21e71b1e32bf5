/* SPDX-License-Identifier: MIT */
/* Names that the gateway knows itself: who is asked for, and what is said of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "service/names.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* One guest, vm1, with 10.0.2.15 and fd00::15; vm2 has no IPv6. */
static bool find_name(void *owner, const char *label, struct names_addresses *ret_addresses)
{
	(void)owner;
	if (strcmp(label, "vm1") != 0 && strcmp(label, "vm2") != 0)
		return false;
	*ret_addresses = (struct names_addresses){
		.has4 = true,
		.has6 = label[2] == '1',
		.ip4 = {{10, 0, 2, 15}},
		.ip6 = {{0xfd, [15] = 0x15}},
	};
	return true;
}

static bool find_ip4(void *owner, struct ip4 address, char *ret_label)
{
	(void)owner;
	memcpy(ret_label, "vm1", 4);
	return ip4_equal(address, (struct ip4){{10, 0, 2, 15}});
}

static bool find_ip6(void *owner, struct ip6 address, char *ret_label)
{
	(void)owner;
	memcpy(ret_label, "vm1", 4);
	return ip6_equal(address, (struct ip6){{0xfd, [15] = 0x15}});
}

static const char *const also[] = {"EXAMPLE.net", "example.com"};

static const struct names_config config = {
	.domain = "lab.internal",
	.also = also,
	.also_count = 2,
	.ip4 = true,
	.ip6 = true,
	.host4 = {{10, 0, 2, 2}},
	.host6 = {{0xfd, [15] = 2}},
	.net4 = {{10, 0, 2, 0}},
	.prefix4 = 24,
	.net6 = {{0xfd}},
	.prefix6 = 64,
	.find_name = find_name,
	.find_ip4 = find_ip4,
	.find_ip6 = find_ip6,
};

#define VM1_IP6 "5.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"
#define VM9_IP6 "9.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"
#define HOST_IP6 "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"
#define FAR_IP6 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"

/* What is said: "" : not ours; else records as text, "none" for nothing of this kind, "nxdomain". */
static const struct names_row {
	const char *name;
	enum dns_type type;
	const char *answer;
} names_rows[] = {
	{"vm1", DNS_TYPE_A, "10.0.2.15 "},
	{"VM1", DNS_TYPE_A, "10.0.2.15 "},
	{"vm1", DNS_TYPE_AAAA, "fd00::15 "},
	{"vm1.lab.internal", DNS_TYPE_A, "10.0.2.15 "},
	{"vm1.Lab.INTERNAL", DNS_TYPE_AAAA, "fd00::15 "},
	{"vm1.lab.internal", DNS_TYPE_ANY, "10.0.2.15 fd00::15 "},
	{"vm2.lab.internal", DNS_TYPE_AAAA, "none"},
	{"vm2", DNS_TYPE_AAAA, "none"},
	{"vm1.lab.internal", DNS_TYPE_NS, "none"},
	{"lab.internal", DNS_TYPE_A, "none"},
	{"vm3.lab.internal", DNS_TYPE_A, "nxdomain"},
	{"a.vm1.lab.internal", DNS_TYPE_A, "nxdomain"},
	{"vm3", DNS_TYPE_A, ""},
	{"vm1.lab", DNS_TYPE_A, ""},
	{"vm1.example.net", DNS_TYPE_A, "10.0.2.15 "},
	{"vm1.Example.NET", DNS_TYPE_AAAA, "fd00::15 "},
	{"vm2.example.net", DNS_TYPE_AAAA, "none"},
	{"www.example.net", DNS_TYPE_A, ""},
	{"example.net", DNS_TYPE_A, ""},
	{"a.vm1.example.net", DNS_TYPE_A, ""},
	{"vm1.other.internal", DNS_TYPE_A, ""},
	{"vm1.mylab.internal", DNS_TYPE_A, ""},
	{"mylab.internal", DNS_TYPE_A, ""},
	{"example.org", DNS_TYPE_A, ""},
	{"", DNS_TYPE_NS, ""},
	{"host.guestwire.internal", DNS_TYPE_A, "10.0.2.2 "},
	{"Host.GuestWire.internal", DNS_TYPE_AAAA, "fd00::2 "},
	{"guestwire.internal", DNS_TYPE_A, "none"},
	{"gast.guestwire.internal", DNS_TYPE_A, "nxdomain"},
	{"15.2.0.10.in-addr.arpa", DNS_TYPE_PTR, "vm1.lab.internal "},
	{"15.2.0.10.in-addr.arpa", DNS_TYPE_A, "none"},
	{"2.2.0.10.in-addr.arpa", DNS_TYPE_PTR, "host.guestwire.internal "},
	{"16.2.0.10.in-addr.arpa", DNS_TYPE_PTR, "nxdomain"},
	{"15.3.0.10.in-addr.arpa", DNS_TYPE_PTR, ""},
	{VM1_IP6, DNS_TYPE_PTR, "vm1.lab.internal "},
	{HOST_IP6, DNS_TYPE_PTR, "host.guestwire.internal "},
	{VM9_IP6, DNS_TYPE_PTR, "nxdomain"},
	{FAR_IP6, DNS_TYPE_PTR, ""},
};

static struct dns_message query_of(const char *name, enum dns_type type, uint16_t class)
{
	struct dns_question question = {.type = (uint16_t)type, .class = class};
	struct dns_message query;
	struct writer writer;
	uint8_t bytes[512];

	assert_true(dns_name_parse(name, &question.name));
	writer_init(&writer, bytes, sizeof(bytes));
	dns_query_write(&writer, 7, &question, 0);
	assert_int_equal(dns_message_read(bytes, writer_used(&writer), &query), DROP_NONE);
	return query;
}

static void record_describe(const uint8_t *answer, size_t bytes, const struct dns_record *record, char *text)
{
	struct dns_name name;
	char words[DOMAIN_TEXT_BYTES] = "";
	size_t at = (size_t)(record->data - answer);
	struct ip4 ip4;
	struct ip6 ip6;

	if (record->type == DNS_TYPE_A) {
		memcpy(ip4.byte, record->data, 4);
		ip4_format(ip4, words);
	} else if (record->type == DNS_TYPE_AAAA) {
		memcpy(ip6.byte, record->data, 16);
		ip6_format(ip6, words);
	} else {
		assert_int_equal(record->type, DNS_TYPE_PTR);
		assert_true(dns_name_read(answer, bytes, &at, &name) && dns_name_text(&name, words));
	}
	strncat(text, words, 300);
	strncat(text, " ", 2);
}

static void answer_describe(const uint8_t *answer, size_t bytes, char *text)
{
	struct dns_message message;
	size_t at;

	text[0] = '\0';
	if (bytes == 0)
		return;
	assert_int_equal(dns_message_read(answer, bytes, &message), DROP_NONE);
	assert_true(message.header.flags & DNS_FLAG_AUTHORITATIVE);
	at = message.records_at;
	for (int i = 0; i < message.header.count[DNS_ANSWERS]; i++) {
		struct dns_record record;

		assert_true(dns_record_read(answer, bytes, &at, &record));
		record_describe(answer, bytes, &record, text);
	}
	if ((message.header.flags & DNS_FLAG_RCODE) == DNS_RCODE_NAME)
		strncat(text, "nxdomain", 10);
	else if (message.header.count[DNS_ANSWERS] == 0)
		strncat(text, "none", 10);
	/* "nothing" is said with how long that may be remembered, by a zone that the name lies in (RFC 2308 3) */
	assert_int_equal(message.header.count[DNS_AUTHORITY], message.header.count[DNS_ANSWERS] == 0);
	if (message.header.count[DNS_AUTHORITY] > 0) {
		char asked[DOMAIN_TEXT_BYTES], zone[DOMAIN_TEXT_BYTES];
		struct dns_record record;
		size_t beside;

		assert_true(dns_record_read(answer, bytes, &at, &record) && record.type == DNS_TYPE_SOA);
		assert_true(dns_name_text(&message.question.name, asked) && dns_name_text(&record.name, zone));
		beside = strlen(asked) - strlen(zone);
		assert_true(strlen(zone) <= strlen(asked));
		assert_string_equal(asked + beside, zone);
		assert_true(beside == 0 || asked[beside - 1] == '.');
	}
}

static void names_are_answered_or_not_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(names_rows); i++) {
		const struct names_row *row = &names_rows[i];
		struct dns_message query = query_of(row->name, row->type, DNS_CLASS_IN);
		uint8_t answer[512];
		char text[1024];

		print_message("%s %d\n", row->name, (int)row->type);
		answer_describe(answer, names_answer(&config, &query, answer, sizeof(answer)), text);
		assert_string_equal(text, row->answer);
	}
}

static void other_classes_are_not_ours(void **state)
{
	struct dns_message query = query_of("vm1.lab.internal", DNS_TYPE_A, 3);
	uint8_t answer[512];

	(void)state;
	assert_int_equal(names_answer(&config, &query, answer, sizeof(answer)), 0);
}

static void a_network_without_ipv6_knows_none(void **state)
{
	struct names_config only4 = config;
	struct dns_message query = query_of("host.guestwire.internal", DNS_TYPE_ANY, DNS_CLASS_IN);
	uint8_t answer[512];
	char text[1024];

	(void)state;
	only4.ip6 = false;
	answer_describe(answer, names_answer(&only4, &query, answer, sizeof(answer)), text);
	assert_string_equal(text, "10.0.2.2 ");
	query = query_of(VM1_IP6, DNS_TYPE_PTR, DNS_CLASS_IN);
	assert_int_equal(names_answer(&only4, &query, answer, sizeof(answer)), 0);
}

static void a_network_without_a_domain_still_knows_its_guests(void **state)
{
	struct names_config nameless = config;
	struct dns_message query = query_of("vm2", DNS_TYPE_AAAA, DNS_CLASS_IN), answer;
	uint8_t bytes[512];

	(void)state;
	nameless.domain = "";
	assert_int_equal(dns_message_read(bytes, names_answer(&nameless, &query, bytes, sizeof(bytes)), &answer),
			 DROP_NONE);
	assert_int_equal(answer.header.count[DNS_AUTHORITY], 1);
	query = query_of("15.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_CLASS_IN);
	assert_int_equal(dns_message_read(bytes, names_answer(&nameless, &query, bytes, sizeof(bytes)), &answer),
			 DROP_NONE);
	assert_int_equal(answer.header.flags & DNS_FLAG_RCODE, DNS_RCODE_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_answered_or_not_ours),
		cmocka_unit_test(other_classes_are_not_ours),
		cmocka_unit_test(a_network_without_ipv6_knows_none),
		cmocka_unit_test(a_network_without_a_domain_still_knows_its_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
