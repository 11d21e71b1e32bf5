/* SPDX-License-Identifier: MIT */
/* What show is told: the network, its ports, its leases, the names of drops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "unit/network/kit.h"

static void on_network(void *owner, const struct gw_network_info *info)
{
	char *text = owner;

	assert_int_equal(info->size, sizeof(*info));
	snprintf(text, 512, "%s %s mtu=%u mac=%s %s %s %s-%s %s %s", info->name, info->uplink, info->mtu, info->mac,
		 info->net4, info->host4, info->dhcp4_first, info->dhcp4_last, info->net6, info->host6);
}

static void a_network_tells_its_addresses(void **state)
{
	static const struct {
		const char *uplink, *expected;
	} rows[] = {
		{"none",
		 "lab none mtu=1500 mac=52:55:0a:00:02:02 10.0.2.0/24 10.0.2.2 10.0.2.15-10.0.2.254 fd00::/64 fd00::2"},
		{"none,ipv4=off,mtu=9000", "lab none mtu=9000 mac=52:55:0a:00:02:02   - fd00::/64 fd00::2"},
		{"none,ipv6=off,dhcp=off", "lab none mtu=1500 mac=52:55:0a:00:02:02 10.0.2.0/24 10.0.2.2 -  "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[512];
		struct kit kit;

		kit_new(&kit, rows[i].uplink);
		gw_network_describe(kit.network, on_network, text);
		assert_string_equal(text, rows[i].expected);
		kit_done(&kit);
	}
}

static int open_share(void *owner, const char *folder)
{
	(void)owner;
	(void)folder;
	return -ECONNREFUSED;
}

static void on_share(void *owner, const struct gw_network_info *info)
{
	snprintf(owner, 64, "%s at %s", info->smb, info->smbserver);
}

static void a_folder_for_guests_is_told_where_the_program_can_serve_it(void **state)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_network *network;
	struct gw_error error;
	char text[64];

	(void)state;
	config.uplink = "user,smb=files";
	assert_int_equal(gw_network_new(&config, &network, &error), -EOPNOTSUPP);
	assert_string_equal(error.text, "smb=files: this program runs no file server");
	config.open_share = open_share;
	assert_int_equal(gw_network_new(&config, &network, &error), 0);
	gw_network_describe(network, on_share, text);
	assert_string_equal(text, "files at 10.0.2.4");
	gw_network_free(network);
	config.uplink = "user";
	assert_int_equal(gw_network_new(&config, &network, &error), 0);
	gw_network_describe(network, on_share, text);
	assert_string_equal(text, " at ");
	gw_network_free(network);
}

struct lease_call {
	size_t count;
	char text[8][256];
};

static void on_lease(void *owner, const struct gw_lease_info *info)
{
	struct lease_call *call = owner;

	assert_int_equal(info->size, sizeof(*info));
	assert_true(call->count < 8);
	snprintf(call->text[call->count++], 256, "%s %s '%s' %s %lld%s", info->address, info->mac, info->name,
		 info->state, (long long)info->seconds_left,
		 info->reserved ? " reserved"
		 : info->away   ? " away"
				: "");
}

static void leases_are_told_with_their_state(void **state)
{
	static const char *const hosts[] = {"52:54:00:00:00:01,10.0.2.50,box", NULL};
	struct lease_call call = {0};
	struct gw_error error = {0};
	struct kit_guest guest;
	struct kit kit;

	(void)state;
	if (kit_try(&kit, "none,lease=100", NULL, hosts, &error) != 0)
		fail_msg("%s", error.text);
	kit_guest_new(&guest, &kit, 1);
	assert_int_equal(ip4_value(kit_guest_lease(&guest)), 0x0a000232);
	kit_pass(&kit, 40 * 1000 * 1000);
	gw_network_each_lease(kit.network, on_lease, &call);
	assert_int_equal(call.count, 1);
	assert_string_equal(call.text[0], "10.0.2.50 52:54:00:00:00:01 'box' bound 60 reserved");
	kit.now_us += 61 * 1000 * 1000;
	call.count = 0;
	gw_network_each_lease(kit.network, on_lease, &call);
	assert_string_equal(call.text[0], "10.0.2.50 52:54:00:00:00:01 'box' free 0 reserved");
	assert_non_null(strstr(kit_event(&kit, GW_EVENT_LEASE)->text,
			       "10.0.2.50 expired, was leased to 52:54:00:00:00:01 (box)"));
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void on_counters(void *owner, const struct gw_network_info *info)
{
	char *text = owner;

	text[0] = '\0';
	for (unsigned i = 0; i < gw_lease_counters(); i++)
		sprintf(text + strlen(text), "%s %llu ", gw_lease_counter_name(i), (unsigned long long)info->leased[i]);
}

/* Of two addresses; the third guest asks when the first has gone. */
static void leases_of_guests_that_left_are_away_and_counted(void **state)
{
	struct lease_call call = {0};
	struct kit_guest guests[3];
	struct ip4 address;
	uint8_t bytes[700];
	char counters[128];
	struct kit kit;

	(void)state;
	kit_new(&kit, "none,dhcpend=10.0.2.16,lease=100000");
	for (uint8_t i = 0; i < 3; i++)
		kit_guest_new(&guests[i], &kit, (uint8_t)(i + 1));
	kit_guest_lease(&guests[0]);
	kit_guest_lease(&guests[1]);
	gw_port_free(guests[0].port);
	gw_port_free(guests[1].port);
	kit_settle(&kit);
	/* the second is back, and says anything but DHCP */
	kit_guest_forget(&guests[1]);
	kit_guest_new(&guests[1], &kit, 2);
	kit_guest_send(&guests[1], bytes, kit_frame(bytes, MAC_BROADCAST, guests[1].mac, 0));
	gw_network_each_lease(kit.network, on_lease, &call);
	assert_int_equal(call.count, 2);
	assert_string_equal(call.text[0], "10.0.2.15 52:54:00:00:00:01 '' bound 100000 away");
	assert_string_equal(call.text[1], "10.0.2.16 52:54:00:00:00:02 '' bound 100000");
	kit_guest_send(&guests[2], bytes,
		       kit_dhcp(bytes, sizeof(bytes), guests[2].mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
				KIT_NOWHERE));
	kit_pass(&kit, 30 * 1000 * 1000);
	assert_int_equal(kit_guest_answer(&guests[2], &address), 0);
	address = kit_guest_lease(&guests[2]);
	assert_int_equal(ip4_value(address), 0x0a00020f);
	gw_network_describe(kit.network, on_counters, counters);
	assert_string_equal(counters, "leases_returned 1 leases_given_up 1 ");
	assert_string_equal(gw_lease_counter_name(gw_lease_counters()), "");
	assert_string_equal(gw_lease_counter_text(gw_lease_counters()), "");
	kit_done(&kit);
	for (size_t i = 0; i < 3; i++)
		kit_guest_forget(&guests[i]);
}

