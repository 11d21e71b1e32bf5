/* SPDX-License-Identifier: MIT */
/* covers: src/wire/dns.c */
/* The input is a DNS message, once more the beginning of a stream of them, and its question's name is asked for. */
#include "wire/dns.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static uint8_t room[65536];

static void check_draft(const struct dns_message *query, const char *text)
{
	struct dns_message again;
	struct dns_draft draft;
	struct ip4 ip4 = {0};
	struct ip6 ip6 = {0};
	size_t bytes;

	if (dns_name_ip4(text, &ip4) || dns_name_ip6(text, &ip6))
		assert(strlen(text) > 10);
	dns_draft_begin(&draft, room, sizeof(room), query, DNS_RCODE_NAME, DNS_FLAG_RECURSION);
	dns_draft_ip4(&draft, 1, ip4);
	dns_draft_ip6(&draft, 1, ip6);
	dns_draft_ptr(&draft, 1, text);
	dns_draft_soa(&draft, 1, "lab.internal");
	bytes = dns_draft_end(&draft);
	assert(bytes > 0 || text[0] != '\0');
	if (bytes == 0)
		return;
	assert(dns_message_read(room, bytes, &again) == DROP_NONE);
	assert(again.edns == query->edns && again.dnssec_ok == query->dnssec_ok);
	assert(dns_name_equal(&again.question.name, &query->question.name));
	dns_draft_begin(&draft, room, sizeof(room), query, DNS_RCODE_OK, 0);
	dns_draft_soa(&draft, 1, "no..zone");
	assert(dns_draft_end(&draft) == 0);
	dns_draft_begin(&draft, room, sizeof(room), query, DNS_RCODE_OK, 0);
	dns_draft_ptr(&draft, 1, "no..name");
	assert(dns_draft_end(&draft) == 0);
}

static void check_question(const struct dns_message *message)
{
	char text[DOMAIN_TEXT_BYTES];
	struct dns_message again;
	struct dns_name name;
	struct writer writer;

	if (message->question.name.bytes == 0)
		return;
	writer_init(&writer, room, sizeof(room));
	dns_query_write(&writer, message->header.id, &message->question, message->edns ? message->udp_bytes : 0);
	assert(!writer.failed && dns_message_read(room, writer_used(&writer), &again) == DROP_NONE);
	assert(dns_name_equal(&again.question.name, &message->question.name));
	assert(again.edns == message->edns && again.udp_bytes == message->udp_bytes);
	dns_message_set_id(room, (uint16_t)~message->header.id);
	assert(dns_message_read(room, writer_used(&writer), &again) == DROP_NONE);
	assert(again.header.id == (uint16_t)~message->header.id);
	if (!dns_name_text(&message->question.name, text))
		return;
	assert(dns_name_parse(text, &name) && dns_name_equal(&name, &message->question.name));
	check_draft(message, text);
#ifdef PLANTED
	if (message->header.count[DNS_ANSWERS] == 1 && message->question.type == DNS_TYPE_AAAA)
		assert(((const volatile uint8_t *)name.wire)[DOMAIN_WIRE_BYTES + message->question.name.bytes] <= 0xff);
#endif
}

static void check_stream(const uint8_t *bytes, size_t count)
{
	size_t message = dns_stream_message(bytes, count);
	uint8_t prefix[DNS_STREAM_PREFIX];

	assert(message <= count);
	if (message == 0)
		return;
	dns_stream_prefix(message - DNS_STREAM_PREFIX, prefix);
	assert(memcmp(prefix, bytes, sizeof(prefix)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct dns_message message;
	size_t cut;

	check_stream(bytes, count);
	if (count > DNS_MESSAGE_MAX || dns_message_read(bytes, count, &message) != DROP_NONE)
		return 0;
	assert(message.records_at <= count);
	check_question(&message);
	cut = dns_truncate(&message, bytes, count, room, sizeof(room));
	assert(cut >= DNS_HEADER_BYTES && dns_truncate(&message, bytes, DNS_HEADER_BYTES - 1, room, sizeof(room)) == 0);
	return 0;
}
