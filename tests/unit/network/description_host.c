/* SPDX-License-Identifier: MIT */
/* address=host: what a machine's addresses make of a network's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "unit/network/describe.h"

static struct hostaddress host_of(const char *own4, unsigned prefix, const char *router4, const char *own6,
				  const char *router6)
{
	struct hostaddress host = {.ip4.prefix = prefix, .ip6.prefix = 64};

	host.ip4.found = own4 && inet_pton(AF_INET, own4, &host.ip4.address) == 1;
	host.ip4.has_router = router4 && inet_pton(AF_INET, router4, &host.ip4.router) == 1;
	host.ip6.found = own6 && inet_pton(AF_INET6, own6, &host.ip6.address) == 1;
	host.ip6.has_router = router6 && inet_pton(AF_INET6, router6, &host.ip6.router) == 1;
	return host;
}

static struct description worn(const struct hostaddress *host, const char *resolvers)
{
	struct description description = {
		.wears_host = true,
		.service = {.ip4 = true, .ip6 = true, .shares_net = true, .mac = {{0x52, 0x55, 10, 0, 2, 2}}}};
	struct resolvconf conf;

	resolvconf_parse(resolvers, strlen(resolvers), &conf);
	description_wear(&description, host, &conf);
	return description;
}

static void the_net_has_room_for_the_guest_and_its_router(void **state)
{
	static const struct {
		const char *own;
		unsigned prefix;
		const char *router, *net;
		unsigned wide;
		const char *gateway;
	} rows[] = {
		{"192.168.1.5", 24, "192.168.1.1", "192.168.1.0", 24, "192.168.1.1"},
		{"10.1.2.3", 8, "10.9.9.9", "10.0.0.0", 8, "10.9.9.9"},
		/* between two, as with PPP */
		{"10.64.0.7", 32, NULL, "10.64.0.0", 28, "10.64.0.1"},
		{"10.64.0.5", 32, NULL, "10.64.0.4", 30, "10.64.0.6"},
		{"10.64.0.9", 32, NULL, "10.64.0.8", 30, "10.64.0.10"},
		/* a router beyond the net */
		{"10.64.0.5", 32, "169.254.1.1", "10.64.0.4", 30, "10.64.0.6"},
		{"10.64.0.6", 30, "10.64.0.5", "10.64.0.4", 30, "10.64.0.5"},
		/* RFC 3021: both addresses of a /31 are machines' */
		{"192.0.2.4", 31, "192.0.2.5", "192.0.2.0", 29, "192.0.2.5"},
		{"192.0.2.5", 31, "192.0.2.4", "192.0.2.4", 30, "192.0.2.6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hostaddress host = host_of(rows[i].own, rows[i].prefix, rows[i].router, NULL, NULL);
		struct description description = worn(&host, "");
		const struct service_config *service = &description.service;

		assert_ip4(service->net4, rows[i].net);
		assert_int_equal(service->prefix4, rows[i].wide);
		assert_ip4(service->host4, rows[i].gateway);
		assert_ip4(service->dhcp4_first, rows[i].own);
		assert_ip4(service->dhcp4_last, rows[i].own);
		assert_ip4(description.map4, rows[i].gateway);
	}
}

static void a_global_router_is_the_gateway_and_a_link_local_one_is_played(void **state)
{
	struct hostaddress host = host_of(NULL, 0, NULL, "2001:db8::7", "2001:db8::1");
	struct description description = worn(&host, "");

	(void)state;
	assert_ip6(description.service.host6, "2001:db8::1");
	assert_ip6(description.service.net6, "2001:db8::");
	assert_ip6(description.service.dhcp6_first, "2001:db8::7");
	host = host_of(NULL, 0, NULL, "2001:db8::7", "fe80::1");
	description = worn(&host, "");
	assert_ip6(description.service.host6, "2001:db8::5055:aff:fe00:202");
	assert_ip6(description.map6, "2001:db8::5055:aff:fe00:202");
}

