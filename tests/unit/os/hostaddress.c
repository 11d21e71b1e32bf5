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
	assert_int_equal(hostaddress_find(&found), 0);
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
	assert_int_equal(hostaddress_find(&found), 0);
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
	assert_int_equal(hostaddress_find(&found), 0);
	assert_true(found.ip4.found);
	assert_false(found.ip4.has_router || found.ip6.found);
	assert_address(AF_INET, &found.ip4.address, "192.0.2.7");
	assert_int_equal(found.ip4.prefix, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_where_there_is_no_default_route),
		cmocka_unit_test(the_default_route_of_least_metric_says_which_address),
		cmocka_unit_test(the_routes_own_source_and_a_link_without_a_router_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
