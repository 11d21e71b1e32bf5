/* SPDX-License-Identifier: MIT */
/* The lease table: who gets which address, for how long, and again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "unit/service/guest.h"

enum { SECOND_US = 1000000 };

static const struct ip4 none4;

static struct lease_client client_of(unsigned number)
{
	struct lease_client client = {.mac = guest_mac(number), .id_bytes = 7};

	client.id[0] = 1;
	memcpy(client.id + 1, client.mac.byte, 6);
	return client;
}

static struct lease *offer(struct guest *guest, unsigned number)
{
	struct lease_client client = client_of(number);

	return lease_offer4(guest->leases, &client, none4, guest->now_us);
}

static struct lease *bound(struct guest *guest, unsigned number, uint32_t seconds)
{
	struct lease *lease = offer(guest, number);

	assert_non_null(lease);
	lease_bind(guest->leases, lease, seconds, guest->now_us);
	return lease;
}

static void assert_ip4(const struct lease *lease, const char *address)
{
	char text[IP4_TEXT_BYTES];

	assert_non_null(lease);
	assert_string_equal(ip4_format(lease->ip4, text), address);
}

static void addresses_are_given_from_the_first_of_the_pool_on(void **state)
{
	assert_ip4(offer(*state, 1), "10.0.2.15");
	assert_ip4(offer(*state, 2), "10.0.2.16");
}

static void the_same_client_is_offered_the_same_address(void **state)
{
	struct lease *first = offer(*state, 1);

	assert_int_equal(first->state, LEASE_OFFERED);
	assert_ptr_equal(offer(*state, 1), first);
	lease_bind(((struct guest *)*state)->leases, first, 60, 1000);
	assert_ptr_equal(offer(*state, 1), first);
	assert_int_equal(first->state, LEASE_BOUND);
}

static void a_wanted_address_is_given_when_nobody_has_it(void **state)
{
	struct guest *guest = *state;
	struct lease_client one = client_of(1), two = client_of(2), three = client_of(3);

	assert_ip4(lease_offer4(guest->leases, &one, ip4_of("10.0.2.17"), 0), "10.0.2.17");
	assert_ip4(lease_offer4(guest->leases, &two, ip4_of("10.0.2.17"), 0), "10.0.2.15");
	assert_ip4(lease_offer4(guest->leases, &three, ip4_of("10.0.2.99"), 0), "10.0.2.16");
}

static void the_gateway_and_servers_inside_the_pool_are_never_leased(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp4_first = ip4_of("10.0.2.0");
	config.dhcp4_last = ip4_of("10.0.2.5");
	config.routes4[0].via = ip4_of("10.0.2.4");
	config.route4_count = 1;
	guest = guest_new(&config);
	assert_ip4(offer(guest, 1), "10.0.2.1");
	assert_ip4(offer(guest, 2), "10.0.2.5");
	assert_null(offer(guest, 3));
	guest_free(guest);
}

static void addresses_that_something_else_is_served_at_are_never_leased(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp4_first = ip4_of("10.0.2.20");
	config.dhcp4_last = ip4_of("10.0.2.21");
	config.also4[0] = ip4_of("10.0.2.20");
	config.also4_count = 1;
	guest = guest_new(&config);
	assert_ip4(offer(guest, 1), "10.0.2.21");
	assert_null(offer(guest, 2));
	guest_free(guest);
}

static void what_begins_anew_has_forgotten_all_and_leases_the_addresses_of_now(void **state)
{
	struct guest *guest = *state;
	struct lease_client first = client_of(1);

	bound(guest, 1, 60);
	bound(guest, 2, 60);
	guest->config.dhcp4_first = guest->config.dhcp4_last = ip4_of("10.0.2.200");
	lease_table_restart(guest->leases);
	assert_null(lease_find_client(guest->leases, false, &first));
	assert_null(lease_find_ip4(guest->leases, ip4_of("10.0.2.15"), guest->now_us));
	assert_null(lease_claim4(guest->leases, &first, ip4_of("10.0.2.15"), guest->now_us));
	assert_ip4(bound(guest, 2, 60), "10.0.2.200");
	assert_null(offer(guest, 1));
	/* and what was due then is due no more */
	guest->now_us += 61 * 1000000ull;
	lease_expire(guest->leases, guest->now_us);
	assert_ip4(offer(guest, 1), "10.0.2.200");
}

