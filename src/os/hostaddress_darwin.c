/* SPDX-License-Identifier: MIT */
/* The routing table by sysctl(3), for the default route, and getifaddrs(3), for the addresses of its interface. One that was
 * chosen has a router where the default route leads through it. */
#include "os/hostaddress.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/route.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include "os/outbound.h"

/* Addresses behind a message are padded to 32 bits, an empty one too. */
static size_t sockaddr_room(const struct sockaddr *address)
{
	return address->sa_len ? (address->sa_len + 3u) & ~3u : 4;
}

static bool sockaddr_is_any(const struct sockaddr *address)
{
	static const struct in6_addr any;

	if (address->sa_len == 0)
		return true;
	if (address->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr == 0;
	return address->sa_family == AF_INET6 &&
	       memcmp(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, &any, sizeof(any)) == 0;
}

/* The default route's gateway and interface; false: this is another route. */
static bool route_read(const struct rt_msghdr *message, struct sockaddr_storage *ret_router, unsigned *ret_interface)
{
	const uint8_t *at = (const uint8_t *)(message + 1);
	const struct sockaddr *destination = (const void *)at, *router;

	if ((message->rtm_addrs & (RTA_DST | RTA_GATEWAY)) != (RTA_DST | RTA_GATEWAY) ||
	    !(message->rtm_flags & RTF_UP) || (message->rtm_flags & (RTF_HOST | RTF_IFSCOPE)) ||
	    !sockaddr_is_any(destination))
		return false;
	router = (const void *)(at + sockaddr_room(destination));
	memcpy(ret_router, router, router->sa_len < sizeof(*ret_router) ? router->sa_len : sizeof(*ret_router));
	*ret_interface = message->rtm_index;
	return true;
}

/* 1: found; 0: there is none; negative errno. */
static int route_find(int family, struct sockaddr_storage *ret_router, unsigned *ret_interface)
{
	int words[6] = {CTL_NET, PF_ROUTE, 0, family, NET_RT_DUMP, 0};
	size_t bytes = 0, at = 0;
	uint8_t *table;
	int found = 0;

	if (sysctl(words, 6, NULL, &bytes, NULL, 0) < 0)
		return -errno;
	table = malloc(bytes ? bytes : 1);
	if (!table)
		return -ENOMEM;
	if (sysctl(words, 6, table, &bytes, NULL, 0) < 0)
		found = -errno;
	while (found == 0 && at + sizeof(struct rt_msghdr) <= bytes) {
		const struct rt_msghdr *message = (const void *)(table + at);

		if (message->rtm_msglen == 0)
			break;
		found = route_read(message, ret_router, ret_interface);
		at += message->rtm_msglen;
	}
	free(table);
	return found;
}

static unsigned mask_prefix(const uint8_t *mask, size_t bytes)
{
	unsigned prefix = 0;

	for (size_t i = 0; i < bytes * 8 && mask[i / 8] & 0x80 >> i % 8; i++)
		prefix++;
	return prefix;
}

static void take4(const struct ifaddrs *at, const struct sockaddr_storage *router, struct hostaddress4 *ret_ip4)
{
	const struct sockaddr_in *mask = (const void *)at->ifa_netmask;

	ret_ip4->found = true;
	ret_ip4->address = ((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr;
	ret_ip4->prefix = mask ? mask_prefix((const uint8_t *)&mask->sin_addr, 4) : 32;
	ret_ip4->has_router = router->ss_family == AF_INET;
	if (ret_ip4->has_router)
		ret_ip4->router = ((const struct sockaddr_in *)(const void *)router)->sin_addr;
	strlcpy(ret_ip4->interface, at->ifa_name, sizeof(ret_ip4->interface));
}

static void take6(const struct ifaddrs *at, const struct sockaddr_storage *router, struct hostaddress6 *ret_ip6)
{
	const struct sockaddr_in6 *mask = (const void *)at->ifa_netmask;

	ret_ip6->found = true;
	ret_ip6->address = ((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr;
	ret_ip6->prefix = mask ? mask_prefix((const uint8_t *)&mask->sin6_addr, 16) : 128;
	ret_ip6->has_router = router->ss_family == AF_INET6;
	if (ret_ip6->has_router) {
		ret_ip6->router = ((const struct sockaddr_in6 *)(const void *)router)->sin6_addr;
		/* the kernel keeps the interface's number inside a link-local address */
		if (IN6_IS_ADDR_LINKLOCAL(&ret_ip6->router))
			ret_ip6->router.s6_addr[2] = ret_ip6->router.s6_addr[3] = 0;
	}
	strlcpy(ret_ip6->interface, at->ifa_name, sizeof(ret_ip6->interface));
}

/* Both of this family; their ports are of no account. */
static bool sockaddr_is_same(const struct sockaddr *a, const struct sockaddr_storage *b)
{
	if (a->sa_family != b->ss_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* The interface that was chosen, by itself or by an address of it; 0: it is not there. */
static unsigned chosen_interface(const struct outbound *outbound, const struct ifaddrs *all)
{
	if (*outbound->ifname)
		return if_nametoindex(outbound->ifname);
	for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
		if (at->ifa_addr && sockaddr_is_same(at->ifa_addr, &outbound->address))
			return if_nametoindex(at->ifa_name);
	}
	return 0;
}

static bool is_chosen(const struct outbound *outbound, const struct ifaddrs *at, unsigned interface)
{
	if (outbound && outbound->address.ss_family != AF_UNSPEC)
		return sockaddr_is_same(at->ifa_addr, &outbound->address);
	return if_nametoindex(at->ifa_name) == interface;
}

static int hostaddress_find_family(int family, const struct ifaddrs *all, const struct outbound *outbound,
				   struct hostaddress *hostaddress)
{
	struct sockaddr_storage router = {0};
	unsigned interface = 0, only = outbound ? chosen_interface(outbound, all) : 0;
	int found = route_find(family, &router, &interface);

	if (found < 0)
		return found;
	if (outbound ? only == 0 : found == 0)
		return 0;
	if (outbound && (found == 0 || interface != only)) {
		memset(&router, 0, sizeof(router));
		interface = only;
	}
	for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
		if (!at->ifa_addr || at->ifa_addr->sa_family != family || !is_chosen(outbound, at, interface))
			continue;
		if (family == AF_INET && !hostaddress->ip4.found)
			take4(at, &router, &hostaddress->ip4);
		if (family == AF_INET6 && !hostaddress->ip6.found &&
		    !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr))
			take6(at, &router, &hostaddress->ip6);
	}
	return 0;
}

int hostaddress_find(const struct outbounds *outbounds, struct hostaddress *ret_hostaddress)
{
	struct ifaddrs *all;
	int error;

	if (getifaddrs(&all) < 0)
		return -errno;
	memset(ret_hostaddress, 0, sizeof(*ret_hostaddress));
	error = hostaddress_find_family(AF_INET, all, outbounds_of(outbounds, AF_INET), ret_hostaddress);
	if (error >= 0)
		error = hostaddress_find_family(AF_INET6, all, outbounds_of(outbounds, AF_INET6), ret_hostaddress);
	freeifaddrs(all);
	return error;
}
