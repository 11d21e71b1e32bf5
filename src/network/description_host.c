/* SPDX-License-Identifier: MIT */
/* address=host: the guest wears this machine's own address, net, router and name servers. What surprises:
 *
 * - The router's address is the gateway's here, and so are, by ARP and neighbour discovery, all other addresses of the net
 *   that are not the guest's: the machines behind them are reached through this one's sockets.
 * - A net is made large enough for the router and the guest to be plain addresses of it: a machine may have a /32. A router
 *   beyond the net (169.254.1.1 in some clouds), or none at all, is played by an address beside the guest's.
 * - IPv6 routers have link-local addresses. The gateway's global one is made of its MAC, as any machine's might be, so that
 *   it is nobody else's. */
#include <errno.h>
#include <string.h>

#include "network/description_parts.h"
#include "network/resolvfile.h"

enum { HOST_PREFIX4_MOST = 30, HOST_LEASE_S = 600 };

static struct ip4 ip4_of(struct in_addr address)
{
	struct ip4 ip;

	memcpy(ip.byte, &address, sizeof(ip.byte));
	return ip;
}

static struct ip6 ip6_of(struct in6_addr address)
{
	struct ip6 ip;

	memcpy(ip.byte, &address, sizeof(ip.byte));
	return ip;
}

/* A machine's, in the net of this prefix around it. */
static bool ip4_is_plain(struct ip4 ip, unsigned prefix)
{
	uint32_t mask = ip4_mask(prefix), value = ip4_value(ip);

	return (value & ~mask) != 0 && (value | mask) != UINT32_MAX;
}

static void description_wear_ip4(struct service_config *service, const struct hostaddress4 *host)
{
	struct ip4 own = ip4_of(host->address), router = ip4_of(host->router);
	unsigned prefix = host->prefix < HOST_PREFIX4_MOST ? host->prefix : HOST_PREFIX4_MOST;

	while (prefix > 1 && !ip4_is_plain(own, prefix))
		prefix--;
	service->prefix4 = prefix;
	service->net4 = ip4_from(ip4_value(own) & ip4_mask(prefix));
	if (!host->has_router || !ip4_in_net(router, service->net4, prefix) || !ip4_is_plain(router, prefix) ||
	    ip4_equal(router, own)) {
		router = ip4_from(ip4_value(service->net4) + 1);
		if (ip4_equal(router, own))
			router = ip4_from(ip4_value(service->net4) + 2);
	}
	service->host4 = service->resolver4 = router;
	service->dhcp4_first = service->dhcp4_last = own;
}

static void description_wear_ip6(struct service_config *service, const struct hostaddress6 *host)
{
	struct ip6 own = ip6_of(host->address), router = ip6_of(host->router), low = ip6_link_local(service->mac);

	service->prefix6 = 64;
	service->net6 = own;
	memset(service->net6.byte + 8, 0, 8);
	if (!host->has_router || !ip6_in_net(router, service->net6, 64) || ip6_equal(router, own)) {
		router = service->net6;
		memcpy(router.byte + 8, low.byte + 8, 8);
	}
	service->host6 = service->resolver6 = router;
	service->dhcp6_first = service->dhcp6_last = own;
}

/* Means the guest itself: it has the machine's address too, which as a name server's would not even be leased. */
static bool description_is_guest4(const struct service_config *service, struct ip4 address)
{
	return ip4_is_loopback(address) || ip4_is_zero(address) || ip4_equal(address, service->dhcp4_first);
}

static bool description_is_guest6(const struct service_config *service, struct ip6 address)
{
	return ip6_is_link_local(address) || ip6_equal(address, (struct ip6){{[15] = 1}}) ||
	       ip6_equal(address, service->dhcp6_first);
}

/* The machine's own name servers, where guests can reach them; else the gateway, which asks them, or those of dns-host=. */
static void description_wear_dns(struct description *description, const struct resolvconf *conf)
{
	struct service_config *service = &description->service;

	if (!description->dns4_given)
		service->dns4_count = 0;
	if (!description->dns6_given)
		service->dns6_count = 0;
	for (size_t i = 0; i < conf->server_count && description->dns_host_count == 0; i++) {
		const struct resolvconf_server *server = &conf->servers[i];

		if (!server->is6 && !description->dns4_given && service->dns4_count < SERVICE_DNS_MAX &&
		    !description_is_guest4(service, server->ip4))
			service->dns4[service->dns4_count++] = server->ip4;
		if (server->is6 && !description->dns6_given && service->dns6_count < SERVICE_DNS_MAX &&
		    !description_is_guest6(service, server->ip6))
			service->dns6[service->dns6_count++] = server->ip6;
	}
	if (service->ip4 && service->dns4_count == 0)
		service->dns4[service->dns4_count++] = service->resolver4;
	if (service->ip6 && service->dns6_count == 0)
		service->dns6[service->dns6_count++] = service->resolver6;
}

