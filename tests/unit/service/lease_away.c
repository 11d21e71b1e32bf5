/* SPDX-License-Identifier: MIT */
/* Leases whose port has left: kept for who comes back, another's when nothing else is there. Each test runs for IPv4 and
 * for IPv6, in a pool of four. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "unit/service/guest.h"

enum { SECOND_US = 1000000, POOL = 4 };

struct net {
	struct guest *guest;
	bool is6;
	char told[256]; /* what the watcher heard of leases that ended */
};

static void on_lease(void *owner, const struct lease *lease, enum lease_state was)
{
	struct net *net = owner;
	size_t at = strlen(net->told);

	if (was == LEASE_BOUND && lease->state == LEASE_FREE)
		snprintf(net->told + at, sizeof(net->told) - at, "%u%s ", lease->mac.byte[5], lease->away ? "!" : "");
}

static int setup4(void **state)
{
	struct net *net = calloc(1, sizeof(*net));
	struct service_config config = guest_config();

	net->guest = guest_new(&config);
	lease_table_watch(net->guest->leases, on_lease, net);
	*state = net;
	return 0;
}

static int setup6(void **state)
{
	setup4(state);
	((struct net *)*state)->is6 = true;
	return 0;
}

static int teardown(void **state)
{
	struct net *net = *state;

	guest_free(net->guest);
	free(net);
	return 0;
}

static struct lease_client client_of(unsigned number, uint64_t place)
{
	struct lease_client client = {.mac = guest_mac(number), .id = {1}, .id_bytes = 7, .origin = {.place = place}};

	memcpy(client.id + 1, client.mac.byte, 6);
	return client;
}

static struct lease *net_ask(struct net *net, const struct lease_client *client, uint32_t seconds)
{
	struct guest *guest = net->guest;
	struct lease *lease = net->is6 ? lease_offer6(guest->leases, client, (struct ip6){{0}}, guest->now_us)
				       : lease_offer4(guest->leases, client, (struct ip4){{0}}, guest->now_us);

	if (lease && seconds)
		lease_bind(guest->leases, lease, seconds, guest->now_us);
	return lease;
}

/* The machine of this number, at this port, has a lease for an hour. */
static struct lease *get(struct net *net, unsigned number, uint64_t place)
{
	struct lease_client client = client_of(number, place);

	return net_ask(net, &client, 3600);
}

static void leave(struct net *net, uint64_t place)
{
	lease_table_leave(net->guest->leases, place, net->guest->now_us);
}

static void pass(struct net *net, unsigned seconds)
{
	net->guest->now_us += (uint64_t)seconds * SECOND_US;
}

static const struct lease_counters *counters(const struct net *net)
{
	return lease_table_counters(net->guest->leases);
}

static void who_comes_back_has_what_he_had(void **state)
{
	struct net *net = *state;
	struct lease *lease = get(net, 1, 1);

	assert_false(lease->away);
	leave(net, 1);
	assert_true(lease->away);
	assert_int_equal(lease->state, LEASE_BOUND);
	/* there is enough for others, however long he stays away */
	pass(net, 1800);
	for (unsigned number = 2; number <= POOL; number++)
		assert_ptr_not_equal(get(net, number, number), lease);
	assert_ptr_equal(get(net, 1, 9), lease);
	assert_false(lease->away);
	assert_int_equal(lease->place, 9);
	assert_int_equal(counters(net)->leases_returned, 1);
	assert_int_equal(counters(net)->leases_given_up, 0);
	assert_string_equal(net->told, "");
}

static void when_nothing_else_is_left_the_one_away_for_longest_goes_to_another(void **state)
{
	struct net *net = *state;
	struct lease *leases[POOL + 1];

	for (unsigned number = 1; number <= POOL; number++)
		leases[number] = get(net, number, number);
	leave(net, 3);
	pass(net, 1);
	leave(net, 1);
	pass(net, LEASE_RETURN_US / SECOND_US);
	assert_ptr_equal(get(net, 11, 11), leases[3]);
	assert_ptr_equal(get(net, 12, 12), leases[1]);
	assert_null(get(net, 13, 13));
	assert_string_equal(net->told, "3! 1! ");
	assert_int_equal(counters(net)->leases_given_up, 2);
	/* He whose it was gets the next that is free, as anybody. */
	assert_null(get(net, 3, 3));
	leave(net, 2);
	pass(net, LEASE_RETURN_US / SECOND_US);
	assert_ptr_equal(get(net, 3, 3), leases[2]);
	assert_int_equal(counters(net)->leases_returned, 0);
}

