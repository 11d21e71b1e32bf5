/* SPDX-License-Identifier: MIT */
/* Ethernet II and IEEE 802.1Q: addresses, types, the header. Also MAC addresses as text. */
#ifndef WIRE_ETHERNET_H
#define WIRE_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"

enum ethernet_sizes {
	ETHERNET_HEADER_BYTES = 14,
	ETHERNET_VLAN_BYTES = 4,
	ETHERNET_TAGS_MAX = 2, /* a customer's tag inside a service tag (IEEE 802.1ad) */
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

struct ethernet_tags {
	uint16_t type; /* the EtherType behind the tags: of a third tag, when there is one */
	uint16_t vlan; /* the outer tag's identifier; 0 without a tag, or for a tag that carries only a priority */
	uint8_t count;
};

/* DROP_NONE or DROP_FRAME_SHORT; the reader stands behind the header. */
enum drop_reason ethernet_header_read(struct reader *reader, struct ethernet_header *ret_header);
/* What follows a header of this type: no tag, one or two. DROP_NONE or DROP_VLAN_TRUNCATED. */
enum drop_reason ethernet_tags_read(struct reader *reader, struct be16 type, struct ethernet_tags *ret_tags);
void ethernet_header_write(struct writer *writer, const struct ethernet_header *header);
/* One tag, to follow a header whose type is ETHERTYPE_VLAN. */
void ethernet_tag_write(struct writer *writer, uint16_t vlan, struct be16 type);

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
