/* SPDX-License-Identifier: MIT */
/* The uplink's words, in the order in which they depend on each other: what is on, then the nets, then the addresses
 * inside them, then names. Defaults are QEMU's -netdev user's, so that guests made for it find themselves at home;
 * what was not given never makes an error, it gives way. */
#include "network/description.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spec.h"

enum description_limits {
	MTU_DEFAULT = 1500,
	MTU_LEAST = 68,        /* RFC 791 3.2 */
	MTU_LEAST_DHCP4 = 576, /* RFC 2131 2: a client takes 576 bytes, and an answer may need them */
	MTU_LEAST_IP6 = 1280,  /* RFC 8200 5 */
	MTU_MOST = 65520, /* what QEMU and the kernel's loopback like: 64 KiB less a header, on a 16-byte boundary */
	LEASE_DEFAULT_S = 86400,
	LEASE_LEAST_S = 10,
	PREFIX4_LEAST = 8,
	PREFIX4_MOST = 30, /* the net, the gateway, one guest, broadcast */
	FLOWS_LEAST = 16,
	FLOWS_MOST = 128 * 1024,
	DHCP4_FIRST = 15,
	DHCP6_FIRST = 0x1000,
	DHCP6_LAST = 0x1fff,
};

#define DESCRIPTION_LABEL_BYTES 64

/* Words that make no sense with the family off. */
static const char *const ip4_words[] = {"net",    "host",  "dhcpstart", "dhcpend", "dns",
					"router", "route", "lease",     "dhcp"};
static const char *const ip6_words[] = {"ipv6-net", "ipv6-prefix", "ipv6-prefixlen", "ipv6-host", "ipv6-dns", "dhcp6"};

/* QEMU's words for the user network that are not here yet; they would be misunderstood in silence otherwise. */
static const char *const user_words_later[] = {"hostfwd",   "guestfwd", "tftp",    "smb",
					       "smbserver", "address",  "map-host"};

static int description_check_family(struct spec *spec, const char *family, const char *const *words, size_t count,
				    struct error *ret_error)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = spec_string(spec, words[i]);

		if (value)
			return error_set(ret_error, -EINVAL, "%s,%s=%s: contradicts %s=off; leave one of them out",
					 spec->kind, words[i], value, family);
	}
	return 0;
}

static int description_read_switches(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	int error;

	(void)spec_string(spec, "id");
	service->ip4 = service->ip6 = true;
	service->mtu_bytes = MTU_DEFAULT;
	if ((error = spec_bool(spec, "ipv4", &service->ip4, ret_error)) < 0 ||
	    (error = spec_bool(spec, "ipv6", &service->ip6, ret_error)) < 0 ||
	    (error = spec_bool(spec, "mac-move", &description->mac_move, ret_error)) < 0 ||
	    (error = spec_bool(spec, "isolated", &description->isolated, ret_error)) < 0 ||
	    (error = spec_u32(spec, "mtu", MTU_LEAST, MTU_MOST, &service->mtu_bytes, ret_error)) < 0)
		return error;
	if (!service->ip4 && (error = description_check_family(spec, "ipv4", ip4_words,
							       sizeof(ip4_words) / sizeof(*ip4_words), ret_error)) < 0)
		return error;
	if (!service->ip6 && (error = description_check_family(spec, "ipv6", ip6_words,
							       sizeof(ip6_words) / sizeof(*ip6_words), ret_error)) < 0)
		return error;
	service->dhcp4 = service->ip4;
	if ((error = spec_bool(spec, "dhcp", &service->dhcp4, ret_error)) < 0)
		return error;
	service->dhcp6 = service->ip6 && (service->dhcp4 || !service->ip4);
	if ((error = spec_bool(spec, "dhcp6", &service->dhcp6, ret_error)) < 0)
		return error;
	if (service->ip6 && service->mtu_bytes < MTU_LEAST_IP6)
		return error_set(ret_error, -EINVAL, "%s,mtu=%u: IPv6 needs %d (RFC 8200 5); say ipv6=off or mtu=%d",
				 spec->kind, service->mtu_bytes, MTU_LEAST_IP6, MTU_LEAST_IP6);
	if (service->dhcp4 && service->mtu_bytes < MTU_LEAST_DHCP4)
		return error_set(ret_error, -EINVAL, "%s,mtu=%u: DHCP needs %d (RFC 2131 2); say dhcp=off or mtu=%d",
				 spec->kind, service->mtu_bytes, MTU_LEAST_DHCP4, MTU_LEAST_DHCP4);
	return 0;
}

