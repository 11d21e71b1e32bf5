/* SPDX-License-Identifier: MIT */
/* DNS messages: walked from the first byte to the last record, and short answers written. Nothing is taken apart that
 * a forwarder does not need. */
#include "wire/dns.h"

#include <assert.h>
#include <string.h>

#include "base/reader.h"

enum {
	DNS_POINTER = 0xc0,            /* RFC 1035 4.1.4 */
	DNS_QUESTION_POINTER = 0xc00c, /* the question's name, right behind the header */
	DNS_OPT_DO = 0x8000,           /* RFC 3225 3 */
	DNS_OPT_UDP_BYTES = 1232,      /* what we say that we take: fits the smallest IPv6 MTU */
	DNS_SOA_REFRESH_S = 3600,
	DNS_SOA_RETRY_S = 600,
	DNS_SOA_EXPIRE_S = 86400,
};

/* ---- names ---- */

/* Where a walk through a name is. */
struct dns_walk {
	size_t at;
	size_t lowest; /* pointers lead below it */
	size_t behind; /* where the name ends for its reader; 0: not known yet */
	int pointers;
};

static bool dns_walk_pointer(const uint8_t *message, size_t bytes, struct dns_walk *walk)
{
	size_t to;

	if (bytes - walk->at < 2 || walk->pointers == DNS_POINTERS_MAX)
		return false;
	to = (size_t)(message[walk->at] & ~DNS_POINTER) << 8 | message[walk->at + 1];
	if (to >= walk->lowest)
		return false;
	if (walk->behind == 0)
		walk->behind = walk->at + 2;
	walk->at = walk->lowest = to;
	walk->pointers++;
	return true;
}

static bool dns_name_add(struct dns_name *name, const uint8_t *label, size_t bytes)
{
	if (name->bytes + bytes > DOMAIN_WIRE_BYTES)
		return false;
	memcpy(name->wire + name->bytes, label, bytes);
	name->bytes = (uint8_t)(name->bytes + bytes);
	return true;
}

bool dns_name_read(const uint8_t *message, size_t bytes, size_t *at, struct dns_name *ret_name)
{
	struct dns_walk walk = {.at = *at, .lowest = *at};
	struct dns_name name = {0};

	for (;;) {
		size_t label;

		if (walk.at >= bytes)
			return false;
		label = message[walk.at];
		if ((label & DNS_POINTER) == DNS_POINTER) {
			if (!dns_walk_pointer(message, bytes, &walk))
				return false;
			continue;
		}
		/* 0x40 and 0x80 were labels of other kinds once (RFC 6891 5). */
		if (label > DOMAIN_LABEL_BYTES || label >= bytes - walk.at ||
		    !dns_name_add(&name, message + walk.at, label + 1))
			return false;
		walk.at += label + 1;
		if (label == 0)
			break;
	}
	*at = walk.behind ? walk.behind : walk.at;
	*ret_name = name;
	return true;
}

bool dns_name_parse(const char *text, struct dns_name *ret_name)
{
	struct dns_name name = {0};
	struct writer writer;

	writer_init(&writer, name.wire, sizeof(name.wire));
	if (text[0] == '\0')
		writer_u8(&writer, 0);
	else
		domain_write(&writer, text);
	if (writer.failed)
		return false;
	name.bytes = (uint8_t)writer_used(&writer);
	*ret_name = name;
	return true;
}

static uint8_t dns_small(uint8_t letter)
{
	return letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter + ('a' - 'A')) : letter;
}

bool dns_name_text(const struct dns_name *name, char *ret_text)
{
	char text[DOMAIN_TEXT_BYTES];
	struct reader reader;

	reader_init(&reader, name->wire, name->bytes);
	if (!domain_read(&reader, text))
		return false;
	for (size_t i = 0; i == 0 || text[i - 1] != '\0'; i++)
		ret_text[i] = (char)dns_small((uint8_t)text[i]);
	return true;
}

/* Lengths of labels are below 'A', so that the whole wire form may be compared as letters. */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	if (a->bytes != b->bytes)
		return false;
	for (size_t i = 0; i < a->bytes; i++) {
		if (dns_small(a->wire[i]) != dns_small(b->wire[i]))
			return false;
	}
	return true;
}

