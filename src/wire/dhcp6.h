/* SPDX-License-Identifier: MIT */
/* DHCPv6 between client and server, RFC 8415; DNS options RFC 3646; client names RFC 4704. Relays' messages are not
 * read. Prefix delegation is recognised, so that a server can say no.
 *
 * Reading goes in two steps: dhcp6_read() checks that every option lies inside the message; dhcp6_request_read() gives
 * what a client asks. Building: dhcp6_write(), then options. */
#ifndef WIRE_DHCP6_H
#define WIRE_DHCP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"
#include "wire/domain.h"
#include "wire/ethernet.h"
#include "wire/ipv6.h"

enum dhcp6_limits {
	DHCP6_HEADER_BYTES = 4,
	DHCP6_DUID_MAX = 130,      /* a type and 128 bytes, RFC 8415 11.1 */
	DHCP6_DUID_MAC_BYTES = 10, /* DUID-LL of an Ethernet address, RFC 8415 11.4 */
	DHCP6_IAS_MAX = 4,         /* ours, in one message; what is beyond is skipped */
	DHCP6_ADDRESSES_MAX = 4,   /* ours, in one IA */
	DHCP6_DNS_MAX = 8,
};

enum dhcp6_port {
	DHCP6_CLIENT_PORT = 546,
	DHCP6_SERVER_PORT = 547,
};

/* All_DHCP_Relay_Agents_and_Servers, ff02::1:2 */
#define DHCP6_SERVERS ((struct ip6){{0xff, 0x02, [13] = 1, [15] = 2}})

enum dhcp6_type {
	DHCP6_SOLICIT = 1,
	DHCP6_ADVERTISE = 2,
	DHCP6_REQUEST = 3,
	DHCP6_CONFIRM = 4,
	DHCP6_RENEW = 5,
	DHCP6_REBIND = 6,
	DHCP6_REPLY = 7,
	DHCP6_RELEASE = 8,
	DHCP6_DECLINE = 9,
	DHCP6_RECONFIGURE = 10,
	DHCP6_INFORMATION_REQUEST = 11,
	DHCP6_RELAY_FORWARD = 12,
	DHCP6_RELAY_REPLY = 13,
};

enum dhcp6_option_code {
	DHCP6_OPTION_CLIENT_ID = 1,
	DHCP6_OPTION_SERVER_ID = 2,
	DHCP6_OPTION_IA_NA = 3,
	DHCP6_OPTION_IA_TA = 4,
	DHCP6_OPTION_IAADDR = 5,
	DHCP6_OPTION_ORO = 6,
	DHCP6_OPTION_PREFERENCE = 7,
	DHCP6_OPTION_ELAPSED = 8,
	DHCP6_OPTION_STATUS = 13,
	DHCP6_OPTION_RAPID_COMMIT = 14,
	DHCP6_OPTION_RECONFIGURE_ACCEPT = 20,
	DHCP6_OPTION_DNS = 23,
	DHCP6_OPTION_SEARCH = 24,
	DHCP6_OPTION_IA_PD = 25,
	DHCP6_OPTION_REFRESH_TIME = 32,
	DHCP6_OPTION_FQDN = 39,
	DHCP6_OPTION_BOOT_FILE = 59, /* RFC 5970 */
	DHCP6_OPTION_SOL_MAX_RT = 82,
};

enum dhcp6_status_code {
	DHCP6_STATUS_SUCCESS = 0,
	DHCP6_STATUS_UNSPECIFIED = 1,
	DHCP6_STATUS_NO_ADDRESSES = 2,
	DHCP6_STATUS_NO_BINDING = 3,
	DHCP6_STATUS_NOT_ON_LINK = 4,
	DHCP6_STATUS_USE_MULTICAST = 5,
	DHCP6_STATUS_NO_PREFIXES = 6,
};

enum dhcp6_fqdn_flags {
	DHCP6_FQDN_SERVER_UPDATES = 1, /* S */
	DHCP6_FQDN_OVERRIDE = 2,       /* O */
	DHCP6_FQDN_NO_UPDATE = 4,      /* N */
};

