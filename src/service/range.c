/* SPDX-License-Identifier: MIT */
/* See range.h. */
#include "service/range.h"

void range_init(struct range *range, const struct service_config *config, bool is6)
{
	*range = (struct range){.config = config, .is6 = is6};
	range->first = is6 ? range_number6(config->dhcp6_first) : ip4_value(config->dhcp4_first);
	range->last = is6 ? range_number6(config->dhcp6_last) : ip4_value(config->dhcp4_last);
}

uint64_t range_number6(struct ip6 address)
{
	uint64_t value = 0;

	for (int i = 8; i < 16; i++)
		value = value << 8 | address.byte[i];
	return value;
}

struct ip6 range_ip6(const struct range *range, uint64_t number)
{
	struct ip6 address = range->config->dhcp6_first;

	for (int i = 15; i >= 8; i--, number >>= 8)
		address.byte[i] = (uint8_t)number;
	return address;
}

bool range_has6(const struct range *range, struct ip6 address)
{
	return ip6_equal(address, range_ip6(range, range_number6(address)));
}

static bool number_is_ours4(const struct service_config *config, uint64_t number)
{
	uint32_t mask = ip4_mask(config->prefix4);

	/* RFC 3021: a /31 has neither a network nor a broadcast address. */
	if (config->prefix4 < 31 && (((uint32_t)number & ~mask) == 0 || ((uint32_t)number | mask) == UINT32_MAX))
		return true;
	if (number == ip4_value(config->host4))
		return true;
	for (size_t i = 0; i < config->dns4_count; i++)
		if (number == ip4_value(config->dns4[i]))
			return true;
	for (size_t i = 0; i < config->also4_count; i++)
		if (number == ip4_value(config->also4[i]))
			return true;
	for (size_t i = 0; i < config->route4_count; i++)
		if (number == ip4_value(config->routes4[i].via))
			return true;
	return false;
}

static bool number_is_ours6(const struct range *range, uint64_t number)
{
	const struct service_config *config = range->config;
	struct ip6 address = range_ip6(range, number);

	/* RFC 4291 2.6.1: interface 0 is every router's. */
	if (number == 0 || ip6_equal(address, config->host6))
		return true;
	for (size_t i = 0; i < config->also6_count; i++)
		if (ip6_equal(address, config->also6[i]))
			return true;
	for (size_t i = 0; i < config->dns6_count; i++)
		if (ip6_equal(address, config->dns6[i]))
			return true;
	return false;
}

bool range_is_ours(const struct range *range, uint64_t number)
{
	return range->is6 ? number_is_ours6(range, number) : number_is_ours4(range->config, number);
}

bool range_holds(const struct range *range, uint64_t number)
{
	return number >= range->first && number <= range->last && !range_is_ours(range, number);
}

uint32_t range_count(const struct range *range, uint32_t most)
{
	uint32_t count = 0;

	for (uint64_t number = range->first; number <= range->last && count < most; number++) {
		count += !range_is_ours(range, number);
		if (number == UINT64_MAX)
			break;
	}
	return count;
}

bool range_in_net(const struct range *range, uint64_t number)
{
	const struct service_config *config = range->config;

	return range->is6 || ip4_in_net(ip4_from((uint32_t)number), config->net4, config->prefix4);
}
