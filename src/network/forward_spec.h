/* SPDX-License-Identifier: MIT */
/* What a person says of a forward, in QEMU's words: "tcp:[ADDR]:PORT[-PORT]-[GUEST]:PORT[-PORT]", "udp:…" alike,
 * "unix:PATH-[GUEST]:PORT". IPv6 addresses stand in brackets, and a guest's name may. Behind ADDR, or in its place, may stand
 * %INTERFACE. Without a protocol it is tcp.
 *
 * '-' is in names and paths, too. Behind a port it begins a range when a number and another '-' follow; a unix socket's
 * path ends at the last one before the guest, so that a guest's name with '-' stands in brackets there. */
#ifndef NETWORK_FORWARD_SPEC_H
#define NETWORK_FORWARD_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "network/addressee.h"
#include "wire/ipv6.h"

enum forward_spec_limits {
	FORWARD_RANGE_MAX = 4096,
	FORWARD_PATH_BYTES = 108,
	FORWARD_IFNAME_BYTES = 16,
};

enum forward_protocol {
	FORWARD_TCP,
	FORWARD_UDP,
	FORWARD_UNIX,
};

struct forward_spec {
	enum forward_protocol protocol;
	bool everywhere;    /* no address, or the one that means every one of its family, and no interface */
	struct ip6 address; /* IPv4 as ::ffff:a.b.c.d; zero: every address of both families, unless only6 */
	bool only6;         /* [::] */
	char ifname[FORWARD_IFNAME_BYTES]; /* "": from any; else only what comes by this interface */
	uint16_t port;                     /* 0: the system's choice */
	uint16_t count;                    /* ports from `port` on, to as many from `guest_port` on */
	char path[FORWARD_PATH_BYTES];
	struct addressee guest;
	uint16_t guest_port;
};

/* 0; -EINVAL and a text that says which part is wrong. */
int forward_spec_parse(const struct gw_network *network, const char *text, struct forward_spec *ret_spec,
		       struct error *ret_error);
const char *forward_protocol_name(enum forward_protocol protocol);

#endif
