/* SPDX-License-Identifier: MIT */
/* The numbers that IPv4's protocol field and IPv6's next header share (IANA, "Assigned Internet Protocol Numbers").
 * Only those that somebody here looks at. */
#ifndef WIRE_IP_H
#define WIRE_IP_H

enum ip_protocol {
	IP_PROTOCOL_HOP_BY_HOP = 0, /* IPv6 extension */
	IP_PROTOCOL_ICMP = 1,
	IP_PROTOCOL_IGMP = 2,
	IP_PROTOCOL_TCP = 6,
	IP_PROTOCOL_UDP = 17,
	IP_PROTOCOL_ROUTING = 43,  /* IPv6 extension */
	IP_PROTOCOL_FRAGMENT = 44, /* IPv6 extension */
	IP_PROTOCOL_ESP = 50,
	IP_PROTOCOL_AUTHENTICATION = 51, /* IPv6 extension, RFC 4302 */
	IP_PROTOCOL_ICMP6 = 58,
	IP_PROTOCOL_NONE = 59,           /* IPv6: nothing follows */
	IP_PROTOCOL_DESTINATION = 60,    /* IPv6 extension */
	IP_PROTOCOL_MOBILITY = 135,      /* IPv6 extension, RFC 6275 */
	IP_PROTOCOL_HOST_IDENTITY = 139, /* IPv6 extension, RFC 7401 */
	IP_PROTOCOL_SHIM6 = 140,         /* IPv6 extension, RFC 5533 */
};

#endif
