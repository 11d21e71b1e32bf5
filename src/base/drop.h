/* SPDX-License-Identifier: MIT */
/* The name of every reason for which a frame, or a message inside one, is not delivered. One list for the whole
 * program, because a person reads it as one list (`guestwire show`); it stands in base because parsers in wire/ and
 * ring walkers in virtio/ give verdicts too. A verdict is a reason, and DROP_NONE is "go on".
 *
 * X(NAME, "name in show and JSON", "what happened, for a person"). Grouped by who counts it. Each has a test. */
#ifndef BASE_DROP_H
#define BASE_DROP_H

#include <stdint.h>

/* clang-format off */
#define DROP_REASON_LIST(X) \
	/* a port's own framing */ \
	X(STREAM_LENGTH_ZERO,       "stream-length-zero",       "a frame length of 0: the stream is closed") \
	X(STREAM_LENGTH_SHORT,      "stream-length-short",      "a frame length below an Ethernet header: the stream is closed") \
	X(STREAM_LENGTH_LONG,       "stream-length-long",       "a frame length above the largest frame: the stream is closed") \
	X(STREAM_ENDED_IN_HEADER,   "stream-ended-in-header",   "the stream ended inside a length") \
	X(STREAM_ENDED_IN_FRAME,    "stream-ended-in-frame",    "the stream ended inside a frame") \
	X(DATAGRAM_TRUNCATED,       "datagram-truncated",       "a datagram larger than the largest frame") \
	X(DATAGRAM_NO_ADDRESS,      "datagram-no-address",      "a datagram from a socket that cannot be answered: without a name, or with one that leads nowhere from here") \
	X(DATAGRAM_GUEST_MUTED,     "datagram-guest-muted",     "for a guest that fills the shared socket and does not read") \
	X(DATAGRAM_GUEST_GONE,      "datagram-guest-gone",      "for a guest whose socket is gone") \
	X(TAP_HEADER,               "tap-header",               "the tap gave less than its own header") \
	X(TAP_REFUSED,              "tap-refused",              "the tap's kernel refused the frame") \
	X(TAP_DOWN,                 "tap-down",                 "the tap's interface is down") \
	X(GUESTS_FULL,              "guests-full",              "a guest more than the listener admits") \
	X(QUEUE_FULL,               "queue-full",               "the guest does not read and its queue is full") \
	X(POOL_EMPTY,               "pool-empty",               "no buffer left in the network's pool, or no more for this guest") \
	X(ROOM_REFUSED,             "room-refused",             "the far end lends no room now") \
	X(PORT_CLOSED,              "port-closed",              "the far end is gone") \
	/* the switch */ \
	X(FRAME_SHORT,              "frame-short",              "shorter than an Ethernet header") \
	X(FRAME_LONG,               "frame-long",               "longer than the largest frame of the network") \
	X(FRAME_TOO_LARGE_FOR_PORT, "frame-too-large-for-port", "larger than this port's far end takes") \
	X(SOURCE_MULTICAST,         "source-multicast",         "the source address is a group or all zero") \
	X(SOURCE_SPOOFED,           "source-spoofed",           "the source address is not the one of mac=") \
	X(SOURCE_CONFLICT,          "source-conflict",          "the source address belongs to another guest that is alive") \
	X(SOURCE_GATEWAY,           "source-gateway",           "the source address is the gateway's: a loop or a forgery") \
	X(SOURCE_FLAPPING,          "source-flapping",          "the source address moves between ports too often: a loop") \
	X(DESTINATION_SAME_PORT,    "destination-same-port",    "for a guest behind the port it came from") \
	X(DESTINATION_ISOLATED,     "destination-isolated",     "between two isolated ports") \
	X(DESTINATION_RESERVED,     "destination-reserved",     "for a link-local bridge address (IEEE 802.1D 7.12.6)") \
	X(DESTINATION_GONE,         "destination-gone",         "the gateway's answer to a guest that left, or that the switch has no room to remember") \
	X(NO_OTHER_PORT,            "no-other-port",            "nobody else is on the network") \
	X(VLAN_TRUNCATED,           "vlan-truncated",           "ends inside a VLAN tag") \
	/* offload metadata that does not fit the bytes */ \
	X(OFFLOAD_CSUM_RANGE,       "offload-csum-range",       "the partial checksum lies outside the frame's headers") \
	X(OFFLOAD_GSO_TYPE,         "offload-gso-type",         "a segmentation type that is unknown or was not negotiated") \
	X(OFFLOAD_GSO_HEADERS,      "offload-gso-headers",      "segmentation of a frame whose headers do not fit its type") \
	X(OFFLOAD_GSO_SIZE,         "offload-gso-size",         "a segment size of 0 or beyond the network's MTU") \
	X(OFFLOAD_GSO_CSUM,         "offload-gso-csum",         "segmentation without a partial checksum") \
	X(OFFLOAD_SEGMENTS,         "offload-segments",         "too many segments in one frame") \
	/* IP, as far as the fabric and the gateway read it */ \
	X(IP4_SHORT,                "ip4-short",                "ends inside the IPv4 header") \
	X(IP4_VERSION,              "ip4-version",              "IPv4 by type, another version inside (RFC 791 3.1)") \
	X(IP4_HEADER_LENGTH,        "ip4-header-length",        "an IPv4 header length below 20 or beyond the frame (RFC 791 3.1)") \
	X(IP4_TOTAL_LENGTH,         "ip4-total-length",         "an IPv4 total length below its header or beyond the frame (RFC 791 3.1)") \
	X(IP4_CHECKSUM,             "ip4-checksum",             "a wrong IPv4 header checksum (RFC 1122 3.2.1.2)") \
	X(IP4_FRAGMENT,             "ip4-fragment",             "an IPv4 fragment for a service that takes none") \
	X(IP4_SOURCE,               "ip4-source",               "an IPv4 source that may not send (RFC 1122 3.2.1.3)") \
	X(IP4_NO_ROUTE,             "ip4-no-route",             "for an IPv4 address beyond the network, and there is no uplink") \
	X(IP4_PROTOCOL,             "ip4-protocol",             "an IPv4 protocol that the gateway does not serve") \
	X(IP6_SHORT,                "ip6-short",                "ends inside the IPv6 header") \
	X(IP6_VERSION,              "ip6-version",              "IPv6 by type, another version inside (RFC 8200 3)") \
	X(IP6_PAYLOAD_LENGTH,       "ip6-payload-length",       "an IPv6 payload length beyond the frame (RFC 8200 3)") \
	X(IP6_EXTENSIONS,           "ip6-extensions",           "more than 8 IPv6 extension headers or 128 bytes of them") \
	X(IP6_EXTENSION_SHORT,      "ip6-extension-short",      "ends inside an IPv6 extension header (RFC 8200 4)") \
	X(IP6_FRAGMENT,             "ip6-fragment",             "an IPv6 fragment for a service that takes none") \
	X(IP6_SOURCE,               "ip6-source",               "an IPv6 source that may not send (RFC 4291 2.7)") \
	X(IP6_NO_ROUTE,             "ip6-no-route",             "for an IPv6 address beyond the network, and there is no uplink") \
	X(IP6_NEXT_HEADER,          "ip6-next-header",          "an IPv6 next header that the gateway does not serve") \
	X(TCP_SHORT,                "tcp-short",                "ends inside the TCP header") \
	X(TCP_OFFSET,               "tcp-offset",               "a TCP data offset below 5 or beyond the segment (RFC 9293 3.1)") \
	X(TCP_OPTION_LENGTH,        "tcp-option-length",        "a TCP option with a lying length (RFC 9293 3.2)") \
	X(TCP_CHECKSUM,             "tcp-checksum",             "a wrong TCP checksum") \
	X(UDP_SHORT,                "udp-short",                "ends inside the UDP header") \
	X(UDP_LENGTH,               "udp-length",               "a UDP length below 8 or beyond the packet (RFC 768)") \
	X(UDP_CHECKSUM,             "udp-checksum",             "a wrong UDP checksum, or none over IPv6 (RFC 8200 8.1)") \
	X(UDP_PORT_CLOSED,          "udp-port-closed",          "for a UDP port that the gateway does not serve") \
	X(TCP_PORT_CLOSED,          "tcp-port-closed",          "for a TCP port that the gateway does not serve") \
	X(ICMP_SHORT,               "icmp-short",               "ends inside the ICMP header") \
	X(ICMP_CHECKSUM,            "icmp-checksum",            "a wrong ICMP or ICMPv6 checksum") \
	X(ICMP_TYPE,                "icmp-type",                "an ICMP or ICMPv6 type that the gateway does not serve") \
	X(ETHERTYPE,                "ethertype",                "for the gateway, of a type that it does not speak") \
	X(VLAN_TAGGED,              "vlan-tagged",              "for the gateway, with a VLAN tag: it serves what has none") \
	/* NAT */ \
	X(NAT_NO_FLOW,              "nat-no-flow",              "of no conversation that is known: TCP is answered by a reset") \
	X(NAT_FLOW_OWNER,           "nat-flow-owner",           "for another guest's conversation") \
	X(NAT_FLOWS_FULL,           "nat-flows-full",           "as many conversations as the network holds") \
	X(NAT_FLOW_DISPLACED,       "nat-flow-displaced",       "a conversation that was not in use, of the guest that held most, which made room for another guest's") \
	X(NAT_SOCKETS_FULL,         "nat-sockets-full",         "the host gives no socket for it") \
	X(NAT_DESTINATION,          "nat-destination",          "for an address that a host's socket may not reach") \
	X(NAT_RESTRICTED,           "nat-restricted",           "to the world, from a network with restrict=on") \
	X(NAT_OUTBOUND_GONE,        "nat-outbound-gone",        "to the world, while this machine has not the address or interface of outbound=") \
	X(NAT_HOP_LIMIT,            "nat-hop-limit",            "its hops are used up (RFC 1812 5.3.1, RFC 8200 3)") \
	X(NAT_REPLIES_FULL,         "nat-replies-full",         "more refusals than are kept for a turn") \
	X(TCP_SEQUENCE,             "tcp-sequence",             "outside the TCP window (RFC 9293 3.10.7.4)") \
	X(TCP_OUT_OF_ORDER,         "tcp-out-of-order",         "ahead of what is missing, and no room to keep it: sent again later") \
	X(TCP_ACKNOWLEDGEMENT,      "tcp-acknowledgement",      "acknowledges what was never sent (RFC 5961 5.2)") \
	X(TCP_FLAGS,                "tcp-flags",                "TCP flags that mean nothing in the flow's state") \
	X(TCP_HANDED_OVER,          "tcp-handed-over",          "of a connection that the guest's own sockets carry by now: it comes again there") \
	X(TCP_TAIL_FULL,            "tcp-tail-full",            "the host's socket and the pool behind it are full") \
	/* ARP, RFC 826 */ \
	X(ARP_SHORT,                "arp-short",                "ends inside the ARP message") \
	X(ARP_FORMAT,               "arp-format",               "ARP for something other than Ethernet and IPv4") \
	X(ARP_OPERATION,            "arp-operation",            "neither an ARP request nor a reply") \
	X(ARP_SENDER,               "arp-sender",               "an ARP sender other than the frame's source, or one that may not be") \
	X(ARP_NOT_OURS,             "arp-not-ours",             "an ARP request for somebody else's address") \
	/* neighbour discovery, RFC 4861 */ \
	X(NDP_SHORT,                "ndp-short",                "ends inside the ND message") \
	X(NDP_HOP_LIMIT,            "ndp-hop-limit",            "ND with a hop limit other than 255 (RFC 4861 7.1)") \
	X(NDP_CODE,                 "ndp-code",                 "ND with a code other than 0 (RFC 4861 7.1)") \
	X(NDP_TARGET,               "ndp-target",               "ND for a multicast target (RFC 4861 7.1)") \
	X(NDP_SOURCE,               "ndp-source",               "ND whose source contradicts its options or destination (RFC 4861 7.1)") \
	X(NDP_OPTION_LENGTH,        "ndp-option-length",        "an ND option of length 0 or beyond the message (RFC 4861 4.6)") \
	X(NDP_NOT_OURS,             "ndp-not-ours",             "a neighbour solicitation for somebody else's address") \
	X(NDP_ROUTER_ADVERT,        "ndp-router-advert",        "a router advertisement from a guest: the gateway does not listen") \
	/* DHCPv4, RFC 2131 and 2132 */ \
	X(DHCP4_SHORT,              "dhcp4-short",              "ends inside the fixed DHCP message (RFC 2131 2)") \
	X(DHCP4_FORMAT,             "dhcp4-format",             "not a DHCP request over Ethernet (RFC 2131 2)") \
	X(DHCP4_COOKIE,             "dhcp4-cookie",             "without the DHCP cookie (RFC 2131 3)") \
	X(DHCP4_OPTION_LENGTH,      "dhcp4-option-length",      "a DHCP option beyond the message or of a wrong size (RFC 2132 2)") \
	X(DHCP4_TYPE,               "dhcp4-type",               "without a message type that a server takes (RFC 2132 9.6)") \
	X(DHCP4_OTHER_SERVER,       "dhcp4-other-server",       "meant for another DHCP server") \
	X(DHCP4_SENDER,             "dhcp4-sender",             "DHCP for a hardware address other than the frame's source") \
	X(DHCP4_RELAYED,            "dhcp4-relayed",            "DHCP by way of a relay (RFC 2131 4.1), which the gateway does not serve") \
	X(DHCP4_TOO_MANY,           "dhcp4-too-many",           "from a guest that holds as many IPv4 leases as one may") \
	X(DHCP4_PORT_SHARE,         "dhcp4-port-share",         "from a port that holds so many IPv4 leases that what is left is for others") \
	X(DHCP4_POOL_EMPTY,         "dhcp4-pool-empty",         "no address left to lease") \
	X(DHCP4_NO_LEASE,           "dhcp4-no-lease",           "about a lease that is not the sender's") \
	/* DHCPv6, RFC 8415 */ \
	X(DHCP6_SHORT,              "dhcp6-short",              "ends inside the DHCPv6 header (RFC 8415 8)") \
	X(DHCP6_TYPE,               "dhcp6-type",               "a DHCPv6 type that a server does not take (RFC 8415 16)") \
	X(DHCP6_OPTION_LENGTH,      "dhcp6-option-length",      "a DHCPv6 option beyond the message or of a wrong size (RFC 8415 21.1)") \
	X(DHCP6_CLIENT_ID,          "dhcp6-client-id",          "without a client identifier, or with one where none may be (RFC 8415 16)") \
	X(DHCP6_SERVER_ID,          "dhcp6-server-id",          "a server identifier that is missing, or another server's (RFC 8415 16)") \
	X(DHCP6_NO_LEASE,           "dhcp6-no-lease",           "about a lease that is not the sender's (RFC 8415 18.3)") \
	X(DHCP6_TOO_MANY,           "dhcp6-too-many",           "from a guest that holds as many IPv6 leases as one may") \
	X(DHCP6_PORT_SHARE,         "dhcp6-port-share",         "from a port that holds so many IPv6 leases that what is left is for others") \
	X(DHCP6_POOL_EMPTY,         "dhcp6-pool-empty",         "no address left to lease") \
	/* rings in guest memory, virtio 1.2 */ \
	X(RING_DESCRIPTOR_INDEX,    "ring-descriptor-index",    "a descriptor number outside the table (virtio 2.7.5)") \
	X(RING_CHAIN_LONG,          "ring-chain-long",          "a chain longer than the ring, or a loop (virtio 2.7.5.3.1)") \
	X(RING_INDIRECT,            "ring-indirect",            "an indirect table that is nested, empty or of an odd size (virtio 2.7.5.3.1)") \
	X(RING_ADDRESS,             "ring-address",             "an address outside the guest's memory") \
	X(RING_DIRECTION,           "ring-direction",           "a buffer of the wrong direction (virtio 2.7.4.2)") \
	X(RING_LENGTH,              "ring-length",              "a buffer of no bytes, or a chain of more than 4 GiB") \
	X(RING_AVAIL_INDEX,         "ring-avail-index",         "more buffers offered than the ring holds") \
	X(RING_LOST,                "ring-lost",                "a packed ring whose last device was killed: where it goes on nobody knows, and the guest has to reset its device") \
	X(RING_HEADER,              "ring-header",              "a chain shorter than the virtio-net header") \
	X(RING_OFF,                 "ring-off",                 "on a queue that the guest's driver has switched off, or for a guest that has none on") \
	/* vhost-user's messages: the guest that sends one of these is closed */ \
	X(VHOST_VERSION,            "vhost-version",            "a vhost-user message of another version, or an answer to nothing") \
	X(VHOST_REQUEST,            "vhost-request",            "a vhost-user request that is unknown or was not negotiated") \
	X(VHOST_SIZE,               "vhost-size",               "a vhost-user message longer or shorter than its request") \
	X(VHOST_DESCRIPTORS,        "vhost-descriptors",        "a vhost-user message with too many or too few descriptors") \
	X(VHOST_RING,               "vhost-ring",               "a vhost-user message about a ring that is not there, or whose size or place cannot be") \
	X(VHOST_MEMORY,             "vhost-memory",             "memory regions that overlap, overflow or are not shared memory of their size") \
	X(VHOST_LIMBO,              "vhost-limbo",              "descriptors that are not taken any more, since so many are kept that may never close") \
	X(VHOST_EVENT,              "vhost-event",              "a kick, call or err descriptor that is no eventfd") \
	X(VHOST_STUCK,              "vhost-stuck",              "the front end does not read its answers") \
	X(VHOST_FAULT,              "vhost-fault",              "memory that went away while it was in use") \
	/* DNS at the gateway, RFC 1035 */ \
	X(DNS_SHORT,                "dns-short",                "ends inside the DNS header or question (RFC 1035 4.1)") \
	X(DNS_NAME,                 "dns-name",                 "a name that is too long, loops or leaves the DNS message (RFC 1035 4.1.4)") \
	X(DNS_RECORD,               "dns-record",               "fewer DNS records than announced (RFC 1035 4.1.3)") \
	X(DNS_NOT_QUERY,            "dns-not-query",            "a DNS answer from a guest, where queries are taken") \
	X(DNS_LONG,                 "dns-long",                 "a DNS query longer than what is kept of one") \
	X(DNS_FULL,                 "dns-full",                 "more DNS queries under way than there is room for") \
	X(DNS_UNASKED,              "dns-unasked",              "a resolver's answer to a question that was not asked of it") \
	/* TFTP, RFC 1350 */ \
	X(TFTP_SHORT,               "tftp-short",               "ends inside the TFTP header (RFC 1350 5)") \
	X(TFTP_OPCODE,              "tftp-opcode",              "a TFTP message that a server does not take (RFC 1350 5)") \
	X(TFTP_TEXT,                "tftp-text",                "a TFTP name or mode without end, or too long (RFC 1350 5)") \
	X(TFTP_MODE,                "tftp-mode",                "a TFTP mode other than octet and netascii (RFC 1350 1)") \
	X(TFTP_PATH,                "tftp-path",                "a TFTP path that leads out of the directory") \
	X(TFTP_WRITE,               "tftp-write",               "a TFTP write request: the server only reads") \
	X(TFTP_TRANSFER,            "tftp-transfer",            "for a TFTP transfer that is not under way (RFC 1350 4)") \
	X(TFTP_FULL,                "tftp-full",                "more TFTP transfers at once than there is room for") \
	/* fragments from guests, RFC 791 and RFC 8200 4.5 */ \
	X(FRAGMENT_LENGTH,          "fragment-length",          "a fragment before the last that is no multiple of 8, or empty (RFC 8200 4.5)") \
	X(FRAGMENT_BEYOND,          "fragment-beyond",          "a fragment that ends beyond the largest packet, or behind the last") \
	X(FRAGMENT_OVERLAP,         "fragment-overlap",         "overlapping fragments: the whole datagram is given up (RFC 5722 4)") \
	X(FRAGMENT_FULL,            "fragment-full",            "more fragments at once than there is room for") \
	X(FRAGMENT_DISPLACED,       "fragment-displaced",       "fragments waiting for their rest that made room for newer ones, as the oldest of the guest that held most") \
	X(FRAGMENT_LATE,            "fragment-late",            "fragments whose rest did not come in time (RFC 8200 4.5)") \
	X(FRAGMENT_NDP,             "fragment-ndp",             "neighbour discovery in fragments (RFC 6980 5)") \
	/* UDP and echoes through host sockets */ \
	X(UDP_FILTERED,             "udp-filtered",             "from an address that the guest never sent to (udp-filter=none lets it in)") \
	X(UDP_SEND_FULL,            "udp-send-full",            "the host's UDP socket takes no more now") \
	X(UDP_SEND_REFUSED,         "udp-send-refused",         "the host refused to send the datagram") \
	X(UDP_SEND_LONG,            "udp-send-long",            "larger than the path takes, and not to be fragmented") \
	X(ICMP_FORBIDDEN,           "icmp-forbidden",           "the host allows no ping sockets to this user (net.ipv4.ping_group_range)") \
	X(ICMP_SEND_REFUSED,        "icmp-send-refused",        "the host refused to send the echo")
/* clang-format on */

enum drop_reason {
	DROP_NONE,
#define X(name, word, text) DROP_##name,
	DROP_REASON_LIST(X)
#undef X
		DROP_REASONS
};

struct drops {
	uint64_t count[DROP_REASONS];
};

/* "queue-full" */
const char *drop_name(enum drop_reason reason);
/* "the guest does not read and its queue is full" */
const char *drop_text(enum drop_reason reason);

#endif
