/* SPDX-License-Identifier: MIT */
/* A port's share of the addresses by DHCPv4: what is left for others, what is lent, and who moves. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/dhcp4.h"

/* A guest of a network with a pool of so many addresses, 10.0.2.15 and on, at a port. */
static struct guest *guest_of_pool(unsigned addresses, uint64_t place, bool alone)
{
	struct service_config config = guest_config();
	struct guest *guest;

	config.dhcp4_last = ip4_from(ip4_value(config.dhcp4_first) + addresses - 1);
	guest = guest_new(&config);
	guest->origin = (struct origin){.place = place, .alone = alone};
	return guest;
}

/* As a machine of its own; the address, or "" and why there is none. */
static const char *try(struct guest *guest, unsigned machine, enum drop_reason *ret_verdict)
{
	static char yours[IP4_TEXT_BYTES];

	guest->mac = guest_mac(machine);
	*ret_verdict = say(guest, (struct say){.type = DHCP4_DISCOVER});
	if (*ret_verdict != DROP_NONE) {
		assert_int_equal(guest->reply.length, 0);
		return "";
	}
	ip4_format(heard.message.yours, yours);
	*ret_verdict = say(guest, (struct say){.type = DHCP4_REQUEST, .requested = yours, .server = "10.0.2.2"});
	return yours;
}

static void made_up_machines_at_one_port_leave_addresses_for_others(void **state)
{
	struct guest *guest = guest_of_pool(20, 1, false);
	enum drop_reason verdict;

	(void)state;
	assert_int_equal(lease_reserve4(guest->leases, guest_mac(99), ip4_of("10.0.2.200"), NULL), 0);
	for (unsigned machine = 1; machine <= 30; machine++) {
		try(guest, machine, &verdict);
		assert_int_equal(verdict, machine <= 16 ? DROP_NONE : DROP_DHCP4_PORT_SHARE);
	}
	/* Asking for one by name is no way round. */
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.34"}),
			 DROP_DHCP4_PORT_SHARE);
	assert_heard(DHCP4_NAK, "0.0.0.0");
	/* What it was given it keeps, and what is reserved for a machine of its is no share. */
	guest->mac = guest_mac(16);
	guest->now_us += 30 * MINUTE_US;
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .client = "10.0.2.30", .from = "10.0.2.30"}),
			 DROP_NONE);
	assert_heard(DHCP4_ACK, "10.0.2.30");
	assert_int_equal(lease_now(guest)->due_us, guest->now_us + 60 * MINUTE_US);
	assert_string_equal(try(guest, 99, &verdict), "10.0.2.200");
	/* Others get theirs. */
	guest->origin.place = 2;
	assert_string_equal(try(guest, 41, &verdict), "10.0.2.31");
	assert_int_equal(verdict, DROP_NONE);
	/* When leases have run out there is room again. */
	guest->origin.place = 1;
	assert_string_equal(try(guest, 17, &verdict), "");
	guest->now_us += 31 * MINUTE_US;
	try(guest, 17, &verdict);
	assert_int_equal(verdict, DROP_NONE);
	guest_free(guest);
}

static void offers_that_nobody_takes_count_as_long_as_they_stand(void **state)
{
	struct guest *guest = guest_of_pool(20, 1, false);

	(void)state;
	for (unsigned machine = 1; machine <= 30; machine++) {
		guest->mac = guest_mac(machine);
		assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER}),
				 machine <= 16 ? DROP_NONE : DROP_DHCP4_PORT_SHARE);
	}
	guest->now_us += LEASE_OFFER_US;
	assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER}), DROP_NONE);
	guest_free(guest);
}

