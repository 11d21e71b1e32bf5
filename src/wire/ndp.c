/* SPDX-License-Identifier: MIT */
/* Neighbour discovery messages. An option that a message may not have is skipped (RFC 4861 6.1, 7.1: "MUST be
 * ignored"), but its length is checked all the same: a zero would never end. */
#include "wire/ndp.h"

#include <string.h>

#include "base/bytes.h"

enum ndp_flags {
	NDP_ROUTER = 0x80, /* neighbour advertisement, RFC 4861 4.4 */
	NDP_SOLICITED = 0x40,
	NDP_OVERRIDE = 0x20,
	NDP_MANAGED = 0x80, /* router advertisement, RFC 4861 4.2 */
	NDP_OTHER = 0x40,
	NDP_ON_LINK = 0x80, /* prefix information, RFC 4861 4.6.2 */
	NDP_AUTONOMOUS = 0x40,
};

enum ndp_option_bytes {
	NDP_OPTION_UNIT = 8,
	NDP_OPTION_HEAD = 2,
	NDP_MAC_UNITS = 1,
	NDP_MTU_UNITS = 1,
	NDP_PREFIX_UNITS = 4,
};

static void ndp_mac_read(struct reader *value, bool wanted, bool *has, struct mac *mac)
{
	/* The first one counts, as everywhere. */
	if (!wanted || *has)
		return;
	*has = true;
	reader_copy(value, mac->byte, sizeof(mac->byte));
}

static void ndp_prefix_read(struct reader *value, struct ndp *ndp)
{
	struct ndp_prefix prefix = {.bits = reader_u8(value)};
	uint8_t flags = reader_u8(value);

	prefix.on_link = flags & NDP_ON_LINK;
	prefix.autonomous = flags & NDP_AUTONOMOUS;
	prefix.valid_s = reader_be32(value);
	prefix.preferred_s = reader_be32(value);
	reader_be32(value);
	reader_copy(value, prefix.net.byte, sizeof(prefix.net.byte));
	if (prefix.bits <= 128 && ndp->prefix_count < NDP_PREFIXES_MAX)
		ndp->prefixes[ndp->prefix_count++] = prefix;
}

static void ndp_mtu_read(struct reader *value, struct ndp *ndp)
{
	reader_be16(value);
	ndp->mtu_bytes = reader_be32(value);
}

/* RFC 8106 5.1 */
static void ndp_rdnss_read(struct reader *value, struct ndp *ndp)
{
	reader_be16(value);
	ndp->dns_s = reader_be32(value);
	while (value->left > 0 && ndp->dns_count < NDP_DNS_MAX) {
		struct ip6 *address = &ndp->dns[ndp->dns_count++];

		reader_copy(value, address->byte, sizeof(address->byte));
	}
}

/* RFC 8106 5.2. A list that makes no sense is ignored, as 5.3.1 says of invalid options. */
static void ndp_dnssl_read(struct reader *value, struct ndp *ndp)
{
	struct domain_list names;
	uint32_t lifetime_s;

	reader_be16(value);
	lifetime_s = reader_be32(value);
	if (!domain_list_read(value, &names) || names.count == 0)
		return;
	ndp->search_s = lifetime_s;
	for (size_t i = 0; i < names.count; i++)
		domain_list_add(&ndp->search, names.name[i]);
}

static bool ndp_option_fits(uint8_t option, uint8_t units)
{
	switch (option) {
	case NDP_OPTION_SOURCE_MAC:
	case NDP_OPTION_TARGET_MAC:
		return units == NDP_MAC_UNITS;
	case NDP_OPTION_PREFIX:
		return units == NDP_PREFIX_UNITS;
	case NDP_OPTION_MTU:
		return units == NDP_MTU_UNITS;
	case NDP_OPTION_RDNSS:
		return units >= 3 && units % 2 == 1;
	case NDP_OPTION_DNSSL:
		return units >= 2;
	default:
		return units > 0;
	}
}

static void ndp_option_read(uint8_t option, struct reader *value, struct ndp *ndp)
{
	bool advert = ndp->type == ICMP6_ROUTER_ADVERT;

	if (option == NDP_OPTION_SOURCE_MAC)
		ndp_mac_read(value, ndp->type != ICMP6_NEIGHBOUR_ADVERT, &ndp->has_source_mac, &ndp->source_mac);
	else if (option == NDP_OPTION_TARGET_MAC)
		ndp_mac_read(value, ndp->type == ICMP6_NEIGHBOUR_ADVERT, &ndp->has_target_mac, &ndp->target_mac);
	else if (option == NDP_OPTION_PREFIX && advert)
		ndp_prefix_read(value, ndp);
	else if (option == NDP_OPTION_MTU && advert)
		ndp_mtu_read(value, ndp);
	else if (option == NDP_OPTION_RDNSS && advert)
		ndp_rdnss_read(value, ndp);
	else if (option == NDP_OPTION_DNSSL && advert)
		ndp_dnssl_read(value, ndp);
}

