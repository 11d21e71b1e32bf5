/* SPDX-License-Identifier: MIT */
/* Neighbour discovery, RFC 4861, with the DNS options of RFC 8106: router and neighbour solicitations and
 * advertisements, whole, from ICMPv6's type on. Redirects are not read. */
#ifndef WIRE_NDP_H
#define WIRE_NDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"
#include "wire/domain.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/ipv6.h"

enum ndp_limits {
	NDP_HOP_LIMIT = 255,
	NDP_PREFIXES_MAX = 4, /* ours, in one message; what is beyond is skipped */
	NDP_DNS_MAX = 4,
};

enum ndp_option {
	NDP_OPTION_SOURCE_MAC = 1,
	NDP_OPTION_TARGET_MAC = 2,
	NDP_OPTION_PREFIX = 3,
	NDP_OPTION_REDIRECTED = 4,
	NDP_OPTION_MTU = 5,
	NDP_OPTION_RDNSS = 25, /* RFC 8106 5.1 */
	NDP_OPTION_DNSSL = 31, /* RFC 8106 5.2 */
};

#define NDP_FOREVER_S UINT32_MAX /* a lifetime that does not end */

struct ndp_prefix {
	struct ip6 net;
	uint8_t bits;
	bool on_link;
	bool autonomous; /* for SLAAC */
	uint32_t valid_s;
	uint32_t preferred_s;
};

struct ndp {
	uint8_t type; /* ICMP6_ROUTER_SOLICIT … ICMP6_NEIGHBOUR_ADVERT */

	/* neighbour solicitation and advertisement */
	struct ip6 target;
	bool router; /* these three: advertisement only */
	bool solicited;
	bool override;

	/* router advertisement */
	uint8_t hop_limit;   /* for the guest to use; 0: unsaid */
	bool managed;        /* addresses by DHCPv6 */
	bool other;          /* other configuration by DHCPv6 */
	uint16_t lifetime_s; /* as a default router; 0: it is none */
	uint32_t reachable_ms;
	uint32_t retransmit_ms;

	/* options; written, and believed on reading, in the messages that may have them (RFC 4861 4.1 … 4.4) */
	bool has_source_mac; /* RS, RA, NS */
	bool has_target_mac; /* NA */
	struct mac source_mac;
	struct mac target_mac;
	uint32_t mtu_bytes; /* 0: no such option */
	size_t prefix_count;
	struct ndp_prefix prefixes[NDP_PREFIXES_MAX];
	size_t dns_count;
	uint32_t dns_s; /* the lifetime; the last option's, when there were several */
	struct ip6 dns[NDP_DNS_MAX];
	uint32_t search_s;
	struct domain_list search;
};

/* A whole message behind its IPv6 header `ip`, whose checksum has been checked (icmp_checksum_verify). Validated as RFC
 * 4861 6.1 and 7.1 say. DROP_NONE, DROP_ICMP_TYPE, DROP_NDP_SHORT, _HOP_LIMIT, _CODE, _TARGET, _SOURCE,
 * _OPTION_LENGTH. */
enum drop_reason ndp_read(struct reader *reader, const struct ip6_header *ip, struct ndp *ret_ndp);
/* With a checksum of 0: icmp_checksum_fill() when it is whole. */
void ndp_write(struct writer *writer, const struct ndp *ndp);

#endif