static void name_servers_that_guests_cannot_reach_are_the_gateway(void **state)
{
	struct hostaddress host = host_of("192.0.2.7", 24, "192.0.2.1", "2001:db8::7", "fe80::1");
	struct description description =
		worn(&host, "nameserver 127.0.0.53\nnameserver 9.9.9.9\nnameserver 2001:db8::53\nnameserver ::1\n");

	(void)state;
	assert_int_equal(description.service.dns4_count, 1);
	assert_ip4(description.service.dns4[0], "9.9.9.9");
	assert_int_equal(description.service.dns6_count, 1);
	assert_ip6(description.service.dns6[0], "2001:db8::53");
	description = worn(&host, "nameserver 127.0.0.53\n");
	assert_int_equal(description.service.dns4_count, 1);
	assert_ip4(description.service.dns4[0], "192.0.2.1");
	assert_ip4(description.service.resolver4, "192.0.2.1");
}

static void with_dns_host_the_gateway_is_the_name_server_and_asks_it(void **state)
{
	struct hostaddress host = host_of("192.0.2.7", 24, "192.0.2.1", "2001:db8::7", "2001:db8::1");
	struct description description = {
		.wears_host = true,
		.dns_host_count = 1,
		.service = {.ip4 = true, .ip6 = true, .shares_net = true, .mac = {{0x52, 0x55, 10, 0, 2, 2}}}};
	struct resolvconf conf;

	(void)state;
	resolvconf_parse("nameserver 9.9.9.9\n", 19, &conf);
	description_wear(&description, &host, &conf);
	assert_int_equal(description.service.dns4_count, 1);
	assert_ip4(description.service.dns4[0], "192.0.2.1");
	assert_int_equal(description.service.dns6_count, 1);
	assert_ip6(description.service.dns6[0], "2001:db8::1");
}

static void what_the_person_said_stays_when_the_address_changes(void **state)
{
	struct hostaddress host = host_of("192.0.2.7", 24, "192.0.2.1", NULL, NULL),
			   next = host_of("198.51.100.7", 24, "198.51.100.1", NULL, NULL);
	struct description description = worn(&host, "nameserver 9.9.9.9\n");
	struct mac mac = description.service.mac;
	struct resolvconf conf;

	(void)state;
	description.dns4_given = description.map4_given = description.boots_here = true;
	description.map4 = (struct ip4){{10, 0, 0, 1}};
	resolvconf_parse("", 0, &conf);
	description_wear(&description, &next, &conf);
	assert_ip4(description.service.dns4[0], "9.9.9.9");
	assert_ip4(description.map4, "10.0.0.1");
	assert_ip4(description.service.host4, "198.51.100.1");
	assert_string_equal(description.service.boot_server, "198.51.100.1");
	assert_true(mac_equal(description.service.mac, mac));
}

/* A machine that serves itself under its own address: that is the guest's now, which would ask itself. */
static void the_guest_is_not_its_own_name_server(void **state)
{
	struct hostaddress host = host_of("192.0.2.7", 24, "192.0.2.1", "2001:db8::7", "fe80::1");
	struct description description = worn(&host, "nameserver 192.0.2.7\nnameserver 2001:db8::7\n");

	(void)state;
	assert_int_equal(description.service.dns4_count, 1);
	assert_ip4(description.service.dns4[0], "192.0.2.1");
	assert_int_equal(description.service.dns6_count, 1);
	assert_ip6(description.service.dns6[0], "2001:db8::5055:aff:fe00:202");
}

