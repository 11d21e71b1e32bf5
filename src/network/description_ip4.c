/* SPDX-License-Identifier: MIT */
/* The words about IPv4. What was not given never makes an error: it gives way to what was. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "network/description_parts.h"

enum description_ip4_limits {
	PREFIX4_LEAST = 8,
	PREFIX4_MOST = 30, /* the net, the gateway, one guest, broadcast */
	LEASE_LEAST_S = 10,
	DHCP4_FIRST = 15,
};

int description_ip4(struct spec *spec, const char *key, struct ip4 *address, struct error *ret_error)
{
	const char *given = spec_string(spec, key);

	if (given && !ip4_parse(given, address))
		return error_set(ret_error, -EINVAL, "%s,%s=%s: not an IPv4 address, as 10.0.2.2 is", spec->kind, key,
				 given);
	return 0;
}

/* The prefix that QEMU's user network takes for a net without one. */
static unsigned description_class4(struct ip4 net)
{
	static const struct {
		uint32_t net;
		unsigned prefix, gives;
	} rows[] = {{0x00000000, 1, 8},   {0xac100000, 12, 12}, {0xc0a80000, 16, 16},
		    {0xc6120000, 15, 15}, {0x80000000, 2, 16},  {0xc0000000, 3, 24}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (ip4_in_net(net, ip4_from(rows[i].net), rows[i].prefix))
			return rows[i].gives;
	}
	return 28;
}

/* 2.2, 2.3, 2.15 in a net of 16 bits and more, .2, .3, .15 in smaller ones. */
uint32_t description_usual4(const struct service_config *service, uint8_t number)
{
	return ip4_value(service->net4) | ((0x0200u | number) & ~ip4_mask(service->prefix4));
}

static int description_read_net4(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *older = spec_string(spec, "ip"), *given = spec_string(spec, "net");
	unsigned first;

	if (!given)
		given = older; /* QEMU's first name for it */

	service->net4 = ip4_from(0x0a000200); /* 10.0.2.0/24 */
	service->prefix4 = 24;
	if (!given)
		return 0;
	if (ip4_parse(given, &service->net4))
		service->prefix4 = description_class4(service->net4);
	else if (!ip4_parse_net(given, &service->net4, &service->prefix4))
		return error_set(ret_error, -EINVAL, "%s,net=%s: not an IPv4 net, as 10.0.2.0/24 is", spec->kind,
				 given);
	if (service->prefix4 < PREFIX4_LEAST || service->prefix4 > PREFIX4_MOST)
		return error_set(ret_error, -EINVAL,
				 "%s,net=%s: the prefix must be %d to %d, for a gateway and a guest at least",
				 spec->kind, given, PREFIX4_LEAST, PREFIX4_MOST);
	service->net4 = ip4_from(ip4_value(service->net4) & ip4_mask(service->prefix4));
	first = service->net4.byte[0];
	if (first == 0 || first == 127 || first >= 224)
		return error_set(ret_error, -EINVAL,
				 "%s,net=%s: reserved (RFC 6890); 10.0.0.0/8, 172.16.0.0/12 and "
				 "192.168.0.0/16 are for private networks",
				 spec->kind, given);
	return 0;
}

const char *description_range4(const struct service_config *service, char text[2 * IP4_TEXT_BYTES + 4])
{
	uint32_t net = ip4_value(service->net4), mask = ip4_mask(service->prefix4);
	char first[IP4_TEXT_BYTES], last[IP4_TEXT_BYTES];

	snprintf(text, 2 * IP4_TEXT_BYTES + 4, "%s to %s", ip4_format(ip4_from(net + 1), first),
		 ip4_format(ip4_from((net | ~mask) - 1), last));
	return text;
}

/* An address that a machine on the net may have. */
static int description_check_ip4(const struct service_config *service, const struct spec *spec, const char *key,
				 struct ip4 address, struct error *ret_error)
{
	uint32_t net = ip4_value(service->net4), mask = ip4_mask(service->prefix4), value = ip4_value(address);
	char text[IP4_TEXT_BYTES], range[2 * IP4_TEXT_BYTES + 4];

	if ((value & mask) == net && value != net && value != (net | ~mask))
		return 0;
	return error_set(ret_error, -EINVAL, "%s,%s=%s: not an address of the net; %s would do", spec->kind, key,
			 ip4_format(address, text), description_range4(service, range));
}

/* The range that is leased when nobody says: from .15 to the last, without the gateway at either end. */
static void description_default_range4(struct service_config *service)
{
	uint32_t net = ip4_value(service->net4), last = (net | ~ip4_mask(service->prefix4)) - 1;
	uint32_t host = ip4_value(service->host4), first = description_usual4(service, DHCP4_FIRST);

	if (net + DHCP4_FIRST > last || first == host)
		first = net + DHCP4_FIRST > last ? net + 1 : first + 1;
	if (first == host)
		first++;
	if (last == host)
		last--;
	if (first > last)
		first = net + 1 == host ? net + 2 : net + 1;
	service->dhcp4_first = ip4_from(first);
	service->dhcp4_last = ip4_from(last);
}

