/* SPDX-License-Identifier: MIT */
/* What the gateway answers itself, as message machines: a whole frame in, a verdict and perhaps a whole frame out. Pure:
 * no sockets, no clock, no files. network/gateway.c is the port that carries them.
 *
 * Replies always hold full checksums: ISC dhclient and iPXE read past offload metadata. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/hash.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

enum service_limits {
	SERVICE_DNS_MAX = 4,
	SERVICE_SEARCH_MAX = 8,
	SERVICE_ROUTES_MAX = 8,
	SERVICE_ALSO_MAX = 18,    /* each guestfwd=, map-host= and smbserver= */
	SERVICE_NAME_BYTES = 254, /* RFC 1035 2.3.4 */
	/* The largest packet of IPv6: an echo is as large as its request; all else fits 576 or 1280 or the MTU. */
	SERVICE_REPLY_BYTES = 14 + 40 + 65535,
	SERVICE_ADVERTISE_S = 1800, /* at least so often ndp_advertise() is to be sent (RFC 4861 6.2.1) */
};

struct service_route4 {
	struct ip4 net;
	unsigned prefix;
	struct ip4 via;
};

/* One network's addresses and names, made from its description and then constant. */
struct service_config {
	uint32_t mtu_bytes;
	struct mac mac; /* the gateway's own */

	/* The net is the host's own: the first address that is leased is the guest's, and all others are beyond the gateway,
	 * which answers for them. */
	bool shares_net;

	bool ip4;
	struct ip4 net4;
	unsigned prefix4;
	struct ip4 host4;                   /* the gateway */
	struct ip4 resolver4;               /* where it serves DNS: an address of its own, or host4; 0: nowhere */
	struct ip4 also4[SERVICE_ALSO_MAX]; /* more addresses of the gateway's, for what others serve there */
	size_t also4_count;
	struct ip4 dhcp4_first, dhcp4_last;
	bool dhcp4;   /* answer DHCP at all */
	bool router4; /* offer ourselves as the default route: there is an uplink, or router=on */
	struct ip4 dns4[SERVICE_DNS_MAX];
	size_t dns4_count;
	struct service_route4 routes4[SERVICE_ROUTES_MAX];
	size_t route4_count;
	uint32_t lease_s;

	bool ip6;
	struct ip6 net6; /* a /64 for autoconfiguration */
	unsigned prefix6;
	struct ip6 host6;
	struct ip6 resolver6;               /* as resolver4 */
	struct ip6 also6[SERVICE_ALSO_MAX]; /* as also4 */
	size_t also6_count;
	struct ip6 dhcp6_first, dhcp6_last; /* differ in the low 64 bits only */
	bool dhcp6;
	bool router6;
	struct ip6 dns6[SERVICE_DNS_MAX];
	size_t dns6_count;

	char hostname[64];               /* option 12 for a lease without a name; "" for none */
	char domain[SERVICE_NAME_BYTES]; /* "" for none */
	char search[SERVICE_SEARCH_MAX][SERVICE_NAME_BYTES];
	size_t search_count;
	char boot_server[64]; /* option 66, "" for none */
	char boot_file[128];  /* option 67, "" for none */
	bool serves_files;    /* the gateway has that file, by TFTP */

	struct hash_key hash_key; /* random, so that no guest can choose where its lease stands; 0 in tests */
};

/* Where a frame came from. */
struct origin {
	uint64_t place; /* its port of the network, a number like any other here; 0: none */
	bool alone;     /* no other guest has a port */
};

/* One answer, a whole packet in an Ethernet frame. An echo's may be larger than the network's MTU: whoever sends it cuts it
 * into fragments, as the request came. length 0: nothing to say. 64 KiB, of which mostly the
 * first page is touched: keep it where it may stay, and do not clear it. */
struct reply {
	uint32_t length;
	uint8_t bytes[SERVICE_REPLY_BYTES];
};

struct lease_table;

/* One whole frame that the switch brought to the gateway, in one piece and with its checksums completed: what it is for
 * is found out and answered here. Sets ret_reply->length in every case.
 *
 * DROP_NONE: taken, answered or not; also what is nobody's or everybody's business, such as multicast of groups that the
 * gateway is no member of. Otherwise why it was refused; a reply beside a refusal is an ICMP error, a TCP reset or a
 * DHCP no, and whoever sends may limit how many of them. */
enum drop_reason service_input(const struct service_config *config, struct lease_table *leases,
			       const struct origin *origin, const uint8_t *frame, size_t length, uint64_t now_us,
			       struct reply *ret_reply);

/* The rest of a packet did not come in time: its beginning in a frame, as if that were a packet. Whoever sends the reply,
 * an ICMP error, may limit how many. Sets ret_reply->length in every case. */
void service_late(const struct service_config *config, const uint8_t *frame, size_t length, struct reply *ret_reply);

/* The gateway's own: host4, resolver4 and also4; host6, resolver6, also6 and the link-local address. */
bool service_is_ours4(const struct service_config *config, struct ip4 address);
bool service_is_ours6(const struct service_config *config, struct ip6 address);
/* Does the gateway answer for it, on behalf of whoever it is? */
bool service_stands_for4(const struct service_config *config, struct ip4 address);
bool service_stands_for6(const struct service_config *config, struct ip6 address);

/* The advertisement sent without being asked, at start and when something changed; to all nodes. */
void ndp_advertise(const struct service_config *config, struct reply *ret_reply);
/* RFC 4861 6.2.5: a last one with every lifetime 0, when the network ends. */
void ndp_withdraw(const struct service_config *config, struct reply *ret_reply);
/* A question to the owner of an address, sent to its port alone: "are you there?" (ARP request, NS). The answer comes
 * in like any frame, and service_input() has nothing to say to it. */
void arp_probe(const struct service_config *config, struct mac to, struct ip4 address, struct reply *ret_reply);
void ndp_probe(const struct service_config *config, struct mac to, struct ip6 address, struct reply *ret_reply);
/* "Who has this address?", to all that may have it. */
void arp_ask(const struct service_config *config, struct ip4 address, struct reply *ret_reply);
void ndp_ask(const struct service_config *config, struct ip6 address, struct reply *ret_reply);

/* ---- for service.c alone ---- */

struct packet;
struct domain_list;

/* One frame's visit to the gateway. */
struct visit {
	const struct service_config *config;
	struct lease_table *leases;
	const struct origin *origin;
	const struct packet *packet;
	uint64_t now_us;
	struct reply *reply;
};

/* search=, or else the domain alone; as many names as fit `room` bytes on the wire. */
void service_search(const struct service_config *config, size_t room, struct domain_list *ret_search);

/* Each answers what is its own, in a packet that is for the gateway (packet.h). */
enum drop_reason arp_input(const struct service_config *config, const uint8_t *frame, size_t length,
			   struct reply *ret_reply);
/* RS and NS (`icmp6` types 133 and 135). */
enum drop_reason ndp_input(const struct service_config *config, const struct packet *packet, struct reply *ret_reply);
/* Echo requests; the checksum has been verified. */
enum drop_reason echo4_input(const struct service_config *config, const struct packet *packet, struct reply *ret_reply);
enum drop_reason echo6_input(const struct service_config *config, const struct packet *packet, struct reply *ret_reply);
/* Behind the UDP header; the checksum has been verified. */
enum drop_reason dhcp4_input(const struct visit *visit, const uint8_t *message, size_t bytes);
enum drop_reason dhcp6_input(const struct visit *visit, const uint8_t *message, size_t bytes);

#endif