static void a_lease_for_ever_has_no_end(void **state)
{
	struct lease_call call = {0};
	struct kit_guest guest;
	struct kit kit;

	(void)state;
	kit_new(&kit, "none,lease=4294967295");
	kit_guest_new(&guest, &kit, 1);
	kit_guest_lease(&guest);
	gw_network_each_lease(kit.network, on_lease, &call);
	assert_int_equal(call.count, 1);
	assert_non_null(strstr(call.text[0], "bound -1"));
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void a_port_tells_its_first_eight_addresses_and_counts_all(void **state)
{
	struct kit_port_call port;
	struct kit_guest guest;
	uint8_t bytes[64];
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&guest, &kit, 1);
	for (uint8_t i = 0; i < 12; i++) {
		kit_frame(bytes, MAC_BROADCAST, (struct mac){{2, 0, 0, 0, 0, i}}, 0);
		kit_guest_send(&guest, bytes, 64);
		/* the same address behind a tag is one address */
		memcpy(bytes + 12, "\x81\x00\x00\x05", 4);
		kit_guest_send(&guest, bytes, 64);
	}
	port = kit_port(&kit, "vm1");
	assert_int_equal(port.info.mac_count, 12);
	assert_string_equal(port.macs[0], "02:00:00:00:00:00");
	assert_string_equal(port.macs[7], "02:00:00:00:00:07");
	assert_string_equal(port.kind, "in-process");
	assert_string_equal(port.guest, "vm1");
	assert_true(port.info.connected);
	assert_int_equal(port.info.counters.from_guest_frames, 24);
	assert_int_equal(port.info.counters.from_guest_bytes, 24 * 64);
	port = kit_port(&kit, "gateway");
	assert_string_equal(port.macs[0], "52:55:0a:00:02:02");
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void every_drop_reason_has_a_name_and_a_text(void **state)
{
	(void)state;
	assert_true(gw_drop_reasons() > 50);
	for (unsigned i = 1; i < gw_drop_reasons(); i++) {
		assert_true(strlen(gw_drop_name(i)) > 0);
		assert_true(strlen(gw_drop_text(i)) > 0);
	}
	assert_string_equal(gw_drop_name(0), "");
	assert_string_equal(gw_drop_name(gw_drop_reasons()), "");
	assert_string_equal(gw_drop_text(UINT32_MAX), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_tells_its_addresses),
		cmocka_unit_test(a_folder_for_guests_is_told_where_the_program_can_serve_it),
		cmocka_unit_test(leases_are_told_with_their_state),
		cmocka_unit_test(leases_of_guests_that_left_are_away_and_counted),
		cmocka_unit_test(a_lease_for_ever_has_no_end),
		cmocka_unit_test(a_port_tells_its_first_eight_addresses_and_counts_all),
		cmocka_unit_test(every_drop_reason_has_a_name_and_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
