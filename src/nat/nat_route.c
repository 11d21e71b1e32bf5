/* SPDX-License-Identifier: MIT */
/* Addresses on the guest's side and on the host's: what one is called on the other, and which may not be reached. */
#include <netinet/in.h>
#include <string.h>

#include "nat/nat.h"
#include "nat/nat_state.h"

static const uint8_t nat_mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 2.5.5.2 */

struct nat_address nat_address4(struct ip4 ip, uint16_t port)
{
	struct nat_address address = {.port = port};

	memcpy(address.ip.byte, nat_mapped, sizeof(nat_mapped));
	memcpy(address.ip.byte + sizeof(nat_mapped), ip.byte, sizeof(ip.byte));
	return address;
}

struct nat_address nat_address6(struct ip6 ip, uint16_t port)
{
	return (struct nat_address){.ip = ip, .port = port};
}

bool nat_address_is4(const struct nat_address *address)
{
	return memcmp(address->ip.byte, nat_mapped, sizeof(nat_mapped)) == 0;
}

struct ip4 nat_address_ip4(const struct nat_address *address)
{
	struct ip4 ip;

	memcpy(ip.byte, address->ip.byte + sizeof(nat_mapped), sizeof(ip.byte));
	return ip;
}

struct nat_address nat_address_read(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
	struct nat_address result = {0};
	struct ip4 ip;

	if (address->sa_family == AF_INET) {
		memcpy(ip.byte, &in->sin_addr, sizeof(ip.byte));
		return nat_address4(ip, ntohs(in->sin_port));
	}
	if (address->sa_family == AF_INET6) {
		memcpy(result.ip.byte, &in6->sin6_addr, sizeof(result.ip.byte));
		result.port = ntohs(in6->sin6_port);
	}
	return result;
}

socklen_t nat_address_write(const struct nat_address *address, bool is6, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)ret_address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret_address;
	struct ip4 ip;

	memset(ret_address, 0, sizeof(*ret_address));
	if (is6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(address->port);
		memcpy(&in6->sin6_addr, address->ip.byte, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(address->port);
	if (nat_address_is4(address)) {
		ip = nat_address_ip4(address);
		memcpy(&in->sin_addr, ip.byte, sizeof(in->sin_addr));
	}
	return sizeof(*in);
}

static bool nat_ip6_is_loopback(struct ip6 ip)
{
	return ip6_equal(ip, (struct ip6){{[15] = 1}});
}

/* 0.0.0.0/8 is "this host" to a kernel: a way to its loopback (RFC 1122 3.2.1.3). */
static bool nat_may_reach4(const struct nat_config *config, struct ip4 ip)
{
	if (ip.byte[0] == 0 || ip4_is_loopback(ip) || ip4_is_multicast(ip) || ip4_value(ip) == ip4_value(IP4_BROADCAST))
		return false;
	return config->shares_net || !ip4_in_net(ip, config->net4, config->prefix4);
}

/* Link-local addresses would need an interface; v4-mapped and v4-compatible ones lead around the rules for IPv4. */
static bool nat_may_reach6(const struct nat_config *config, struct ip6 ip)
{
	static const struct ip6 compatible;
	const struct nat_address address = {.ip = ip};

	if (ip6_is_multicast(ip) || ip6_is_link_local(ip) || nat_address_is4(&address) ||
	    ip6_in_net(ip, compatible, 96))
		return false;
	return config->shares_net || !ip6_in_net(ip, config->net6, config->prefix6);
}

/* The host's own address for one that the guest has for it. */
static enum drop_reason nat_host_address4(const struct nat_config *config, struct nat_address *address)
{
	struct ip4 ip = nat_address_ip4(address);

	if (config->host_loopback && ip4_equal(ip, config->loopback4))
		*address = nat_address4((struct ip4){{127, 0, 0, 1}}, address->port);
	else if (!nat_may_reach4(config, ip))
		return DROP_NAT_DESTINATION;
	return DROP_NONE;
}

static enum drop_reason nat_host_address6(const struct nat_config *config, struct nat_address *address)
{
	if (config->host_loopback && ip6_equal(address->ip, config->loopback6))
		address->ip = (struct ip6){{[15] = 1}};
	else if (!nat_may_reach6(config, address->ip))
		return DROP_NAT_DESTINATION;
	return DROP_NONE;
}

enum drop_reason nat_host_address(const struct nat *nat, const struct nat_address *far,
				  struct sockaddr_storage *ret_address, socklen_t *ret_bytes)
{
	if (nat->config.restricted)
		return DROP_NAT_RESTRICTED;
	return nat_host_address_of(nat, far, ret_address, ret_bytes);
}

enum drop_reason nat_host_address_of(const struct nat *nat, const struct nat_address *far,
				     struct sockaddr_storage *ret_address, socklen_t *ret_bytes)
{
	struct nat_address address = *far;
	bool is6 = !nat_address_is4(far);
	enum drop_reason reason =
		is6 ? nat_host_address6(&nat->config, &address) : nat_host_address4(&nat->config, &address);

	*ret_bytes = nat_address_write(&address, is6, ret_address);
	return reason;
}

/* The gateway, in the family that the guest speaks. */
static void nat_far_gateway(const struct nat_config *config, bool is6, uint16_t port, struct nat_address *ret_far)
{
	if (is6)
		*ret_far = nat_address6(config->host_loopback ? config->loopback6 : config->host6, port);
	else
		*ret_far = nat_address4(config->host_loopback ? config->loopback4 : config->host4, port);
}

static bool nat_is_on_guests_net(const struct nat_config *config, const struct nat_address *far)
{
	if (config->shares_net)
		return nat_address_is4(far) ? ip4_equal(nat_address_ip4(far), config->shared4)
					    : ip6_equal(far->ip, config->shared6);
	return nat_address_is4(far) ? config->ip4 && ip4_in_net(nat_address_ip4(far), config->net4, config->prefix4)
				    : config->ip6 && ip6_in_net(far->ip, config->net6, config->prefix6);
}

void nat_far_address(const struct nat *nat, const struct sockaddr *address, bool is6, struct nat_address *ret_far)
{
	struct nat_address far = nat_address_read(address);
	bool loopback;

	if (address->sa_family != AF_INET && address->sa_family != AF_INET6) {
		nat_far_gateway(&nat->config, is6, 0, ret_far);
		return;
	}
	loopback = nat_address_is4(&far) ? ip4_is_loopback(nat_address_ip4(&far)) : nat_ip6_is_loopback(far.ip);
	/* A client of the other family, one whose address means nothing beyond its link, and one that the guest would look
	 * for on its own cannot be shown as it is. */
	if (loopback || nat_address_is4(&far) == is6 || ip6_is_link_local(far.ip) ||
	    nat_is_on_guests_net(&nat->config, &far))
		nat_far_gateway(&nat->config, is6, far.port, ret_far);
	else
		*ret_far = far;
}
