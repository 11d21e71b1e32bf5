/* SPDX-License-Identifier: MIT */
/* The lease book where lease.c's tests do not reach: the ends of the numbers, the chains, what is a label. */
#include "service/book_entry.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "unit/service/guest.h"

struct fixture {
	struct service_config config;
	struct book book;
	struct lease_counters counters;
};

static struct fixture *fixture_new(bool is6, const char *first, const char *last)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		abort();
	fixture->config = guest_config();
	if (is6) {
		fixture->config.dhcp6_first = ip6_of(first);
		fixture->config.dhcp6_last = ip6_of(last);
	} else {
		fixture->config.dhcp4_first = ip4_of(first);
		fixture->config.dhcp4_last = ip4_of(last);
	}
	assert_int_equal(book_init(&fixture->book, &fixture->config, is6, &fixture->counters), 0);
	return fixture;
}

static void fixture_free(struct fixture *fixture)
{
	book_done(&fixture->book);
	free(fixture);
}

static struct lease_client client_of(unsigned mac, uint8_t id)
{
	return (struct lease_client){.mac = guest_mac(mac), .id = {9, id}, .id_bytes = 2};
}

static struct lease *offer(struct fixture *fixture, unsigned mac, uint8_t id)
{
	struct lease_client client = client_of(mac, id);

	return book_offer(&fixture->book, &client, 0, 1000);
}

static void a_pool_that_ends_where_the_numbers_end_has_an_end(void **state)
{
	struct fixture *fixture = fixture_new(true, "fd00:2::ffff:ffff:ffff:fffe", "fd00:2::ffff:ffff:ffff:ffff");
	struct lease *lease;

	(void)state;
	assert_non_null(offer(fixture, 1, 1));
	lease = offer(fixture, 2, 2);
	assert_non_null(lease);
	assert_true(ip6_equal(lease->ip6, ip6_of("fd00:2::ffff:ffff:ffff:ffff")));
	assert_int_equal(book_entry_of(lease)->number, UINT64_MAX);
	assert_null(offer(fixture, 3, 3));
	fixture_free(fixture);
}

static void a_macs_entries_are_all_found_and_no_others(void **state)
{
	struct fixture *fixture = fixture_new(false, "10.0.2.10", "10.0.2.200");
	const struct book_entry *entry = NULL;
	unsigned count = 0;

	(void)state;
	for (unsigned mac = 1; mac <= 20; mac++)
		for (uint8_t id = 0; id < mac % 5; id++)
			assert_non_null(offer(fixture, mac, id));
	for (unsigned mac = 1; mac <= 20; mac++) {
		count = 0;
		while ((entry = book_next_of_mac(&fixture->book, guest_mac(mac), entry))) {
			assert_true(mac_equal(entry->lease.mac, guest_mac(mac)));
			count++;
		}
		assert_int_equal(count, mac % 5);
	}
	fixture_free(fixture);
}

static void a_mac_is_full_by_what_it_holds_and_no_longer(void **state)
{
	struct fixture *fixture = fixture_new(false, "10.0.2.10", "10.0.2.200");
	struct lease *last = NULL;

	(void)state;
	for (uint8_t id = 0; id < LEASES_PER_MAC; id++) {
		assert_false(book_mac_is_full(&fixture->book, guest_mac(1)));
		last = offer(fixture, 1, id);
	}
	assert_true(book_mac_is_full(&fixture->book, guest_mac(1)));
	assert_false(book_mac_is_full(&fixture->book, guest_mac(2)));
	book_entry_set_free(book_entry_of(last));
	assert_false(book_mac_is_full(&fixture->book, guest_mac(1)));
	/* Its next identifier has the free one's place. */
	assert_ptr_equal(offer(fixture, 1, 100), last);
	assert_null(offer(fixture, 1, LEASES_PER_MAC - 1));
	fixture_free(fixture);
}

/* dhcp-host= is the person's word: it stands however much its MAC holds. */
static void a_reservation_is_given_to_a_full_mac(void **state)
{
	struct fixture *fixture = fixture_new(false, "10.0.2.10", "10.0.2.200");
	struct lease *lease;

	(void)state;
	for (uint8_t id = 0; id < LEASES_PER_MAC; id++)
		offer(fixture, 1, id);
	assert_int_equal(book_reserve(&fixture->book, guest_mac(1), ip4_value(ip4_of("10.0.2.77")), NULL), 0);
	lease = offer(fixture, 1, 50);
	assert_non_null(lease);
	assert_true(ip4_equal(lease->ip4, ip4_of("10.0.2.77")));
	fixture_free(fixture);
}

static void assert_quota_agrees(const struct book *book, uint64_t places)
{
	uint32_t held = 0, lent = 0, at_places = 0;

	for (uint16_t i = 0; i < book->used; i++) {
		const struct lease *lease = &book->entries[i].lease;
		bool counts = lease->state != LEASE_FREE && !lease->reserved && !lease->away;

		held += counts;
		lent += counts && lease->lent;
	}
	for (uint64_t place = 0; place <= places; place++)
		at_places += quota_held(&book->quota, place);
	assert_int_equal(book->quota.held, held);
	assert_int_equal(book->quota.lent, lent);
	assert_int_equal(at_places, held);
	assert_true(held <= book->quota.most);
}

