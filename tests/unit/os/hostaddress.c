/* SPDX-License-Identifier: MIT */
/* The machine's own address, in a network namespace of the test's where that can be had. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/hostaddress.h"
#include "os/outbound.h"

static bool write_map(const char *path, unsigned id)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return false;
	fprintf(file, "0 %u 1\n", id);
	return fclose(file) == 0;
}

/* Root of a namespace, made for the whole test; false: nobody may here. */
static bool enter(const char *commands)
{
	unsigned user = geteuid();

	if (user != 0 && (unshare(CLONE_NEWUSER) < 0 || !write_map("/proc/self/uid_map", user)))
		return false;
	return unshare(CLONE_NEWNET) == 0 && system(commands) == 0;
}

static void assert_address(int family, const void *address, const char *expected)
{
	char text[INET6_ADDRSTRLEN];

	assert_string_equal(inet_ntop(family, address, text, sizeof(text)), expected);
}

static void nothing_is_found_where_there_is_no_default_route(void **state)
{
	struct hostaddress found;

	(void)state;
	if (!enter("ip link add one0 type veth peer name two0 && ip link set one0 up && ip link set two0 up && ip addr "
		   "add 192.0.2.1/24 dev one0"))
		skip();
	assert_int_equal(hostaddress_find(NULL, &found), 0);
	assert_false(found.ip4.found || found.ip6.found);
}

static void the_default_route_of_least_metric_says_which_address(void **state)
{
	struct hostaddress found;

	(void)state;
	if (!enter("ip link add one0 type veth peer name two0 && ip link set one0 up && ip link set two0 up &&"
		   "ip addr add 192.0.2.1/24 dev one0 && ip addr add 198.51.100.9/25 dev two0 &&"
		   "ip addr add 198.51.100.10/25 dev two0 && ip route add default via 192.0.2.2 metric 200 &&"
		   "ip route add default via 198.51.100.1 metric 100 && ip route add 203.0.113.0/24 via 192.0.2.3 &&"
		   "ip addr add 2001:db8::7/64 dev two0 nodad && ip -6 route add default via fe80::1 dev two0"))
		skip();
	assert_int_equal(hostaddress_find(NULL, &found), 0);
	assert_true(found.ip4.found && found.ip4.has_router);
	assert_address(AF_INET, &found.ip4.address, "198.51.100.9");
	assert_address(AF_INET, &found.ip4.router, "198.51.100.1");
	assert_int_equal(found.ip4.prefix, 25);
	assert_string_equal(found.ip4.interface, "two0");
	assert_true(found.ip6.found && found.ip6.has_router);
	assert_address(AF_INET6, &found.ip6.address, "2001:db8::7");
	assert_address(AF_INET6, &found.ip6.router, "fe80::1");
	assert_int_equal(found.ip6.prefix, 64);
}

static void the_routes_own_source_and_a_link_without_a_router_are_seen(void **state)
{
	struct hostaddress found;

	(void)state;
	if (!enter("ip link add one0 type veth peer name two0 && ip link set one0 up && ip link set two0 up && ip addr "
		   "add 192.0.2.1/32 dev one0 &&"
		   "ip addr add 192.0.2.7/32 dev one0 && ip route add default dev one0 src 192.0.2.7"))
		skip();
	assert_int_equal(hostaddress_find(NULL, &found), 0);
	assert_true(found.ip4.found);
	assert_false(found.ip4.has_router || found.ip6.found);
	assert_address(AF_INET, &found.ip4.address, "192.0.2.7");
	assert_int_equal(found.ip4.prefix, 32);
}

static struct outbound by(const char *ifname, int family, const char *address)
{
	struct outbound outbound = {.ifname = ""};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&outbound.address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&outbound.address;

	snprintf(outbound.ifname, sizeof(outbound.ifname), "%s", ifname);
	outbound.address.ss_family = (sa_family_t)(address ? family : AF_UNSPEC);
	if (address)
		inet_pton(family, address, family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr);
	return outbound;
}

static void what_was_chosen_goes_before_the_default_route(void **state)
{
	struct outbounds outbounds = {.ip4 = by("two0", AF_INET, NULL), .ip6 = by("", AF_INET6, "2001:db8:1::7")};
	struct hostaddress found;

	(void)state;
	if (!enter("ip link add one0 type veth peer name two0 && ip link set one0 up && ip link set two0 up &&"
		   "ip addr add 192.0.2.1/24 dev one0 && ip addr add 192.0.2.2/24 dev one0 &&"
		   "ip addr add 198.51.100.9/25 dev two0 && ip addr add 203.0.113.5/32 dev lo &&"
		   "ip route add default via 192.0.2.3 && ip route add default via 198.51.100.1 metric 900 &&"
		   "ip addr add 2001:db8:1::7/64 dev one0 nodad && ip addr add 2001:db8:2::7/64 dev two0 nodad &&"
		   "ip -6 route add default via fe80::1 dev two0"))
		skip();
	assert_int_equal(hostaddress_find(&outbounds, &found), 0);
	assert_true(found.ip4.found && found.ip4.has_router);
	assert_address(AF_INET, &found.ip4.address, "198.51.100.9");
	assert_address(AF_INET, &found.ip4.router, "198.51.100.1");
	assert_string_equal(found.ip4.interface, "two0");
	/* the default route leads by the other */
	assert_true(found.ip6.found && !found.ip6.has_router);
	assert_address(AF_INET6, &found.ip6.address, "2001:db8:1::7");
	assert_string_equal(found.ip6.interface, "one0");
	outbounds.ip4 = by("", AF_INET, "192.0.2.2");
	assert_int_equal(hostaddress_find(&outbounds, &found), 0);
	assert_address(AF_INET, &found.ip4.address, "192.0.2.2");
	assert_address(AF_INET, &found.ip4.router, "192.0.2.3");
	/* another interface's address */
	outbounds.ip4 = by("two0", AF_INET, "203.0.113.5");
	assert_int_equal(hostaddress_find(&outbounds, &found), 0);
	assert_address(AF_INET, &found.ip4.address, "203.0.113.5");
	assert_address(AF_INET, &found.ip4.router, "198.51.100.1");
	assert_int_equal(found.ip4.prefix, 32);
}

static void what_was_chosen_and_is_not_there_is_not_found(void **state)
{
	struct outbounds outbounds = {.ip4 = by("nosuch0", AF_INET, NULL), .ip6 = by("", AF_INET6, "2001:db8:9::9")};
	struct hostaddress found;

	(void)state;
	if (!enter("ip link add one0 type veth peer name two0 && ip link set one0 up && ip link set two0 up &&"
		   "ip addr add 192.0.2.1/24 dev one0 && ip route add default via 192.0.2.3 &&"
		   "ip addr add 2001:db8:1::7/64 dev one0 nodad && ip -6 route add default via fe80::1 dev one0"))
		skip();
	assert_int_equal(hostaddress_find(&outbounds, &found), 0);
	assert_false(found.ip4.found || found.ip6.found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_where_there_is_no_default_route),
		cmocka_unit_test(the_default_route_of_least_metric_says_which_address),
		cmocka_unit_test(the_routes_own_source_and_a_link_without_a_router_are_seen),
		cmocka_unit_test(what_was_chosen_goes_before_the_default_route),
		cmocka_unit_test(what_was_chosen_and_is_not_there_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
