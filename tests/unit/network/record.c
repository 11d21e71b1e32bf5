/* SPDX-License-Identifier: MIT */
/* What is remembered of a guest by its address: through the table itself, and through ports that come and go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "network/record.h"
#include "unit/network/kit.h"

static struct mac mac_of(unsigned number)
{
	return (struct mac){{2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number}};
}

static void visit(struct record_table *table, unsigned number, uint64_t frames)
{
	static const struct port_ops ops;
	struct port port;

	port_init(&port, &ops, "vm");
	record_join(table, &port, NULL);
	record_hear(table, &port, mac_of(number));
	port.counters.from_guest.frames += frames;
	record_leave(table, &port);
	assert_null(port.owner);
}

static uint64_t frames_of(struct record_table *table, unsigned number, bool *ret_returned)
{
	static const struct port_ops ops;
	struct port port;
	uint64_t frames;

	port_init(&port, &ops, "vm");
	record_join(table, &port, NULL);
	*ret_returned = record_hear(table, &port, mac_of(number));
	frames = port.counters.from_guest.frames;
	record_leave(table, &port);
	return frames;
}

static void counters_come_back_with_the_address(void **state)
{
	struct record_table table;
	bool returned;

	(void)state;
	assert_int_equal(record_table_init(&table), 0);
	visit(&table, 1, 10);
	visit(&table, 2, 20);
	visit(&table, 1, 5);
	assert_int_equal(frames_of(&table, 1, &returned), 15);
	assert_true(returned);
	assert_int_equal(frames_of(&table, 2, &returned), 20);
	assert_true(returned);
	assert_int_equal(frames_of(&table, 3, &returned), 0);
	assert_false(returned);
	record_table_done(&table);
}

static void the_one_away_for_longest_is_forgotten_first(void **state)
{
	struct record_table table;
	bool returned;

	(void)state;
	assert_int_equal(record_table_init(&table), 0);
	/* one record is left for the port that is there */
	for (unsigned i = 0; i < RECORDS_MAX - 1; i++)
		visit(&table, i, 1);
	visit(&table, 0, 1);
	visit(&table, RECORDS_MAX, 1);
	visit(&table, RECORDS_MAX + 1, 1);
	assert_int_equal(frames_of(&table, 0, &returned), 2);
	assert_true(returned);
	frames_of(&table, 1, &returned);
	assert_false(returned);
	record_table_done(&table);
}

static void a_port_that_was_never_heard_leaves_nothing(void **state)
{
	static const struct port_ops ops;
	struct record_table table;
	struct port port;

	(void)state;
	assert_int_equal(record_table_init(&table), 0);
	for (unsigned i = 0; i < 3 * RECORDS_MAX; i++) {
		port_init(&port, &ops, "vm");
		record_join(&table, &port, NULL);
		assert_non_null(port.owner);
		record_leave(&table, &port);
	}
	assert_int_equal(table.pool.taken, 0);
	record_table_done(&table);
}

static void what_is_known_of_a_guest_moves_with_its_address(void **state)
{
	static const struct port_ops ops;
	struct record_table table;
	struct port from, to;

	(void)state;
	assert_int_equal(record_table_init(&table), 0);
	port_init(&from, &ops, "vm");
	port_init(&to, &ops, "vm");
	record_join(&table, &from, NULL);
	record_join(&table, &to, NULL);
	record_hear(&table, &from, mac_of(1));
	((struct record *)from.owner)->ip4 = (struct ip4){{10, 0, 2, 15}};
	record_hear(&table, &to, mac_of(1));
	record_move(&from, &to);
	assert_true(ip4_equal(((struct record *)to.owner)->ip4, (struct ip4){{10, 0, 2, 15}}));
	record_leave(&table, &from);
	record_move(&from, &to);
	record_leave(&table, &to);
	record_table_done(&table);
}

static void more_guests_than_records_go_without(void **state)
{
	static const struct port_ops ops;
	static struct port ports[RECORDS_MAX + 1];
	struct record_table table;

	(void)state;
	assert_int_equal(record_table_init(&table), 0);
	for (unsigned i = 0; i <= RECORDS_MAX; i++) {
		port_init(&ports[i], &ops, "vm");
		record_join(&table, &ports[i], NULL);
	}
	assert_null(ports[RECORDS_MAX].owner);
	assert_false(record_hear(&table, &ports[RECORDS_MAX], mac_of(1)));
	for (unsigned i = 0; i <= RECORDS_MAX; i++)
		record_leave(&table, &ports[i]);
	record_table_done(&table);
}

static void a_guest_that_reconnects_gets_its_counters_drops_and_lease_back(void **state)
{
	struct kit kit;
	struct kit_guest guest, other;
	struct gw_counters before, after;
	struct ip4 address;
	uint8_t bytes[64];

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&other, &kit, 9);
	kit_guest_new(&guest, &kit, 1);
	address = kit_guest_lease(&guest);
	kit_guest_send(&guest, bytes, 10);
	before = kit_port(&kit, "vm1").info.counters;
	assert_int_equal(kit_drops(&kit, "vm1", "frame-short"), 1);
	gw_port_free(guest.port);
	assert_string_equal(kit_event(&kit, GW_EVENT_GUEST_LEFT)->text, "vm1: left (freed)");

	kit_guest_join(&guest, "again", NULL);
	assert_int_equal(kit_port(&kit, "again").info.counters.from_guest_frames, 0);
	assert_true(ip4_equal(kit_guest_lease(&guest), address));
	after = kit_port(&kit, "again").info.counters;
	assert_int_equal(after.from_guest_frames, before.from_guest_frames + 2);
	assert_int_equal(after.to_guest_frames, before.to_guest_frames + 2);
	assert_true(after.from_guest_bytes > before.from_guest_bytes);
	assert_int_equal(kit_drops(&kit, "again", "frame-short"), 1);
	assert_non_null(strstr(kit_event(&kit, GW_EVENT_ADDRESS)->text, "again: 52:54:00:00:00:01 is back"));
	/* it is not the first drop of this guest */
	kit_guest_send(&guest, bytes, 10);
	assert_int_equal(kit_drops(&kit, "again", "frame-short"), 2);
	assert_int_equal(kit_count(&kit, GW_EVENT_FIRST_DROP), 1);
	kit_done(&kit);
	kit_guest_forget(&guest);
	kit_guest_forget(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_come_back_with_the_address),
		cmocka_unit_test(the_one_away_for_longest_is_forgotten_first),
		cmocka_unit_test(a_port_that_was_never_heard_leaves_nothing),
		cmocka_unit_test(what_is_known_of_a_guest_moves_with_its_address),
		cmocka_unit_test(more_guests_than_records_go_without),
		cmocka_unit_test(a_guest_that_reconnects_gets_its_counters_drops_and_lease_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