static void reservations_stay_where_the_new_net_has_their_addresses(void **state)
{
	struct guest *guest = *state;
	struct lease_client first = client_of(1);

	guest->config.dhcp4_first = guest->config.dhcp4_last = ip4_of("10.0.2.7");
	assert_int_equal(lease_table_restart(guest->leases), 0);
	assert_int_equal(lease_reserve4(guest->leases, guest_mac(1), ip4_of("10.0.2.7"), "vm1"), 0);
	assert_int_equal(lease_reserve4(guest->leases, guest_mac(3), ip4_of("10.0.2.77"), NULL), 0);
	bound(guest, 1, 60);
	/* within the net */
	guest->config.dhcp4_first = guest->config.dhcp4_last = ip4_of("10.0.2.9");
	assert_int_equal(lease_table_restart(guest->leases), 0);
	assert_ip4(offer(guest, 3), "10.0.2.77");
	assert_null(offer(guest, 2));
	assert_ip4(bound(guest, 1, 60), "10.0.2.9");
	lease_set_name(guest->leases, lease_find_client(guest->leases, false, &first), "other", 5);
	assert_string_equal(lease_find_client(guest->leases, false, &first)->name, "vm1");
	/* and beyond it */
	guest->config.net4 = ip4_of("192.0.2.0");
	guest->config.host4 = ip4_of("192.0.2.1");
	guest->config.dhcp4_first = guest->config.dhcp4_last = ip4_of("192.0.2.9");
	assert_int_equal(lease_table_restart(guest->leases), 1);
	assert_null(offer(guest, 3));
	assert_ip4(offer(guest, 1), "192.0.2.9");
}

static void a_network_of_two_addresses_has_no_broadcast_address(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.prefix4 = 31;
	config.dhcp4_first = config.dhcp4_last = ip4_of("10.0.2.3");
	config.dns4_count = 0;
	guest = guest_new(&config);
	assert_ip4(offer(guest, 1), "10.0.2.3");
	guest_free(guest);
}

static void a_full_pool_gives_nothing_until_an_offer_runs_out(void **state)
{
	struct guest *guest = *state;

	for (unsigned i = 1; i <= 4; i++)
		assert_non_null(offer(guest, i));
	assert_null(offer(guest, 5));
	guest->now_us += LEASE_OFFER_US - 1;
	assert_null(offer(guest, 5));
	guest->now_us++;
	assert_non_null(offer(guest, 5));
}

static void a_lease_that_has_run_out_is_kept_for_its_client_as_long_as_it_can_be(void **state)
{
	struct guest *guest = *state;
	struct lease *one = bound(guest, 1, 10), *two = bound(guest, 2, 20);

	guest->now_us += 30 * SECOND_US;
	lease_expire(guest->leases, guest->now_us);
	assert_int_equal(one->state, LEASE_FREE);
	bound(guest, 3, 60);
	bound(guest, 4, 60);
	/* The pool's two others are taken; the one free for longest goes, the other stays for its client. */
	assert_ptr_equal(bound(guest, 5, 60), one);
	assert_ptr_equal(offer(guest, 2), two);
	assert_null(offer(guest, 1));
}

static void an_offer_that_nobody_took_goes_before_a_lease_that_was_used(void **state)
{
	struct guest *guest = *state;
	struct lease *used = bound(guest, 1, 10), *only_offered;

	guest->now_us += 11 * SECOND_US;
	only_offered = offer(guest, 2);
	bound(guest, 3, 60);
	bound(guest, 4, 60);
	guest->now_us += LEASE_OFFER_US;
	assert_ptr_equal(offer(guest, 5), only_offered);
	assert_ptr_equal(offer(guest, 1), used);
}

static void a_lease_is_found_by_address_and_mac_only_while_it_is_bound(void **state)
{
	struct guest *guest = *state;
	struct lease *lease = offer(guest, 1);

	assert_null(lease_find_ip4(guest->leases, lease->ip4, guest->now_us));
	lease_bind(guest->leases, lease, 10, guest->now_us);
	assert_ptr_equal(lease_find_ip4(guest->leases, lease->ip4, guest->now_us), lease);
	assert_ptr_equal(lease_find_mac(guest->leases, guest_mac(1), false, guest->now_us), lease);
	assert_null(lease_find_mac(guest->leases, guest_mac(1), true, guest->now_us));
	assert_null(lease_find_ip4(guest->leases, lease->ip4, guest->now_us + 10 * SECOND_US));
	assert_null(lease_find_mac(guest->leases, guest_mac(1), false, guest->now_us + 10 * SECOND_US));
	lease_release(guest->leases, lease);
	assert_null(lease_find_ip4(guest->leases, lease->ip4, guest->now_us));
}