bool dns_name_ip4(const char *text, struct ip4 *ret_address)
{
	const char *end = strstr(text, ".in-addr.arpa");
	char digits[IP4_TEXT_BYTES];
	struct ip4 reverse;
	size_t bytes = end ? (size_t)(end - text) : 0;

	if (!end || strcmp(end, ".in-addr.arpa") != 0 || bytes >= sizeof(digits))
		return false;
	memcpy(digits, text, bytes);
	digits[bytes] = '\0';
	if (!ip4_parse(digits, &reverse))
		return false;
	for (int i = 0; i < 4; i++)
		ret_address->byte[i] = reverse.byte[3 - i];
	return true;
}

/* 0 … 15, or -1. */
static int dns_nibble(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool dns_name_ip6(const char *text, struct ip6 *ret_address)
{
	enum { NIBBLES = 32 };
	struct ip6 address = {0};

	if (strlen(text) != 2 * NIBBLES + strlen("ip6.arpa") || strcmp(text + (size_t)2 * NIBBLES, "ip6.arpa") != 0)
		return false;
	for (int i = 0; i < NIBBLES; i++) {
		int value = dns_nibble(text[2 * i]);

		if (value < 0 || text[2 * i + 1] != '.')
			return false;
		address.byte[15 - i / 2] |= (uint8_t)(i % 2 ? value << 4 : value);
	}
	*ret_address = address;
	return true;
}

/* ---- messages ---- */

enum drop_reason dns_header_read(const uint8_t *message, size_t bytes, struct dns_header *ret_header)
{
	struct dns_header header;
	struct reader reader;

	reader_init(&reader, message, bytes);
	header.id = reader_be16(&reader);
	header.flags = reader_be16(&reader);
	for (int i = 0; i < DNS_SECTIONS; i++)
		header.count[i] = reader_be16(&reader);
	if (reader.failed)
		return DROP_DNS_SHORT;
	*ret_header = header;
	return DROP_NONE;
}

static void dns_header_write(struct writer *writer, const struct dns_header *header)
{
	writer_be16(writer, header->id);
	writer_be16(writer, header->flags);
	for (int i = 0; i < DNS_SECTIONS; i++)
		writer_be16(writer, header->count[i]);
}

void dns_message_set_id(uint8_t *message, uint16_t id)
{
	struct be16 wire = be16_from(id);

	memcpy(message, wire.byte, sizeof(wire.byte));
}

static enum drop_reason dns_question_read(const uint8_t *message, size_t bytes, size_t *at,
					  struct dns_question *ret_question)
{
	struct dns_question question;
	struct reader reader;

	if (!dns_name_read(message, bytes, at, &question.name))
		return DROP_DNS_NAME;
	reader_init(&reader, message + *at, bytes - *at);
	question.type = reader_be16(&reader);
	question.class = reader_be16(&reader);
	if (reader.failed)
		return DROP_DNS_SHORT;
	*at += 4;
	*ret_question = question;
	return DROP_NONE;
}

static void dns_question_write(struct writer *writer, const struct dns_question *question)
{
	writer_copy(writer, question->name.wire, question->name.bytes);
	writer_be16(writer, question->type);
	writer_be16(writer, question->class);
}

bool dns_record_read(const uint8_t *message, size_t bytes, size_t *at, struct dns_record *ret_record)
{
	struct dns_record record;
	struct reader reader;
	size_t next = *at;

	if (!dns_name_read(message, bytes, &next, &record.name))
		return false;
	reader_init(&reader, message + next, bytes - next);
	record.type = reader_be16(&reader);
	record.class = reader_be16(&reader);
	record.ttl_s = reader_be32(&reader);
	record.data_bytes = reader_be16(&reader);
	record.data = reader_skip(&reader, record.data_bytes);
	if (reader.failed)
		return false;
	*at = bytes - reader.left;
	*ret_record = record;
	return true;
}

/* RFC 6891 6.1.3: what class and TTL mean in an OPT record. */
static void dns_message_edns(struct dns_message *message, const struct dns_record *record)
{
	message->edns = true;
	message->edns_version = (uint8_t)(record->ttl_s >> 16);
	message->dnssec_ok = record->ttl_s & DNS_OPT_DO;
	if (record->class > DNS_UDP_BYTES)
		message->udp_bytes = record->class;
}

static enum drop_reason dns_questions_read(const uint8_t *bytes, size_t count, size_t *at, struct dns_message *message)
{
	for (unsigned i = 0; i < message->header.count[DNS_QUESTIONS]; i++) {
		struct dns_question question;
		enum drop_reason verdict = dns_question_read(bytes, count, at, &question);

		if (verdict != DROP_NONE)
			return verdict;
		if (i == 0)
			message->question = question;
	}
	return DROP_NONE;
}

enum drop_reason dns_message_read(const uint8_t *message, size_t bytes, struct dns_message *ret_message)
{
	struct dns_message read = {.udp_bytes = DNS_UDP_BYTES};
	size_t at = DNS_HEADER_BYTES;
	enum drop_reason verdict = dns_header_read(message, bytes, &read.header);

	if (verdict == DROP_NONE)
		verdict = dns_questions_read(message, bytes, &at, &read);
	if (verdict != DROP_NONE)
		return verdict;
	read.records_at = at;
	for (int section = DNS_ANSWERS; section < DNS_SECTIONS; section++) {
		for (unsigned i = 0; i < read.header.count[section]; i++) {
			struct dns_record record;

			if (!dns_record_read(message, bytes, &at, &record))
				return DROP_DNS_RECORD;
			if (section == DNS_ADDITIONAL && record.type == DNS_TYPE_OPT && !read.edns)
				dns_message_edns(&read, &record);
		}
	}
	*ret_message = read;
	return DROP_NONE;
}

/* ---- writing ---- */

static void dns_opt_write(struct writer *writer, uint16_t udp_bytes, uint8_t rcode_high, bool dnssec_ok)
{
	writer_u8(writer, 0);
	writer_be16(writer, DNS_TYPE_OPT);
	writer_be16(writer, udp_bytes);
	writer_be32(writer, (uint32_t)rcode_high << 24 | (dnssec_ok ? DNS_OPT_DO : 0));
	writer_be16(writer, 0);
}

void dns_query_write(struct writer *writer, uint16_t id, const struct dns_question *question, uint16_t udp_bytes)
{
	struct dns_header header = {.id = id, .flags = DNS_FLAG_WANT_RECURSION, .count = {[DNS_QUESTIONS] = 1}};

	header.count[DNS_ADDITIONAL] = udp_bytes ? 1 : 0;
	dns_header_write(writer, &header);
	dns_question_write(writer, question);
	if (udp_bytes)
		dns_opt_write(writer, udp_bytes, 0, false);
}

void dns_draft_begin(struct dns_draft *draft, void *room, size_t bytes, const struct dns_message *query,
		     enum dns_rcode rcode, uint16_t flags)
{
	const uint16_t kept = DNS_FLAG_OPCODE | DNS_FLAG_WANT_RECURSION | DNS_FLAG_CHECK_DISABLE;

	*draft = (struct dns_draft){.edns = query->edns,
				    .dnssec_ok = query->dnssec_ok,
				    .rcode_high = (uint8_t)(rcode >> 4)};
	writer_init(&draft->writer, room, bytes);
	draft->header.id = query->header.id;
	draft->header.flags =
		(uint16_t)(DNS_FLAG_RESPONSE | (query->header.flags & kept) | flags | (rcode & DNS_FLAG_RCODE));
	writer_skip(&draft->writer, DNS_HEADER_BYTES);
	if (query->question.name.bytes == 0)
		return;
	draft->header.count[DNS_QUESTIONS] = 1;
	dns_question_write(&draft->writer, &query->question);
}

/* Up to the length of the data, which the caller fills in: its place is returned, NULL when there is no room. */
static uint8_t *dns_draft_record(struct dns_draft *draft, enum dns_type type, uint32_t ttl_s)
{
	writer_be16(&draft->writer, (uint16_t)type);
	writer_be16(&draft->writer, DNS_CLASS_IN);
	writer_be32(&draft->writer, ttl_s);
	return writer_skip(&draft->writer, 2);
}

static void dns_draft_measure(struct dns_draft *draft, uint8_t *length)
{
	struct be16 bytes;

	if (draft->writer.failed)
		return;
	bytes = be16_from((uint16_t)(draft->writer.next - length - 2));
	memcpy(length, bytes.byte, sizeof(bytes.byte));
}

static void dns_draft_answer(struct dns_draft *draft, enum dns_type type, uint32_t ttl_s, const void *data,
			     size_t bytes)
{
	uint8_t *length;

	writer_be16(&draft->writer, DNS_QUESTION_POINTER);
	length = dns_draft_record(draft, type, ttl_s);
	writer_copy(&draft->writer, data, bytes);
	dns_draft_measure(draft, length);
	draft->header.count[DNS_ANSWERS]++;
}

void dns_draft_ip4(struct dns_draft *draft, uint32_t ttl_s, struct ip4 address)
{
	dns_draft_answer(draft, DNS_TYPE_A, ttl_s, address.byte, sizeof(address.byte));
}

void dns_draft_ip6(struct dns_draft *draft, uint32_t ttl_s, struct ip6 address)
{
	dns_draft_answer(draft, DNS_TYPE_AAAA, ttl_s, address.byte, sizeof(address.byte));
}

void dns_draft_ptr(struct dns_draft *draft, uint32_t ttl_s, const char *name)
{
	struct dns_name wire;

	if (dns_name_parse(name, &wire))
		dns_draft_answer(draft, DNS_TYPE_PTR, ttl_s, wire.wire, wire.bytes);
	else
		draft->writer.failed = true;
}

void dns_draft_soa(struct dns_draft *draft, uint32_t ttl_s, const char *zone)
{
	struct dns_name wire;
	uint8_t *length;

	if (!dns_name_parse(zone, &wire)) {
		draft->writer.failed = true;
		return;
	}
	writer_copy(&draft->writer, wire.wire, wire.bytes);
	length = dns_draft_record(draft, DNS_TYPE_SOA, ttl_s);
	writer_copy(&draft->writer, wire.wire, wire.bytes); /* the zone's server and its keeper: itself */
	writer_copy(&draft->writer, wire.wire, wire.bytes);
	writer_be32(&draft->writer, 1);
	writer_be32(&draft->writer, DNS_SOA_REFRESH_S);
	writer_be32(&draft->writer, DNS_SOA_RETRY_S);
	writer_be32(&draft->writer, DNS_SOA_EXPIRE_S);
	writer_be32(&draft->writer, ttl_s); /* how long "there is none" may be remembered: RFC 2308 4 */
	dns_draft_measure(draft, length);
	draft->header.count[DNS_AUTHORITY]++;
}

size_t dns_draft_end(struct dns_draft *draft)
{
	struct writer header;

	if (draft->edns) {
		dns_opt_write(&draft->writer, DNS_OPT_UDP_BYTES, draft->rcode_high, draft->dnssec_ok);
		draft->header.count[DNS_ADDITIONAL]++;
	}
	if (draft->writer.failed)
		return 0;
	writer_init(&header, draft->writer.start, DNS_HEADER_BYTES);
	dns_header_write(&header, &draft->header);
	return writer_used(&draft->writer);
}

size_t dns_truncate(const struct dns_message *query, const uint8_t *answer, size_t bytes, void *room, size_t room_bytes)
{
	const uint16_t kept = DNS_FLAG_AUTHORITATIVE | DNS_FLAG_RECURSION;
	struct dns_header header;
	struct dns_draft draft;

	if (dns_header_read(answer, bytes, &header) != DROP_NONE)
		return 0;
	dns_draft_begin(&draft, room, room_bytes, query, (enum dns_rcode)(header.flags & DNS_FLAG_RCODE),
			(uint16_t)((header.flags & kept) | DNS_FLAG_TRUNCATED));
	return dns_draft_end(&draft);
}

/* ---- streams ---- */

size_t dns_stream_message(const uint8_t *bytes, size_t count)
{
	size_t message;

	if (count < DNS_STREAM_PREFIX)
		return 0;
	message = (size_t)bytes[0] << 8 | bytes[1];
	return count - DNS_STREAM_PREFIX >= message ? DNS_STREAM_PREFIX + message : 0;
}

void dns_stream_prefix(size_t message_bytes, uint8_t *ret_prefix)
{
	struct be16 wire = be16_from((uint16_t)message_bytes);

	assert(message_bytes <= DNS_MESSAGE_MAX);
	memcpy(ret_prefix, wire.byte, sizeof(wire.byte));
}