static void the_only_ports_last_addresses_are_lent_until_another_needs_them(void **state)
{
	struct guest *guest = guest_of_pool(10, 1, true);
	enum drop_reason verdict;
	const char *yours = "";

	(void)state;
	for (unsigned machine = 1; machine <= 10; machine++) {
		yours = try(guest, machine, &verdict);
		assert_int_equal(verdict, DROP_NONE);
		assert_string_equal(option(51), machine <= 8 ? "00000e10" : "0000007a");
		assert_string_equal(option(58), machine <= 8 ? "00000708" : "0000000f");
	}
	assert_string_equal(yours, "10.0.2.24");
	try(guest, 11, &verdict);
	assert_int_equal(verdict, DROP_DHCP4_POOL_EMPTY);
	/* Renewed while nobody wants it, for as short again. */
	guest->now_us += MINUTE_US / 4;
	guest->origin.alone = false;
	for (unsigned machine = 9; machine <= 10; machine++) {
		yours = try(guest, machine, &verdict);
		assert_int_equal(verdict, DROP_NONE);
		assert_string_equal(option(51), "0000007a");
	}
	/* Now somebody does: one machine is told no, and once it has heard so the other has the address. */
	guest->origin.place = 2;
	try(guest, 41, &verdict);
	assert_int_equal(verdict, DROP_DHCP4_POOL_EMPTY);
	guest->origin.place = 1;
	guest->now_us += MINUTE_US / 4;
	guest->mac = guest_mac(10);
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .client = "10.0.2.24", .from = "10.0.2.24"}),
			 DROP_DHCP4_PORT_SHARE);
	assert_heard(DHCP4_NAK, "0.0.0.0");
	assert_non_null(lease_now(guest));
	try(guest, 10, &verdict);
	assert_int_equal(verdict, DROP_DHCP4_PORT_SHARE);
	assert_string_equal(try(guest, 9, &verdict), "10.0.2.23");
	guest->origin.place = 2;
	guest->now_us += LEASE_RECALL_US - 1;
	try(guest, 41, &verdict);
	assert_int_equal(verdict, DROP_DHCP4_POOL_EMPTY);
	guest->now_us++;
	guest->origin.place = 1;
	try(guest, 10, &verdict);
	assert_int_equal(verdict, DROP_DHCP4_PORT_SHARE);
	guest->origin.place = 2;
	assert_string_equal(try(guest, 41, &verdict), "10.0.2.24");
	assert_string_equal(option(51), "00000e10");
	guest_free(guest);
}

static void a_machine_that_moves_takes_its_lease_along(void **state)
{
	struct guest *guest = guest_of_pool(10, 1, false);
	enum drop_reason verdict;

	(void)state;
	for (unsigned machine = 1; machine <= 8; machine++)
		try(guest, machine, &verdict);
	try(guest, 9, &verdict);
	assert_int_equal(verdict, DROP_DHCP4_PORT_SHARE);
	/* Two have gone to another port, which counts them from now on. */
	guest->origin.place = 2;
	assert_string_equal(try(guest, 1, &verdict), "10.0.2.15");
	assert_string_equal(try(guest, 2, &verdict), "10.0.2.16");
	guest->origin.place = 1;
	assert_string_equal(try(guest, 9, &verdict), "10.0.2.23");
	/* The port goes, and another comes in its place: it is not charged with what was leased at that one, and the
	 * machines that come back have what they had. */
	lease_table_leave(guest->leases, 1, guest->now_us);
	assert_string_equal(try(guest, 10, &verdict), "10.0.2.24");
	for (unsigned machine = 3; machine <= 9; machine++) {
		char expected[IP4_TEXT_BYTES];

		snprintf(expected, sizeof(expected), "10.0.2.%u", 14 + machine);
		assert_string_equal(try(guest, machine, &verdict), expected);
		assert_int_equal(verdict, DROP_NONE);
	}
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_up_machines_at_one_port_leave_addresses_for_others),
		cmocka_unit_test(offers_that_nobody_takes_count_as_long_as_they_stand),
		cmocka_unit_test(the_only_ports_last_addresses_are_lent_until_another_needs_them),
		cmocka_unit_test(a_machine_that_moves_takes_its_lease_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
