/* SPDX-License-Identifier: MIT */
/* What show asks: the network, its guests, ports and leases, as structures of strings that last for the call. Callbacks
 * may end what they are told of: it stays, and its place in the list, until the turn is over. */
#include "network/info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nat/nat.h"
#include "network/guest.h"
#include "network/inprocess.h"
#include "network/splice.h"
#include "network/user.h"
#include "service/lease.h"
#include "wire/ip.h"

/* Where an address was heard, for sorting by port. */
struct heard {
	const struct port *port;
	struct mac mac;
};

struct heard_list {
	struct heard *heard;
	size_t count;
};

struct info_flow_call {
	void (*on_flow)(void *owner, const struct gw_flow_info *info);
	void *owner;
};

struct info_lease_call {
	struct gw_network *network;
	void (*on_lease)(void *owner, const struct gw_lease_info *info);
	void *owner;
};

unsigned gw_drop_reasons(void)
{
	return DROP_REASONS;
}

const char *gw_drop_name(unsigned reason)
{
	return reason > DROP_NONE && reason < DROP_REASONS ? drop_name((enum drop_reason)reason) : "";
}

const char *gw_drop_text(unsigned reason)
{
	return reason > DROP_NONE && reason < DROP_REASONS ? drop_text((enum drop_reason)reason) : "";
}

struct info_counter {
	const char *name, *text;
};

#define X(name, text) {#name, text},
static const struct info_counter info_nat_counters[] = {NAT_COUNTER_LIST(X)};
static const struct info_counter info_splice_counters[] = {SPLICE_COUNTER_LIST(X)};
static const struct info_counter info_lease_counters[] = {LEASE_COUNTER_LIST(X)};
#undef X

enum {
	INFO_NAT_COUNTERS = sizeof(info_nat_counters) / sizeof(*info_nat_counters),
	INFO_SPLICE_COUNTERS = sizeof(info_splice_counters) / sizeof(*info_splice_counters),
	INFO_LEASE_COUNTERS = sizeof(info_lease_counters) / sizeof(*info_lease_counters),
};

_Static_assert(sizeof(struct nat_counters) == INFO_NAT_COUNTERS * sizeof(uint64_t), "counters are read as an array");
_Static_assert(sizeof(struct splice_counters) == INFO_SPLICE_COUNTERS * sizeof(uint64_t), "these too");
_Static_assert(sizeof(struct lease_counters) == INFO_LEASE_COUNTERS * sizeof(uint64_t), "and these");

unsigned gw_nat_counters(void)
{
	return INFO_NAT_COUNTERS;
}

const char *gw_nat_counter_name(unsigned counter)
{
	return counter < INFO_NAT_COUNTERS ? info_nat_counters[counter].name : "";
}

const char *gw_nat_counter_text(unsigned counter)
{
	return counter < INFO_NAT_COUNTERS ? info_nat_counters[counter].text : "";
}

unsigned gw_splice_counters(void)
{
	return INFO_SPLICE_COUNTERS;
}

const char *gw_splice_counter_name(unsigned counter)
{
	return counter < INFO_SPLICE_COUNTERS ? info_splice_counters[counter].name : "";
}

const char *gw_splice_counter_text(unsigned counter)
{
	return counter < INFO_SPLICE_COUNTERS ? info_splice_counters[counter].text : "";
}

unsigned gw_lease_counters(void)
{
	return INFO_LEASE_COUNTERS;
}

const char *gw_lease_counter_name(unsigned counter)
{
	return counter < INFO_LEASE_COUNTERS ? info_lease_counters[counter].name : "";
}

const char *gw_lease_counter_text(unsigned counter)
{
	return counter < INFO_LEASE_COUNTERS ? info_lease_counters[counter].text : "";
}

/* "" where nothing was chosen. */
static const char *info_source(const struct outbound *outbound, char text[IP6_TEXT_BYTES])
{
	const struct nat_address address = nat_address_read((const struct sockaddr *)&outbound->address);

	*text = '\0';
	if (outbound->address.ss_family == AF_INET)
		ip4_format(nat_address_ip4(&address), text);
	else if (outbound->address.ss_family == AF_INET6)
		ip6_format(address.ip, text);
	return text;
}

