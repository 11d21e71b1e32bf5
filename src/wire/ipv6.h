/* SPDX-License-Identifier: MIT */
/* IPv6, RFC 8200 and RFC 4291: addresses and the header. */
#ifndef WIRE_IPV6_H
#define WIRE_IPV6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/ethernet.h"

struct ip6 {
	uint8_t byte[16];
};

enum { IP6_TEXT_BYTES = 46 };

bool ip6_equal(struct ip6 a, struct ip6 b);
bool ip6_is_zero(struct ip6 address);
bool ip6_is_link_local(struct ip6 address);
static inline bool ip6_is_multicast(struct ip6 address)
{
	return address.byte[0] == 0xff;
}
bool ip6_in_net(struct ip6 address, struct ip6 net, unsigned prefix);
/* fe80:: and the modified EUI-64 (RFC 4291 appendix A). */
struct ip6 ip6_link_local(struct mac mac);
/* ff02::1:ffXX:XXXX */
struct ip6 ip6_solicited_node(struct ip6 address);
/* 33:33:… of a multicast address (RFC 2464 7) */
struct mac ip6_multicast_mac(struct ip6 address);
bool ip6_parse(const char *text, struct ip6 *ret_address);
/* "fd00::/64" */
bool ip6_parse_net(const char *text, struct ip6 *ret_address, unsigned *ret_prefix);
/* RFC 5952. `text` has IP6_TEXT_BYTES. */
char *ip6_format(struct ip6 address, char *text);

#endif
