/* SPDX-License-Identifier: MIT */
/* outbound=: which sockets leave by it, and what a person is told while it is not there. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "nat/nat_state.h"

/* What guests may reach of it is the gateway's address, or map-host=. */
static bool nat_is_loopback(const struct sockaddr_storage *to)
{
	const struct nat_address address = nat_address_read((const struct sockaddr *)to);

	return nat_address_is4(&address) ? ip4_is_loopback(nat_address_ip4(&address))
					 : ip6_equal(address.ip, (struct ip6){{[15] = 1}});
}

const struct outbound *nat_outbound(const struct nat *nat, const struct sockaddr_storage *to,
				    struct nat_address *ret_place)
{
	const struct outbound *outbound = outbounds_of(nat->config.outbounds, to->ss_family);

	*ret_place = (struct nat_address){0};
	if (!outbound || !nat_is_loopback(to))
		return outbound;
	nat_far_address(nat, (const struct sockaddr *)to, to->ss_family == AF_INET6, ret_place);
	ret_place->port = 0;
	return NULL;
}

static void nat_outbound_say(const struct nat *nat, const struct outbound *outbound, bool is6, bool lost)
{
	const struct nat_config *config = &nat->config;
	const struct nat_address address = nat_address_read((const struct sockaddr *)&outbound->address);
	char from[IP6_TEXT_BYTES] = "", text[200];

	if (!config->on_notice)
		return;
	if (outbound->address.ss_family == AF_INET)
		ip4_format(nat_address_ip4(&address), from);
	else if (outbound->address.ss_family == AF_INET6)
		ip6_format(address.ip, from);
	snprintf(text, sizeof(text), "outbound=%s%s%s: %s", outbound->ifname,
		 *outbound->ifname && *from ? " from " : "", from,
		 lost ? (is6 ? "not on this machine now; what guests begin by IPv6 is refused until it is back"
			     : "not on this machine now; what guests begin by IPv4 is refused until it is back")
		      : (is6 ? "is back, and leads guests out by IPv6" : "is back, and leads guests out by IPv4"));
	config->on_notice(config->owner, text);
}

/* Only who is bound is told either of these when it is opened. */
bool nat_outbound_is_lost(struct nat *nat, const struct outbound *outbound, bool is6, int fd)
{
	bool lost = fd == -ENODEV || fd == -EADDRNOTAVAIL;

	if (!outbound || (fd < 0 && !lost))
		return false;
	if (nat->outbound_lost[is6] != lost)
		nat_outbound_say(nat, outbound, is6, lost);
	nat->outbound_lost[is6] = lost;
	return lost;
}