void gw_network_describe(struct gw_network *network,
			 void (*on_network)(void *owner, const struct gw_network_info *info), void *owner)
{
	const struct service_config *service = &network->description.service;
	char mac[MAC_TEXT_BYTES], net4[IP4_TEXT_BYTES + 3] = "", host4[IP4_TEXT_BYTES] = "";
	char first[IP4_TEXT_BYTES] = "", last[IP4_TEXT_BYTES] = "";
	char net6[IP6_TEXT_BYTES + 4] = "", host6[IP6_TEXT_BYTES] = "";
	char smbserver[IP4_TEXT_BYTES] = "", outbound4[IP6_TEXT_BYTES], outbound6[IP6_TEXT_BYTES];
	char resolvers[USER_RESOLVERS_BYTES] = "";
	const struct outbounds *outbounds = &network->description.outbounds;
	const struct guestfwd *share = guestfwd_share(&network->description.guestfwds);
	struct gw_network_info info = GW_INIT(struct gw_network_info);

	if (share)
		ip4_format(nat_address_ip4(&share->address), smbserver);
	if (service->ip4) {
		snprintf(net4, sizeof(net4), "%s/%u", ip4_format(service->net4, host4), service->prefix4);
		ip4_format(service->host4, host4);
	}
	if (service->dhcp4) {
		ip4_format(service->dhcp4_first, first);
		ip4_format(service->dhcp4_last, last);
	}
	if (service->ip6) {
		snprintf(net6, sizeof(net6), "%s/%u", ip6_format(service->net6, host6), service->prefix6);
		ip6_format(service->host6, host6);
	}
	info.name = network->name;
	info.uplink = network->description.user ? "user" : "none";
	info.mtu = service->mtu_bytes;
	info.mac = mac_format(service->mac, mac);
	info.net4 = net4;
	info.host4 = host4;
	info.dhcp4_first = first;
	info.dhcp4_last = last;
	info.net6 = net6;
	info.host6 = host6;
	info.drops = ethswitch_drops(network->ethswitch)->count;
	info.restricted = network->description.restricted;
	if (network->user) {
		info.flows = nat_flow_count(user_nat(network->user));
		info.flows_max = nat_flows_max(user_nat(network->user));
		info.nat = (const uint64_t *)nat_counters(user_nat(network->user));
	}
	info.splices = splice_table_count(network->splices);
	info.spliced = (const uint64_t *)splice_table_counters(network->splices);
	info.leased = (const uint64_t *)lease_table_counters(network->leases);
	info.host_loopback = network->description.host_loopback && !info.restricted;
	info.smb = share ? share->folder : "";
	info.smbserver = smbserver;
	info.outbound_if4 = outbounds->ip4.ifname;
	info.outbound_if6 = outbounds->ip6.ifname;
	info.outbound4 = info_source(&outbounds->ip4, outbound4);
	info.outbound6 = info_source(&outbounds->ip6, outbound6);
	info.resolvers = network->user ? user_resolvers(network->user, resolvers) : resolvers;
	network->calling++;
	on_network(owner, &info);
	network->calling--;
}

void gw_network_each_guest(struct gw_network *network, void (*on_guest)(void *owner, const struct gw_guest_info *info),
			   void *owner)
{
	network->calling++;
	list_for_each (at, &network->guests) {
		const struct gw_guest *guest = container_of(at, struct gw_guest, link);
		const struct endpoint *endpoint = guest->endpoint;
		struct gw_guest_info info = GW_INIT(struct gw_guest_info);

		if (guest->removed)
			continue;
		info.name = guest->name;
		info.kind = endpoint->kind->name;
		info.describe = endpoint->describe;
		info.path = endpoint->path;
		info.address = endpoint->address;
		info.guests = endpoint->guests;
		info.guests_max = endpoint->guests_max;
		info.drops = endpoint->drops.count;
		on_guest(owner, &info);
	}
	network->calling--;
}

/* ---- ports ---- */

static void info_on_address(void *owner, struct mac mac, uint16_t vlan, struct port *port, uint64_t heard_us)
{
	struct heard_list *list = owner;

	(void)vlan;
	(void)heard_us;
	if (list->count < ETHSWITCH_ADDRESSES_MAX)
		list->heard[list->count++] = (struct heard){.port = port, .mac = mac};
}