static enum drop_reason ndp_options_read(struct reader *reader, struct ndp *ndp)
{
	while (reader->left > 0) {
		uint8_t option = reader_u8(reader);
		uint8_t units = reader_u8(reader);
		struct reader value;

		if (!ndp_option_fits(option, units))
			return DROP_NDP_OPTION_LENGTH;
		value = reader_cut(reader, (size_t)units * NDP_OPTION_UNIT - NDP_OPTION_HEAD);
		if (value.failed)
			return DROP_NDP_OPTION_LENGTH;
		ndp_option_read(option, &value, ndp);
	}
	return DROP_NONE;
}

static void ndp_router_advert_read(struct reader *reader, uint32_t rest, struct ndp *ndp)
{
	uint8_t flags = (uint8_t)(rest >> 16);

	ndp->hop_limit = (uint8_t)(rest >> 24);
	ndp->managed = flags & NDP_MANAGED;
	ndp->other = flags & NDP_OTHER;
	ndp->lifetime_s = (uint16_t)rest;
	ndp->reachable_ms = reader_be32(reader);
	ndp->retransmit_ms = reader_be32(reader);
}

static void ndp_neighbour_read(struct reader *reader, uint32_t rest, struct ndp *ndp)
{
	uint8_t flags = (uint8_t)(rest >> 24);

	if (ndp->type == ICMP6_NEIGHBOUR_ADVERT) {
		ndp->router = flags & NDP_ROUTER;
		ndp->solicited = flags & NDP_SOLICITED;
		ndp->override = flags & NDP_OVERRIDE;
	}
	reader_copy(reader, ndp->target.byte, sizeof(ndp->target.byte));
}

/* What stands before the options, all of it there or not. */
static enum drop_reason ndp_fixed_read(struct reader *reader, uint32_t rest, struct ndp *ndp)
{
	if (ndp->type == ICMP6_ROUTER_ADVERT)
		ndp_router_advert_read(reader, rest, ndp);
	else if (ndp->type != ICMP6_ROUTER_SOLICIT)
		ndp_neighbour_read(reader, rest, ndp);
	if (reader->failed)
		return DROP_NDP_SHORT;
	return ip6_is_multicast(ndp->target) ? DROP_NDP_TARGET : DROP_NONE;
}

/* What a message may say, by who sent it to whom. */
static bool ndp_source_fits(const struct ip6_header *ip, const struct ndp *ndp)
{
	bool unspecified = ip6_is_zero(ip->from);

	switch (ndp->type) {
	case ICMP6_ROUTER_SOLICIT: /* RFC 4861 6.1.1 */
		return !unspecified || !ndp->has_source_mac;
	case ICMP6_ROUTER_ADVERT: /* RFC 4861 6.1.2 */
		return ip6_is_link_local(ip->from);
	case ICMP6_NEIGHBOUR_SOLICIT: /* RFC 4861 7.1.1: duplicate address detection */
		return !unspecified || (ip6_equal(ip->to, ip6_solicited_node(ndp->target)) && !ndp->has_source_mac);
	default: /* RFC 4861 7.1.2 */
		return !ip6_is_multicast(ip->to) || !ndp->solicited;
	}
}

enum drop_reason ndp_read(struct reader *reader, const struct ip6_header *ip, struct ndp *ret_ndp)
{
	struct icmp_header icmp;
	struct ndp ndp = {0};
	enum drop_reason reason;

	if (icmp_header_read(reader, &icmp) != DROP_NONE)
		return DROP_NDP_SHORT;
	if (icmp.type < ICMP6_ROUTER_SOLICIT || icmp.type > ICMP6_NEIGHBOUR_ADVERT)
		return DROP_ICMP_TYPE;
	if (ip->hop_limit != NDP_HOP_LIMIT)
		return DROP_NDP_HOP_LIMIT;
	if (icmp.code != 0)
		return DROP_NDP_CODE;
	ndp.type = icmp.type;
	reason = ndp_fixed_read(reader, icmp.rest, &ndp);
	if (reason == DROP_NONE)
		reason = ndp_options_read(reader, &ndp);
	if (reason != DROP_NONE)
		return reason;
	if (!ndp_source_fits(ip, &ndp))
		return DROP_NDP_SOURCE;
	*ret_ndp = ndp;
	return DROP_NONE;
}

static void ndp_option_start(struct writer *writer, enum ndp_option option, size_t units)
{
	writer_u8(writer, (uint8_t)option);
	writer_u8(writer, (uint8_t)units);
}

