/* SPDX-License-Identifier: MIT */
/* ARP messages, RFC 826, of the one form that Ethernet and IPv4 have. Padding behind them is left to the reader. */
#include "wire/arp.h"

#include <string.h>

enum { ARP_HARDWARE_ETHERNET = 1 };

struct arp_wire {
	struct be16 hardware;
	struct be16 protocol;
	uint8_t hardware_bytes;
	uint8_t protocol_bytes;
	struct be16 operation;
	struct mac sender_mac;
	struct ip4 sender;
	struct mac target_mac;
	struct ip4 target;
};

_Static_assert(sizeof(struct arp_wire) == ARP_BYTES, "RFC 826");

enum drop_reason arp_read(struct reader *reader, struct arp *ret_arp)
{
	const uint8_t *bytes = reader_skip(reader, ARP_BYTES);
	struct arp_wire wire;
	uint16_t operation;

	if (!bytes)
		return DROP_ARP_SHORT;
	memcpy(&wire, bytes, sizeof(wire));
	if (be16_value(wire.hardware) != ARP_HARDWARE_ETHERNET || be16_value(wire.protocol) != ETHERTYPE_IPV4 ||
	    wire.hardware_bytes != sizeof(struct mac) || wire.protocol_bytes != sizeof(struct ip4))
		return DROP_ARP_FORMAT;
	operation = be16_value(wire.operation);
	if (operation != ARP_REQUEST && operation != ARP_REPLY)
		return DROP_ARP_OPERATION;
	*ret_arp = (struct arp){
		.operation = operation,
		.sender_mac = wire.sender_mac,
		.sender = wire.sender,
		.target_mac = wire.target_mac,
		.target = wire.target,
	};
	return DROP_NONE;
}

void arp_write(struct writer *writer, const struct arp *arp)
{
	struct arp_wire wire = {
		.hardware = be16_from(ARP_HARDWARE_ETHERNET),
		.protocol = be16_from(ETHERTYPE_IPV4),
		.hardware_bytes = sizeof(struct mac),
		.protocol_bytes = sizeof(struct ip4),
		.operation = be16_from((uint16_t)arp->operation),
		.sender_mac = arp->sender_mac,
		.sender = arp->sender,
		.target_mac = arp->target_mac,
		.target = arp->target,
	};

	writer_copy(writer, &wire, sizeof(wire));
}
