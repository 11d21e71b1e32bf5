/* SPDX-License-Identifier: MIT */
/* Two dumps by rtnetlink of each family: the main table's routes, for the default one of least metric, and the addresses of
 * its interface. An interface that was chosen needs no default route: then it has no router (what a VPN does is a table of
 * its own). What a dump says it says at once, so that nothing waits. */
#include "os/hostaddress.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/outbound.h"

enum { HOSTADDRESS_ANSWER_BYTES = 32 * 1024 };

/* What is looked for. */
struct hostaddress_search {
	int family;
	size_t address_bytes;
	int only; /* the interface that it must be; 0: any */
	bool has_wanted;
	uint8_t wanted[16]; /* the address that it must be */
	/* the route */
	bool has_route;
	uint32_t metric;
	int interface;
	bool has_router;
	uint8_t router[16];
	bool has_preferred;
	uint8_t preferred[16]; /* the route's own source */
	/* the address */
	int rank;  /* of what was found; 0: nothing */
	int owner; /* whose it is */
	uint8_t address[16];
	unsigned prefix;
};

/* The attribute at `*at`, which is moved past it; NULL: there is no other. */
static const struct rtattr *attribute_next(const uint8_t **at, const uint8_t *end)
{
	const struct rtattr *attribute = (const void *)*at;
	size_t left = (size_t)(end - *at), bytes;

	if (left < sizeof(*attribute) || attribute->rta_len < sizeof(*attribute) || attribute->rta_len > left)
		return NULL;
	bytes = (attribute->rta_len + (size_t)RTA_ALIGNTO - 1) & ~((size_t)RTA_ALIGNTO - 1);
	*at += bytes < left ? bytes : left;
	return attribute;
}

static const void *attribute_bytes(const struct rtattr *attribute, size_t bytes)
{
	return RTA_PAYLOAD(attribute) >= bytes ? RTA_DATA(attribute) : NULL;
}

static uint32_t attribute_number(const struct rtattr *attribute)
{
	const void *data = attribute_bytes(attribute, sizeof(uint32_t));
	uint32_t number = 0;

	if (data)
		memcpy(&number, data, sizeof(number));
	return number;
}

static bool attribute_copy(const struct rtattr *attribute, void *to, size_t bytes)
{
	const void *data = attribute_bytes(attribute, bytes);

	if (data)
		memcpy(to, data, bytes);
	return data != NULL;
}

/* The first way of several. */
static void route_read_multipath(struct hostaddress_search *route, const struct rtattr *attribute)
{
	const struct rtnexthop *hop = attribute_bytes(attribute, sizeof(*hop));
	const uint8_t *next, *end;
	const struct rtattr *at;

	if (!hop || hop->rtnh_len > RTA_PAYLOAD(attribute) || hop->rtnh_len < sizeof(*hop))
		return;
	route->interface = hop->rtnh_ifindex;
	next = (const uint8_t *)(hop + 1);
	end = (const uint8_t *)hop + hop->rtnh_len;
	while ((at = attribute_next(&next, end))) {
		if (at->rta_type == RTA_GATEWAY)
			route->has_router = attribute_copy(at, route->router, route->address_bytes);
	}
}

