/* SPDX-License-Identifier: MIT */
/* The words about IPv6. A net is a /64, since guests make their own addresses in it. */
#include <errno.h>
#include <string.h>

#include "network/description_parts.h"

enum description_ip6_limits {
	DHCP6_FIRST = 0x1000,
	DHCP6_LAST = 0x1fff,
};

/* Leaves `*address` as it is without the word. */
static int description_ip6(struct spec *spec, const char *key, struct ip6 *address, struct error *ret_error)
{
	const char *given = spec_string(spec, key);

	if (given && !ip6_parse(given, address))
		return error_set(ret_error, -EINVAL, "%s,%s=%s: not an IPv6 address, as fd00::2 is", spec->kind, key,
				 given);
	return 0;
}

/* ipv6-net=fd00::/64, or QEMU's older pair ipv6-prefix=fd00:: and ipv6-prefixlen=64. */
static int description_read_net6(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *net = spec_string(spec, "ipv6-net"), *prefix = spec_string(spec, "ipv6-prefix");
	const char *length = spec_string(spec, "ipv6-prefixlen");

	service->net6 = (struct ip6){{0xfd}};
	service->prefix6 = 64;
	if (net && (prefix || length))
		return error_set(ret_error, -EINVAL, "%s,ipv6-net=%s: contradicts %s=%s; leave one of them out",
				 spec->kind, net, prefix ? "ipv6-prefix" : "ipv6-prefixlen", prefix ? prefix : length);
	if (net && !(strchr(net, '/') ? ip6_parse_net(net, &service->net6, &service->prefix6)
				      : ip6_parse(net, &service->net6)))
		return error_set(ret_error, -EINVAL, "%s,ipv6-net=%s: not an IPv6 net, as fd00::/64 is", spec->kind,
				 net);
	if (prefix && !ip6_parse(prefix, &service->net6))
		return error_set(ret_error, -EINVAL, "%s,ipv6-prefix=%s: not an IPv6 address, as fd00:: is", spec->kind,
				 prefix);
	if (service->prefix6 != 64 || (length && strcmp(length, "64") != 0))
		return error_set(ret_error, -EINVAL,
				 "%s,%s=%s: must be 64 bits long, guests configure themselves (RFC 4862)", spec->kind,
				 length ? "ipv6-prefixlen" : "ipv6-net", length ? length : net);
	memset(service->net6.byte + 8, 0, 8);
	if (ip6_is_multicast(service->net6) || ip6_is_link_local(service->net6) || service->net6.byte[0] == 0)
		return error_set(ret_error, -EINVAL, "%s,%s=%s: reserved (RFC 6890); fd00::/8 is for private networks",
				 spec->kind, net ? "ipv6-net" : "ipv6-prefix", net ? net : prefix);
	return 0;
}

static struct ip6 description_in_net6(const struct service_config *service, uint16_t number)
{
	struct ip6 address = service->net6;

	address.byte[14] = (uint8_t)(number >> 8);
	address.byte[15] = (uint8_t)number;
	return address;
}

static int description_check_host6(const struct service_config *service, const struct spec *spec,
				   struct error *ret_error)
{
	char host[IP6_TEXT_BYTES], net[IP6_TEXT_BYTES];

	ip6_format(service->host6, host);
	if (!ip6_in_net(service->host6, service->net6, 64) || ip6_equal(service->host6, service->net6))
		return error_set(ret_error, -EINVAL, "%s,ipv6-host=%s: not an address of the net %s/64; %s2 would do",
				 spec->kind, host, ip6_format(service->net6, net), net);
	if (service->dhcp6 && memcmp(&service->host6, &service->dhcp6_first, sizeof(service->host6)) >= 0 &&
	    memcmp(&service->host6, &service->dhcp6_last, sizeof(service->host6)) <= 0)
		return error_set(ret_error, -EINVAL,
				 "%s,ipv6-host=%s: among the addresses that DHCPv6 leases; %s2 would do", spec->kind,
				 host, ip6_format(service->net6, net));
	return 0;
}

static void description_resolver6(struct service_config *service)
{
	struct ip6 third = description_in_net6(service, 3);

	for (size_t i = 0; i < service->dns6_count; i++) {
		if (!ip6_in_net(service->dns6[i], service->net6, service->prefix6))
			continue;
		service->resolver6 = service->dns6[i];
		return;
	}
	if (service->dns6_count > 0)
		return;
	if (ip6_equal(third, service->host6))
		third = description_in_net6(service, 2);
	service->dns6[service->dns6_count++] = service->resolver6 = third;
}

int description_read_dns6(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *given;
	size_t at = 0;

	while ((given = spec_next(spec, "ipv6-dns", &at))) {
		if (service->dns6_count == SERVICE_DNS_MAX)
			return error_set(ret_error, -EINVAL, "%s,ipv6-dns=%s: more than %d; leave some out", spec->kind,
					 given, SERVICE_DNS_MAX);
		if (!ip6_parse(given, &service->dns6[service->dns6_count++]))
			return error_set(ret_error, -EINVAL, "%s,ipv6-dns=%s: not an IPv6 address; dns= takes IPv4",
					 spec->kind, given);
	}
	return 0;
}

int description_read_ip6(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	int error;

	if ((error = description_read_net6(service, spec, ret_error)) < 0)
		return error;
	service->host6 = description_in_net6(service, 2);
	service->dhcp6_first = description_in_net6(service, DHCP6_FIRST);
	service->dhcp6_last = description_in_net6(service, DHCP6_LAST);
	service->router6 = service->router4;
	if (!service->ip4)
		service->lease_s = DESCRIPTION_LEASE_S;
	if ((error = description_ip6(spec, "ipv6-host", &service->host6, ret_error)) < 0 ||
	    (error = description_check_host6(service, spec, ret_error)) < 0 ||
	    (error = description_read_dns6(service, spec, ret_error)) < 0)
		return error;
	if (description->user)
		description_resolver6(service);
	return 0;
}
