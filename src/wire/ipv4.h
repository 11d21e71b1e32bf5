/* SPDX-License-Identifier: MIT */
/* IPv4, RFC 791: addresses and the header. */
#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct ip4 {
	uint8_t byte[4];
};

enum { IP4_TEXT_BYTES = 16 };

bool ip4_equal(struct ip4 a, struct ip4 b);
bool ip4_is_zero(struct ip4 address);
/* As a number, for pools and masks. */
uint32_t ip4_value(struct ip4 address);
struct ip4 ip4_from(uint32_t value);
/* The netmask of a prefix of 0 … 32 bits. */
uint32_t ip4_mask(unsigned prefix);
/* The whole text: dotted decimal, no leading zeros. */
bool ip4_parse(const char *text, struct ip4 *ret_address);
/* "10.0.2.0/24"; also a netmask behind the slash, as QEMU's net= takes. */
bool ip4_parse_net(const char *text, struct ip4 *ret_address, unsigned *ret_prefix);
char *ip4_format(struct ip4 address, char *text);

#endif
