/* SPDX-License-Identifier: MIT */
/* Which addresses are there to be leased. */
#include "service/range.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/guest.h"

static struct range range4(struct service_config *config, const char *first, const char *last)
{
	struct range range;

	config->dhcp4_first = ip4_of(first);
	config->dhcp4_last = ip4_of(last);
	range_init(&range, config, false);
	return range;
}

static void an_address_is_the_ranges_when_its_high_half_is(void **state)
{
	struct service_config config = guest_config();
	struct range range;

	(void)state;
	range_init(&range, &config, true);
	assert_true(range_has6(&range, ip6_of("fd00:2::ffff:0:0:1")));
	assert_false(range_has6(&range, ip6_of("fd00:3::100")));
	assert_int_equal(range_number6(ip6_of("fd00:2:0:0:1:2:3:4")), 0x0001000200030004);
	assert_true(ip6_equal(range_ip6(&range, 0x0001000200030004), ip6_of("fd00:2:0:0:1:2:3:4")));
}

static void what_is_the_gateways_or_a_servers_is_nobodys(void **state)
{
	static const char *const not_leased[] = {"10.0.2.0", "10.0.2.2",  "10.0.2.3",
						 "10.0.2.9", "10.0.2.77", "10.0.2.255"};
	struct service_config config = guest_config();
	struct range range = range4(&config, "10.0.2.0", "10.0.2.255");

	(void)state;
	config.also4[config.also4_count++] = ip4_of("10.0.2.9");
	config.routes4[config.route4_count++].via = ip4_of("10.0.2.77");
	for (size_t i = 0; i < sizeof(not_leased) / sizeof(not_leased[0]); i++)
		assert_false(range_holds(&range, ip4_value(ip4_of(not_leased[i]))));
	assert_true(range_holds(&range, ip4_value(ip4_of("10.0.2.1"))));
	assert_true(range_holds(&range, ip4_value(ip4_of("10.0.2.254"))));
	assert_false(range_holds(&range, ip4_value(ip4_of("10.0.3.1"))));
	assert_true(range_in_net(&range, ip4_value(ip4_of("10.0.2.2"))));
	assert_false(range_in_net(&range, ip4_value(ip4_of("10.0.3.1"))));
	assert_int_equal(range_count(&range, 4096), 256 - 6);
	assert_int_equal(range_count(&range, 100), 100);
}

static void a_range_is_counted_to_its_end_and_no_further(void **state)
{
	struct service_config config = guest_config();
	struct range range = range4(&config, "10.0.2.15", "10.0.2.15");

	(void)state;
	assert_int_equal(range_count(&range, 4096), 1);
	range = range4(&config, "10.0.2.15", "10.0.2.14");
	assert_int_equal(range_count(&range, 4096), 0);
	config.dhcp6_first = ip6_of("fd00:2::ffff:ffff:ffff:fffe");
	config.dhcp6_last = ip6_of("fd00:2::ffff:ffff:ffff:ffff");
	range_init(&range, &config, true);
	assert_int_equal(range_count(&range, 4096), 2);
	config.dhcp6_first = ip6_of("fd00:2::100");
	range_init(&range, &config, true);
	assert_int_equal(range_count(&range, 4096), 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_the_ranges_when_its_high_half_is),
		cmocka_unit_test(what_is_the_gateways_or_a_servers_is_nobodys),
		cmocka_unit_test(a_range_is_counted_to_its_end_and_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
