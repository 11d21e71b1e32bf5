/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "fabric/mactable.h"

enum { SECOND = 1000 * 1000 };

static const struct port_ops ops;
static struct mactable table;
static struct port a, b, c;
static struct mactable_news news;

static int start(void **state)
{
	(void)state;
	assert_int_equal(mactable_init(&table, &(struct hash_key){{3, 4}}, false), 0);
	port_init(&a, &ops, "a");
	port_init(&b, &ops, "b");
	port_init(&c, &ops, "c");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	mactable_done(&table);
	return 0;
}

static enum drop_reason hear(struct port *port, uint64_t mac, uint64_t now_us)
{
	news = (struct mactable_news){0};
	return mactable_hear(&table, port, mac, 0, now_us, &news);
}

static void an_address_is_learnt_per_vlan_and_ages(void **state)
{
	(void)state;
	assert_int_equal(hear(&a, 1, 0), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_LEARNED);
	assert_int_equal(hear(&a, 1, 5), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_NOTHING);
	assert_ptr_equal(mactable_find(&table, 1, 0, 5), &a);
	assert_null(mactable_find(&table, 1, 7, 5));
	assert_int_equal(mactable_hear(&table, &b, 1, 7, 5, &news), DROP_NONE);
	assert_ptr_equal(mactable_find(&table, 1, 7, 5), &b);
	assert_ptr_equal(mactable_find(&table, 1, 0, ETHSWITCH_AGE_US), &a);
	assert_null(mactable_find(&table, 1, 0, ETHSWITCH_AGE_US + 5));
	assert_int_equal(hear(&a, 1, ETHSWITCH_AGE_US + 6), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_LEARNED); /* back after ageing */
	assert_int_equal(a.learned, 1);
}

static void an_aged_address_is_anybodys(void **state)
{
	(void)state;
	hear(&a, 1, 0);
	assert_int_equal(hear(&b, 1, ETHSWITCH_AGE_US), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_LEARNED);
	assert_ptr_equal(news.first, &b);
	assert_true(a.learned == 0 && b.learned == 1);
}

static void the_second_guest_with_an_address_is_refused_and_told_once(void **state)
{
	(void)state;
	hear(&a, 1, SECOND);
	assert_int_equal(hear(&b, 1, SECOND + 10), DROP_SOURCE_CONFLICT);
	assert_int_equal(news.event, MACTABLE_CLAIMED); /* heard just now, but before: it may have moved */
	assert_int_equal(hear(&a, 1, SECOND + 15), DROP_NONE);
	assert_true(news.event == MACTABLE_CONFLICT && news.first == &a && news.second == &b);
	assert_int_equal(hear(&b, 1, SECOND + 20), DROP_SOURCE_CONFLICT);
	assert_int_equal(news.event, MACTABLE_NOTHING);
	assert_int_equal(hear(&c, 1, SECOND + 30), DROP_SOURCE_CONFLICT); /* a third is told of, too */
	assert_true(news.event == MACTABLE_CLAIMED && news.second == &c);
	assert_int_equal(hear(&a, 1, SECOND + 35), DROP_NONE);
	assert_true(news.event == MACTABLE_CONFLICT && news.second == &c);
	for (uint64_t now = SECOND + SECOND / 2; now < 100 * SECOND; now += SECOND / 2) {
		assert_int_equal(hear(&a, 1, now), DROP_NONE);
		assert_int_equal(hear(&b, 1, now + 1), DROP_SOURCE_CONFLICT);
		assert_int_equal(news.event, MACTABLE_NOTHING);
	}
	assert_ptr_equal(mactable_find(&table, 1, 0, 100 * SECOND), &a);
}

static void an_owner_that_answers_the_claim_keeps_its_address(void **state)
{
	(void)state;
	hear(&a, 1, SECOND);
	assert_int_equal(hear(&b, 1, 10 * SECOND), DROP_SOURCE_CONFLICT);
	assert_true(news.event == MACTABLE_CLAIMED && news.first == &a && news.second == &b);
	assert_int_equal(hear(&b, 1, 10 * SECOND + 5), DROP_SOURCE_CONFLICT);
	assert_int_equal(news.event, MACTABLE_NOTHING);
	assert_int_equal(hear(&a, 1, 10 * SECOND + 9), DROP_NONE); /* the sign of life is the conflict */
	assert_true(news.event == MACTABLE_CONFLICT && news.first == &a && news.second == &b);
	assert_int_equal(hear(&b, 1, 11 * SECOND + 4), DROP_SOURCE_CONFLICT);
	assert_int_equal(news.event, MACTABLE_NOTHING);
	assert_int_equal(table.claims, 0);
}