static void hostaddress_on_route(struct hostaddress_search *search, const struct nlmsghdr *message)
{
	const struct rtmsg *header = NLMSG_DATA(message);
	struct hostaddress_search route = *search;
	const uint8_t *next = (const uint8_t *)(header + 1), *end = (const uint8_t *)message + message->nlmsg_len;
	const struct rtattr *at;
	uint32_t table = header->rtm_table;

	if (header->rtm_family != search->family || header->rtm_dst_len != 0 || header->rtm_type != RTN_UNICAST)
		return;
	route.interface = 0;
	route.metric = 0;
	route.has_router = route.has_preferred = false;
	memset(route.router, 0, sizeof(route.router));
	while ((at = attribute_next(&next, end))) {
		if (at->rta_type == RTA_TABLE)
			table = attribute_number(at);
		else if (at->rta_type == RTA_PRIORITY)
			route.metric = attribute_number(at);
		else if (at->rta_type == RTA_OIF)
			route.interface = (int)attribute_number(at);
		else if (at->rta_type == RTA_GATEWAY)
			route.has_router = attribute_copy(at, route.router, route.address_bytes);
		else if (at->rta_type == RTA_PREFSRC)
			route.has_preferred = attribute_copy(at, route.preferred, route.address_bytes);
		else if (at->rta_type == RTA_MULTIPATH)
			route_read_multipath(&route, at);
	}
	if (table != RT_TABLE_MAIN || route.interface == 0 || (search->only && route.interface != search->only) ||
	    (search->has_route && route.metric >= search->metric))
		return;
	route.has_route = true;
	*search = route;
}

/* How good an address is: one that stays before one that changes, and the route's own before all. */
static int address_rank(const struct hostaddress_search *search, const uint8_t *address, uint32_t flags)
{
	if (search->has_wanted)
		return memcmp(address, search->wanted, search->address_bytes) == 0;
	if (search->has_preferred && memcmp(address, search->preferred, search->address_bytes) == 0)
		return 5;
	if (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return 0;
	if (flags & IFA_F_DEPRECATED)
		return 1;
	if (search->family == AF_INET)
		return flags & IFA_F_SECONDARY ? 2 : 3;
	return flags & IFA_F_TEMPORARY ? 2 : 3;
}

static void hostaddress_on_address(struct hostaddress_search *search, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = NLMSG_DATA(message);
	uint32_t flags = header->ifa_flags;
	const uint8_t *next = (const uint8_t *)(header + 1), *end = (const uint8_t *)message + message->nlmsg_len;
	const struct rtattr *at;
	uint8_t address[16] = {0};
	bool has = false, local = false;
	int rank;

	if (header->ifa_family != search->family)
		return;
	/* one that was chosen may be another interface's, and of any scope */
	if (!search->has_wanted &&
	    ((int)header->ifa_index != search->interface || header->ifa_scope != RT_SCOPE_UNIVERSE))
		return;
	while ((at = attribute_next(&next, end))) {
		if (at->rta_type == IFA_FLAGS)
			flags = attribute_number(at);
		/* of a link between two, IFA_ADDRESS is the other's */
		if (at->rta_type == IFA_LOCAL)
			has = local = attribute_copy(at, address, search->address_bytes);
		else if (at->rta_type == IFA_ADDRESS && !local)
			has = attribute_copy(at, address, search->address_bytes);
	}
	rank = has ? address_rank(search, address, flags) : 0;
	if (rank <= search->rank)
		return;
	search->rank = rank;
	search->owner = (int)header->ifa_index;
	search->prefix = header->ifa_prefixlen;
	memcpy(search->address, address, sizeof(search->address));
}

/* 1: the dump goes on; 0: it ended; negative errno. */
static int dump_read(int fd, struct hostaddress_search *search,
		     void (*on_message)(struct hostaddress_search *search, const struct nlmsghdr *message))
{
	alignas(struct nlmsghdr) uint8_t bytes[HOSTADDRESS_ANSWER_BYTES];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
	size_t left;

	if (got < 0)
		return errno == EINTR ? 1 : -errno;
	left = (size_t)got;
	for (const struct nlmsghdr *at = (const void *)bytes; NLMSG_OK(at, left); at = NLMSG_NEXT(at, left)) {
		if (at->nlmsg_type == NLMSG_DONE)
			return 0;
		if (at->nlmsg_type == NLMSG_ERROR)
			return -EPROTO;
		if (at->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)))
			on_message(search, at);
	}
	return got > 0 ? 1 : -EPROTO;
}