static int info_compare(const void *left, const void *right)
{
	const struct heard *a = left, *b = right;

	if (a->port != b->port)
		return (uintptr_t)a->port < (uintptr_t)b->port ? -1 : 1;
	return memcmp(&a->mac, &b->mac, sizeof(a->mac));
}

/* All addresses by port: one pass over the table instead of one for each port. Empty when there is no memory. */
static struct heard_list info_collect(const struct gw_network *network)
{
	struct heard_list list = {.heard = malloc(ETHSWITCH_ADDRESSES_MAX * sizeof(struct heard))};

	if (!list.heard)
		return list;
	ethswitch_each_address(network->ethswitch, info_on_address, &list);
	qsort(list.heard, list.count, sizeof(*list.heard), info_compare);
	return list;
}

/* The first of the port's addresses; one with tags counts once. */
static void info_fill_macs(struct gw_port_info *info, const struct heard_list *list, const struct port *port,
			   char (*texts)[MAC_TEXT_BYTES])
{
	const size_t most = sizeof(info->macs) / sizeof(*info->macs);
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((uintptr_t)list->heard[middle].port < (uintptr_t)port)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < list->count && list->heard[low].port == port; low++) {
		if (info->mac_count > 0 && mac_equal(list->heard[low].mac, list->heard[low - 1].mac))
			continue;
		if (info->mac_count < most)
			info->macs[info->mac_count] = mac_format(list->heard[low].mac, texts[info->mac_count]);
		info->mac_count++;
	}
}

static void info_fill_counters(struct gw_port_info *info, const struct port *port)
{
	info->counters = (struct gw_counters){.from_guest_frames = port->counters.from_guest.frames,
					      .from_guest_bytes = port->counters.from_guest.bytes,
					      .to_guest_frames = port->counters.to_guest.frames,
					      .to_guest_bytes = port->counters.to_guest.bytes};
	info->drops = port->counters.drops.count;
}

static void info_show_port(const struct gw_network *network, const struct port *port, const struct heard_list *heard,
			   void (*on_port)(void *owner, const struct gw_port_info *info), void *owner)
{
	const struct record *record = port == gateway_port(network->gateway) ? NULL : port->owner;
	char macs[8][MAC_TEXT_BYTES], owner_mac[MAC_TEXT_BYTES];
	struct gw_port_info info = GW_INIT(struct gw_port_info);
	struct port_status status = {0};

	if (port->ops->look)
		port->ops->look(port, &status);
	info.name = info.guest = port->name;
	info.kind = port == gateway_port(network->gateway) ? "gateway" : "in-process";
	if (record && record->guest) {
		info.guest = record->guest->name;
		info.kind = record->guest->endpoint->kind->name;
	}
	info.far_end = status.far_end;
	info.connected = true;
	info.conflict = !mac_is_zero(port->conflict) && ethswitch_conflict(network->ethswitch, port->conflict) == port;
	info.muted = status.muted;
	info.isolated = port->isolated;
	info.queued_bytes = status.queued_bytes;
	info.queued_peak_bytes = status.queued_peak_bytes;
	info.queue_bound_bytes = status.queue_bound_bytes;
	info_fill_counters(&info, port);
	info_fill_macs(&info, heard, port, macs);
	/* the gateway says nothing until it is asked */
	if (port == gateway_port(network->gateway) && info.mac_count == 0)
		info.macs[info.mac_count++] = mac_format(network->description.service.mac, owner_mac);
	on_port(owner, &info);
}

void gw_network_each_port(struct gw_network *network, void (*on_port)(void *owner, const struct gw_port_info *info),
			  void *owner)
{
	struct heard_list heard = info_collect(network);

	network->calling++;
	list_for_each (at, ethswitch_ports(network->ethswitch))
		info_show_port(network, container_of(at, struct port, link), &heard, on_port, owner);
	network->calling--;
	free(heard.heard);
}

void info_describe_port(struct gw_network *network, const struct port *port,
			void (*on_port)(void *owner, const struct gw_port_info *info), void *owner)
{
	struct heard_list heard = info_collect(network);

	network->calling++;
	info_show_port(network, port, &heard, on_port, owner);
	network->calling--;
	free(heard.heard);
}

/* ---- leases ---- */

