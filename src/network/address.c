/* SPDX-License-Identifier: MIT */
/* Addresses for a guest that does not ask for them: leased as DHCP would, for ever, and told with all that belongs to
 * them. A guest that asks by DHCPv4 nevertheless is given the same again. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "network/network.h"
#include "service/lease.h"

/* Everything as text, for as long as the call lasts. */
struct address_text {
	char address4[IP4_TEXT_BYTES + 4], address6[IP6_TEXT_BYTES + 4];
	char router4[IP4_TEXT_BYTES], router6[IP6_TEXT_BYTES];
	char routes4[SERVICE_ROUTES_MAX * (2 * IP4_TEXT_BYTES + 8)];
	char resolvers[SERVICE_DNS_MAX * (IP4_TEXT_BYTES + IP6_TEXT_BYTES + 2)];
	char search[SERVICE_SEARCH_MAX * (SERVICE_NAME_BYTES + 1)];
};

/* One word more; the rooms above are large enough for all of them. */
__attribute__((format(printf, 3, 4))) static void address_add(char *text, size_t room, const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	if (used > 0 && used + 1 < room)
		text[used++] = ' ';
	va_start(arguments, format);
	vsnprintf(text + used, room - used, format, arguments);
	va_end(arguments);
}

/* As a client without option 61 is known (RFC 2132 9.14). */
static struct lease_client address_client4(struct mac mac)
{
	struct lease_client client = {.mac = mac, .id = {1 /* Ethernet */}, .id_bytes = 1 + sizeof(mac.byte)};

	memcpy(client.id + 1, mac.byte, sizeof(mac.byte));
	return client;
}

/* IAID 1, and a DUID made from the MAC address (RFC 8415 11.4). */
static struct lease_client address_client6(struct mac mac)
{
	static const uint8_t head[] = {0, 0, 0, 1, 0, 3, 0, 1};
	struct lease_client client = {.mac = mac, .id_bytes = sizeof(head) + sizeof(mac.byte)};

	memcpy(client.id, head, sizeof(head));
	memcpy(client.id + sizeof(head), mac.byte, sizeof(mac.byte));
	return client;
}

/* The first of the range is wanted by its name: with dhcp=off no other is given out. */
static int address_lease(struct gw_network *network, bool is6, struct mac mac, const char *name,
			 struct lease **ret_lease)
{
	const struct service_config *service = &network->description.service;
	uint64_t now_us = ethswitch_now_us(network->ethswitch);
	struct lease_client client = is6 ? address_client6(mac) : address_client4(mac);
	struct lease *lease = is6 ? lease_offer6(network->leases, &client, service->dhcp6_first, now_us)
				  : lease_offer4(network->leases, &client, service->dhcp4_first, now_us);

	if (!lease)
		return -EADDRNOTAVAIL;
	if (name)
		lease_set_name(network->leases, lease, name, strlen(name));
	lease_bind(network->leases, lease, LEASE_FOR_EVER_S, now_us);
	*ret_lease = lease;
	return 0;
}

static void address_tell4(const struct service_config *service, const struct lease *lease, struct address_text *text)
{
	char one[IP4_TEXT_BYTES], two[IP4_TEXT_BYTES];

	snprintf(text->address4, sizeof(text->address4), "%s/%u", ip4_format(lease->ip4, one), service->prefix4);
	if (service->router4)
		ip4_format(service->host4, text->router4);
	for (size_t i = 0; i < service->route4_count; i++) {
		const struct service_route4 *route = &service->routes4[i];

		address_add(text->routes4, sizeof(text->routes4), "%s/%u@%s", ip4_format(route->net, one),
			    route->prefix, ip4_format(route->via, two));
	}
	for (size_t i = 0; i < service->dns4_count; i++)
		address_add(text->resolvers, sizeof(text->resolvers), "%s", ip4_format(service->dns4[i], one));
}

static void address_tell6(const struct service_config *service, const struct lease *lease, struct address_text *text)
{
	char one[IP6_TEXT_BYTES];

	snprintf(text->address6, sizeof(text->address6), "%s/%u", ip6_format(lease->ip6, one), service->prefix6);
	if (service->router6)
		ip6_format(service->host6, text->router6);
	for (size_t i = 0; i < service->dns6_count; i++)
		address_add(text->resolvers, sizeof(text->resolvers), "%s", ip6_format(service->dns6[i], one));
}

static void address_tell_search(const struct service_config *service, struct address_text *text)
{
	if (service->search_count == 0 && service->domain[0])
		address_add(text->search, sizeof(text->search), "%s", service->domain);
	for (size_t i = 0; i < service->search_count; i++)
		address_add(text->search, sizeof(text->search), "%s", service->search[i]);
}

static int address_assign(struct gw_network *network, struct mac mac, const char *name, struct address_text *text)
{
	const struct service_config *service = &network->description.service;
	struct lease *lease;
	int error;

	if (service->ip4) {
		error = address_lease(network, false, mac, name, &lease);
		if (error < 0)
			return error;
		address_tell4(service, lease, text);
	}
	if (service->ip6) {
		error = address_lease(network, true, mac, name, &lease);
		if (error < 0)
			return error;
		address_tell6(service, lease, text);
	}
	address_tell_search(service, text);
	return 0;
}

int gw_address_assign(struct gw_network *network, const char *mac, const char *name,
		      void (*on_address)(void *owner, const struct gw_address_info *info), void *owner,
		      struct gw_error *ret_error)
{
	struct gw_address_info info = GW_INIT(struct gw_address_info);
	struct address_text text = {.address4 = ""};
	struct error error = {0};
	struct mac parsed;

	if (!mac_parse(mac, &parsed) || mac_is_group(parsed) || mac_is_zero(parsed)) {
		error_set(&error, -EINVAL, "'%.40s': not the MAC address of one machine", mac);
		return network_return_error(ret_error, &error);
	}
	network_set_now(network);
	error.code = address_assign(network, parsed, name, &text);
	if (error.code < 0) {
		error_set(&error, error.code,
			  "network %s: no address is free for %s; dhcpstart= and dhcpend= make room", network->name,
			  mac);
		return network_return_error(ret_error, &error);
	}
	info.address4 = text.address4;
	info.address6 = text.address6;
	info.router4 = text.router4;
	info.router6 = text.router6;
	info.routes4 = text.routes4;
	info.resolvers = text.resolvers;
	info.search = text.search;
	info.mtu = network->description.service.mtu_bytes;
	on_address(owner, &info);
	return 0;
}
