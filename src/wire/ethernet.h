/* SPDX-License-Identifier: MIT */
/* Ethernet II and IEEE 802.1Q: addresses, types, the header. Also MAC addresses as text. */
#ifndef WIRE_ETHERNET_H
#define WIRE_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum ethernet_sizes {
	ETHERNET_HEADER_BYTES = 14,
	ETHERNET_VLAN_BYTES = 4,
	MAC_TEXT_BYTES = 18,
};

enum ethertype {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_SERVICE_VLAN = 0x88a8,
};

struct mac {
	uint8_t byte[6];
};

struct ethernet_header {
	struct mac to;
	struct mac from;
	struct be16 type;
};

#define MAC_BROADCAST ((struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})

bool mac_equal(struct mac a, struct mac b);
bool mac_is_zero(struct mac mac);
/* Broadcast is a group too. */
static inline bool mac_is_group(struct mac mac)
{
	return mac.byte[0] & 1;
}
/* "52:54:00:12:34:56", also with '-'. True when the whole text is one address. */
bool mac_parse(const char *text, struct mac *ret_mac);
/* `text` has MAC_TEXT_BYTES. Returns it. */
char *mac_format(struct mac mac, char *text);

#endif
