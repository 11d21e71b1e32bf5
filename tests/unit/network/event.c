/* SPDX-License-Identifier: MIT */
/* The lines that a person reads of leases, in every state that they change to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "network/event.h"
#include "unit/network/kit.h"

static const struct {
	enum lease_state state, was;
	bool is6, expired, named;
	const char *line; /* NULL: none */
} leases[] = {
	{LEASE_OFFERED, LEASE_FREE, false, false, false, NULL},
	{LEASE_BOUND, LEASE_OFFERED, false, false, false, "vm1: 10.0.2.15 leased to 52:54:00:00:00:01"},
	{LEASE_BOUND, LEASE_FREE, false, false, true, "vm1: 10.0.2.15 leased to 52:54:00:00:00:01 (box)"},
	{LEASE_BOUND, LEASE_BOUND, false, false, true, "vm1: 10.0.2.15 renewed by 52:54:00:00:00:01 (box)"},
	{LEASE_BOUND, LEASE_OFFERED, true, false, true, "vm1: fd00::1000 leased to 52:54:00:00:00:01 (box)"},
	{LEASE_FREE, LEASE_BOUND, false, false, false, "vm1: 10.0.2.15 released by 52:54:00:00:00:01"},
	{LEASE_FREE, LEASE_BOUND, false, true, false, "vm1: 10.0.2.15 expired, was leased to 52:54:00:00:00:01"},
	{LEASE_FREE, LEASE_DECLINED, false, true, false, NULL},
	{LEASE_FREE, LEASE_OFFERED, false, true, false, NULL},
	{LEASE_DECLINED, LEASE_BOUND, false, false, false,
	 "vm1: 10.0.2.15 declined, as somebody else answers there, by 52:54:00:00:00:01"},
};

static void each_change_of_a_lease_has_its_line_or_none(void **state)
{
	struct kit_guest guest;
	uint8_t bytes[64];
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&guest, &kit, 1);
	kit_guest_send(&guest, bytes, kit_frame(bytes, MAC_BROADCAST, guest.mac, 0));
	for (size_t i = 0; i < sizeof(leases) / sizeof(*leases); i++) {
		struct lease lease = {.state = leases[i].state,
				      .is6 = leases[i].is6,
				      .ip4 = {{10, 0, 2, 15}},
				      .ip6 = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0}},
				      .mac = guest.mac};

		if (leases[i].named)
			memcpy(lease.name, "box", 4);
		kit.event_count = 0;
		event_send_lease(kit.network, &lease, leases[i].was, leases[i].expired);
		assert_int_equal(kit.event_count, leases[i].line ? 1 : 0);
		if (!leases[i].line)
			continue;
		assert_int_equal(kit.events[0].type, GW_EVENT_LEASE);
		assert_string_equal(kit.events[0].text, leases[i].line);
		assert_string_equal(kit.events[0].port, "vm1");
		assert_string_equal(kit.events[0].mac, "52:54:00:00:00:01");
	}
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void a_lease_of_a_guest_that_is_gone_names_no_port(void **state)
{
	struct lease lease = {.state = LEASE_FREE, .ip4 = {{10, 0, 2, 15}}, .mac = {{2, 0, 0, 0, 0, 1}}};
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	event_send_lease(kit.network, &lease, LEASE_BOUND, true);
	assert_string_equal(kit.events[0].text, "10.0.2.15 expired, was leased to 02:00:00:00:00:01");
	assert_string_equal(kit.events[0].port, "");
	kit_done(&kit);
}

static void a_lease_that_went_to_another_guest_says_so(void **state)
{
	struct lease lease = {.ip4 = {{10, 0, 2, 15}}, .mac = {{2, 0, 0, 0, 0, 1}}, .away = true};
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	event_send_lease(kit.network, &lease, LEASE_BOUND, false);
	assert_string_equal(kit.events[0].text, "10.0.2.15 given to another guest, was leased to 02:00:00:00:00:01");
	event_send_lease(kit.network, &lease, LEASE_BOUND, true);
	assert_string_equal(kit.events[1].text, "10.0.2.15 expired, was leased to 02:00:00:00:00:01");
	kit_done(&kit);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	char text[2000];
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	event_send(kit.network, GW_EVENT_NOTICE, NULL, NULL, "%s", text);
	assert_int_equal(strlen(kit.events[0].text), 511);
	kit_done(&kit);
}

static void without_a_listener_nothing_is_said(void **state)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_port_config port = GW_INIT(struct gw_port_config);
	struct gw_network *network;
	struct gw_port *made;

	(void)state;
	assert_int_equal(gw_network_new(&config, &network, NULL), 0);
	port.to_guest = kit_guest_take;
	assert_int_equal(gw_port_new(network, &port, &made, NULL), 0);
	gw_port_free(made);
	gw_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_of_a_lease_has_its_line_or_none),
		cmocka_unit_test(a_lease_of_a_guest_that_is_gone_names_no_port),
		cmocka_unit_test(a_lease_that_went_to_another_guest_says_so),
		cmocka_unit_test(a_line_that_is_too_long_is_cut),
		cmocka_unit_test(without_a_listener_nothing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
