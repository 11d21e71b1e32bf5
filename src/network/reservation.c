/* SPDX-License-Identifier: MIT */
/* The last field is a name unless it looks like an address: dnsmasq's order, without its tags. */
#include "network/reservation.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "network/description.h"
#include "service/lease.h"

/* dhcp-host= with an address that the network has not. */
static int reservation_refuse_host(const struct service_config *config, const char *whole, bool is6,
				   struct error *ret_error)
{
	char range[2 * IP4_TEXT_BYTES + 4], first[IP6_TEXT_BYTES], last[IP6_TEXT_BYTES];

	if (is6 ? !config->ip6 : !config->ip4)
		return error_set(ret_error, -EINVAL, "dhcp-host=%s: this network has no IPv%d; leave %s away", whole,
				 is6 ? 6 : 4, is6 ? "ipv6=off" : "ipv4=off");
	if (is6)
		return error_set(
			ret_error, -EINVAL,
			"dhcp-host=%s: not an address that a guest of this network may have; %s to %s would do", whole,
			ip6_format(config->dhcp6_first, first), ip6_format(config->dhcp6_last, last));
	return error_set(ret_error, -EINVAL,
			 "dhcp-host=%s: not an address that a guest of this network may have; %s would do", whole,
			 description_range4(config, range));
}

static int reservation_refuse_gateway(const char *whole, const char *address, struct error *ret_error)
{
	return error_set(ret_error, -EINVAL, "dhcp-host=%s: %s is the gateway's own address; choose another", whole,
			 address);
}

static int reservation_add_address(struct lease_table *leases, const struct service_config *config, const char *whole,
				   struct mac mac, char *address, const char *name, struct error *ret_error)
{
	size_t length = strlen(address);
	struct ip4 ip4;
	struct ip6 ip6;
	int error;

	if (address[0] == '[' && length > 1 && address[length - 1] == ']') {
		address[length - 1] = '\0';
		if (!ip6_parse(address + 1, &ip6))
			return error_set(ret_error, -EINVAL, "dhcp-host=%s: '%s' is not an IPv6 address", whole,
					 address + 1);
		if (config->ip6 && ip6_equal(ip6, config->host6))
			return reservation_refuse_gateway(whole, address + 1, ret_error);
		error = config->ip6 ? lease_reserve6(leases, mac, ip6, name) : -ERANGE;
	} else {
		if (!ip4_parse(address, &ip4))
			return error_set(ret_error, -EINVAL, "dhcp-host=%s: must be MAC,IP[,NAME] or MAC,[IP6][,NAME]",
					 whole);
		if (config->ip4 && ip4_equal(ip4, config->host4))
			return reservation_refuse_gateway(whole, address, ret_error);
		error = config->ip4 ? lease_reserve4(leases, mac, ip4, name) : -ERANGE;
	}
	if (error == -ERANGE)
		return reservation_refuse_host(config, whole, address[0] == '[', ret_error);
	if (error == -EINVAL)
		return error_set(ret_error, error, "dhcp-host=%s: '%s' is no host name: letters, digits and '-'", whole,
				 name);
	if (error == -EEXIST)
		return error_set(ret_error, -EINVAL, "dhcp-host=%s: this MAC or address has another dhcp-host=", whole);
	return error < 0 ? error_set(ret_error, error, "dhcp-host=%s: %s", whole, error_name(error)) : 0;
}

int reservation_add(struct lease_table *leases, const struct service_config *config, const char *dhcp_host,
		    struct error *ret_error)
{
	char text[256], *fields[4], *at = text;
	size_t count = 0, addresses;
	const char *name = NULL;
	struct mac mac;
	int error = 0;

	if (strlen(dhcp_host) >= sizeof(text))
		return error_set(ret_error, -EINVAL, "dhcp-host=%.40s…: too long", dhcp_host);
	memcpy(text, dhcp_host, strlen(dhcp_host) + 1);
	while (at && count < 4)
		fields[count++] = strsep(&at, ",");
	if (at || count < 2 || !mac_parse(fields[0], &mac) || mac_is_group(mac) || mac_is_zero(mac))
		return error_set(ret_error, -EINVAL, "dhcp-host=%s: must be MAC,IP[,NAME] or MAC,[IP6][,NAME]",
				 dhcp_host);
	addresses = count - 1;
	/* the last field is a name unless it is a second address */
	if (count > 2 && fields[count - 1][0] != '[' &&
	    !(isdigit((unsigned char)fields[count - 1][0]) && strchr(fields[count - 1], '.'))) {
		name = fields[count - 1];
		addresses--;
		if (!description_is_label(name, strlen(name)))
			return error_set(ret_error, -EINVAL,
					 "dhcp-host=%s: '%s' must be one word of letters, digits and '-'", dhcp_host,
					 name);
	}
	for (size_t i = 1; error >= 0 && i <= addresses; i++)
		error = reservation_add_address(leases, config, dhcp_host, mac, fields[i], name, ret_error);
	return error;
}
