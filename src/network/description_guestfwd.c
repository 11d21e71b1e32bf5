/* SPDX-License-Identifier: MIT */
/* guestfwd= among the addresses that are settled already: one inside the net becomes the gateway's, so that guests find it
 * by ARP and neighbour discovery; what lies beyond passes the gateway anyhow. */
#include <errno.h>

#include "network/description_parts.h"
#include "wire/dns.h"

static int description_refuse_guestfwd(const struct spec *spec, const char *given, const char *why,
				       struct error *ret_error)
{
	return error_set(ret_error, -EINVAL, "%s,guestfwd=%s: %s", spec->kind, given, why);
}

static int description_guestfwd4(struct service_config *service, const struct spec *spec, const char *given,
				 const struct nat_address *address, struct error *ret_error)
{
	struct ip4 ip = nat_address_ip4(address);
	uint32_t net = ip4_value(service->net4), mask = ip4_mask(service->prefix4);

	if (!service->ip4)
		return description_refuse_guestfwd(spec, given, "contradicts ipv4=off; leave one of them out",
						   ret_error);
	if (ip4_equal(ip, service->resolver4) && address->port == DNS_PORT)
		return description_refuse_guestfwd(spec, given, "is where the gateway answers DNS; choose another port",
						   ret_error);
	if (!ip4_in_net(ip, service->net4, service->prefix4) || service_is_ours4(service, ip))
		return 0;
	if (ip4_value(ip) == net || ip4_value(ip) == (net | ~mask))
		return description_refuse_guestfwd(spec, given,
						   "the net's own or its broadcast address; choose another", ret_error);
	service->also4[service->also4_count++] = ip;
	return 0;
}

static int description_guestfwd6(struct service_config *service, const struct spec *spec, const char *given,
				 const struct nat_address *address, struct error *ret_error)
{
	if (!service->ip6)
		return description_refuse_guestfwd(spec, given, "contradicts ipv6=off; leave one of them out",
						   ret_error);
	if (ip6_equal(address->ip, service->resolver6) && address->port == DNS_PORT)
		return description_refuse_guestfwd(spec, given, "is where the gateway answers DNS; choose another port",
						   ret_error);
	if (ip6_is_link_local(address->ip) || ip6_is_multicast(address->ip))
		return description_refuse_guestfwd(spec, given, "not an address that is routed; choose another",
						   ret_error);
	if (ip6_in_net(address->ip, service->net6, service->prefix6) && !service_is_ours6(service, address->ip))
		service->also6[service->also6_count++] = address->ip;
	return 0;
}

int description_read_guestfwds(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct guestfwd_list *list = &description->guestfwds;
	const char *given;
	size_t at = 0;
	int error = 0;

	while (error >= 0 && (given = spec_next(spec, "guestfwd", &at))) {
		const struct nat_address *address = &list->items[list->count].address;

		error = guestfwd_add(list, given, ret_error);
		if (error < 0)
			break;
		if (nat_address_is4(address))
			error = description_guestfwd4(&description->service, spec, given, address, ret_error);
		else
			error = description_guestfwd6(&description->service, spec, given, address, ret_error);
	}
	return error;
}
