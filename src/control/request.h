/* SPDX-License-Identifier: MIT */
/* What a command asks of a running network: one JSON object on one line, docs/control.md. Encode and decode only; both
 * sides use this file, so that they cannot disagree. */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* X(NAME, "word", members needed, members allowed): the members are enum request_members. */
#define REQUEST_COMMAND_LIST(X)                                                                           \
	X(STATUS, "status", 0, 0)                                                                         \
	X(SHOW, "show", 0, 0)                                                                             \
	X(GUEST_ADD, "guest-add", REQUEST_SPEC, REQUEST_SPEC)                                             \
	X(GUEST_REMOVE, "guest-rm", REQUEST_GUEST, REQUEST_GUEST)                                         \
	X(FORWARD_ADD, "forward-add", REQUEST_SPEC, REQUEST_SPEC)                                         \
	X(FORWARD_REMOVE, "forward-rm", REQUEST_ID, REQUEST_ID)                                           \
	X(FORWARD_LIST, "forward-list", 0, 0)                                                             \
	X(WAIT, "wait", REQUEST_GUEST, REQUEST_GUEST | REQUEST_UNTIL | REQUEST_PORT | REQUEST_TIMEOUT_MS) \
	X(CAPTURE, "capture", 0, REQUEST_GUEST)                                                           \
	X(FLOWS, "flows", 0, REQUEST_FROM)                                                                \
	X(DOWN, "down", 0, 0)

enum request_command {
#define X(name, word, needs, takes) REQUEST_##name,
	REQUEST_COMMAND_LIST(X)
#undef X
		REQUEST_COMMANDS
};

enum request_members {
	REQUEST_SPEC = 1,
	REQUEST_GUEST = 2,
	REQUEST_UNTIL = 4,
	REQUEST_FROM = 8,
	REQUEST_ID = 16,
	REQUEST_PORT = 32,
	REQUEST_TIMEOUT_MS = 64,
};

enum request_limits {
	REQUEST_DEPTH_MAX = 4,
	REQUEST_GUEST_BYTES = 256, /* a DHCP name is 63, a port's name 63, an IPv6 address 45 */
	REQUEST_SPEC_BYTES = 4096, /* SPEC_BYTES_MAX */
	REQUEST_TIMEOUT_MS_MAX = 1000 * 1000 * 1000,
};

/* What `wait` waits for. */
enum request_until {
	REQUEST_UNTIL_EITHER, /* a lease; of a guest named by its port: that it is connected */
	REQUEST_UNTIL_LEASE,
	REQUEST_UNTIL_CONNECTED,
};

struct request {
	enum request_command command;
	const char *spec;  /* guest-add: "stream,path=/run/vm.sock"; forward-add: "tcp::2222-vm1:22" */
	const char *guest; /* guest-rm, wait, capture: or NULL */
	enum request_until until;
	uint64_t from;       /* flows: 0, or what the last answer said */
	uint64_t id;         /* forward-rm */
	uint64_t port;       /* wait: until the guest accepts there; 0: not asked for */
	uint64_t timeout_ms; /* wait for a port: 0: without end */
	json_t *object;      /* holds the strings after request_decode() */
};

/* 0; -EINVAL and a text that names the member. Then request_done(). */
int request_decode(const char *line, size_t length, struct request *ret_request, struct error *ret_error);
void request_done(struct request *request);
/* One line with its newline, for free(); NULL: no memory, or a string that is not UTF-8. */
char *request_encode(const struct request *request);
/* "guest-add" */
const char *request_word(enum request_command command);
/* "lease", "connected"; 0 or -EINVAL and a text. */
int request_until_parse(const char *word, enum request_until *ret_until, struct error *ret_error);

#endif
