/* SPDX-License-Identifier: MIT */
/* DHCPv4, RFC 2131 and 2132: the fixed message, its options wherever they stand (RFC 2131 4.1: in `file` and `sname`
 * too), options longer than 255 bytes (RFC 3396), search lists (RFC 3397) and routes (RFC 3442).
 *
 * Reading goes in two steps: dhcp4_read() checks that every option lies inside the message, so that walking them later
 * cannot fail; dhcp4_request_read() gives what a client asks. Building: dhcp4_write(), options, dhcp4_end_write(). */
#ifndef WIRE_DHCP4_H
#define WIRE_DHCP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"
#include "wire/domain.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"

enum dhcp4_sizes {
	DHCP4_FIXED_BYTES = 236,
	DHCP4_SERVER_NAME_BYTES = 64,
	DHCP4_FILE_BYTES = 128,
	DHCP4_BYTES_MIN = 300,          /* BOOTP's size, below which some clients do not listen (RFC 1542 2.1) */
	DHCP4_CLIENT_MESSAGE_MIN = 576, /* what every client takes, as an IP packet (RFC 2132 9.10) */
	DHCP4_OPTION_MAX = 255,         /* in one piece */
	DHCP4_JOINED_MAX = 1024,        /* ours: the longest option of several pieces */
	DHCP4_ROUTES_MAX = 16,
};

enum dhcp4_port {
	DHCP4_SERVER_PORT = 67,
	DHCP4_CLIENT_PORT = 68,
};

enum dhcp4_operation {
	DHCP4_BOOTREQUEST = 1,
	DHCP4_BOOTREPLY = 2,
};

enum { DHCP4_FLAG_BROADCAST = 0x8000 };

enum dhcp4_type {
	DHCP4_DISCOVER = 1,
	DHCP4_OFFER = 2,
	DHCP4_REQUEST = 3,
	DHCP4_DECLINE = 4,
	DHCP4_ACK = 5,
	DHCP4_NAK = 6,
	DHCP4_RELEASE = 7,
	DHCP4_INFORM = 8,
};

enum dhcp4_option_code {
	DHCP4_OPTION_PAD = 0,
	DHCP4_OPTION_NETMASK = 1,
	DHCP4_OPTION_ROUTER = 3,
	DHCP4_OPTION_DNS = 6,
	DHCP4_OPTION_HOSTNAME = 12,
	DHCP4_OPTION_DOMAIN = 15,
	DHCP4_OPTION_MTU = 26,
	DHCP4_OPTION_BROADCAST = 28,
	DHCP4_OPTION_REQUESTED = 50,
	DHCP4_OPTION_LEASE_TIME = 51,
	DHCP4_OPTION_OVERLOAD = 52,
	DHCP4_OPTION_TYPE = 53,
	DHCP4_OPTION_SERVER_ID = 54,
	DHCP4_OPTION_PARAMETERS = 55,
	DHCP4_OPTION_MESSAGE = 56,
	DHCP4_OPTION_MESSAGE_SIZE = 57,
	DHCP4_OPTION_RENEW_TIME = 58,
	DHCP4_OPTION_REBIND_TIME = 59,
	DHCP4_OPTION_VENDOR_CLASS = 60,
	DHCP4_OPTION_CLIENT_ID = 61,
	DHCP4_OPTION_BOOT_SERVER = 66,
	DHCP4_OPTION_BOOT_FILE = 67,
	DHCP4_OPTION_RAPID_COMMIT = 80, /* RFC 4039 */
	DHCP4_OPTION_FQDN = 81,         /* RFC 4702 */
	DHCP4_OPTION_ARCHITECTURE = 93, /* RFC 4578 2.1 */
	DHCP4_OPTION_SEARCH = 119,
	DHCP4_OPTION_ROUTES = 121,
	DHCP4_OPTION_END = 255,
};

struct dhcp4 {
	uint8_t operation; /* enum dhcp4_operation */
	uint8_t hops;
	uint32_t transaction;
	uint16_t seconds;
	uint16_t flags;
	struct ip4 client; /* ciaddr: what the client has */
	struct ip4 yours;  /* yiaddr: what it gets */
	struct ip4 server; /* siaddr: where it boots from */
	struct ip4 relay;  /* giaddr */
	struct mac mac;    /* chaddr */
	/* On reading NULL or the reader's owner's bytes; on writing NULL for all zero, and not options. */
	const uint8_t *server_name; /* DHCP4_SERVER_NAME_BYTES, perhaps without a NUL; options when overload says so */
	const uint8_t *file;        /* DHCP4_FILE_BYTES, the same */
	const uint8_t *options;     /* behind the cookie; reading only */
	size_t options_bytes;
	uint8_t overload; /* option 52: 1 file, 2 server_name, 3 both hold options; reading only */
};

struct dhcp4_option {
	uint8_t code;
	uint8_t bytes;
	const uint8_t *value;
};

/* A walk over all pieces of all options of a message. */
struct dhcp4_walk {
	const struct dhcp4 *message;
	struct reader area;
	bool file_done;
	bool server_name_done;
};