static int hostaddress_dump(int fd, uint16_t type, struct hostaddress_search *search,
			    void (*on_message)(struct hostaddress_search *search, const struct nlmsghdr *message))
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route; /* an address' header is shorter, and begins with the family too */
	} request = {.header = {.nlmsg_len = sizeof(request),
				.nlmsg_type = type,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		     .route = {.rtm_family = (unsigned char)search->family}};
	int more;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	do
		more = dump_read(fd, search, on_message);
	while (more > 0);
	return more;
}

/* What was chosen. False: there is no such interface. */
static bool hostaddress_choose(struct hostaddress_search *search, const struct outbound *outbound)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&outbound->address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&outbound->address;

	if (*outbound->ifname)
		search->only = (int)if_nametoindex(outbound->ifname);
	search->has_wanted = outbound->address.ss_family != AF_UNSPEC;
	if (outbound->address.ss_family == AF_INET)
		memcpy(search->wanted, &in->sin_addr, sizeof(in->sin_addr));
	else if (outbound->address.ss_family == AF_INET6)
		memcpy(search->wanted, &in6->sin6_addr, sizeof(in6->sin6_addr));
	return search->only || !*outbound->ifname;
}

/* An address that was chosen alone says which interface it is. */
static int hostaddress_search(int fd, struct hostaddress_search *search, const struct outbound *outbound)
{
	int error = 0;

	if (outbound && !hostaddress_choose(search, outbound))
		return 0;
	if (search->has_wanted) {
		error = hostaddress_dump(fd, RTM_GETADDR, search, hostaddress_on_address);
		search->only = search->only ? search->only : search->owner;
	}
	if (error >= 0 && (!search->has_wanted || search->rank > 0))
		error = hostaddress_dump(fd, RTM_GETROUTE, search, hostaddress_on_route);
	if (!search->has_route)
		search->interface = search->only;
	if (error >= 0 && !search->has_wanted && search->interface)
		error = hostaddress_dump(fd, RTM_GETADDR, search, hostaddress_on_address);
	return error;
}

static void hostaddress_take4(const struct hostaddress_search *search, struct hostaddress4 *ret_ip4)
{
	if (search->rank == 0)
		return;
	ret_ip4->found = true;
	ret_ip4->prefix = search->prefix;
	ret_ip4->has_router = search->has_router;
	memcpy(&ret_ip4->address, search->address, sizeof(ret_ip4->address));
	memcpy(&ret_ip4->router, search->router, sizeof(ret_ip4->router));
	if_indextoname((unsigned)search->interface, ret_ip4->interface);
}

static void hostaddress_take6(const struct hostaddress_search *search, struct hostaddress6 *ret_ip6)
{
	if (search->rank == 0)
		return;
	ret_ip6->found = true;
	ret_ip6->prefix = search->prefix;
	ret_ip6->has_router = search->has_router;
	memcpy(&ret_ip6->address, search->address, sizeof(ret_ip6->address));
	memcpy(&ret_ip6->router, search->router, sizeof(ret_ip6->router));
	if_indextoname((unsigned)search->interface, ret_ip6->interface);
}

int hostaddress_find(const struct outbounds *outbounds, struct hostaddress *ret_hostaddress)
{
	struct hostaddress_search ip4 = {.family = AF_INET, .address_bytes = 4},
				  ip6 = {.family = AF_INET6, .address_bytes = 16};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error;

	if (fd < 0)
		return -errno;
	error = hostaddress_search(fd, &ip4, outbounds_of(outbounds, AF_INET));
	if (error >= 0)
		error = hostaddress_search(fd, &ip6, outbounds_of(outbounds, AF_INET6));
	close(fd);
	if (error < 0)
		return error;
	memset(ret_hostaddress, 0, sizeof(*ret_hostaddress));
	hostaddress_take4(&ip4, &ret_hostaddress->ip4);
	hostaddress_take6(&ip6, &ret_hostaddress->ip6);
	return 0;
}