static void who_reconnects_within_half_a_minute_finds_nobody_at_his_address(void **state)
{
	struct net *net = *state;
	struct lease *lease = NULL;

	for (unsigned number = 1; number <= POOL; number++)
		lease = get(net, number, number);
	leave(net, POOL);
	pass(net, LEASE_RETURN_US / SECOND_US - 1);
	assert_null(get(net, 11, 11));
	pass(net, 1);
	assert_ptr_equal(get(net, 11, 11), lease);
}

/* A stream that reconnects, a machine that was migrated: nothing tells it to ask again. */
static void who_is_heard_is_back_though_he_does_not_ask(void **state)
{
	struct net *net = *state;
	struct lease *lease = NULL;

	for (unsigned number = 1; number <= POOL; number++)
		lease = get(net, number, number);
	leave(net, POOL);
	lease_table_hear(net->guest->leases, guest_mac(POOL), 9);
	assert_false(lease->away);
	pass(net, 1800);
	assert_null(get(net, 11, 11));
	assert_int_equal(lease->place, 9);
	assert_int_equal(counters(net)->leases_returned, 1);
	leave(net, 9);
	pass(net, LEASE_RETURN_US / SECOND_US);
	assert_ptr_equal(get(net, 11, 11), lease);
}

/* It is heard at the new port before the old one goes. */
static void what_moved_before_its_port_went_is_not_away(void **state)
{
	struct net *net = *state;
	struct lease *lease = get(net, 1, 1);

	lease_table_hear(net->guest->leases, guest_mac(1), 2);
	leave(net, 1);
	assert_false(lease->away);
	assert_int_equal(counters(net)->leases_returned, 0);
}

/* One machine after the other at a network that has one address: there is nobody else who might come back. */
static void the_only_ports_guest_need_not_wait(void **state)
{
	struct net *net = *state;
	struct lease_client client = client_of(11, 11);
	struct lease *lease = NULL;

	for (unsigned number = 1; number <= POOL; number++)
		lease = get(net, number, 1);
	leave(net, 1);
	client.origin.alone = true;
	assert_non_null(net_ask(net, &client, 3600));
	assert_string_equal(net->told, "1! ");
	assert_true(lease->away);
}

static void what_a_port_was_offered_is_free_when_it_goes(void **state)
{
	struct net *net = *state;
	struct lease_client client = client_of(1, 1);
	struct lease *lease = net_ask(net, &client, 0);

	for (unsigned number = 2; number <= POOL; number++)
		get(net, number, number);
	assert_null(get(net, 11, 11));
	leave(net, 1);
	assert_int_equal(lease->state, LEASE_FREE);
	assert_ptr_equal(get(net, 11, 11), lease);
}

static void what_is_away_is_in_nobodys_share(void **state)
{
	struct net *net = *state;

	/* Four fifths; and the same again as another port. */
	for (unsigned round = 0; round < 5; round++) {
		unsigned given = 0;

		for (unsigned number = 1; number <= 2 * POOL; number++)
			given += get(net, 20 * round + number, round + 1) != NULL;
		assert_int_equal(given, POOL);
		leave(net, round + 1);
		pass(net, LEASE_RETURN_US / SECOND_US);
	}
	assert_non_null(get(net, 250, 99));
}

static void a_lease_that_runs_out_while_it_is_away_is_free(void **state)
{
	struct net *net = *state;
	struct lease *lease = get(net, 1, 1);

	leave(net, 1);
	pass(net, 3601);
	lease_expire(net->guest->leases, net->guest->now_us);
	assert_int_equal(lease->state, LEASE_FREE);
	assert_false(lease->away);
	assert_string_equal(net->told, "1 ");
	/* as one that runs out elsewhere it is remembered */
	get(net, 2, 2);
	assert_ptr_equal(get(net, 1, 1), lease);
	assert_int_equal(counters(net)->leases_returned, 0);
}