/* The far side of a loop, and a guest that lies: every frame has another's address. */
static void of_a_port_with_many_conflicts_two_are_told_and_each_owner_is_asked_once_a_second(void **state)
{
	unsigned told = 0, asked = 0;

	(void)state;
	for (unsigned mac = 1; mac <= 5; mac++)
		hear(&a, mac, 9 * SECOND);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned mac = 1; mac <= 5; mac++) {
			assert_int_equal(hear(&b, mac, 10 * SECOND + round * 10), DROP_SOURCE_CONFLICT);
			asked += news.event == MACTABLE_CLAIMED;
			told += news.event == MACTABLE_CONFLICT;
			hear(&a, mac, 10 * SECOND + round * 10 + 1);
			told += news.event == MACTABLE_CONFLICT;
		}
	}
	assert_int_equal(asked, 5);
	assert_int_equal(told, 2);
	assert_int_equal(b.told, 2);
	hear(&b, 1, 10 * SECOND + ETHSWITCH_AGE_US);
	hear(&a, 1, 10 * SECOND + ETHSWITCH_AGE_US + 1);
	assert_int_equal(news.event, MACTABLE_CONFLICT); /* and told again when that is long ago */
	assert_int_equal(b.told, 1);
}

static void a_silent_owner_loses_its_address_after_the_claim(void **state)
{
	(void)state;
	hear(&a, 1, SECOND);
	assert_int_equal(hear(&b, 1, 10 * SECOND), DROP_SOURCE_CONFLICT);
	assert_int_equal(hear(&b, 1, 11 * SECOND - 1), DROP_SOURCE_CONFLICT);
	assert_int_equal(hear(&b, 1, 11 * SECOND), DROP_NONE);
	assert_true(news.event == MACTABLE_LEARNED && news.first == &b);
	assert_ptr_equal(mactable_find(&table, 1, 0, 11 * SECOND), &b);
	assert_true(a.learned == 0 && b.learned == 1);
}

static void an_owner_that_falls_silent_in_a_conflict_is_asked_again(void **state)
{
	(void)state;
	hear(&a, 1, SECOND);
	hear(&b, 1, SECOND + 1);
	hear(&a, 1, SECOND + 2);
	assert_int_equal(news.event, MACTABLE_CONFLICT);
	assert_int_equal(hear(&b, 1, 5 * SECOND), DROP_SOURCE_CONFLICT);
	assert_int_equal(news.event, MACTABLE_CLAIMED);
	assert_int_equal(hear(&b, 1, 6 * SECOND), DROP_NONE);
	assert_true(mac_is_zero(b.conflict));
}

static void a_gone_owner_is_followed_at_once(void **state)
{
	(void)state;
	hear(&a, 1, SECOND);
	hear(&a, 2, SECOND);
	mactable_forget(&table, &a);
	assert_int_equal(a.learned, 0);
	assert_int_equal(hear(&b, 1, SECOND + 1), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_LEARNED);
	assert_null(mactable_find(&table, 2, 0, SECOND + 1));
}

static void a_claimant_that_goes_is_not_remembered(void **state)
{
	(void)state;
	hear(&a, 1, SECOND);
	hear(&b, 1, 10 * SECOND);
	assert_int_equal(table.claims, 1);
	mactable_forget(&table, &b);
	assert_int_equal(table.claims, 0);
	assert_int_equal(hear(&a, 1, 10 * SECOND + 1), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_NOTHING);
}

static void with_mac_move_addresses_move_at_once_until_they_flap(void **state)
{
	(void)state;
	table.mac_move = true;
	hear(&a, 1, 5 * SECOND);
	for (int i = 0; i < ETHSWITCH_MOVES_MAX; i++) {
		assert_int_equal(hear(i % 2 ? &a : &b, 1, 5 * SECOND + (uint64_t)i), DROP_NONE);
		assert_int_equal(news.event, MACTABLE_LEARNED);
	}
	assert_int_equal(hear(&b, 1, 5 * SECOND + 100), DROP_SOURCE_FLAPPING);
	assert_int_equal(hear(&a, 1, 5 * SECOND + 101), DROP_NONE);
	assert_int_equal(hear(&b, 1, 6 * SECOND), DROP_NONE);
}

