/* SPDX-License-Identifier: MIT */
/* pasta's words for ports: what they mean, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "daemon/portspec.h"

static const char *const kinds[] = {
	[PORTSPEC_NONE] = "none", [PORTSPEC_AUTO] = "auto", [PORTSPEC_ALL] = "all", [PORTSPEC_PORTS] = "ports"};

/* "ports 127.0.0.1 %eth0 22-80>32 !25" */
static void describe(const struct portspec *spec, char *text, size_t room)
{
	size_t at = (size_t)snprintf(text, room, "%s", kinds[spec->kind]);

	if (spec->address[0])
		at += (size_t)snprintf(text + at, room - at, " %s%s", spec->address, spec->is6 ? "(6)" : "");
	if (spec->ifname[0])
		at += (size_t)snprintf(text + at, room - at, " %%%s", spec->ifname);
	for (size_t i = 0; i < spec->count; i++)
		at += (size_t)snprintf(text + at, room - at, " %u-%u>%u", spec->ranges[i].first, spec->ranges[i].last,
				       spec->ranges[i].to);
	for (unsigned port = 1; spec->kind != PORTSPEC_PORTS && port <= UINT16_MAX; port++) {
		if (procfile_has(&spec->excluded, (uint16_t)port))
			at += (size_t)snprintf(text + at, room - at, " !%u", port);
	}
}

static void words_are_read(void **state)
{
	static const struct {
		const char *text, *meaning;
	} rows[] = {
		{"none", "none"},
		{"auto", "auto"},
		{"all", "all"},
		{"22", "ports 22-22>22"},
		{"1", "ports 1-1>1"},
		{"65535", "ports 65535-65535>65535"},
		{"22:23", "ports 22-22>23"},
		{"22,25", "ports 22-22>22 25-25>25"},
		{"22-80", "ports 22-80>22"},
		{"22-80:32-90", "ports 22-80>32"},
		{"192.0.2.1/22", "ports 192.0.2.1 22-22>22"},
		{"192.0.2.1%eth0/22", "ports 192.0.2.1 %eth0 22-22>22"},
		{"%eth0/22", "ports %eth0 22-22>22"},
		{"::1/22", "ports ::1(6) 22-22>22"},
		{"[::1]/22,25:26", "ports ::1(6) 22-22>22 25-25>26"},
		{"127.0.0.1/auto", "auto 127.0.0.1"},
		{"2000-5000,~3000-3010", "ports 2000-2999>2000 3011-5000>3011"},
		{"~3000-3010,2000-5000", "ports 2000-2999>2000 3011-5000>3011"},
		{"192.0.2.1/20-30,~25", "ports 192.0.2.1 20-24>20 26-30>26"},
		{"20-30:120-130,~20,~30", "ports 21-29>121"},
		{"22,~22", "ports"},
		{"65530-65535,~65535", "ports 65530-65534>65530"},
		{"~25", "all !25"},
		{"all,~25-26", "all !25 !26"},
		{"auto,~25", "auto !25"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		struct portspec spec;

		if (portspec_parse("-t", rows[i].text, &spec, &error) < 0)
			fail_msg("'%s': %s", rows[i].text, error.text);
		describe(&spec, text, sizeof(text));
		if (strcmp(text, rows[i].meaning) != 0)
			fail_msg("'%s': %s instead of %s", rows[i].text, text, rows[i].meaning);
	}
}

static void nonsense_is_refused_with_the_words(void **state)
{
	static const char *const rows[] = {
		"",
		",",
		"22,",
		",22",
		"0",
		"65536",
		"99999999999999999999",
		"22-",
		"-22",
		"22--80",
		"22-80-90",
		"80-22",
		"22:",
		":22",
		"22:0",
		"22-80:32-91",
		"22-80:32",
		"22:23:24",
		"a",
		"22a",
		" 22",
		"22 ",
		"+22",
		"none,22",
		"22,auto",
		"all,auto",
		"autos",
		"~",
		"~0",
		"~80-22",
		"~22:23",
		"/22",
		"%/22",
		"host/22",
		"192.0.2/22",
		"192.0.2.1/",
		"192.0.2.1%/22",
		"192.0.2.1%interface-too-long/22",
		"[::1/22",
		"::1]/22",
		"[]/22",
		"1.2.3.4/5/6",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		struct portspec spec;

		if (portspec_parse("-t", rows[i], &spec, &error) != -EINVAL)
			fail_msg("'%s' was taken", rows[i]);
		assert_non_null(strstr(error.text, "-t "));
		assert_non_null(strstr(error.text, rows[i]));
	}
}

static void more_ranges_than_there_is_room_for_are_refused(void **state)
{
	char text[1024] = "1";
	size_t at = 1;
	struct error error;
	struct portspec spec;

	(void)state;
	for (int i = 1; i < PORTSPEC_RANGES_MAX; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, ",%d", 1 + 2 * i);
	assert_int_equal(portspec_parse("-T", text, &spec, &error), 0);
	assert_int_equal(spec.count, PORTSPEC_RANGES_MAX);
	snprintf(text + at, sizeof(text) - at, ",1000");
	assert_int_equal(portspec_parse("-T", text, &spec, &error), -EINVAL);
	/* what is cut counts, too */
	at = (size_t)snprintf(text, sizeof(text), "1-1000");
	for (int i = 0; i < PORTSPEC_RANGES_MAX; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, ",~%d", 2 + 2 * i);
	assert_int_equal(portspec_parse("-T", text, &spec, &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read),
		cmocka_unit_test(nonsense_is_refused_with_the_words),
		cmocka_unit_test(more_ranges_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
