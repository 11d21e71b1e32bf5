/* SPDX-License-Identifier: MIT */
/* Ports that lead to each other: what comes back, and what does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "daemon/portleads.h"

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct portleads));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static const struct portspec any = {.kind = PORTSPEC_PORTS};

static void two_ports_that_lead_to_each_other_come_back(void **state)
{
	struct portleads *leads = *state;

	assert_true(portleads_add(leads, PORTLEADS_HERE, &any, 80, 8080));
	assert_false(portleads_add(leads, PORTLEADS_INSIDE, &any, 8080, 80));
	assert_true(portleads_add(leads, PORTLEADS_INSIDE, &any, 8080, 81));
	assert_true(portleads_add(leads, PORTLEADS_INSIDE, &any, 80, 80));
}

static void so_do_ports_that_lead_there_over_others(void **state)
{
	struct portleads *leads = *state;

	assert_true(portleads_add(leads, PORTLEADS_HERE, &any, 1, 2));
	assert_true(portleads_add(leads, PORTLEADS_INSIDE, &any, 2, 3));
	assert_true(portleads_add(leads, PORTLEADS_HERE, &any, 3, 65535));
	assert_false(portleads_add(leads, PORTLEADS_INSIDE, &any, 65535, 1));
	assert_false(portleads_add(leads, PORTLEADS_INSIDE, &any, 65535, 3));
	assert_true(portleads_add(leads, PORTLEADS_INSIDE, &any, 65535, 4));
}

/* What leads somewhere arrives at the loopback's addresses, of the family that it began with. */
static void other_addresses_do_not(void **state)
{
	static const struct portspec rows[] = {{.address = "192.0.2.1"},
					       {.address = "127.0.0.5"},
					       {.ifname = "eth0"},
					       {.address = "::1", .is6 = true}};
	static const struct portspec home = {.address = "127.0.0.1"};
	struct portleads *leads = *state;

	assert_true(portleads_add(leads, PORTLEADS_HERE, &home, 80, 80));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_true(portleads_add(leads, PORTLEADS_INSIDE, &rows[i], 80, 80));
	assert_false(portleads_add(leads, PORTLEADS_INSIDE, &home, 80, 80));
	assert_false(portleads_add(leads, PORTLEADS_INSIDE, &(struct portspec){.ifname = "lo"}, 80, 80));
	assert_false(portleads_add(leads, PORTLEADS_INSIDE, &(struct portspec){.address = "0.0.0.0"}, 80, 80));
}

static void a_circle_that_is_there_is_followed_to_an_end(void **state)
{
	struct portleads *leads = *state;

	leads->to[0][PORTLEADS_HERE][1] = 2;
	leads->to[0][PORTLEADS_INSIDE][2] = 1;
	assert_true(portleads_add(leads, PORTLEADS_INSIDE, &any, 7, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_ports_that_lead_to_each_other_come_back),
		TEST(so_do_ports_that_lead_there_over_others),
		TEST(other_addresses_do_not),
		TEST(a_circle_that_is_there_is_followed_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
