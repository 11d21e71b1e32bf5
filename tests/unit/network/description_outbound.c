/* SPDX-License-Identifier: MIT */
/* The words about what is beyond the gateway, as far as any machine has what they name: its loopback interface. What needs
 * more is in tests/system/test_outbound.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "unit/network/describe.h"

static void an_interface_is_of_both_families_or_of_one(void **state)
{
	static const struct {
		const char *uplink, *if4, *if6;
	} rows[] = {
		{"user", "", ""},
		{"user,outbound=lo", "lo", "lo"},
		{"user,outbound-if4=lo", "lo", ""},
		{"user,outbound-if6=lo", "", "lo"},
		{"user,outbound-if4=lo,outbound-if6=lo", "lo", "lo"},
		{"user,ipv6=off,outbound=lo,restrict=on", "lo", "lo"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description = describe(rows[i].uplink);

		assert_string_equal(description.outbounds.ip4.ifname, rows[i].if4);
		assert_string_equal(description.outbounds.ip6.ifname, rows[i].if6);
		assert_int_equal(description.outbounds.ip4.address.ss_family, AF_UNSPEC);
		assert_int_equal(description.dns_host_count, 0);
	}
}

static void name_servers_are_read_with_and_without_their_ports(void **state)
{
	static const struct {
		const char *given, *address, *scope;
		uint16_t port;
	} rows[] = {
		{"9.9.9.9", "9.9.9.9", "", 0},
		{"9.9.9.9:5353", "9.9.9.9", "", 5353},
		{"127.0.0.1:65535", "127.0.0.1", "", 65535},
		{"2001:db8::53", "2001:db8::53", "", 0},
		{"[2001:db8::53]", "2001:db8::53", "", 0},
		{"[2001:db8::53]:5353", "2001:db8::53", "", 5353},
		{"fe80::53%lo", "fe80::53", "lo", 0},
		{"[fe80::53%lo]:54", "fe80::53", "lo", 54},
		{"::ffff:9.9.9.9", "::ffff:9.9.9.9", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description;
		const struct resolvconf_server *server = &description.dns_hosts[0];
		char uplink[100] = "user,dns-host=";

		strcat(uplink, rows[i].given);
		description = describe(uplink);
		assert_int_equal(description.dns_host_count, 1);
		if (server->is6)
			assert_ip6(server->ip6, rows[i].address);
		else
			assert_ip4(server->ip4, rows[i].address);
		assert_string_equal(server->scope, rows[i].scope);
		assert_int_equal(server->port, rows[i].port);
	}
	assert_int_equal(describe("user,dns-host=9.9.9.9,dns-host=1.1.1.1").dns_host_count, 2);
}

static void what_makes_no_sense_is_refused_with_what_would(void **state)
{
	static const struct {
		const char *uplink, *text;
		int code;
	} rows[] = {
		{"user,outbound=", "outbound=: must be an address or an interface", -EINVAL},
		{"user,outbound=a/b", "outbound=a/b: must be an address or an interface", -EINVAL},
		{"user,outbound=aninterfacethatislong", "must be an address or an interface", -EINVAL},
		{"user,outbound=nosuch0", "outbound=nosuch0: this machine has no such interface", -ENODEV},
		{"user,outbound-if6=nosuch0", "outbound-if6=nosuch0: this machine has no such interface", -ENODEV},
		{"user,outbound=203.0.113.1", "outbound=203.0.113.1: not an address of this machine now",
		 -EADDRNOTAVAIL},
		{"user,outbound=127.0.0.1", "outbound=127.0.0.1: this machine's loopback", -EINVAL},
		{"user,outbound=::1", "outbound=::1: this machine's loopback", -EINVAL},
		{"user,outbound=0.0.0.0", "not the address of one machine", -EINVAL},
		{"user,outbound=ff02::1", "not the address of one machine", -EINVAL},
		{"user,outbound=255.255.255.255", "not the address of one machine", -EINVAL},
		{"user,outbound=fe80::1", "means something on one link alone", -EINVAL},
		{"user,outbound=lo,outbound=lo", "there is an interface for this family already", -EINVAL},
		{"user,outbound=lo,outbound-if4=lo", "outbound-if4=lo: there is an interface", -EINVAL},
		{"user,ipv6=off,outbound=2001:db8::1", "contradicts ipv6=off", -EINVAL},
		{"user,ipv4=off,outbound=192.0.2.1", "contradicts ipv4=off", -EINVAL},
		{"user,ipv4=off,outbound-if4=lo", "outbound-if4=lo: this family is off", -EINVAL},
		{"none,outbound=lo", "unknown option 'outbound'", -EINVAL},
		{"none,dns-host=9.9.9.9", "unknown option 'dns-host'", -EINVAL},
		{"user,dns-host=", "dns-host=: not ADDRESS or ADDRESS:PORT of a name server", -EINVAL},
		{"user,dns-host=a.test", "dns-host=a.test: not ADDRESS", -EINVAL},
		{"user,dns-host=9.9.9.9:", "dns-host=9.9.9.9:: not ADDRESS", -EINVAL},
		{"user,dns-host=9.9.9.9:0", "dns-host=9.9.9.9:0: not ADDRESS", -EINVAL},
		{"user,dns-host=9.9.9.9:65536", "not ADDRESS", -EINVAL},
		{"user,dns-host=9.9.9.9:53x", "not ADDRESS", -EINVAL},
		{"user,dns-host=[9.9.9.9]", "not ADDRESS", -EINVAL},
		{"user,dns-host=[2001:db8::1", "not ADDRESS", -EINVAL},
		{"user,dns-host=[2001:db8::1]53", "not ADDRESS", -EINVAL},
		{"user,dns-host=fe80::1", "not ADDRESS", -EINVAL},
		{"user,dns-host=10.0.2.3", "dns-host=10.0.2.3: is in the guests' own net", -EINVAL},
		{"user,dns-host=fd00::3", "dns-host=fd00::3: is in the guests' own net", -EINVAL},
		{"user,net=192.168.7.0/24,dns-host=192.168.7.3:54", "is in the guests' own net", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description;
		struct error error = {0};

		assert_int_equal(description_parse(&description, rows[i].uplink, &error), rows[i].code);
		if (!strstr(error.text, rows[i].text))
			fail_msg("%s: %s", rows[i].uplink, error.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_is_of_both_families_or_of_one),
		cmocka_unit_test(name_servers_are_read_with_and_without_their_ports),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_what_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
