/* SPDX-License-Identifier: MIT */
/* Addresses for a guest that does not ask: what it is told, that the lease is there, and that it gets the same again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guestwire/guestwire.h"

struct seen {
	char text[512]; /* all that was told, on one line */
	unsigned leases, bound_for_ever;
	char name[64];
};

static struct gw_network *network_with(const char *uplink)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_network *network;
	struct gw_error error;

	config.uplink = uplink;
	if (gw_network_new(&config, &network, &error) < 0)
		fail_msg("%s: %s", uplink, error.text);
	return network;
}

static void on_address(void *owner, const struct gw_address_info *info)
{
	struct seen *seen = owner;

	snprintf(seen->text, sizeof(seen->text), "%s|%s|%s|%s|%s|%s|%s|%u", info->address4, info->address6,
		 info->router4, info->router6, info->routes4, info->resolvers, info->search, info->mtu);
}

static void on_lease(void *owner, const struct gw_lease_info *info)
{
	struct seen *seen = owner;

	seen->leases++;
	seen->bound_for_ever += strcmp(info->state, "bound") == 0 && info->seconds_left == -1;
	snprintf(seen->name, sizeof(seen->name), "%s", info->name);
}

static void all_that_the_description_says_is_told(void **state)
{
	static const struct {
		const char *uplink, *says;
	} rows[] = {
		{"none", "10.0.2.15/24|fd00::1000/64||||||1500"},
		{"none,ipv6=off,router=on,mtu=9000", "10.0.2.15/24||10.0.2.2|||||9000"},
		{"none,ipv4=off,ipv6-net=fd77::,ipv6-dns=fd77::9", "|fd77::1000/64||||fd77::9||1500"},
		{"none,net=10.1.0.0/"
		 "24,dhcpstart=10.1.0.40,dns=10.1.0.9,dns=1.1.1.1,dnssearch=a.org,dnssearch=b.org,ipv6=off,"
		 "route=10.8.0.0/16,route=10.9.0.0/16@10.1.0.77",
		 "10.1.0.40/24||||10.8.0.0/16@10.1.0.2 10.9.0.0/16@10.1.0.77|10.1.0.9 1.1.1.1|a.org b.org|1500"},
		{"none,domainname=c.org,dhcp=off", "10.0.2.15/24|fd00::1000/64|||||c.org|1500"},
		{"user,ipv6=off", "10.0.2.15/24||10.0.2.2|||10.0.2.3||1500"},
		{"user,router=on,mtu=65520", "10.0.2.15/24|fd00::1000/64|10.0.2.2|fd00::2||10.0.2.3 fd00::3||65520"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gw_network *network = network_with(rows[i].uplink);
		struct gw_error error = {0};
		struct seen seen = {0};

		if (gw_address_assign(network, "52:54:00:00:00:01", NULL, on_address, &seen, &error) < 0)
			fail_msg("%s: %s", rows[i].uplink, error.text);
		if (strcmp(seen.text, rows[i].says) != 0)
			fail_msg("%s: %s", rows[i].uplink, seen.text);
		gw_network_free(network);
	}
}

static void the_lease_is_for_ever_under_its_name_and_the_same_when_asked_again(void **state)
{
	struct gw_network *network = network_with("none");
	struct seen first = {0}, again = {0}, other = {0};

	(void)state;
	assert_int_equal(gw_address_assign(network, "52:54:00:00:00:01", "box", on_address, &first, NULL), 0);
	assert_int_equal(gw_address_assign(network, "52:54:00:00:00:01", "box", on_address, &again, NULL), 0);
	assert_string_equal(first.text, again.text);
	gw_network_each_lease(network, on_lease, &first);
	assert_int_equal(first.leases, 2);
	assert_int_equal(first.bound_for_ever, 2);
	assert_string_equal(first.name, "box");
	assert_int_equal(gw_address_assign(network, "52:54:00:00:00:02", NULL, on_address, &other, NULL), 0);
	assert_string_not_equal(first.text, other.text);
	gw_network_free(network);
}

static void what_is_no_address_and_a_full_net_are_refused(void **state)
{
	struct gw_network *network = network_with("none,net=10.0.2.0/30,ipv6=off");
	struct gw_error error = {0};
	struct seen seen = {0};

	(void)state;
	assert_int_equal(gw_address_assign(network, "52:54:00", NULL, on_address, &seen, &error), -EINVAL);
	assert_non_null(strstr(error.text, "'52:54:00'"));
	assert_int_equal(gw_address_assign(network, "01:00:5e:00:00:01", NULL, on_address, &seen, &error), -EINVAL);
	assert_int_equal(gw_address_assign(network, "52:54:00:00:00:01", NULL, on_address, &seen, &error), 0);
	seen.text[0] = '\0';
	assert_int_equal(gw_address_assign(network, "52:54:00:00:00:02", NULL, on_address, &seen, &error),
			 -EADDRNOTAVAIL);
	assert_non_null(strstr(error.text, "no address is free for 52:54:00:00:00:02"));
	assert_string_equal(seen.text, "");
	gw_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_the_description_says_is_told),
		cmocka_unit_test(the_lease_is_for_ever_under_its_name_and_the_same_when_asked_again),
		cmocka_unit_test(what_is_no_address_and_a_full_net_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
