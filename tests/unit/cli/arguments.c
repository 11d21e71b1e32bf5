/* SPDX-License-Identifier: MIT */
/* Words of a command line: each row is what was typed and what it is taken for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/arguments.h"

static const struct argument options[] = {{"uplink", 'u', true}, {"daemon", 'd', false}, {"verbose", 'v', false}, {0}};

enum {
	WORDS_MAX = 8,
};

static const struct {
	const char *words[WORDS_MAX];
	const char *wanted; /* found options by number, = and value; plain words in brackets; errors */
} rows[] = {
	{{"up"}, ""},
	{{"up", "lab"}, "(lab)"},
	{{"up", "--uplink", "none"}, "0=none"},
	{{"up", "--uplink=none,mtu=1500"}, "0=none,mtu=1500"},
	{{"up", "--uplink="}, "0="},
	{{"up", "-u", "none"}, "0=none"},
	{{"up", "-unone"}, "0=none"},
	{{"up", "-dv", "lab"}, "1 2 (lab)"},
	{{"up", "-dunone", "-v"}, "1 0=none 2"},
	{{"up", "-du", "none"}, "1 0=none"},
	{{"up", "lab", "--daemon", "more"}, "(lab) 1 (more)"},
	{{"up", "--uplink", "--daemon"}, "0=--daemon"},
	{{"up", "-"}, "(-)"},
	{{"up", "--", "--daemon", "-v", "--"}, "(--daemon) (-v) (--)"},
	{{"up", "-d", "--help"}, "1 help"},
	{{"up", "-h"}, "help"},
	{{"up", "--frobnicate"}, "up: unknown option --frobnicate; guestwire help up lists the options"},
	{{"up", "--frobnicate=1"}, "up: unknown option --frobnicate; guestwire help up lists the options"},
	{{"up", "--up", "x"}, "up: unknown option --up; did you mean --uplink?"},
	{{"up", "--uplinks", "x"}, "up: unknown option --uplinks; did you mean --uplink?"},
	{{"up", "--uplnk=none"}, "up: unknown option --uplnk; did you mean --uplink?"},
	{{"up", "--deamon"}, "up: unknown option --deamon; did you mean --daemon?"},
	{{"up", "-x"}, "up: unknown option -x; guestwire help up lists the options"},
	{{"up", "-dx"}, "1 up: unknown option -x; guestwire help up lists the options"},
	{{"up", "--uplink"}, "up: --uplink needs a value; guestwire help up lists the options"},
	{{"up", "-u"}, "up: -u needs a value; guestwire help up lists the options"},
	{{"up", "--daemon=yes"}, "up: --daemon takes no value; guestwire help up lists the options"},
};

static void add(char *text, size_t room, const char *format, const char *value)
{
	size_t used = strlen(text);

	if (used)
		text[used++] = ' ';
	snprintf(text + used, room - used, format, value);
}

static void take(const char *const *words, char *text, size_t room)
{
	struct arguments arguments;
	struct error error = {0};
	const char *value;
	int count = 0, found;

	while (count < WORDS_MAX && words[count])
		count++;
	arguments_init(&arguments, options, count, (char **)(uintptr_t)words);
	text[0] = '\0';
	while ((found = arguments_next(&arguments, &value, &error)) >= 0 || found == ARGUMENT_PLAIN) {
		char form[16];

		snprintf(form, sizeof(form), value ? "%d=%%s" : "%d%%.0s", found);
		add(text, room, found == ARGUMENT_PLAIN ? "(%s)" : form, value ? value : "");
	}
	if (found == ARGUMENT_HELP)
		add(text, room, "%s", "help");
	if (found == ARGUMENT_WRONG)
		add(text, room, "%s", error.text);
}

static void each_row_is_taken_for_what_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1000];

		take(rows[i].words, text, sizeof(text));
		assert_string_equal(text, rows[i].wanted);
	}
}

static void plain_words_are_kept_in_their_order_and_a_fourth_is_too_many(void **state)
{
	char *words[] = {(char *)"guest", (char *)"add", (char *)"--json",
			 (char *)"lab",   (char *)"tap", (char *)"more"};
	struct argument_words given;
	struct error error = {0};

	(void)state;
	assert_int_equal(arguments_plain(5, words, &given, &error), 0);
	assert_int_equal(given.plain_count, 3);
	assert_string_equal(given.plain[0], "add");
	assert_string_equal(given.plain[2], "tap");
	assert_true(given.json);
	assert_int_equal(arguments_plain(6, words, &given, &error), ARGUMENT_WRONG);
	assert_string_equal(error.text, "guest: more is one word too many; guestwire help guest says more");
	assert_int_equal(arguments_plain(2, (char *[]){(char *)"guest", (char *)"-h"}, &given, &error), ARGUMENT_HELP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_taken_for_what_it_is),
		cmocka_unit_test(plain_words_are_kept_in_their_order_and_a_fourth_is_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