static void an_uplink_takes_an_address_at_once_and_loses_it_by_a_claim(void **state)
{
	(void)state;
	b.uplink = true;
	hear(&a, 1, 5 * SECOND);
	assert_int_equal(hear(&b, 1, 5 * SECOND), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_LEARNED);
	assert_int_equal(hear(&a, 1, 5 * SECOND), DROP_SOURCE_CONFLICT);
	assert_int_equal(hear(&a, 1, 6 * SECOND - 1), DROP_SOURCE_CONFLICT);
	assert_int_equal(hear(&a, 1, 6 * SECOND), DROP_NONE);
}

static void a_port_locked_to_an_address_takes_it_and_keeps_it(void **state)
{
	(void)state;
	b.locked = true;
	table.mac_move = true;
	hear(&a, 1, 5 * SECOND);
	assert_int_equal(hear(&b, 1, 5 * SECOND), DROP_NONE);
	assert_int_equal(hear(&a, 1, 5 * SECOND), DROP_SOURCE_CONFLICT);
}

static void a_port_has_at_most_its_share_of_addresses(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= ETHSWITCH_ADDRESSES_PER_PORT + 100; i++)
		assert_int_equal(hear(&a, i, SECOND), DROP_NONE);
	assert_int_equal(news.event, MACTABLE_NOTHING);
	assert_int_equal(a.learned, ETHSWITCH_ADDRESSES_PER_PORT);
	assert_null(mactable_find(&table, ETHSWITCH_ADDRESSES_PER_PORT + 1, 0, SECOND));
	/* those that are too old make room */
	for (uint64_t i = 0; i < 200; i++)
		hear(&a, 100000 + i, SECOND + ETHSWITCH_AGE_US);
	assert_ptr_equal(mactable_find(&table, 100199, 0, SECOND + ETHSWITCH_AGE_US), &a);
	assert_true(a.learned <= ETHSWITCH_ADDRESSES_PER_PORT);
}

static void count_address(void *owner, struct mac mac, uint16_t vlan, struct port *port, uint64_t heard_us)
{
	(void)mac;
	(void)vlan;
	(void)port;
	(void)heard_us;
	++*(unsigned *)owner;
}

static void in_a_full_table_a_new_guest_takes_the_place_of_a_hog(void **state)
{
	struct port hogs[4];
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		port_init(&hogs[i], &ops, "hog");
		for (uint64_t j = 0; j < ETHSWITCH_ADDRESSES_PER_PORT; j++)
			hear(&hogs[i], i * 100000 + j + 1, SECOND);
	}
	mactable_each(&table, SECOND, count_address, &count);
	assert_int_equal(count, ETHSWITCH_ADDRESSES_MAX);
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(hear(&a, 900000 + i, SECOND), DROP_NONE);
		assert_ptr_equal(mactable_find(&table, 900000 + i, 0, SECOND), &a);
	}
	assert_int_equal(a.learned, 100);
	for (unsigned i = 0; i < 4; i++)
		mactable_forget(&table, &hogs[i]);
	count = 0;
	mactable_each(&table, SECOND, count_address, &count);
	assert_int_equal(count, 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
	const struct CMUnitTest tests[] = {
		TEST(an_address_is_learnt_per_vlan_and_ages),
		TEST(an_aged_address_is_anybodys),
		TEST(the_second_guest_with_an_address_is_refused_and_told_once),
		TEST(an_owner_that_answers_the_claim_keeps_its_address),
		TEST(of_a_port_with_many_conflicts_two_are_told_and_each_owner_is_asked_once_a_second),
		TEST(a_silent_owner_loses_its_address_after_the_claim),
		TEST(an_owner_that_falls_silent_in_a_conflict_is_asked_again),
		TEST(a_gone_owner_is_followed_at_once),
		TEST(a_claimant_that_goes_is_not_remembered),
		TEST(with_mac_move_addresses_move_at_once_until_they_flap),
		TEST(an_uplink_takes_an_address_at_once_and_loses_it_by_a_claim),
		TEST(a_port_locked_to_an_address_takes_it_and_keeps_it),
		TEST(a_port_has_at_most_its_share_of_addresses),
		TEST(in_a_full_table_a_new_guest_takes_the_place_of_a_hog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