static const char *info_lease_word(enum lease_state state)
{
	switch (state) {
	case LEASE_FREE:
		return "free";
	case LEASE_OFFERED:
		return "offered";
	case LEASE_BOUND:
		return "bound";
	case LEASE_DECLINED:
		return "declined";
	}
	return "";
}

static void info_on_lease(void *owner, const struct lease *lease)
{
	const struct info_lease_call *call = owner;
	uint64_t now_us = ethswitch_now_us(call->network->ethswitch);
	char address[IP6_TEXT_BYTES], mac[MAC_TEXT_BYTES];
	struct gw_lease_info info = GW_INIT(struct gw_lease_info);

	if (lease->is6)
		ip6_format(lease->ip6, address);
	else
		ip4_format(lease->ip4, address);
	info.address = address;
	info.mac = mac_format(lease->mac, mac);
	info.name = lease->name;
	info.state = info_lease_word(lease->state);
	info.reserved = lease->reserved;
	info.away = lease->away && lease->state == LEASE_BOUND;
	if (lease->due_us == UINT64_MAX)
		info.seconds_left = lease->state == LEASE_FREE ? 0 : -1;
	else
		info.seconds_left = lease->due_us > now_us ? (int64_t)((lease->due_us - now_us) / 1000000) : 0;
	call->on_lease(call->owner, &info);
}

void gw_network_each_lease(struct gw_network *network, void (*on_lease)(void *owner, const struct gw_lease_info *info),
			   void *owner)
{
	struct info_lease_call call = {.network = network, .on_lease = on_lease, .owner = owner};

	network_set_now(network);
	gateway_expire(network->gateway);
	network->calling++;
	lease_each(network->leases, ethswitch_now_us(network->ethswitch), info_on_lease, &call);
	network->calling--;
}

/* ---- flows ---- */

enum {
	INFO_ADDRESS_BYTES = IP6_TEXT_BYTES + sizeof("[]:65535"),
};

static const char *info_protocol(uint8_t protocol)
{
	switch (protocol) {
	case IP_PROTOCOL_TCP:
		return "tcp";
	case IP_PROTOCOL_UDP:
		return "udp";
	}
	return "icmp";
}

/* "" where there is none; without a port where the protocol has none, or any will do. */
static const char *info_address(const struct nat_address *address, bool has_port, char text[INFO_ADDRESS_BYTES])
{
	char ip[IP6_TEXT_BYTES];

	*text = '\0';
	if (ip6_is_zero(address->ip))
		return text;
	if (nat_address_is4(address))
		ip4_format(nat_address_ip4(address), ip);
	else
		ip6_format(address->ip, ip);
	if (!has_port || address->port == 0)
		snprintf(text, INFO_ADDRESS_BYTES, "%s", ip);
	else
		snprintf(text, INFO_ADDRESS_BYTES, nat_address_is4(address) ? "%s:%u" : "[%s]:%u", ip, address->port);
	return text;
}

static void info_on_flow(void *owner, const struct nat_flow_info *flow)
{
	const struct info_flow_call *call = owner;
	bool has_port = flow->protocol == IP_PROTOCOL_TCP || flow->protocol == IP_PROTOCOL_UDP;
	char guest[INFO_ADDRESS_BYTES], far[INFO_ADDRESS_BYTES];
	struct gw_flow_info info = GW_INIT(struct gw_flow_info);

	info.protocol = info_protocol(flow->protocol);
	info.guest = info_address(&flow->guest, has_port, guest);
	info.far = info_address(&flow->far, has_port, far);
	info.port = flow->port ? flow->port->name : "";
	info.state = flow->state;
	info.from_guest_bytes = flow->from_guest_bytes;
	info.to_guest_bytes = flow->to_guest_bytes;
	info.idle_us = flow->idle_us;
	call->on_flow(call->owner, &info);
}

size_t gw_network_each_flow(struct gw_network *network, size_t from, size_t most,
			    void (*on_flow)(void *owner, const struct gw_flow_info *info), void *owner)
{
	struct info_flow_call call = {.on_flow = on_flow, .owner = owner};
	size_t next;

	if (!network->user)
		return 0;
	network_set_now(network);
	network->calling++;
	next = nat_each_flow(user_nat(network->user), from, most, info_on_flow, &call);
	network->calling--;
	return next;
}