/* Leaves `*address` as it is without the word. */
static int description_ip4(struct spec *spec, const char *key, struct ip4 *address, struct error *ret_error)
{
	const char *given = spec_string(spec, key);

	if (given && !ip4_parse(given, address))
		return error_set(ret_error, -EINVAL, "%s,%s=%s: not an IPv4 address, as 10.0.2.2 is", spec->kind, key,
				 given);
	return 0;
}

static int description_ip6(struct spec *spec, const char *key, struct ip6 *address, struct error *ret_error)
{
	const char *given = spec_string(spec, key);

	if (given && !ip6_parse(given, address))
		return error_set(ret_error, -EINVAL, "%s,%s=%s: not an IPv6 address, as fd00::2 is", spec->kind, key,
				 given);
	return 0;
}

static int description_read_net4(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *given = spec_string(spec, "net");
	unsigned first;

	service->net4 = ip4_from(0x0a000200); /* 10.0.2.0/24 */
	service->prefix4 = 24;
	if (!given)
		return 0;
	if (!ip4_parse_net(given, &service->net4, &service->prefix4))
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
	uint32_t host = ip4_value(service->host4), first = net + DHCP4_FIRST;

	if (first > last || first == host)
		first = first > last ? net + 1 : first + 1;
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
	struct ip4 third = ip4_from(ip4_value(service->net4) + 3);

	for (size_t i = 0; i < service->dns4_count; i++) {
		if (!ip4_in_net(service->dns4[i], service->net4, service->prefix4))
			continue;
		service->resolver4 = service->dns4[i];
		return description_check_ip4(service, spec, "dns", service->resolver4, ret_error);
	}
	if (service->dns4_count > 0)
		return 0;
	if (ip4_equal(third, service->host4))
		third = ip4_from(ip4_value(service->net4) + 2);
	if (service->prefix4 == PREFIX4_MOST)
		third = service->host4;
	service->dns4[service->dns4_count++] = service->resolver4 = third;
	return 0;
}

static int description_read_dns4(struct service_config *service, struct spec *spec, struct error *ret_error)
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

static int description_read_routes4(struct service_config *service, struct spec *spec, struct error *ret_error)
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

