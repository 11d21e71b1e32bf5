/* SPDX-License-Identifier: MIT */
/* Messages are put together by hand: a header, a fixed part, and attributes behind it, each padded to 4 bytes. That is
 * less than what a library would ask for. The kernel answers before send() returns. */
#include "hostnet/rtnetlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/socket.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

struct rtnetlink_message {
	union {
		struct nlmsghdr header;
		uint8_t bytes[256];
	};
};

/* An address of either family. */
struct rtnetlink_place {
	unsigned char family;
	unsigned char prefix;
	unsigned char bytes;
	union {
		struct ip4 ip4;
		struct ip6 ip6;
	};
};

int rtnetlink_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

/* The fixed part of the message, zeroed. */
static void *rtnetlink_begin(struct rtnetlink_message *message, uint16_t type, uint16_t flags, size_t bytes)
{
	memset(message, 0, sizeof(*message));
	message->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes);
	message->header.nlmsg_type = type;
	message->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	return NLMSG_DATA(&message->header);
}

static void rtnetlink_add(struct rtnetlink_message *message, uint16_t type, const void *value, size_t bytes)
{
	struct rtattr attribute = {.rta_len = (uint16_t)RTA_LENGTH(bytes), .rta_type = type};
	size_t at = NLMSG_ALIGN(message->header.nlmsg_len);

	memcpy(message->bytes + at, &attribute, sizeof(attribute));
	memcpy(message->bytes + at + RTA_LENGTH(0), value, bytes);
	message->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(bytes));
}

static int rtnetlink_ask(int fd, const struct rtnetlink_message *message)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = {.error = {.error = -EPROTO}};

	if (send(fd, message, message->header.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC) < 0)
		return -errno;
	return answer.error.error;
}

/* "10.0.2.15/24" or "10.0.2.15", and IPv6 alike. */
static int rtnetlink_parse(const char *text, struct rtnetlink_place *ret_place)
{
	struct rtnetlink_place place = {0};
	unsigned prefix;

	if (strchr(text, ':')) {
		place.family = AF_INET6;
		place.bytes = sizeof(place.ip6);
		prefix = 128;
		if (strchr(text, '/') ? !ip6_parse_net(text, &place.ip6, &prefix) : !ip6_parse(text, &place.ip6))
			return -EINVAL;
	} else {
		place.family = AF_INET;
		place.bytes = sizeof(place.ip4);
		prefix = 32;
		if (strchr(text, '/') ? !ip4_parse_net(text, &place.ip4, &prefix) : !ip4_parse(text, &place.ip4))
			return -EINVAL;
	}
	place.prefix = (unsigned char)prefix;
	*ret_place = place;
	return 0;
}

int rtnetlink_set_up(int fd, const char *ifname)
{
	struct rtnetlink_message message;
	struct ifinfomsg *link = rtnetlink_begin(&message, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_index = (int)if_nametoindex(ifname);
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	return link->ifi_index ? rtnetlink_ask(fd, &message) : -ENODEV;
}

static int rtnetlink_add_place(int fd, const char *ifname, const struct rtnetlink_place *place)
{
	struct rtnetlink_message message;
	struct ifaddrmsg *fixed = rtnetlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*fixed));

	fixed->ifa_family = place->family;
	fixed->ifa_prefixlen = place->prefix;
	fixed->ifa_flags = place->family == AF_INET6 ? IFA_F_NODAD : 0;
	fixed->ifa_index = if_nametoindex(ifname);
	if (fixed->ifa_index == 0)
		return -ENODEV;
	rtnetlink_add(&message, IFA_LOCAL, &place->ip6, place->bytes);
	rtnetlink_add(&message, IFA_ADDRESS, &place->ip6, place->bytes);
	return rtnetlink_ask(fd, &message);
}

int rtnetlink_add_address(int fd, const char *ifname, const char *address)
{
	struct rtnetlink_place place;
	int error = rtnetlink_parse(address, &place);

	return error < 0 ? error : rtnetlink_add_place(fd, ifname, &place);
}

int rtnetlink_add_link_local(int fd, const char *ifname)
{
	struct rtnetlink_place place = {.family = AF_INET6, .prefix = 64, .bytes = sizeof(place.ip6)};
	struct ifreq link = {0};
	struct mac mac;

	snprintf(link.ifr_name, sizeof(link.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFHWADDR, &link) < 0)
		return -errno;
	memcpy(mac.byte, link.ifr_hwaddr.sa_data, sizeof(mac.byte));
	place.ip6 = ip6_link_local(mac);
	return rtnetlink_add_place(fd, ifname, &place);
}