static void a_lease_for_ever_never_runs_out(void **state)
{
	struct guest *guest = *state;
	struct lease *lease = bound(guest, 1, LEASE_FOR_EVER_S);

	assert_int_equal(lease->due_us, UINT64_MAX);
	lease_expire(guest->leases, UINT64_MAX - 1);
	assert_int_equal(lease->state, LEASE_BOUND);
}

static void a_declined_address_is_left_alone_for_a_while(void **state)
{
	struct guest *guest = *state;
	struct lease *lease = bound(guest, 1, 3600);

	lease_decline(guest->leases, lease, guest->now_us);
	assert_int_equal(lease->state, LEASE_DECLINED);
	assert_ip4(bound(guest, 1, 3600), "10.0.2.16");
	bound(guest, 2, 3600);
	bound(guest, 3, 3600);
	assert_null(offer(guest, 4));
	guest->now_us += LEASE_DECLINE_US;
	assert_ptr_equal(offer(guest, 4), lease);
}

static void two_identifiers_behind_one_mac_are_two_clients(void **state)
{
	struct guest *guest = *state;
	struct lease_client one = client_of(1), other = client_of(1);

	other.id[6] = 0xee;
	assert_ip4(lease_offer4(guest->leases, &one, none4, 0), "10.0.2.15");
	assert_ip4(lease_offer4(guest->leases, &other, none4, 0), "10.0.2.16");
}

static void a_copied_machine_with_its_twins_identifier_gets_an_address_of_its_own(void **state)
{
	struct guest *guest = *state;
	struct lease_client one = client_of(1), copy = client_of(1);
	struct lease *first = bound(guest, 1, 3600), *second;

	copy.mac = guest_mac(2);
	second = lease_offer4(guest->leases, &copy, none4, guest->now_us);
	assert_ptr_not_equal(second, first);
	assert_ptr_equal(lease_offer4(guest->leases, &one, none4, guest->now_us), first);
	/* But once the first is gone, the same identifier is the same client. */
	lease_release(guest->leases, first);
	copy.mac = guest_mac(3);
	assert_ptr_equal(lease_offer4(guest->leases, &copy, none4, guest->now_us), first);
}

static void a_reservation_is_for_its_mac_whatever_the_client_calls_itself(void **state)
{
	struct guest *guest = *state;
	struct lease_client rom = client_of(7), system = client_of(7);
	struct lease *lease;

	assert_int_equal(lease_reserve4(guest->leases, guest_mac(7), ip4_of("10.0.2.15"), "db1"), 0);
	assert_ip4(offer(guest, 1), "10.0.2.16");
	lease = lease_offer4(guest->leases, &rom, none4, guest->now_us);
	assert_ip4(lease, "10.0.2.15");
	assert_string_equal(lease->name, "db1");
	lease_bind(guest->leases, lease, 60, guest->now_us);
	system.id[0] = 0xff;
	assert_ptr_equal(lease_offer4(guest->leases, &system, none4, guest->now_us), lease);
	lease_set_name(guest->leases, lease, "other", 5);
	assert_string_equal(lease->name, "db1");
	/* Free or not, it goes to nobody else. */
	lease_release(guest->leases, lease);
	for (unsigned i = 2; i <= 3; i++)
		assert_non_null(offer(guest, i));
	assert_null(offer(guest, 4));
}

