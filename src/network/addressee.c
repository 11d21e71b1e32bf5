/* SPDX-License-Identifier: MIT */
/* A name is looked for among the ports, then among the reservations, then among what guests call themselves: were it the
 * other way round, a guest could take another one's connections by its DHCP host name. For the same reason a name that
 * belongs to a guest of this network is nobody else's while that guest is away. */
#include "network/addressee.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "nat/nat.h"
#include "network/guest.h"
#include "service/lease.h"

_Static_assert((int)PORT_NAME_BYTES >= (int)IP6_TEXT_BYTES && (int)PORT_NAME_BYTES >= (int)LEASE_NAME_BYTES,
	       "an address is a name, too");

/* ---- what a person wrote ---- */

static bool addressee_is_name(const char *name)
{
	for (const char *at = name; *at; at++) {
		if (!(*at >= 'a' && *at <= 'z') && !(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9') &&
		    *at != '-' && *at != '_' && *at != '.')
			return false;
	}
	return name[0] != '-' && name[0] != '.';
}

static int addressee_check4(const struct gw_network *network, struct ip4 ip, const char *name, struct error *ret_error)
{
	const struct service_config *service = &network->description.service;
	char range[2 * IP4_TEXT_BYTES + 4];

	if (!service->ip4)
		return error_set(ret_error, -EINVAL, "guest '%s': this network has no IPv4", name);
	if (!ip4_in_net(ip, service->net4, service->prefix4) || service_is_ours4(service, ip))
		return error_set(ret_error, -EINVAL, "guest '%s': no guest's address here, which is one of %s", name,
				 description_range4(service, range));
	return 0;
}

static int addressee_check6(const struct gw_network *network, struct ip6 ip, const char *name, struct error *ret_error)
{
	const struct service_config *service = &network->description.service;
	char net[IP6_TEXT_BYTES];

	if (!service->ip6)
		return error_set(ret_error, -EINVAL, "guest '%s': this network has no IPv6", name);
	if (!ip6_in_net(ip, service->net6, service->prefix6) || service_is_ours6(service, ip))
		return error_set(ret_error, -EINVAL, "guest '%s': no guest's address here, which are those of %s/%u",
				 name, ip6_format(service->net6, net), service->prefix6);
	return 0;
}

/* dhcpstart=, as QEMU has it. */
static int addressee_first(const struct gw_network *network, struct addressee *ret_addressee, struct error *ret_error)
{
	const struct service_config *service = &network->description.service;

	if (service->ip4 && !ip4_is_zero(service->dhcp4_first))
		ret_addressee->address = nat_address4(service->dhcp4_first, 0).ip;
	else if (service->ip6 && !ip6_is_zero(service->dhcp6_first))
		ret_addressee->address = service->dhcp6_first;
	else
		return error_set(ret_error, -EINVAL,
				 "the guest is left out, and there is no dhcpstart= to say which; give one");
	return 0;
}

int addressee_parse(const struct gw_network *network, const char *text, size_t length, struct addressee *ret_addressee,
		    struct error *ret_error)
{
	struct addressee *to = ret_addressee;
	struct ip4 ip4;

	memset(to, 0, sizeof(*to));
	if (length == 0)
		return addressee_first(network, to, ret_error);
	if (length >= sizeof(to->name))
		return error_set(ret_error, -EINVAL,
				 "guest '%.40s…': must be an address or a name of up to %zu letters", text,
				 sizeof(to->name) - 1);
	memcpy(to->name, text, length);
	if (ip4_parse(to->name, &ip4)) {
		to->address = nat_address4(ip4, 0).ip;
		return addressee_check4(network, ip4, to->name, ret_error);
	}
	if (ip6_parse(to->name, &to->address))
		return addressee_check6(network, to->address, to->name, ret_error);
	if (!addressee_is_name(to->name))
		return error_set(ret_error, -EINVAL, "guest '%s': must be an address (IPv6 in brackets) or a name",
				 to->name);
	return 0;
}

const char *addressee_format(const struct addressee *addressee, char *text)
{
	const struct nat_address address = {.ip = addressee->address};

	if (ip6_is_zero(addressee->address))
		memcpy(text, addressee->name, sizeof(addressee->name));
	else if (nat_address_is4(&address))
		ip4_format(nat_address_ip4(&address), text);
	else
		ip6_format(addressee->address, text);
	return text;
}

/* ---- who that is ---- */

struct addressee_search {
	const char *name;
	bool reserved; /* among the reservations, else among the others */
	bool known;    /* somebody has the name */
	bool has4, has6;
	struct ip4 ip4;
	struct ip6 ip6;
};

static void addressee_on_lease(void *owner, const struct lease *lease)
{
	struct addressee_search *search = owner;

	if (!lease->name[0] || lease->reserved != search->reserved || strcasecmp(lease->name, search->name) != 0)
		return;
	search->known = true;
	/* A reservation is the guest's whether it asks for it or has it set by hand. */
	if (lease->state != LEASE_BOUND && !lease->reserved)
		return;
	if (lease->is6 && !search->has6) {
		search->has6 = true;
		search->ip6 = lease->ip6;
	} else if (!lease->is6 && !search->has4) {
		search->has4 = true;
		search->ip4 = lease->ip4;
	}
}

static void addressee_search_leases(struct gw_network *network, bool reserved, struct addressee_search *search)
{
	search->reserved = reserved;
	lease_each(network->leases, ethswitch_now_us(network->ethswitch), addressee_on_lease, search);
}

/* The guest behind this port, by its first MAC: its lease, or what its ARP spoke of. */
static void addressee_search_port(struct gw_network *network, const struct port *port, struct addressee_search *search)
{
	const struct record *record = port->owner;
	uint64_t now_us = ethswitch_now_us(network->ethswitch);
	const struct lease *lease;

	search->known = true;
	if (!record || mac_is_zero(record->mac))
		return;
	lease = lease_find_mac(network->leases, record->mac, false, now_us);
	search->has4 = lease || !ip4_is_zero(record->ip4);
	search->ip4 = lease ? lease->ip4 : record->ip4;
	lease = lease_find_mac(network->leases, record->mac, true, now_us);
	search->has6 = lease != NULL;
	if (lease)
		search->ip6 = lease->ip6;
}

static void addressee_search_ports(struct gw_network *network, struct addressee_search *search)
{
	list_for_each (at, ethswitch_ports(network->ethswitch)) {
		const struct port *port = container_of(at, struct port, link);
		const struct record *record;

		if (port->uplink)
			continue;
		record = port->owner;
		/* of an endpoint for one guest the port has a number behind the name */
		if (strcasecmp(port->name, search->name) == 0 ||
		    (record && record->guest && strcasecmp(record->guest->name, search->name) == 0 &&
		     record->guest->endpoint->guests == 1)) {
			addressee_search_port(network, port, search);
			return;
		}
	}
	search->known = gw_guest_find(network, search->name) != NULL;
}

static void addressee_search_all(struct gw_network *network, struct addressee_search *search)
{
	addressee_search_ports(network, search);
	if (!search->known)
		addressee_search_leases(network, true, search);
	if (!search->known)
		addressee_search_leases(network, false, search);
}

int addressee_find(struct gw_network *network, const struct addressee *addressee, struct ip6 *ret_address)
{
	struct addressee_search search = {.name = addressee->name};

	if (!ip6_is_zero(addressee->address)) {
		*ret_address = addressee->address;
		return 0;
	}
	addressee_search_all(network, &search);
	if (!search.has4 && !search.has6)
		return -ENOENT;
	*ret_address = search.has4 ? nat_address4(search.ip4, 0).ip : search.ip6;
	return 0;
}