/* What TCP sends this way stays on this machine, as of socket_stay_here(). */
static void rtnetlink_add_stay_here(struct rtnetlink_message *message)
{
	static const char plain[] = SOCKET_CONGESTION_HERE;
	struct {
		struct rtattr attribute;
		char name[RTA_ALIGN(sizeof(plain))];
	} metric = {.attribute = {.rta_type = RTAX_CC_ALGO, .rta_len = RTA_LENGTH(sizeof(plain))}};

	memcpy(metric.name, plain, sizeof(plain));
	rtnetlink_add(message, RTA_METRICS, &metric, sizeof(metric));
}

int rtnetlink_add_route(int fd, const char *ifname, const char *net, const char *via)
{
	struct rtnetlink_message message;
	struct rtmsg *route = rtnetlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*route));
	uint32_t index = if_nametoindex(ifname);
	struct rtnetlink_place gateway, to;
	int error = rtnetlink_parse(via, &gateway);

	if (error == 0 && net)
		error = rtnetlink_parse(net, &to);
	if (error < 0)
		return error;
	if (index == 0)
		return -ENODEV;
	if (net && to.family != gateway.family)
		return -EINVAL;
	route->rtm_family = gateway.family;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = RTN_UNICAST;
	if (net) {
		route->rtm_dst_len = to.prefix;
		rtnetlink_add(&message, RTA_DST, &to.ip6, to.bytes);
	}
	rtnetlink_add(&message, RTA_GATEWAY, &gateway.ip6, gateway.bytes);
	rtnetlink_add(&message, RTA_OIF, &index, sizeof(index));
	rtnetlink_add_stay_here(&message);
	return rtnetlink_ask(fd, &message);
}

/* ---- rules ---- */

enum {
	RTNETLINK_LOOPBACK = 1,      /* its number in every namespace */
	RTNETLINK_RULE_PRIORITY = 1, /* before all but what is to this machine's own addresses */
};

int rtnetlink_add_local(int fd, int family, uint32_t table)
{
	struct rtnetlink_message message;
	struct rtmsg *route = rtnetlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*route));
	const uint32_t index = RTNETLINK_LOOPBACK;

	route->rtm_family = (unsigned char)family;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = RT_SCOPE_HOST;
	route->rtm_type = RTN_LOCAL;
	rtnetlink_add(&message, RTA_TABLE, &table, sizeof(table));
	rtnetlink_add(&message, RTA_OIF, &index, sizeof(index));
	return rtnetlink_ask(fd, &message);
}

static struct fib_rule_hdr *rtnetlink_begin_rule(struct rtnetlink_message *message, int family, uint32_t table, bool on)
{
	struct fib_rule_hdr *rule = rtnetlink_begin(message, on ? RTM_NEWRULE : RTM_DELRULE,
						    on ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*rule));

	rule->family = (uint8_t)family;
	rule->action = FR_ACT_TO_TBL;
	rtnetlink_add(message, FRA_TABLE, &table, sizeof(table));
	return rule;
}

/* The address as an attribute; its port. */
static uint16_t rtnetlink_add_end(struct rtnetlink_message *message, uint16_t type, const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

	if (address->sa_family == AF_INET) {
		rtnetlink_add(message, type, &in->sin_addr, sizeof(in->sin_addr));
		return ntohs(in->sin_port);
	}
	rtnetlink_add(message, type, &in6->sin6_addr, sizeof(in6->sin6_addr));
	return ntohs(in6->sin6_port);
}

int rtnetlink_set_rule(int fd, const struct sockaddr *from, const struct sockaddr *to, uint32_t table, bool on)
{
	const uint32_t priority = RTNETLINK_RULE_PRIORITY;
	const uint8_t protocol = IPPROTO_TCP;
	struct rtnetlink_message message;
	struct fib_rule_hdr *rule;
	struct fib_rule_port_range ports;

	if (from->sa_family != to->sa_family || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return -EINVAL;
	rule = rtnetlink_begin_rule(&message, from->sa_family, table, on);
	rule->src_len = rule->dst_len = from->sa_family == AF_INET ? 32 : 128;
	ports.start = ports.end = rtnetlink_add_end(&message, FRA_SRC, from);
	rtnetlink_add(&message, FRA_SPORT_RANGE, &ports, sizeof(ports));
	ports.start = ports.end = rtnetlink_add_end(&message, FRA_DST, to);
	rtnetlink_add(&message, FRA_DPORT_RANGE, &ports, sizeof(ports));
	rtnetlink_add(&message, FRA_IP_PROTO, &protocol, sizeof(protocol));
	rtnetlink_add(&message, FRA_PRIORITY, &priority, sizeof(priority));
	return rtnetlink_ask(fd, &message);
}

int rtnetlink_remove_rule(int fd, int family, uint32_t table)
{
	struct rtnetlink_message message;

	rtnetlink_begin_rule(&message, family, table, false);
	return rtnetlink_ask(fd, &message);
}