/* What a client says; 0 for what it does not say. Options that came in pieces are joined (RFC 3396); longer than
 * DHCP4_OPTION_MAX they are passed over. */
struct dhcp4_request {
	uint8_t type; /* enum dhcp4_type; never 0 */
	bool has_requested;
	bool has_server_id;
	bool rapid_commit;
	bool has_architecture;
	struct ip4 requested;                 /* 50 */
	struct ip4 server_id;                 /* 54 */
	uint32_t lease_s;                     /* 51 */
	uint16_t message_bytes;               /* 57, at least DHCP4_CLIENT_MESSAGE_MIN */
	uint16_t architecture;                /* 93, the first */
	uint8_t client_id[DHCP4_OPTION_MAX];  /* 61: type and identifier */
	uint8_t client_id_bytes;              /* 0, or at least 2 */
	uint8_t parameters[DHCP4_OPTION_MAX]; /* 55: option codes */
	uint8_t parameter_count;
	uint8_t vendor_class[DHCP4_OPTION_MAX]; /* 60 */
	uint8_t vendor_class_bytes;
	/* 81's name, or 12's when there is no 81; "" when there is neither or it is no domain name. Not lower-cased. */
	char hostname[DOMAIN_TEXT_BYTES];
	bool has_fqdn;      /* 81 was there, and is to be answered (RFC 4702 4) */
	uint8_t fqdn_flags; /* RFC 4702 2.1 */
};

enum dhcp4_fqdn_flags {
	DHCP4_FQDN_SERVER_UPDATES = 1, /* S */
	DHCP4_FQDN_OVERRIDE = 2,       /* O */
	DHCP4_FQDN_WIRE_NAME = 4,      /* E: labels, not ASCII */
	DHCP4_FQDN_NO_UPDATE = 8,      /* N */
};

struct dhcp4_route {
	struct ip4 net;
	unsigned prefix;
	struct ip4 via;
};

/* A whole UDP payload, of Ethernet clients. DROP_NONE, DROP_DHCP4_SHORT, _FORMAT (neither request nor reply, no
 * Ethernet), _COOKIE, _OPTION_LENGTH. */
enum drop_reason dhcp4_read(struct reader *reader, struct dhcp4 *ret_message);
/* Of a message that dhcp4_read() passed: DROP_NONE, DROP_DHCP4_OPTION_LENGTH (a wrong size), _TYPE (no 53). */
enum drop_reason dhcp4_request_read(const struct dhcp4 *message, struct dhcp4_request *ret_request);

void dhcp4_walk_init(struct dhcp4_walk *walk, const struct dhcp4 *message);
/* The next piece; false at the end. Padding is passed over. */
bool dhcp4_walk_next(struct dhcp4_walk *walk, struct dhcp4_option *ret_option);
/* All pieces of one option joined (RFC 3396 7) into `to`; how many bytes; -1 when it is absent or does not fit. */
int dhcp4_option_join(const struct dhcp4 *message, uint8_t code, uint8_t *to, size_t room);
/* The values of 119 and 121; false when they make no sense. At most DOMAIN_LIST_MAX and `most` are read. */
bool dhcp4_search_read(const struct dhcp4 *message, struct domain_list *ret_search);
bool dhcp4_routes_read(const struct dhcp4 *message, struct dhcp4_route *ret_routes, size_t most, size_t *ret_count);
/* Does the client's parameter list ask for the option? */
bool dhcp4_request_wants(const struct dhcp4_request *request, uint8_t code);

/* The fixed message and the cookie. */
void dhcp4_write(struct writer *writer, const struct dhcp4 *message);
/* Any option; more than 255 bytes in several pieces (RFC 3396). */
void dhcp4_option_write(struct writer *writer, uint8_t code, const void *value, size_t bytes);
void dhcp4_u8_write(struct writer *writer, uint8_t code, uint8_t value);
void dhcp4_u16_write(struct writer *writer, uint8_t code, uint16_t value);
void dhcp4_u32_write(struct writer *writer, uint8_t code, uint32_t value);
/* One address or more; nothing when count is 0, as an empty list may not be sent. */
void dhcp4_ip4_write(struct writer *writer, uint8_t code, const struct ip4 *addresses, size_t count);
/* Without a NUL (RFC 2132 2); nothing when it is "". */
void dhcp4_text_write(struct writer *writer, uint8_t code, const char *text);
/* 119, uncompressed: legal, and one parser less to meet on the other side (RFC 3397 2). Nothing when it is empty. */
void dhcp4_search_write(struct writer *writer, const struct domain_list *search);
/* 121; nothing when count is 0. At most DHCP4_ROUTES_MAX. */
void dhcp4_routes_write(struct writer *writer, const struct dhcp4_route *routes, size_t count);
/* The answer to 81: flags, and the name as the E flag says; as labels it is "" or valid, or fails the writer. */
void dhcp4_fqdn_write(struct writer *writer, uint8_t flags, const char *name);
/* 255, and zeros up to DHCP4_BYTES_MIN; `writer` must have begun with dhcp4_write(). */
void dhcp4_end_write(struct writer *writer);

#endif
