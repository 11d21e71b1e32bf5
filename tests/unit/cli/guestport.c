/* SPDX-License-Identifier: MIT */
/* Which colon stands before a port. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "cli/guestport.h"

static void a_guest_and_its_port_are_told_apart(void **state)
{
	static const struct {
		const char *word, *guest;
		uint16_t port;
	} rows[] = {
		{"vm1", "vm1", 0},
		{"vm1:22", "vm1", 22},
		{"stream.1:65535", "stream.1", 65535},
		{"10.0.2.15", "10.0.2.15", 0},
		{"10.0.2.15:1", "10.0.2.15", 1},
		{"52:54:00:00:00:01", "52:54:00:00:00:01", 0},
		{"52:54:00:00:00:01:22", "52:54:00:00:00:01", 22},
		{"fd00::15", "fd00::15", 0},
		{"fd00::15:22", "fd00::15:22", 0},
		{"[fd00::15]", "fd00::15", 0},
		{"[fd00::15]:22", "fd00::15", 22},
		{"fd00:0:0:0:0:0:0:15:22", "fd00:0:0:0:0:0:0:15", 22},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char guest[GUESTPORT_GUEST_BYTES];
		struct error error = {0};
		uint16_t port = 7;

		if (guestport_parse(rows[i].word, guest, &port, &error) != 0)
			fail_msg("%s: %s", rows[i].word, error.text);
		assert_string_equal(guest, rows[i].guest);
		assert_int_equal(port, rows[i].port);
	}
}

static void what_is_no_port_is_refused(void **state)
{
	static const struct {
		const char *word, *says;
	} rows[] = {
		{"vm1:", "'' is no port"},
		{"vm1:ssh", "'ssh' is no port"},
		{"vm1:0", "'0' is no port"},
		{"vm1:65536", "'65536' is no port"},
		{"vm1:000022", "'000022' is no port"},
		{"vm1:+22", "'+22' is no port"},
		{"vm1:2 2", "'2 2' is no port"},
		{":22", "no guest's name"},
		{"", "no guest's name"},
		{"[]:22", "no guest's name"},
		{"[fd00::15", "[ADDRESS] or [ADDRESS]:PORT"},
		{"[fd00::15]22", "[ADDRESS] or [ADDRESS]:PORT"},
		{"[fd00::15]:", "'' is no port"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char guest[GUESTPORT_GUEST_BYTES];
		struct error error = {0};
		uint16_t port;

		if (guestport_parse(rows[i].word, guest, &port, &error) != -EINVAL)
			fail_msg("%s is taken", rows[i].word);
		if (!strstr(error.text, rows[i].says))
			fail_msg("%s: '%s' lacks '%s'", rows[i].word, error.text, rows[i].says);
	}
}

static void a_guest_longer_than_its_bound_is_refused(void **state)
{
	char word[GUESTPORT_GUEST_BYTES + 1], guest[GUESTPORT_GUEST_BYTES];
	uint16_t port;

	(void)state;
	memset(word, 'a', sizeof(word));
	word[GUESTPORT_GUEST_BYTES] = '\0';
	assert_int_equal(guestport_parse(word, guest, &port, NULL), -EINVAL);
	word[GUESTPORT_GUEST_BYTES - 1] = '\0';
	assert_int_equal(guestport_parse(word, guest, &port, NULL), 0);
	assert_string_equal(guest, word);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_and_its_port_are_told_apart),
		cmocka_unit_test(what_is_no_port_is_refused),
		cmocka_unit_test(a_guest_longer_than_its_bound_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