static void a_reservation_waits_for_its_machine_for_ever(void **state)
{
	struct net *net = *state;
	struct lease_table *leases = net->guest->leases;
	struct lease *lease;

	if (net->is6)
		assert_int_equal(lease_reserve6(leases, guest_mac(1), net->guest->config.dhcp6_first, NULL), 0);
	else
		assert_int_equal(lease_reserve4(leases, guest_mac(1), net->guest->config.dhcp4_first, NULL), 0);
	lease = get(net, 1, 1);
	for (unsigned number = 2; number <= POOL; number++)
		assert_non_null(get(net, number, number));
	leave(net, 1);
	assert_true(lease->away);
	pass(net, 60);
	assert_null(get(net, 11, 11));
	assert_ptr_equal(get(net, 1, 2), lease);
	assert_false(lease->away);
}

static void what_is_declined_stays_so_when_its_port_goes(void **state)
{
	struct net *net = *state;
	struct lease *lease = get(net, 1, 1);

	for (unsigned number = 2; number <= POOL; number++)
		get(net, number, number);
	lease_decline(net->guest->leases, lease, net->guest->now_us);
	leave(net, 1);
	assert_false(lease->away);
	pass(net, LEASE_DECLINE_US / SECOND_US - 1);
	assert_null(get(net, 11, 11));
	pass(net, 1);
	assert_ptr_equal(get(net, 11, 11), lease);
}

/* Nobody knows who is still there: as if all had left, in the order of the file. */
static void after_a_restart_all_are_away_until_they_are_heard_of(void **state)
{
	static const char *const lines[2][POOL] = {
		{"10.0.2.15 52:54:00:00:00:01 bound 2300 - 01525400000001",
		 "10.0.2.16 52:54:00:00:00:02 bound 2300 - 01525400000002",
		 "10.0.2.17 52:54:00:00:00:03 bound 2300 - 01525400000003",
		 "10.0.2.18 52:54:00:00:00:04 bound 2300 - 01525400000004"},
		{"fd00:2::100 52:54:00:00:00:01 bound 2300 - 01525400000001",
		 "fd00:2::101 52:54:00:00:00:02 bound 2300 - 01525400000002",
		 "fd00:2::102 52:54:00:00:00:03 bound 2300 - 01525400000003",
		 "fd00:2::103 52:54:00:00:00:04 bound 2300 - 01525400000004"},
	};
	struct net *net = *state;

	for (size_t i = 0; i < POOL; i++)
		assert_int_equal(lease_restore(net->guest->leases, lines[net->is6][i], net->guest->now_us, 1000), 0);
	lease_table_hear(net->guest->leases, guest_mac(4), 4);
	assert_null(get(net, 11, 11));
	pass(net, LEASE_RETURN_US / SECOND_US);
	for (unsigned number = 11; number <= 13; number++)
		assert_non_null(get(net, number, number));
	assert_null(get(net, 14, 14));
	assert_string_equal(net->told, "1! 2! 3! ");
}

#define both(test)                                            \
	{#test " (IPv4)", test, setup4, teardown, NULL},      \
	{                                                     \
#test " (IPv6)", test, setup6, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(who_comes_back_has_what_he_had),
		both(when_nothing_else_is_left_the_one_away_for_longest_goes_to_another),
		both(who_reconnects_within_half_a_minute_finds_nobody_at_his_address),
		both(who_is_heard_is_back_though_he_does_not_ask),
		both(what_moved_before_its_port_went_is_not_away),
		both(the_only_ports_guest_need_not_wait),
		both(what_a_port_was_offered_is_free_when_it_goes),
		both(what_is_away_is_in_nobodys_share),
		both(a_lease_that_runs_out_while_it_is_away_is_free),
		both(a_reservation_waits_for_its_machine_for_ever),
		both(what_is_declined_stays_so_when_its_port_goes),
		both(after_a_restart_all_are_away_until_they_are_heard_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