static void name_servers_are_followed_unless_the_person_said_which(void **state)
{
	struct hostaddress host = host_of("192.0.2.7", 24, "192.0.2.1", "2001:db8::7", "fe80::1");
	struct description description = worn(&host, "nameserver 9.9.9.9\nnameserver 2001:db8::53\n");
	static const char other[] = "nameserver 192.0.2.53\nnameserver 2001:db8::53\n";
	struct resolvconf conf;

	(void)state;
	resolvconf_parse("nameserver 9.9.9.9\nnameserver 2001:db8::53\n", 43, &conf);
	assert_false(description_wear_resolvers(&description, &conf));
	resolvconf_parse(other, strlen(other), &conf);
	assert_true(description_wear_resolvers(&description, &conf));
	assert_ip4(description.service.dns4[0], "192.0.2.53");
	assert_false(description_wear_resolvers(&description, &conf));
	resolvconf_parse("nameserver 192.0.2.53\n", 22, &conf);
	assert_true(description_wear_resolvers(&description, &conf));
	assert_ip6(description.service.dns6[0], "2001:db8::5055:aff:fe00:202");
	description.dns4_given = description.dns6_given = true;
	resolvconf_parse("nameserver 9.9.9.9\n", 19, &conf);
	assert_false(description_wear_resolvers(&description, &conf));
}

static void the_gateway_stands_for_all_of_the_net_but_the_guest(void **state)
{
	struct hostaddress host = host_of("192.0.2.7", 24, "192.0.2.1", "2001:db8::7", "fe80::1");
	struct description description = worn(&host, "");
	struct service_config *service = &description.service;

	(void)state;
	assert_true(service_stands_for4(service, (struct ip4){{192, 0, 2, 9}}));
	assert_false(service_stands_for4(service, (struct ip4){{192, 0, 2, 7}}));
	assert_false(service_stands_for4(service, (struct ip4){{192, 0, 2, 0}}));
	assert_false(service_stands_for4(service, (struct ip4){{192, 0, 2, 255}}));
	assert_false(service_stands_for4(service, (struct ip4){{192, 0, 3, 9}}));
	assert_true(service_stands_for6(service, (struct ip6){{0x20, 0x01, 0x0d, 0xb8, [15] = 9}}));
	assert_false(service_stands_for6(service, (struct ip6){{0x20, 0x01, 0x0d, 0xb8, [15] = 7}}));
	service->shares_net = false;
	assert_false(service_stands_for4(service, (struct ip4){{192, 0, 2, 9}}));
}

static void words_about_addresses_contradict_the_hosts(void **state)
{
	static const struct {
		const char *uplink, *says;
	} rows[] = {
		{"user,address=host,net=10.0.0.0/24", "net=10.0.0.0/24: contradicts address=host"},
		{"user,address=host,ipv6-host=fd00::1", "ipv6-host=fd00::1: contradicts address=host"},
		{"user,address=10.0.2.15", "address=10.0.2.15: must be host"},
		{"none,address=host", "unknown option 'address'"},
		{"user,map-host=here", "map-host=here: must be an address"},
		{"user,map-host=10.0.2.9,map-host=10.0.2.10", "map-host=10.0.2.10: must be an address, one of each"},
		{"user,ipv6=off,map-host=fd00::9", "map-host=fd00::9: must be an address"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description;
		struct error error = {0};

		assert_true(description_parse(&description, rows[i].uplink, &error) < 0);
		if (!strstr(error.text, rows[i].says))
			fail_msg("%s: '%s' lacks '%s'", rows[i].uplink, error.text, rows[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_net_has_room_for_the_guest_and_its_router),
		cmocka_unit_test(a_global_router_is_the_gateway_and_a_link_local_one_is_played),
		cmocka_unit_test(name_servers_that_guests_cannot_reach_are_the_gateway),
		cmocka_unit_test(with_dns_host_the_gateway_is_the_name_server_and_asks_it),
		cmocka_unit_test(what_the_person_said_stays_when_the_address_changes),
		cmocka_unit_test(the_guest_is_not_its_own_name_server),
		cmocka_unit_test(name_servers_are_followed_unless_the_person_said_which),
		cmocka_unit_test(the_gateway_stands_for_all_of_the_net_but_the_guest),
		cmocka_unit_test(words_about_addresses_contradict_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
