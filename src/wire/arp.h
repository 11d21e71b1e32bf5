/* SPDX-License-Identifier: MIT */
/* ARP for IPv4 over Ethernet, RFC 826. What is believed of a message is service's matter. */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"

enum { ARP_BYTES = 28 };

enum arp_operation {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

struct arp {
	enum arp_operation operation;
	struct mac sender_mac;
	struct ip4 sender;
	struct mac target_mac;
	struct ip4 target;
};

/* From behind the Ethernet header. DROP_NONE, DROP_ARP_SHORT, _FORMAT, _OPERATION. */
enum drop_reason arp_read(struct reader *reader, struct arp *ret_arp);
void arp_write(struct writer *writer, const struct arp *arp);

#endif