static int description_read_ip4(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	int error;

	if ((error = description_read_net4(service, spec, ret_error)) < 0)
		return error;
	service->host4 = ip4_from(ip4_value(service->net4) + 2);
	service->lease_s = LEASE_DEFAULT_S;
	if ((error = description_ip4(spec, "host", &service->host4, ret_error)) < 0 ||
	    (error = description_check_ip4(service, spec, "host", service->host4, ret_error)) < 0 ||
	    (error = spec_u32(spec, "lease", LEASE_LEAST_S, UINT32_MAX, &service->lease_s, ret_error)) < 0 ||
	    (error = description_read_range4(service, spec, ret_error)) < 0 ||
	    (error = description_read_dns4(service, spec, ret_error)) < 0)
		return error;
	if (description->user && (error = description_resolver4(service, spec, ret_error)) < 0)
		return error;
	return description_read_routes4(service, spec, ret_error);
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

static int description_read_ip6(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	const char *given;
	size_t at = 0;
	int error;

	if ((error = description_read_net6(service, spec, ret_error)) < 0)
		return error;
	service->host6 = description_in_net6(service, 2);
	service->dhcp6_first = description_in_net6(service, DHCP6_FIRST);
	service->dhcp6_last = description_in_net6(service, DHCP6_LAST);
	service->router6 = service->router4;
	if (!service->ip4)
		service->lease_s = LEASE_DEFAULT_S;
	if ((error = description_ip6(spec, "ipv6-host", &service->host6, ret_error)) < 0 ||
	    (error = description_check_host6(service, spec, ret_error)) < 0)
		return error;
	while ((given = spec_next(spec, "ipv6-dns", &at))) {
		if (service->dns6_count == SERVICE_DNS_MAX)
			return error_set(ret_error, -EINVAL, "%s,ipv6-dns=%s: more than %d; leave some out", spec->kind,
					 given, SERVICE_DNS_MAX);
		if (!ip6_parse(given, &service->dns6[service->dns6_count++]))
			return error_set(ret_error, -EINVAL, "%s,ipv6-dns=%s: not an IPv6 address; dns= takes IPv4",
					 spec->kind, given);
	}
	if (description->user)
		description_resolver6(service);
	return 0;
}

bool description_is_label(const char *text, size_t length)
{
	if (length == 0 || length >= DESCRIPTION_LABEL_BYTES || text[0] == '-' || text[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char letter = (unsigned char)text[i];

		if (letter >= 0x80 || (!isalnum(letter) && letter != '-' && letter != '_'))
			return false;
	}
	return true;
}

/* Labels with dots between them, RFC 1035 2.3.1; a dot at the end is dropped. */
static bool description_is_domain(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length >= SERVICE_NAME_BYTES)
		return false;
	while (*text) {
		size_t label = strcspn(text, ".");

		if (!description_is_label(text, label))
			return false;
		text += label;
		text += *text == '.';
	}
	return true;
}

static int description_domain(const struct spec *spec, const char *key, const char *given, char *name,
			      struct error *ret_error)
{
	size_t length = strlen(given);

	if (!description_is_domain(given))
		return error_set(ret_error, -EINVAL, "%s,%s=%s: not a domain name, as example.org is", spec->kind, key,
				 given);
	if (given[length - 1] == '.')
		length--;
	memcpy(name, given, length);
	name[length] = '\0';
	return 0;
}

/* Text that goes into an option as it is. */
static int description_text(struct spec *spec, const char *key, char *text, size_t room, struct error *ret_error)
{
	const char *given = spec_string(spec, key);

	if (!given)
		return 0;
	if (!*given || strlen(given) >= room)
		return error_set(ret_error, -EINVAL, "%s,%s=%.40s: must be 1 to %zu characters", spec->kind, key, given,
				 room - 1);
	memcpy(text, given, strlen(given) + 1);
	return 0;
}

static int description_read_names(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *domain = spec_string(spec, "domainname"), *given;
	size_t at = 0;
	int error;

	if ((error = description_text(spec, "hostname", service->hostname, sizeof(service->hostname), ret_error)) < 0)
		return error;
	if (service->hostname[0] && !description_is_label(service->hostname, strlen(service->hostname)))
		return error_set(ret_error, -EINVAL, "%s,hostname=%s: must be one word of letters, digits and '-'",
				 spec->kind, service->hostname);
	if (domain && (error = description_domain(spec, "domainname", domain, service->domain, ret_error)) < 0)
		return error;
	while ((given = spec_next(spec, "dnssearch", &at))) {
		if (service->search_count == SERVICE_SEARCH_MAX)
			return error_set(ret_error, -EINVAL, "%s,dnssearch=%s: more than %d; leave some out",
					 spec->kind, given, SERVICE_SEARCH_MAX);
		if ((error = description_domain(spec, "dnssearch", given, service->search[service->search_count++],
						ret_error)) < 0)
			return error;
	}
	if ((error = description_text(spec, "tftp-server-name", service->boot_server, sizeof(service->boot_server),
				      ret_error)) < 0)
		return error;
	return description_text(spec, "bootfile", service->boot_file, sizeof(service->boot_file), ret_error);
}

/* Without mac=: 52:55 and the gateway's IPv4 address, as QEMU's user network has it. */
static int description_read_mac(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *given = spec_string(spec, "mac");

	service->mac = (struct mac){{0x52, 0x55, 0x0a, 0x00, 0x02, 0x02}};
	if (service->ip4)
		memcpy(service->mac.byte + 2, service->host4.byte, 4);
	if (!given)
		return 0;
	if (!mac_parse(given, &service->mac))
		return error_set(ret_error, -EINVAL, "%s,mac=%s: not a MAC address, as 52:55:0a:00:02:02 is",
				 spec->kind, given);
	if (mac_is_group(service->mac) || mac_is_zero(service->mac))
		return error_set(ret_error, -EINVAL,
				 "%s,mac=%s: not the address of one machine; 52:55:0a:00:02:02 would do", spec->kind,
				 given);
	return 0;
}

static int description_check_kind(const char *kind, struct error *ret_error)
{
	static const char *const later[] = {"tap", "shared", "host", "bridged", "vmnet"};

	if (strcmp(kind, "none") == 0 || strcmp(kind, "user") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
		if (strcmp(kind, later[i]) == 0)
			return error_set(ret_error, -EOPNOTSUPP,
					 "uplink=%s: not available in this version, user and none are", kind);
	}
	return error_set(ret_error, -EINVAL, "uplink=%s: no such uplink; user or none would do", kind);
}

static int description_read_udp_filter(struct description *description, struct spec *spec, struct error *ret_error)
{
	const char *given = spec_string(spec, "udp-filter");

	description->udp_filter_none = given && strcmp(given, "none") == 0;
	if (given && !description->udp_filter_none && strcmp(given, "address") != 0)
		return error_set(ret_error, -EINVAL,
				 "%s,udp-filter=%s: must be address (who was sent to may answer) or none (anybody may)",
				 spec->kind, given);
	return 0;
}

/* What only a way out has. */
static int description_read_user(struct description *description, struct spec *spec, struct error *ret_error)
{
	int error;

	for (size_t i = 0; i < sizeof(user_words_later) / sizeof(*user_words_later); i++) {
		const char *given = spec_string(spec, user_words_later[i]);

		if (given)
			return error_set(ret_error, -EOPNOTSUPP,
					 "%s,%s=%s: not available in this version; leave it out", spec->kind,
					 user_words_later[i], given);
	}
	description->host_loopback = true;
	description->service.router4 = true;
	description->router_given = spec_string(spec, "router") != NULL;
	if ((error = spec_bool(spec, "restrict", &description->restricted, ret_error)) < 0 ||
	    (error = spec_bool(spec, "host-loopback", &description->host_loopback, ret_error)) < 0 ||
	    (error = spec_u32(spec, "flows", FLOWS_LEAST, FLOWS_MOST, &description->flows, ret_error)) < 0)
		return error;
	return description_read_udp_filter(description, spec, ret_error);
}

static int description_read(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	int error;

	description->user = strcmp(spec->kind, "user") == 0;
	if ((error = description_check_kind(spec->kind, ret_error)) < 0 ||
	    (error = description_read_switches(description, spec, ret_error)) < 0 ||
	    (description->user && (error = description_read_user(description, spec, ret_error)) < 0) ||
	    (service->ip4 && (error = description_read_ip4(description, spec, ret_error)) < 0) ||
	    (service->ip6 && (error = description_read_ip6(description, spec, ret_error)) < 0) ||
	    (error = description_read_names(service, spec, ret_error)) < 0 ||
	    (error = description_read_mac(service, spec, ret_error)) < 0)
		return error;
	return spec_finish(spec, ret_error);
}

int description_parse(struct description *ret_description, const char *uplink, struct error *ret_error)
{
	struct description description = {0};
	struct spec spec;
	int error = spec_parse(&spec, uplink, ret_error);

	if (error < 0 || (error = description_read(&description, &spec, ret_error)) < 0)
		return error;
	*ret_description = description;
	return 0;
}