/* Who asks for the guest by its name, in any way, would be led to the wrong one. */
static void a_name_that_was_given_to_one_is_no_others(void **state)
{
	struct guest *guest = *state;
	struct lease_client liar = client_of(1), owner = client_of(7);
	struct lease *lease;

	assert_int_equal(lease_reserve4(guest->leases, guest_mac(7), ip4_of("10.0.2.50"), "db"), 0);
	/* a reservation without a name is one of the others */
	assert_int_equal(lease_reserve4(guest->leases, guest_mac(2), ip4_of("10.0.2.51"), NULL), 0);
	for (unsigned i = 1; i <= 2; i++) {
		lease = bound(guest, i, 600);
		lease_set_name(guest->leases, lease, "DB.lab", 6);
		assert_string_equal(lease->name, "");
		lease_set_name(guest->leases, lease, "db1", 3);
		assert_string_equal(lease->name, "db1");
		lease_set_name(guest->leases, lease, "db", 2);
		assert_string_equal(lease->name, "db1");
	}
	/* what is sought by all may be given, and not taken */
	assert_int_equal(lease_reserve4(guest->leases, guest_mac(8), ip4_of("10.0.2.52"), "wpad"), 0);
	assert_string_equal(bound(guest, 8, 600)->name, "wpad");
	/* in the other family neither, but by whom it was given to */
	lease = lease_offer6(guest->leases, &liar, (struct ip6){{0}}, guest->now_us);
	lease_set_name(guest->leases, lease, "db", 2);
	assert_string_equal(lease->name, "");
	lease = lease_offer6(guest->leases, &owner, (struct ip6){{0}}, guest->now_us);
	lease_set_name(guest->leases, lease, "db", 2);
	assert_string_equal(lease->name, "db");
	/* and not by a file from before it was given */
	assert_int_equal(lease_restore(guest->leases, "10.0.2.18 52:54:00:00:00:05 bound 2000 db 01525400000005",
				       guest->now_us, 1000),
			 0);
	assert_string_equal(lease_find_mac(guest->leases, guest_mac(5), false, guest->now_us)->name, "");
}

static void a_declined_reservation_leaves_the_pool_to_its_client(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(lease_reserve4(guest->leases, guest_mac(7), ip4_of("10.0.2.99"), NULL), 0);
	lease_decline(guest->leases, bound(guest, 7, 60), guest->now_us);
	assert_ip4(offer(guest, 7), "10.0.2.15");
	guest->now_us += LEASE_DECLINE_US;
	assert_ip4(offer(guest, 7), "10.0.2.99");
}

static void reservations_are_refused_with_their_reason(void **state)
{
	static const struct {
		unsigned mac;
		const char *address, *name;
		int result;
	} rows[] = {
		{1, "10.0.2.20", "web", 0},           {1, "10.0.2.21", NULL, -EEXIST},
		{2, "10.0.2.20", NULL, -EEXIST},      {2, "10.0.2.2", NULL, -EEXIST},
		{2, "10.0.2.3", NULL, -EEXIST},       {2, "10.0.3.1", NULL, -ERANGE},
		{2, "10.0.2.0", NULL, -ERANGE},       {2, "10.0.2.255", NULL, -ERANGE},
		{2, "10.0.2.22", "no_such", -EINVAL}, {2, "10.0.2.22", "a.b", -EINVAL},
		{2, "10.0.2.22", "-a", -EINVAL},      {2, "10.0.2.22", "", 0},
	};
	struct guest *guest = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(lease_reserve4(guest->leases, guest_mac(rows[i].mac), ip4_of(rows[i].address),
						rows[i].name),
				 rows[i].result);
	assert_int_equal(lease_reserve6(guest->leases, guest_mac(1), ip6_of("fd00:2::99"), "web"), 0);
	assert_int_equal(lease_reserve6(guest->leases, guest_mac(2), ip6_of("fd00:3::99"), NULL), -ERANGE);
	assert_int_equal(lease_reserve6(guest->leases, guest_mac(2), ip6_of("fd00:2::"), NULL), -EEXIST);
	assert_int_equal(lease_reserve6(guest->leases, guest_mac(2), ip6_of("fd00:2::2"), NULL), -EEXIST);
}

static void names_are_one_label_of_letters_digits_and_hyphens(void **state)
{
	static const char *const rows[][2] = {
		{"vm1", "vm1"},
		{"VM-2", "VM-2"},
		{"vm.lab.example", "vm"},
		{"", "?"},
		{"a_b", "?"},
		{"-x", "?"},
		{"x-", "?"},
		{"..", "?"},
		{"a b", "?"},
		{"wpad", "?"},
		{"ISATAP.lab", "?"},
		{"localhost.localdomain", "?"},
		{"wpad1", "wpad1"},
		{"0123456789012345678901234567890123456789012345678901234567890123", "?"},
		{"012345678901234567890123456789012345678901234567890123456789012",
		 "012345678901234567890123456789012345678901234567890123456789012"},
	};
	struct guest *guest = *state;
	struct lease *lease = offer(guest, 1);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(lease->name, "?");
		lease_set_name(guest->leases, lease, rows[i][0], strlen(rows[i][0]));
		assert_string_equal(lease->name, rows[i][1]);
	}
}