static void ndp_mac_write(struct writer *writer, enum ndp_option option, struct mac mac)
{
	ndp_option_start(writer, option, NDP_MAC_UNITS);
	writer_copy(writer, mac.byte, sizeof(mac.byte));
}

static void ndp_prefix_write(struct writer *writer, const struct ndp_prefix *prefix)
{
	ndp_option_start(writer, NDP_OPTION_PREFIX, NDP_PREFIX_UNITS);
	writer_u8(writer, prefix->bits);
	writer_u8(writer, (uint8_t)((prefix->on_link ? NDP_ON_LINK : 0) | (prefix->autonomous ? NDP_AUTONOMOUS : 0)));
	writer_be32(writer, prefix->valid_s);
	writer_be32(writer, prefix->preferred_s);
	writer_be32(writer, 0);
	writer_copy(writer, prefix->net.byte, sizeof(prefix->net.byte));
}

static void ndp_mtu_write(struct writer *writer, uint32_t mtu_bytes)
{
	ndp_option_start(writer, NDP_OPTION_MTU, NDP_MTU_UNITS);
	writer_be16(writer, 0);
	writer_be32(writer, mtu_bytes);
}

static void ndp_rdnss_write(struct writer *writer, const struct ndp *ndp)
{
	ndp_option_start(writer, NDP_OPTION_RDNSS, 1 + 2 * ndp->dns_count);
	writer_be16(writer, 0);
	writer_be32(writer, ndp->dns_s);
	writer_copy(writer, ndp->dns, ndp->dns_count * sizeof(ndp->dns[0]));
}

/* The names are made first, for the option's length stands before them. */
static void ndp_dnssl_write(struct writer *writer, const struct ndp *ndp)
{
	uint8_t names[UINT8_MAX * NDP_OPTION_UNIT - NDP_OPTION_UNIT];
	struct writer list;

	writer_init(&list, names, sizeof(names));
	domain_list_write(&list, &ndp->search);
	if (list.failed) {
		writer->failed = true;
		return;
	}
	writer_fill(&list, 0, list.left % NDP_OPTION_UNIT);
	ndp_option_start(writer, NDP_OPTION_DNSSL, 1 + writer_used(&list) / NDP_OPTION_UNIT);
	writer_be16(writer, 0);
	writer_be32(writer, ndp->search_s);
	writer_copy(writer, names, writer_used(&list));
}

static void ndp_router_advert_write(struct writer *writer, const struct ndp *ndp)
{
	writer_u8(writer, ndp->hop_limit);
	writer_u8(writer, (uint8_t)((ndp->managed ? NDP_MANAGED : 0) | (ndp->other ? NDP_OTHER : 0)));
	writer_be16(writer, ndp->lifetime_s);
	writer_be32(writer, ndp->reachable_ms);
	writer_be32(writer, ndp->retransmit_ms);
}

static void ndp_advert_options_write(struct writer *writer, const struct ndp *ndp)
{
	if (ndp->mtu_bytes)
		ndp_mtu_write(writer, ndp->mtu_bytes);
	for (size_t i = 0; i < ndp->prefix_count; i++)
		ndp_prefix_write(writer, &ndp->prefixes[i]);
	if (ndp->dns_count)
		ndp_rdnss_write(writer, ndp);
	if (ndp->search.count)
		ndp_dnssl_write(writer, ndp);
}

static void ndp_neighbour_write(struct writer *writer, const struct ndp *ndp)
{
	uint8_t flags = 0;

	if (ndp->type == ICMP6_NEIGHBOUR_ADVERT)
		flags = (uint8_t)((ndp->router ? NDP_ROUTER : 0) | (ndp->solicited ? NDP_SOLICITED : 0) |
				  (ndp->override ? NDP_OVERRIDE : 0));
	writer_be32(writer, (uint32_t)flags << 24);
	writer_copy(writer, ndp->target.byte, sizeof(ndp->target.byte));
}

void ndp_write(struct writer *writer, const struct ndp *ndp)
{
	writer_u8(writer, ndp->type);
	writer_u8(writer, 0);
	writer_be16(writer, 0);
	if (ndp->type == ICMP6_ROUTER_ADVERT)
		ndp_router_advert_write(writer, ndp);
	else if (ndp->type == ICMP6_ROUTER_SOLICIT)
		writer_be32(writer, 0);
	else
		ndp_neighbour_write(writer, ndp);
	if (ndp->type == ICMP6_NEIGHBOUR_ADVERT) {
		if (ndp->has_target_mac)
			ndp_mac_write(writer, NDP_OPTION_TARGET_MAC, ndp->target_mac);
	} else if (ndp->has_source_mac) {
		ndp_mac_write(writer, NDP_OPTION_SOURCE_MAC, ndp->source_mac);
	}
	if (ndp->type == ICMP6_ROUTER_ADVERT)
		ndp_advert_options_write(writer, ndp);
}
