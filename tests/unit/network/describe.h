/* SPDX-License-Identifier: MIT */
/* Descriptions of networks, and their addresses as a person writes them. */
#ifndef UNIT_NETWORK_DESCRIBE_H
#define UNIT_NETWORK_DESCRIBE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "network/description.h"

static inline void assert_ip4(struct ip4 address, const char *expected)
{
	char text[IP4_TEXT_BYTES];

	assert_string_equal(ip4_format(address, text), expected);
}

static inline void assert_ip6(struct ip6 address, const char *expected)
{
	char text[IP6_TEXT_BYTES];

	assert_string_equal(ip6_format(address, text), expected);
}

static inline void assert_mac(struct mac mac, const char *expected)
{
	char text[MAC_TEXT_BYTES];

	assert_string_equal(mac_format(mac, text), expected);
}

static inline struct description describe(const char *uplink)
{
	struct description description;
	struct error error = {0};

	if (description_parse(&description, uplink, &error) != 0)
		fail_msg("%s: %s", uplink, error.text);
	return description;
}

#endif
