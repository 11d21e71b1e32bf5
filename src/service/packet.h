/* SPDX-License-Identifier: MIT */
/* An IP packet in a frame from a guest, checked as far as its transport begins. A view: the bytes stay the frame's. */
#ifndef SERVICE_PACKET_H
#define SERVICE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/drop.h"
#include "base/reader.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

struct packet {
	struct ethernet_header ethernet;
	bool is6;
	struct ip4_header ip4;            /* !is6 */
	struct ip6_header ip6;            /* is6 */
	struct ip6_extensions extensions; /* is6 */
	uint8_t protocol;                 /* enum ip_protocol, of the transport */
	bool fragment;                    /* not the whole packet */
	const uint8_t *bytes;             /* from the IP header on, padding cut off */
	size_t count;
	const uint8_t *transport;
	size_t transport_bytes;
};

/* A frame of one of the two IP types without tags, whole. DROP_NONE, DROP_FRAME_SHORT, DROP_ETHERTYPE, DROP_IP4_… and
 * DROP_IP6_…. */
enum drop_reason packet_parse(const uint8_t *frame, size_t length, struct packet *ret_packet);
/* The pseudo-header's sum over the packet's transport. */
struct checksum packet_pseudo(const struct packet *packet);
/* Sent to one machine, on Ethernet too. */
bool packet_is_unicast(const struct packet *packet);

#endif