struct dhcp6 {
	uint8_t type;           /* enum dhcp6_type, no relay's */
	uint32_t transaction;   /* 24 bits */
	const uint8_t *options; /* reading only */
	size_t options_bytes;
};

struct dhcp6_option {
	uint16_t code;
	uint16_t bytes;
	const uint8_t *value;
};

/* A DUID, in the message it came in. */
struct dhcp6_duid {
	const uint8_t *bytes; /* NULL: none */
	size_t count;         /* 3 … DHCP6_DUID_MAX */
};

struct dhcp6_address {
	struct ip6 address;
	uint32_t preferred_s;
	uint32_t valid_s;
};

/* An IA_NA, or the shell of an IA_PD. */
struct dhcp6_ia {
	uint32_t id;
	uint32_t t1_s;
	uint32_t t2_s;
	size_t address_count;
	struct dhcp6_address addresses[DHCP6_ADDRESSES_MAX];
	bool has_status;
	uint16_t status; /* enum dhcp6_status_code */
};

/* What a client, or in tests a server, says. Pointers are to the message's bytes. */
struct dhcp6_request {
	struct dhcp6_duid client_id;
	struct dhcp6_duid server_id;
	size_t ia_count;
	struct dhcp6_ia ias[DHCP6_IAS_MAX];
	size_t ia_pd_count; /* identifiers only */
	uint32_t ia_pds[DHCP6_IAS_MAX];
	const uint8_t *wanted; /* ORO: option codes in network order */
	size_t wanted_count;
	uint16_t elapsed_cs;
	bool rapid_commit;
	bool has_status;
	uint16_t status;
	bool has_fqdn;
	uint8_t fqdn_flags;
	char hostname[DOMAIN_TEXT_BYTES]; /* option 39's, perhaps of one label; "" when absent or no domain name */
	size_t dns_count;
	struct ip6 dns[DHCP6_DNS_MAX];
	struct domain_list search;
};

/* A whole UDP payload. DROP_NONE, DROP_DHCP6_SHORT, _TYPE (unknown, or a relay's), _OPTION_LENGTH. */
enum drop_reason dhcp6_read(struct reader *reader, struct dhcp6 *ret_message);
/* Of a message that dhcp6_read() passed: DROP_NONE, DROP_DHCP6_OPTION_LENGTH (of a wrong size), _CLIENT_ID, _SERVER_ID
 * (there twice, or no DUID). Which of them must be there is the server's matter. */
enum drop_reason dhcp6_request_read(const struct dhcp6 *message, struct dhcp6_request *ret_request);
/* Does the client's ORO ask for the option? */
bool dhcp6_request_wants(const struct dhcp6_request *request, uint16_t code);

void dhcp6_write(struct writer *writer, const struct dhcp6 *message);
void dhcp6_option_write(struct writer *writer, uint16_t code, const void *value, size_t bytes);
void dhcp6_u8_write(struct writer *writer, uint16_t code, uint8_t value);
void dhcp6_u16_write(struct writer *writer, uint16_t code, uint16_t value);
void dhcp6_u32_write(struct writer *writer, uint16_t code, uint32_t value);
/* 3 with its addresses and its status. */
void dhcp6_ia_write(struct writer *writer, const struct dhcp6_ia *ia);
/* 25 with nothing but a status: the answer to who wants a prefix (RFC 8415 18.3.2). */
void dhcp6_ia_pd_write(struct writer *writer, uint32_t id, uint16_t status);
/* 13; `text` is for a person, and may be "". */
void dhcp6_status_write(struct writer *writer, uint16_t status, const char *text);
/* 23 and 24; nothing when there are none. */
void dhcp6_dns_write(struct writer *writer, const struct ip6 *addresses, size_t count);
void dhcp6_search_write(struct writer *writer, const struct domain_list *search);
/* 39; a name of one label is written as a partial one, without the root (RFC 4704 4.2). "" or valid, or it fails the
 * writer. */
void dhcp6_fqdn_write(struct writer *writer, uint8_t flags, const char *name);
/* A server's own identifier, DUID-LL. `ret_duid` has DHCP6_DUID_MAC_BYTES. */
void dhcp6_duid_from_mac(struct mac mac, uint8_t *ret_duid);

#endif