/* Its list has what is away, but for reservations, and the one away for longest first. */
static void assert_away_agrees(const struct book *book)
{
	uint64_t since_us = 0;
	unsigned listed = 0, away = 0;

	for (uint16_t i = 0; i < book->used; i++) {
		const struct lease *lease = &book->entries[i].lease;

		assert_true(!lease->away || (lease->state == LEASE_BOUND && lease->place == 0 && !lease->lent));
		away += lease->away && !lease->reserved;
	}
	list_for_each (at, &book->away) {
		const struct lease *lease = &container_of(at, struct book_entry, spare)->lease;

		assert_true(lease->away && !lease->reserved && lease->away_us >= since_us);
		since_us = lease->away_us;
		listed++;
	}
	assert_int_equal(listed, away);
}

/* Whatever clients do, and wherever they do it. */
static void what_ports_hold_is_what_is_neither_free_nor_away(void **state)
{
	enum { PLACES = 4, TURNS = 20000 };
	struct fixture *fixture = fixture_new(false, "10.0.2.10", "10.0.2.40");
	struct book *book = &fixture->book;
	struct random random;
	uint64_t now_us = 1000;
	unsigned given = 0;

	(void)state;
	random_init(&random, 7);
	for (unsigned mac = 90; mac < 93; mac++)
		assert_int_equal(book_reserve(book, guest_mac(mac), 0x0a000200 + (mac == 90 ? 200 : mac - 70), NULL),
				 0);
	for (int i = 0; i < TURNS; i++) {
		struct lease_client client =
			client_of(random_below(&random, 10) ? random_below(&random, 60) : 90 + random_below(&random, 3),
				  1);
		struct lease *lease;

		client.origin.place = random_below(&random, PLACES + 1);
		client.origin.alone = random_below(&random, 2);
		now_us += random_below(&random, 2 * 1000 * 1000);
		timers_run(&book->timers, now_us);
		lease = random_below(&random, 4)
				? book_offer(book, &client, 0, now_us)
				: book_claim(book, &client, 0x0a000200 + random_below(&random, 50), now_us);
		if (lease) {
			given++;
			switch (random_below(&random, 6)) {
			case 0:
				book_entry_set_free(book_entry_of(lease));
				break;
			case 1:
				book_entry_forget_client(book_entry_of(lease));
				book_entry_set(book_entry_of(lease), LEASE_DECLINED, now_us + 20 * 1000 * 1000);
				break;
			case 2:
				break;
			default:
				book_entry_set(book_entry_of(lease), LEASE_BOUND, now_us + 200 * 1000 * 1000);
			}
		}
		if (random_below(&random, 50) == 0)
			book_leave(book, 1 + random_below(&random, PLACES), now_us);
		if (random_below(&random, 20) == 0)
			book_hear(book, guest_mac(random_below(&random, 60)), 1 + random_below(&random, PLACES));
		if (random_below(&random, 5000) == 0)
			book_restart(book);
		assert_quota_agrees(book, PLACES);
		assert_away_agrees(book);
	}
	assert_in_range(fixture->counters.leases_given_up, 10, TURNS);
	assert_in_range(fixture->counters.leases_returned, 10, TURNS);
	assert_in_range(given, TURNS / 4, TURNS - TURNS / 8); /* many are, many are refused */
	fixture_free(fixture);
}

static void a_label_is_letters_digits_and_hyphens_within(void **state)
{
	static const struct {
		const char *name;
		size_t bytes;
	} rows[] = {
		{"vm1", 3},  {"vm1.lab.example", 3},
		{"A-b", 3},  {"", 0},
		{".", 0},    {"-a", 0},
		{"a-", 0},   {"a-.b", 0},
		{"a_b", 0},  {"a b", 0},
		{"\xc3", 0}, {"123456789012345678901234567890123456789012345678901234567890123", 63},
		{"a\nb", 0}, {"1234567890123456789012345678901234567890123456789012345678901234", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (book_label_bytes(rows[i].name, strlen(rows[i].name)) != rows[i].bytes)
			fail_msg("'%s'", rows[i].name);
	/* Not beyond what is there. */
	assert_int_equal(book_label_bytes("abcdef", 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_that_ends_where_the_numbers_end_has_an_end),
		cmocka_unit_test(a_macs_entries_are_all_found_and_no_others),
		cmocka_unit_test(a_mac_is_full_by_what_it_holds_and_no_longer),
		cmocka_unit_test(a_reservation_is_given_to_a_full_mac),
		cmocka_unit_test(what_ports_hold_is_what_is_neither_free_nor_away),
		cmocka_unit_test(a_label_is_letters_digits_and_hyphens_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
