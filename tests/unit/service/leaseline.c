/* SPDX-License-Identifier: MIT */
/* Leases as lines of the state file, there and back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "service/leaseline.h"
#include "unit/service/guest.h"

enum { WALL_S = 1700000000 };

static struct lease lease_of(enum lease_state state, uint64_t due_us)
{
	struct lease lease = {.state = state,
			      .due_us = due_us,
			      .ip4 = ip4_of("10.0.2.15"),
			      .mac = guest_mac(1),
			      .name = "vm1",
			      .client = {1, 0xab},
			      .client_bytes = 2};

	return lease;
}

static void each_state_has_its_line(void **state)
{
	static const struct {
		enum lease_state state;
		uint64_t due_us;
		const char *line;
	} rows[] = {
		{LEASE_BOUND, 60 * 1000000, "10.0.2.15 52:54:00:00:00:01 bound 1700000060 vm1 01ab"},
		{LEASE_BOUND, 60 * 1000000 - 1, "10.0.2.15 52:54:00:00:00:01 bound 1700000060 vm1 01ab"},
		{LEASE_BOUND, UINT64_MAX, "10.0.2.15 52:54:00:00:00:01 bound never vm1 01ab"},
		{LEASE_BOUND, 0, "10.0.2.15 52:54:00:00:00:01 free - vm1 01ab"},
		{LEASE_OFFERED, 60 * 1000000, "10.0.2.15 52:54:00:00:00:01 free - vm1 01ab"},
		{LEASE_FREE, UINT64_MAX, "10.0.2.15 52:54:00:00:00:01 free - vm1 01ab"},
		{LEASE_DECLINED, 60 * 1000000, "10.0.2.15 52:54:00:00:00:01 declined 1700000060 vm1 01ab"},
	};
	char text[LEASE_LINE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lease lease = lease_of(rows[i].state, rows[i].due_us);

		assert_int_equal(lease_format(&lease, 0, WALL_S, text, sizeof(text)), strlen(rows[i].line));
		assert_string_equal(text, rows[i].line);
	}
}

static void the_longest_line_fits_and_a_shorter_room_is_noticed(void **state)
{
	struct lease lease = lease_of(LEASE_BOUND, UINT64_MAX / 2), back;
	char text[LEASE_LINE_BYTES];
	size_t length;

	(void)state;
	lease.is6 = true;
	lease.ip6 = ip6_of("fd00:1111:2222:3333:4444:5555:6666:7777");
	memset(lease.name, 'a', LEASE_NAME_BYTES - 1);
	memset(lease.client, 0xff, sizeof(lease.client));
	lease.client_bytes = 255;
	length = lease_format(&lease, 0, WALL_S, text, sizeof(text));
	assert_true(length > 0);
	assert_int_equal(leaseline_parse(text, 0, WALL_S, LEASE_FOR_EVER_S, &back), 0);
	assert_memory_equal(back.client, lease.client, 255);
	assert_string_equal(back.name, lease.name);
	assert_int_equal(lease_format(&lease, 0, WALL_S, text, length), 0);
}

static void a_line_is_read_as_it_was_written(void **state)
{
	static const struct {
		const char *line;
		int result;
		enum lease_state state;
		uint64_t due_s;
	} rows[] = {
		{"10.0.2.15 52:54:00:00:00:01 bound 1700000060 vm1 01ab", 0, LEASE_BOUND, 60},
		{"10.0.2.15 52:54:00:00:00:01 bound 1700000000 vm1 01ab", 0, LEASE_FREE, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound 1 vm1 01ab", 0, LEASE_FREE, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound never vm1 01ab", 0, LEASE_BOUND, 3600},
		{"10.0.2.15 52:54:00:00:00:01 bound 1800000000 vm1 01ab", 0, LEASE_BOUND, 3600}, /* a clock set back */
		{"10.0.2.15 52:54:00:00:00:01 bound 999999999999999999 vm1 01ab", 0, LEASE_BOUND, 3600},
		{"10.0.2.15 52:54:00:00:00:01 declined 1700000060 - -", 0, LEASE_DECLINED, 60},
		{"10.0.2.15 52:54:00:00:00:01 free - - -", 0, LEASE_FREE, 0},
		{"", -EINVAL, 0, 0},
		{" ", -EINVAL, 0, 0},
		{"10.0.2.15", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 free - -", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 free - - - -", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 free - - ", -EINVAL, 0, 0},
		{"10.0.2.15  52:54:00:00:00:01 free - - -", -EINVAL, 0, 0},
		{"10.0.2.256 52:54:00:00:00:01 free - - -", -EINVAL, 0, 0},
		{"fd00::g 52:54:00:00:00:01 free - - -", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00 free - - -", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 gone - - -", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 free 1700000060 - -", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound - - 01", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound 17x - 01", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound 9999999999999999999 - 01", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound 1700000060 - -", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound 1700000060 - 1", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 bound 1700000060 - 0G", -EINVAL, 0, 0},
		{"10.0.2.15 52:54:00:00:00:01 free - "
		 "0123456789012345678901234567890123456789012345678901234567890123 01",
		 -EINVAL, 0, 0},
	};
	enum { NOW_US = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t due_us = rows[i].state == LEASE_FREE ? UINT64_MAX : NOW_US + rows[i].due_s * 1000000;
		struct lease lease;

		assert_int_equal(leaseline_parse(rows[i].line, NOW_US, WALL_S, 3600, &lease), rows[i].result);
		if (rows[i].result < 0)
			continue;
		assert_int_equal(lease.state, rows[i].state);
		assert_int_equal(lease.due_us, due_us);
	}
}

static void for_ever_stays_for_ever_where_leases_are_for_ever(void **state)
{
	struct lease lease;

	(void)state;
	assert_int_equal(leaseline_parse("10.0.2.15 52:54:00:00:00:01 bound never - 01", 0, WALL_S, LEASE_FOR_EVER_S,
					 &lease),
			 0);
	assert_int_equal(lease.due_us, UINT64_MAX);
}

static void a_line_longer_than_any_is_refused(void **state)
{
	char text[2000];
	struct lease lease;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(leaseline_parse(text, 0, WALL_S, 3600, &lease), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_its_line),
		cmocka_unit_test(the_longest_line_fits_and_a_shorter_room_is_noticed),
		cmocka_unit_test(a_line_is_read_as_it_was_written),
		cmocka_unit_test(for_ever_stays_for_ever_where_leases_are_for_ever),
		cmocka_unit_test(a_line_longer_than_any_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
