/* SPDX-License-Identifier: MIT */
/* DNS messages, RFC 1035, as a forwarder needs them: every name and record is walked within bounds, the question is
 * understood, and short answers of our own are written. What the records of somebody else's answer say is not looked at.
 *
 * Names stand here in wire form, any byte in a label, because a forwarder passes on what has no text; domain.h is for
 * names that a person wrote. */
#ifndef WIRE_DNS_H
#define WIRE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/writer.h"
#include "wire/domain.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

enum dns_sizes {
	DNS_PORT = 53,
	DNS_HEADER_BYTES = 12,
	DNS_UDP_BYTES = 512, /* RFC 1035 2.3.4, without EDNS */
	DNS_OPT_BYTES = 11,  /* RFC 6891 6.1.2, without options */
	DNS_MESSAGE_MAX = 65535,
	DNS_POINTERS_MAX = 32, /* ours: of one name, so that a chain of them costs nobody much */
	DNS_STREAM_PREFIX = 2, /* RFC 1035 4.2.2 */
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_IXFR = 251,
	DNS_TYPE_AXFR = 252,
	DNS_TYPE_ANY = 255,
};

enum { DNS_CLASS_IN = 1 };

enum dns_flags {
	DNS_FLAG_RESPONSE = 0x8000,
	DNS_FLAG_OPCODE = 0x7800, /* 0: a query */
	DNS_FLAG_AUTHORITATIVE = 0x0400,
	DNS_FLAG_TRUNCATED = 0x0200,
	DNS_FLAG_WANT_RECURSION = 0x0100,
	DNS_FLAG_RECURSION = 0x0080,
	DNS_FLAG_AUTHENTIC = 0x0020,     /* RFC 4035 3.2.3 */
	DNS_FLAG_CHECK_DISABLE = 0x0010, /* RFC 4035 3.2.2 */
	DNS_FLAG_RCODE = 0x000f,
};

enum dns_rcode {
	DNS_RCODE_OK = 0,
	DNS_RCODE_FORMAT = 1,
	DNS_RCODE_SERVER = 2,
	DNS_RCODE_NAME = 3, /* NXDOMAIN */
	DNS_RCODE_NOT_IMPLEMENTED = 4,
	DNS_RCODE_REFUSED = 5,
	DNS_RCODE_VERSION = 16, /* BADVERS, RFC 6891 6.1.3: what is above 15 begins in the OPT record */
};

enum dns_section {
	DNS_QUESTIONS,
	DNS_ANSWERS,
	DNS_AUTHORITY,
	DNS_ADDITIONAL,
	DNS_SECTIONS,
};

struct dns_header {
	uint16_t id;
	uint16_t flags; /* enum dns_flags */
	uint16_t count[DNS_SECTIONS];
};

/* Uncompressed, the root's 0 included. */
struct dns_name {
	uint8_t bytes; /* 1 … DOMAIN_WIRE_BYTES */
	uint8_t wire[DOMAIN_WIRE_BYTES];
};

struct dns_question {
	struct dns_name name;
	uint16_t type;
	uint16_t class;
};

struct dns_record {
	struct dns_name name;
	uint16_t type;
	uint16_t class;
	uint32_t ttl_s;
	const uint8_t *data; /* its owner is the message's */
	uint16_t data_bytes;
};

/* What was found in a message that holds together. */
struct dns_message {
	struct dns_header header;
	struct dns_question question; /* the first; all zero when there is none */
	size_t records_at;            /* where the records begin */
	bool edns;                    /* there is an OPT record, RFC 6891 */
	uint8_t edns_version;
	bool dnssec_ok;     /* RFC 3225 3 */
	uint16_t udp_bytes; /* what its sender takes over UDP: 512 at least */
};

/* The name at `*at`, which is moved behind it. Pointers lead backwards only, at most DNS_POINTERS_MAX of them. */
bool dns_name_read(const uint8_t *message, size_t bytes, size_t *at, struct dns_name *ret_name);
/* From text without a final dot; "" is the root. False when it is no name (domain_valid). */
bool dns_name_parse(const char *text, struct dns_name *ret_name);
/* In small letters, which is how names are compared (RFC 4343 3). False when it has no text. `ret_text` has
 * DOMAIN_TEXT_BYTES. */
bool dns_name_text(const struct dns_name *name, char *ret_text);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* The address that a name under in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5) asks for, all of its labels. */
bool dns_name_ip4(const char *text, struct ip4 *ret_address);
bool dns_name_ip6(const char *text, struct ip6 *ret_address);

/* The record at `*at`, which is moved behind it. */
bool dns_record_read(const uint8_t *message, size_t bytes, size_t *at, struct dns_record *ret_record);
/* The whole message, to its last record. Bytes behind it are no error, and two OPT records are one (the first).
 * DROP_NONE, DROP_DNS_SHORT, DROP_DNS_NAME, DROP_DNS_RECORD. */
enum drop_reason dns_message_read(const uint8_t *message, size_t bytes, struct dns_message *ret_message);
/* Only what stands in the first twelve bytes: DROP_NONE or DROP_DNS_SHORT. */
enum drop_reason dns_header_read(const uint8_t *message, size_t bytes, struct dns_header *ret_header);
/* In place; the message has DNS_HEADER_BYTES at least. */
void dns_message_set_id(uint8_t *message, uint16_t id);

/* A query with recursion wanted. `udp_bytes` not 0: with an OPT record. */
void dns_query_write(struct writer *writer, uint16_t id, const struct dns_question *question, uint16_t udp_bytes);

/* An answer of our own: begun with the query that it is for, then records of its question's name, then ended. */
struct dns_draft {
	struct writer writer;
	struct dns_header header;
	bool edns;
	bool dnssec_ok;
	uint8_t rcode_high;
};

void dns_draft_begin(struct dns_draft *draft, void *room, size_t bytes, const struct dns_message *query,
		     enum dns_rcode rcode, uint16_t flags);
void dns_draft_ip4(struct dns_draft *draft, uint32_t ttl_s, struct ip4 address);
void dns_draft_ip6(struct dns_draft *draft, uint32_t ttl_s, struct ip6 address);
/* Fails the draft when the name is no name. */
void dns_draft_ptr(struct dns_draft *draft, uint32_t ttl_s, const char *name);
/* Into the authority section, for "there is no such thing" (RFC 2308 5); after the answers. */
void dns_draft_soa(struct dns_draft *draft, uint32_t ttl_s, const char *zone);
/* How long the message is; 0 when something did not fit. */
size_t dns_draft_end(struct dns_draft *draft);

/* An answer cut down to header and question, with TC, because it is longer than its asker takes. */
size_t dns_truncate(const struct dns_message *query, const uint8_t *answer, size_t bytes, void *room,
		    size_t room_bytes);

/* DNS over a stream: how many bytes the first message and its length take up, 0 while it is not whole; the message
 * stands behind DNS_STREAM_PREFIX bytes. */
size_t dns_stream_message(const uint8_t *bytes, size_t count);
/* The length before a message of so many bytes, into DNS_STREAM_PREFIX bytes. */
void dns_stream_prefix(size_t message_bytes, uint8_t *ret_prefix);

#endif
