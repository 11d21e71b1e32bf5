/* SPDX-License-Identifier: MIT */
/* What an address of the guests' side is called on the host's, and the other way round. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/nat/world.h"

static struct nat_address nat_of(const char *text)
{
	struct nat_address address = {.port = 80};
	struct ip4 ip4;

	if (ip4_parse(text, &ip4))
		return nat_address4(ip4, 80);
	assert_true(ip6_parse(text, &address.ip));
	return address;
}

static void assert_leads(const struct nat *nat, const char *from, const char *to)
{
	struct nat_address far = nat_of(from);
	struct sockaddr_storage address;
	char text[INET6_ADDRSTRLEN];
	const void *bytes;
	socklen_t count;
	enum drop_reason reason = nat_host_address(nat, &far, &address, &count);

	if (!to) {
		assert_int_equal(reason, DROP_NAT_DESTINATION);
		return;
	}
	assert_int_equal(reason, DROP_NONE);
	bytes = address.ss_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)(const void *)&address)->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)(const void *)&address)->sin6_addr;
	assert_string_equal(inet_ntop(address.ss_family, bytes, text, sizeof(text)), to);
}

static void assert_seen(const struct nat *nat, const char *client, const char *seen)
{
	struct nat_address expected = nat_of(seen), far;
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
	bool is6 = strchr(client, ':') != NULL;

	assert_int_equal(inet_pton(is6 ? AF_INET6 : AF_INET, client,
				   is6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr),
			 1);
	nat_far_address(nat,
			is6 ? (const struct sockaddr *)(const void *)&in6 : (const struct sockaddr *)(const void *)&in,
			is6, &far);
	assert_memory_equal(&far, &expected, sizeof(far));
}

static struct world *begin(const struct nat_config *more)
{
	struct world *world = calloc(1, sizeof(*world));

	world_defaults(world);
	world->config.shares_net = more->shares_net;
	world->config.shared4 = more->shared4;
	world->config.shared6 = more->shared6;
	if (!ip4_is_zero(more->loopback4))
		world->config.loopback4 = more->loopback4;
	world_start(world, false);
	return world;
}

static void a_net_of_its_own_is_nowhere_on_the_host(void **state)
{
	struct world *world = begin(&(struct nat_config){0});

	(void)state;
	assert_leads(world->nat, "10.0.2.2", "127.0.0.1");
	assert_leads(world->nat, "fd00::2", "::1");
	assert_leads(world->nat, "192.0.2.1", "192.0.2.1");
	assert_leads(world->nat, "10.0.2.9", NULL);
	assert_leads(world->nat, "fd00::9", NULL);
	assert_leads(world->nat, "127.0.0.1", NULL);
	assert_leads(world->nat, "::1", NULL);
	assert_seen(world->nat, "127.0.0.1", "10.0.2.2");
	assert_seen(world->nat, "192.0.2.1", "192.0.2.1");
	assert_seen(world->nat, "10.0.2.9", "10.0.2.2");
	world_free(world);
}

static void a_net_that_is_the_hosts_is_reached_but_for_the_address_that_both_wear(void **state)
{
	struct world *world = begin(
		&(struct nat_config){.shares_net = true, .shared4 = {{10, 0, 2, 15}}, .shared6 = {{0xfd, [15] = 15}}});

	(void)state;
	assert_leads(world->nat, "10.0.2.2", "127.0.0.1");
	assert_leads(world->nat, "10.0.2.9", "10.0.2.9");
	assert_leads(world->nat, "fd00::9", "fd00::9");
	assert_leads(world->nat, "127.0.0.1", NULL);
	assert_seen(world->nat, "10.0.2.9", "10.0.2.9");
	assert_seen(world->nat, "10.0.2.15", "10.0.2.2");
	assert_seen(world->nat, "fd00::9", "fd00::9");
	assert_seen(world->nat, "fd00::f", "fd00::2");
	world_free(world);
}

static void another_address_for_the_loopback_leaves_the_gateways_to_the_net(void **state)
{
	struct world *world = begin(
		&(struct nat_config){.shares_net = true, .shared4 = {{10, 0, 2, 15}}, .loopback4 = {{10, 0, 2, 99}}});

	(void)state;
	assert_leads(world->nat, "10.0.2.99", "127.0.0.1");
	assert_leads(world->nat, "10.0.2.2", "10.0.2.2");
	assert_seen(world->nat, "127.0.0.1", "10.0.2.99");
	world_free(world);
}

static void a_network_with_other_addresses_goes_by_those(void **state)
{
	struct world *world = begin(&(struct nat_config){.shares_net = true, .shared4 = {{10, 0, 2, 15}}});
	struct nat_config next = world->config;

	(void)state;
	next.host4 = next.loopback4 = (struct ip4){{198, 51, 100, 1}};
	next.net4 = (struct ip4){{198, 51, 100, 0}};
	next.shared4 = (struct ip4){{198, 51, 100, 7}};
	nat_readdress(world->nat, &next);
	assert_leads(world->nat, "198.51.100.1", "127.0.0.1");
	assert_leads(world->nat, "10.0.2.2", "10.0.2.2");
	assert_seen(world->nat, "198.51.100.7", "198.51.100.1");
	assert_seen(world->nat, "10.0.2.15", "10.0.2.15");
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_net_of_its_own_is_nowhere_on_the_host),
		cmocka_unit_test(a_net_that_is_the_hosts_is_reached_but_for_the_address_that_both_wear),
		cmocka_unit_test(another_address_for_the_loopback_leaves_the_gateways_to_the_net),
		cmocka_unit_test(a_network_with_other_addresses_goes_by_those),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
