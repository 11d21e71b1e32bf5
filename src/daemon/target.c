/* SPDX-License-Identifier: MIT */
/* Three looks at the network: ports by name, leases by anything, and the port of a MAC address. */
#include "daemon/target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "guestwire/guestwire.h"

static bool target_has_mac(const struct target *target, const char *mac)
{
	for (size_t i = 0; i < target->mac_count; i++) {
		if (strcasecmp(target->macs[i], mac) == 0)
			return true;
	}
	return false;
}

static void target_add_mac(struct target *target, const char *mac)
{
	if (!*mac || target->mac_count == TARGET_MACS_MAX || target_has_mac(target, mac))
		return;
	snprintf(target->macs[target->mac_count++], TARGET_MAC_BYTES, "%s", mac);
}

/* A port's own name wins over the name of what made it, and a connected port over one that is not. */
static void target_on_port(void *owner, const struct gw_port_info *info)
{
	struct target *target = owner;
	bool exact = strcmp(info->name, target->word) == 0;

	if (!exact && strcmp(info->guest, target->word) != 0)
		return;
	target->named_port = true;
	if (!exact && (!info->connected || target->connected))
		return;
	snprintf(target->port, sizeof(target->port), "%s", info->name);
	target->connected = info->connected;
	target->mac_count = 0;
	for (size_t i = 0; i < info->mac_count && i < TARGET_MACS_MAX; i++)
		target_add_mac(target, info->macs[i]);
}

static void target_on_guest(void *owner, const struct gw_guest_info *info)
{
	struct target *target = owner;

	if (strcmp(info->name, target->word) == 0)
		target->named_port = true;
}

/* Addresses have more than one spelling. */
static bool address_same(const char *a, const char *b)
{
	unsigned char one[16], other[16];

	if (inet_pton(AF_INET, a, one) == 1 && inet_pton(AF_INET, b, other) == 1)
		return memcmp(one, other, 4) == 0;
	return inet_pton(AF_INET6, a, one) == 1 && inet_pton(AF_INET6, b, other) == 1 && memcmp(one, other, 16) == 0;
}

/* What a port is called is no guest's to call itself (addressee.c has the same order). */
static void target_on_lease(void *owner, const struct gw_lease_info *info)
{
	struct target *target = owner;
	bool named = strcasecmp(info->mac, target->word) == 0 || address_same(info->address, target->word) ||
		     (!target->named_port && *info->name && strcasecmp(info->name, target->word) == 0);

	if (strcmp(info->state, "bound") != 0 || (!named && !target_has_mac(target, info->mac)))
		return;
	target->leased = true;
	target_add_mac(target, info->mac);
	if (*info->name)
		snprintf(target->name, sizeof(target->name), "%s", info->name);
	if (target->address_count < TARGET_ADDRESSES_MAX)
		snprintf(target->addresses[target->address_count++], TARGET_ADDRESS_BYTES, "%s", info->address);
}

static void target_on_mac(void *owner, const struct gw_port_info *info)
{
	struct target *target = owner;

	for (size_t i = 0; i < info->mac_count && i < TARGET_MACS_MAX; i++) {
		if (strcasecmp(info->macs[i], target->word) != 0 && !target_has_mac(target, info->macs[i]))
			continue;
		if (target->port[0] && !info->connected)
			continue;
		snprintf(target->port, sizeof(target->port), "%s", info->name);
		target->connected = info->connected;
		target_add_mac(target, info->macs[i]);
	}
}

bool target_find(struct gw_network *network, const char *word, struct target *ret_target)
{
	struct target target = {.word = word};

	gw_network_each_guest(network, target_on_guest, &target);
	gw_network_each_port(network, target_on_port, &target);
	gw_network_each_lease(network, target_on_lease, &target);
	if (!target.named_port)
		gw_network_each_port(network, target_on_mac, &target);
	*ret_target = target;
	return target.named_port || target.leased || target.port[0];
}