static int description_read_range4(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	char first[IP4_TEXT_BYTES], last[IP4_TEXT_BYTES];
	int error;

	description_default_range4(service);
	if ((error = description_ip4(spec, "dhcpstart", &service->dhcp4_first, ret_error)) < 0 ||
	    (error = description_ip4(spec, "dhcpend", &service->dhcp4_last, ret_error)) < 0 ||
	    (error = description_check_ip4(service, spec, "dhcpstart", service->dhcp4_first, ret_error)) < 0 ||
	    (error = description_check_ip4(service, spec, "dhcpend", service->dhcp4_last, ret_error)) < 0)
		return error;
	ip4_format(service->dhcp4_first, first);
	ip4_format(service->dhcp4_last, last);
	if (ip4_value(service->dhcp4_first) > ip4_value(service->dhcp4_last))
		return error_set(ret_error, -EINVAL,
				 "%s: dhcpstart=%s lies behind dhcpend=%s; give both, the lower one first", spec->kind,
				 first, last);
	if (ip4_equal(service->dhcp4_first, service->host4))
		return error_set(ret_error, -EINVAL,
				 "%s,dhcpstart=%s: is the gateway's own; choose another, or another host=", spec->kind,
				 first);
	if (ip4_equal(service->dhcp4_last, service->host4))
		return error_set(ret_error, -EINVAL,
				 "%s,dhcpend=%s: is the gateway's own; choose another, or another host=", spec->kind,
				 last);
	return 0;
}

/* A resolver's address may be one of ours, and QEMU's third is by default: the first one given that lies in the net. On a
 * net too small for that it is the gateway's. */
static int description_resolver4(struct service_config *service, const struct spec *spec, struct error *ret_error)
{
	struct ip4 third = ip4_from(description_usual4(service, 3));

	for (size_t i = 0; i < service->dns4_count; i++) {
		if (!ip4_in_net(service->dns4[i], service->net4, service->prefix4))
			continue;
		service->resolver4 = service->dns4[i];
		return description_check_ip4(service, spec, "dns", service->resolver4, ret_error);
	}
	if (service->dns4_count > 0)
		return 0;
	if (ip4_equal(third, service->host4))
		third = ip4_from(description_usual4(service, 2));
	if (service->prefix4 == PREFIX4_MOST)
		third = service->host4;
	service->dns4[service->dns4_count++] = service->resolver4 = third;
	return 0;
}

int description_read_dns4(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *given;
	size_t at = 0;

	while ((given = spec_next(spec, "dns", &at))) {
		if (service->dns4_count == SERVICE_DNS_MAX)
			return error_set(ret_error, -EINVAL, "%s,dns=%s: more than %d; leave some out", spec->kind,
					 given, SERVICE_DNS_MAX);
		if (!ip4_parse(given, &service->dns4[service->dns4_count++]))
			return error_set(ret_error, -EINVAL, "%s,dns=%s: not an IPv4 address; ipv6-dns= takes IPv6",
					 spec->kind, given);
	}
	return 0;
}

/* "192.168.0.0/16" through the gateway, or "192.168.0.0/16@10.0.2.9" through a guest. */
static int description_route4(struct service_config *service, const struct spec *spec, const char *given,
			      struct service_route4 *ret_route, struct error *ret_error)
{
	size_t length = strcspn(given, "@");
	char net[2 * IP4_TEXT_BYTES];

	ret_route->via = service->host4;
	if (length >= sizeof(net))
		return error_set(ret_error, -EINVAL, "%s,route=%s: must be NET/PREFIX or NET/PREFIX@VIA", spec->kind,
				 given);
	memcpy(net, given, length);
	net[length] = '\0';
	if (!ip4_parse_net(net, &ret_route->net, &ret_route->prefix))
		return error_set(ret_error, -EINVAL, "%s,route=%s: must be NET/PREFIX or NET/PREFIX@VIA", spec->kind,
				 given);
	ret_route->net = ip4_from(ip4_value(ret_route->net) & ip4_mask(ret_route->prefix));
	if (!given[length])
		return 0;
	if (!ip4_parse(given + length + 1, &ret_route->via))
		return error_set(ret_error, -EINVAL, "%s,route=%s: '%s' is not an IPv4 address", spec->kind, given,
				 given + length + 1);
	return description_check_ip4(service, spec, "route", ret_route->via, ret_error);
}

int description_read_routes4(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *given;
	size_t at = 0;
	int error = spec_bool(spec, "router", &service->router4, ret_error);

	while (error >= 0 && (given = spec_next(spec, "route", &at))) {
		if (service->route4_count == SERVICE_ROUTES_MAX)
			return error_set(ret_error, -EINVAL, "%s,route=%s: more than %d; leave some out", spec->kind,
					 given, SERVICE_ROUTES_MAX);
		error = description_route4(service, spec, given, &service->routes4[service->route4_count++], ret_error);
	}
	return error;
}

int description_read_lease(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	return spec_u32(spec, "lease", LEASE_LEAST_S, UINT32_MAX, &service->lease_s, ret_error);
}

int description_read_ip4(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	int error;

	if ((error = description_read_net4(service, spec, ret_error)) < 0)
		return error;
	service->host4 = ip4_from(description_usual4(service, 2));
	service->lease_s = DESCRIPTION_LEASE_S;
	if ((error = description_ip4(spec, "host", &service->host4, ret_error)) < 0 ||
	    (error = description_check_ip4(service, spec, "host", service->host4, ret_error)) < 0 ||
	    (error = description_read_lease(service, spec, ret_error)) < 0 ||
	    (error = description_read_range4(service, spec, ret_error)) < 0 ||
	    (error = description_read_dns4(service, spec, ret_error)) < 0)
		return error;
	if (description->user && (error = description_resolver4(service, spec, ret_error)) < 0)
		return error;
	return description_read_routes4(service, spec, ret_error);
}