bool description_wear_resolvers(struct description *description, const struct resolvconf *conf)
{
	const struct service_config *service = &description->service;
	const size_t count4 = service->dns4_count, count6 = service->dns6_count;
	struct ip4 was4[SERVICE_DNS_MAX];
	struct ip6 was6[SERVICE_DNS_MAX];

	memcpy(was4, service->dns4, sizeof(was4));
	memcpy(was6, service->dns6, sizeof(was6));
	description_wear_dns(description, conf);
	return service->dns4_count != count4 || service->dns6_count != count6 ||
	       memcmp(was4, service->dns4, count4 * sizeof(was4[0])) != 0 ||
	       memcmp(was6, service->dns6, count6 * sizeof(was6[0])) != 0;
}

void description_wear(struct description *description, const struct hostaddress *host, const struct resolvconf *conf)
{
	struct service_config *service = &description->service;

	description->worn = *host;
	if (service->ip4 && host->ip4.found)
		description_wear_ip4(service, &host->ip4);
	if (service->ip6 && host->ip6.found)
		description_wear_ip6(service, &host->ip6);
	description_wear_dns(description, conf);
	if (!description->map4_given)
		description->map4 = service->host4;
	if (!description->map6_given)
		description->map6 = service->host6;
	if (description->boots_here)
		ip4_format(service->host4, service->boot_server);
}

int description_look(const struct description *description, struct hostaddress *ret_host, struct resolvconf *ret_conf)
{
	char text[RESOLVFILE_BYTES];
	ssize_t bytes = resolvfile_read(text, sizeof(text));

	if (bytes < 0)
		return (int)bytes;
	resolvconf_parse(text, (size_t)bytes, ret_conf);
	return hostaddress_find(&description->outbounds, ret_host);
}

static int description_check_host_words(struct spec *spec, struct error *ret_error)
{
	static const char *const words[] = {"net",      "ip",          "host",           "dhcpstart", "dhcpend",
					    "ipv6-net", "ipv6-prefix", "ipv6-prefixlen", "ipv6-host"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		const char *value = spec_string(spec, words[i]);

		if (value)
			return error_set(ret_error, -EINVAL,
					 "%s,%s=%s: contradicts address=host; leave one of them out", spec->kind,
					 words[i], value);
	}
	return 0;
}

int description_read_host(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	struct hostaddress host;
	struct resolvconf conf;
	int error = description_check_host_words(spec, ret_error);

	if (error < 0)
		return error;
	error = description_look(description, &host, &conf);
	if (error < 0)
		return error_set(ret_error, error, "%s,address=host: this machine's addresses: %s", spec->kind,
				 error_name(error));
	service->ip4 = service->ip4 && host.ip4.found;
	service->ip6 = service->ip6 && host.ip6.found;
	if (!service->ip4 && !service->ip6)
		return error_set(ret_error, -EADDRNOTAVAIL,
				 "%s,address=host: this machine has no default route to say which address that is; "
				 "bring one up, say which interface with outbound=, or leave address= out",
				 spec->kind);
	service->dhcp4 = service->dhcp4 && service->ip4;
	service->dhcp6 = service->dhcp6 && service->ip6;
	service->shares_net = true;
	service->router6 = service->router4;
	service->lease_s = HOST_LEASE_S;
	/* the gateway's MAC comes of its first address, and stays when that changes */
	if (service->ip4)
		description_wear_ip4(service, &host.ip4);
	if ((error = description_read_mac(service, spec, ret_error)) < 0 ||
	    (error = description_read_lease(service, spec, ret_error)) < 0 ||
	    (error = description_read_dns4(service, spec, ret_error)) < 0 ||
	    (error = description_read_dns6(service, spec, ret_error)) < 0)
		return error;
	description->dns4_given = service->dns4_count > 0;
	description->dns6_given = service->dns6_count > 0;
	description_wear(description, &host, &conf);
	return service->ip4 ? description_read_routes4(service, spec, ret_error) : 0;
}

/* One of each family. */
int description_read_map(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	const char *given;
	size_t at = 0;

	while ((given = spec_next(spec, "map-host", &at))) {
		if (ip4_parse(given, &description->map4) && service->ip4 && !description->map4_given) {
			description->map4_given = true;
			if (ip4_in_net(description->map4, service->net4, service->prefix4) &&
			    !service_is_ours4(service, description->map4))
				service->also4[service->also4_count++] = description->map4;
		} else if (ip6_parse(given, &description->map6) && service->ip6 && !description->map6_given) {
			description->map6_given = true;
			if (ip6_in_net(description->map6, service->net6, service->prefix6) &&
			    !service_is_ours6(service, description->map6))
				service->also6[service->also6_count++] = description->map6;
		} else {
			return error_set(ret_error, -EINVAL,
					 "%s,map-host=%s: must be an address, one of each family that the network has",
					 spec->kind, given);
		}
	}
	if (!description->map4_given)
		description->map4 = service->host4;
	if (!description->map6_given)
		description->map6 = service->host6;
	return 0;
}