struct story {
	char text[512];
};

static void on_lease(void *owner, const struct lease *lease, enum lease_state was)
{
	struct story *story = owner;
	size_t at = strlen(story->text);

	snprintf(story->text + at, sizeof(story->text) - at, "%u:%d>%d ", lease->ip4.byte[3], (int)was,
		 (int)lease->state);
}

static void the_watcher_hears_of_every_change_but_offers(void **state)
{
	struct guest *guest = *state;
	struct story story = {{0}};
	struct lease *lease;

	lease_table_watch(guest->leases, on_lease, &story);
	lease = bound(guest, 1, 10);
	lease_bind(guest->leases, lease, 10, guest->now_us);
	lease_release(guest->leases, lease);
	lease = bound(guest, 1, 10);
	guest->now_us += 10 * SECOND_US;
	lease_expire(guest->leases, guest->now_us);
	lease_decline(guest->leases, bound(guest, 1, 10), guest->now_us);
	offer(guest, 2);
	guest->now_us += LEASE_DECLINE_US;
	lease_expire(guest->leases, guest->now_us);
	assert_string_equal(story.text, "15:1>2 15:2>2 15:2>0 15:1>2 15:2>0 15:1>2 15:2>3 15:3>0 ");
}

static void count_states(void *owner, const struct lease *lease)
{
	unsigned *count = owner;

	count[lease->state]++;
}

static void everyone_is_shown_with_the_state_of_now(void **state)
{
	struct guest *guest = *state;
	unsigned count[4] = {0};

	bound(guest, 1, 5);
	bound(guest, 2, 60);
	offer(guest, 3);
	lease_each(guest->leases, guest->now_us + 6 * SECOND_US, count_states, count);
	assert_int_equal(count[LEASE_FREE], 1);
	assert_int_equal(count[LEASE_BOUND], 1);
	assert_int_equal(count[LEASE_OFFERED], 1);
}

static void four_thousand_clients_each_keep_their_own_address(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;
	uint32_t sum = 0;

	(void)state;
	config.prefix4 = 16;
	config.net4 = ip4_of("10.0.0.0");
	config.dhcp4_first = ip4_of("10.0.16.0");
	config.dhcp4_last = ip4_of("10.0.255.254");
	guest = guest_new(&config);
	for (unsigned i = 0; i < LEASES_MAX; i++)
		assert_int_equal(ip4_value(bound(guest, i, 3600)->ip4), 0x0a001000 + i);
	assert_null(offer(guest, LEASES_MAX));
	for (unsigned i = 0; i < LEASES_MAX; i++)
		sum += ip4_value(offer(guest, i)->ip4) == 0x0a001000 + i;
	assert_int_equal(sum, LEASES_MAX);
	/* All run out at once, and another thousand come. */
	guest->now_us += 3601ull * SECOND_US;
	for (unsigned i = 5000; i < 6000; i++)
		assert_non_null(bound(guest, i, 3600));
	guest_free(guest);
}

static void one_ipv6_machine_may_have_several_interfaces_and_one_reservation(void **state)
{
	static const struct ip6 none6;
	struct guest *guest = *state;
	struct lease_client eth0 = client_of(1), eth1 = client_of(1);
	struct lease *first;

	eth1.id[0] = 2; /* another IAID of the same DUID */
	assert_int_equal(lease_reserve6(guest->leases, guest_mac(1), ip6_of("fd00:2::99"), NULL), 0);
	first = lease_offer6(guest->leases, &eth0, none6, 0);
	assert_true(ip6_equal(first->ip6, ip6_of("fd00:2::99")));
	assert_true(ip6_equal(lease_offer6(guest->leases, &eth1, none6, 0)->ip6, ip6_of("fd00:2::100")));
	assert_ptr_equal(lease_offer6(guest->leases, &eth0, none6, 0), first);
	lease_bind(guest->leases, first, 60, 0);
	assert_ptr_equal(lease_find_ip6(guest->leases, ip6_of("fd00:2::99"), 0), first);
	assert_null(lease_find_ip6(guest->leases, ip6_of("fd00:3::99"), 0));
}

struct saved {
	char line[16][LEASE_LINE_BYTES];
	size_t count;
	uint64_t now_us;
};

static void save(void *owner, const struct lease *lease)
{
	struct saved *saved = owner;

	assert_true(saved->count < 16);
	assert_true(lease_format(lease, saved->now_us, 1000000, saved->line[saved->count++], LEASE_LINE_BYTES) > 0);
}

static void leases_survive_a_restart(void **state)
{
	struct guest *guest = *state, *after = guest_new(&guest->config);
	struct saved saved = {.now_us = guest->now_us};
	struct lease *lease;

	assert_int_equal(lease_reserve4(guest->leases, guest_mac(9), ip4_of("10.0.2.77"), "db"), 0);
	assert_int_equal(lease_reserve4(after->leases, guest_mac(9), ip4_of("10.0.2.77"), "db"), 0);
	lease_set_name(guest->leases, bound(guest, 1, 600), "vm1", 3);
	lease_release(guest->leases, bound(guest, 2, 600));
	lease_decline(guest->leases, bound(guest, 3, 600), guest->now_us);
	bound(guest, 9, 600);
	lease_each(guest->leases, guest->now_us, save, &saved);
	assert_int_equal(saved.count, 4);
	/* The clock begins anew, and 100 seconds have passed. */
	for (size_t i = saved.count; i-- > 0;)
		assert_int_equal(lease_restore(after->leases, saved.line[i], 50, 1000100), 0);
	assert_ip4(lease_find_mac(after->leases, guest_mac(1), false, 50), "10.0.2.15");
	assert_string_equal(lease_find_mac(after->leases, guest_mac(1), false, 50)->name, "vm1");
	assert_int_equal(lease_find_mac(after->leases, guest_mac(1), false, 50)->due_us,
			 50 + 500 * (uint64_t)SECOND_US);
	assert_ip4(lease_find_mac(after->leases, guest_mac(9), false, 50), "10.0.2.77");
	after->now_us = 50;
	lease = offer(after, 2);
	assert_ip4(lease, "10.0.2.16");
	assert_ip4(offer(after, 3), "10.0.2.18"); /* .17 is declined */
	guest_free(after);
}

static void a_saved_lease_that_is_not_ours_to_give_is_refused(void **state)
{
	static const struct {
		const char *line;
		int result;
	} rows[] = {
		{"10.0.2.15 52:54:00:00:00:01 bound 2000 - 0152540000000001", 0},
		{"10.0.2.15 52:54:00:00:00:02 bound 2000 - 0152540000000002", -EINVAL}, /* taken */
		{"10.0.2.16 52:54:00:00:00:01 bound 2000 - 0152540000000001", -EINVAL}, /* has one */
		{"10.0.2.99 52:54:00:00:00:03 bound 2000 - 0152540000000003", -EINVAL}, /* outside the pool */
		{"10.9.2.15 52:54:00:00:00:03 bound 2000 - 0152540000000003", -EINVAL}, /* outside the network */
		{"10.0.2.18 52:54:00:00:00:03 bound 2000 - 0152540000000003", -EINVAL}, /* reserved for another */
		{"10.0.2.17 52:54:00:00:00:09 bound 2000 - 0152540000000009",
		 -EINVAL}, /* its reservation is elsewhere */
		{"10.0.2.18 52:54:00:00:00:09 bound 2000 - 0152540000000009", 0},
		{"fd00:9::100 52:54:00:00:00:03 bound 2000 - 0152540000000003", -EINVAL},
		{"fd00:2::100 52:54:00:00:00:03 bound 2000 - 0152540000000003", 0},
		{"nonsense", -EINVAL},
	};
	struct guest *guest = *state;

	assert_int_equal(lease_reserve4(guest->leases, guest_mac(9), ip4_of("10.0.2.18"), NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(lease_restore(guest->leases, rows[i].line, guest->now_us, 1000), rows[i].result);
}

static void an_empty_pool_gives_reservations_only(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp4_first = ip4_of("10.0.2.20");
	config.dhcp4_last = ip4_of("10.0.2.19");
	guest = guest_new(&config);
	assert_int_equal(lease_reserve4(guest->leases, guest_mac(9), ip4_of("10.0.2.18"), NULL), 0);
	assert_null(offer(guest, 1));
	assert_ip4(offer(guest, 9), "10.0.2.18");
	guest_free(guest);
}

#define test(name) cmocka_unit_test_setup_teardown(name, guest_setup, guest_teardown)

/* DISCOVER after DISCOVER, each with another identifier and not one taken. */
static void made_up_identifiers_wear_out_neither_pool_nor_memory(void **state)
{
	struct service_config config = guest_config();
	struct lease_client old = client_of(7), client = client_of(1);
	struct guest *guest;
	struct lease *lease;

	(void)state;
	config.dhcp4_last = ip4_of("10.0.2.40");
	guest = guest_new(&config);
	lease = bound(guest, 7, 60);
	assert_ip4(lease, "10.0.2.15");
	lease_release(guest->leases, lease);
	for (unsigned i = 0; i < 1000; i++) {
		client.id[1] = (uint8_t)(i >> 8);
		client.id[2] = (uint8_t)i;
		lease = lease_offer4(guest->leases, &client, none4, guest->now_us);
		assert_int_equal(!lease, i % 10 >= LEASES_PER_MAC);
		if (lease)
			assert_true(ip4_value(lease->ip4) <= ip4_value(ip4_of("10.0.2.23")));
		if (i % 10 == 9)
			guest->now_us += LEASE_OFFER_US;
	}
	assert_ip4(lease_offer4(guest->leases, &old, none4, guest->now_us), "10.0.2.15");
	guest_free(guest);
}

static void who_declines_everything_declines_no_more_than_it_may_hold(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;
	struct lease *lease;

	(void)state;
	config.dhcp4_last = ip4_of("10.0.2.40");
	guest = guest_new(&config);
	for (int i = 0; i < LEASES_PER_MAC; i++)
		lease_decline(guest->leases, bound(guest, 1, 60), guest->now_us);
	assert_null(offer(guest, 1));
	assert_non_null(offer(guest, 2));
	guest->now_us += LEASE_DECLINE_US;
	lease = offer(guest, 1);
	assert_non_null(lease);
	guest_free(guest);
}

static void what_anothers_identifier_leaves_free_counts_as_ones_own(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp4_last = ip4_of("10.0.2.60");
	guest = guest_new(&config);
	for (unsigned i = 0; i < 20; i++) {
		struct lease_client client = client_of(100 + i);
		struct lease *lease = lease_offer4(guest->leases, &client, none4, guest->now_us);

		lease_bind(guest->leases, lease, 60, guest->now_us);
		lease_release(guest->leases, lease);
		client.mac = guest_mac(1);
		assert_int_equal(!lease_offer4(guest->leases, &client, none4, guest->now_us), i >= LEASES_PER_MAC);
	}
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(addresses_are_given_from_the_first_of_the_pool_on),
		test(the_same_client_is_offered_the_same_address),
		test(a_wanted_address_is_given_when_nobody_has_it),
		test(the_gateway_and_servers_inside_the_pool_are_never_leased),
		test(addresses_that_something_else_is_served_at_are_never_leased),
		test(what_begins_anew_has_forgotten_all_and_leases_the_addresses_of_now),
		test(reservations_stay_where_the_new_net_has_their_addresses),
		test(a_network_of_two_addresses_has_no_broadcast_address),
		test(a_full_pool_gives_nothing_until_an_offer_runs_out),
		test(a_lease_that_has_run_out_is_kept_for_its_client_as_long_as_it_can_be),
		test(an_offer_that_nobody_took_goes_before_a_lease_that_was_used),
		test(a_lease_is_found_by_address_and_mac_only_while_it_is_bound),
		test(a_lease_for_ever_never_runs_out),
		test(a_declined_address_is_left_alone_for_a_while),
		test(two_identifiers_behind_one_mac_are_two_clients),
		test(a_copied_machine_with_its_twins_identifier_gets_an_address_of_its_own),
		test(a_reservation_is_for_its_mac_whatever_the_client_calls_itself),
		test(a_name_that_was_given_to_one_is_no_others),
		test(a_declined_reservation_leaves_the_pool_to_its_client),
		test(reservations_are_refused_with_their_reason),
		test(names_are_one_label_of_letters_digits_and_hyphens),
		test(the_watcher_hears_of_every_change_but_offers),
		test(everyone_is_shown_with_the_state_of_now),
		test(four_thousand_clients_each_keep_their_own_address),
		test(one_ipv6_machine_may_have_several_interfaces_and_one_reservation),
		test(leases_survive_a_restart),
		test(a_saved_lease_that_is_not_ours_to_give_is_refused),
		test(an_empty_pool_gives_reservations_only),
		test(made_up_identifiers_wear_out_neither_pool_nor_memory),
		test(who_declines_everything_declines_no_more_than_it_may_hold),
		test(what_anothers_identifier_leaves_free_counts_as_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
