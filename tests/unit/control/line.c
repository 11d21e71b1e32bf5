/* SPDX-License-Identifier: MIT */
/* Lines out of pieces of any size, within their bound. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "control/line.h"

static int give(struct lines *lines, const char *bytes, size_t count)
{
	while (count) {
		size_t room;
		char *to;
		int result = lines_room(lines, &to, &room);

		if (result < 0)
			return result;
		room = room < count ? room : count;
		memcpy(to, bytes, room);
		lines_filled(lines, room);
		bytes += room;
		count -= room;
	}
	return 0;
}

static void expect(struct lines *lines, const char *wanted)
{
	size_t length;
	const char *line = lines_next(lines, &length);

	if (!wanted) {
		assert_null(line);
		return;
	}
	assert_non_null(line);
	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(line, wanted, length);
}

static void a_line_is_given_out_when_its_newline_has_come(void **state)
{
	struct lines lines;

	(void)state;
	lines_init(&lines, 100);
	expect(&lines, NULL);
	assert_int_equal(give(&lines, "on", 2), 0);
	expect(&lines, NULL);
	assert_int_equal(give(&lines, "e\ntwo\n\nth", 9), 0);
	expect(&lines, "one");
	expect(&lines, "two");
	expect(&lines, "");
	expect(&lines, NULL);
	assert_int_equal(give(&lines, "ree\n", 4), 0);
	expect(&lines, "three");
	lines_done(&lines);
}

static void one_byte_at_a_time_makes_the_same_lines(void **state)
{
	static const char text[] = "{\"command\":\"show\"}\n{}\n";
	struct lines lines;
	size_t length, count = 0;

	(void)state;
	lines_init(&lines, 64);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(give(&lines, text + i, 1), 0);
		count += lines_next(&lines, &length) != NULL;
	}
	assert_int_equal(count, 2);
	lines_done(&lines);
}

static void a_line_of_exactly_the_bound_passes_and_one_more_byte_does_not(void **state)
{
	char text[LINE_REQUEST_BYTES + 1];
	struct lines lines;

	(void)state;
	memset(text, 'x', sizeof(text));
	lines_init(&lines, LINE_REQUEST_BYTES);
	assert_int_equal(give(&lines, text, LINE_REQUEST_BYTES), 0);
	assert_int_equal(give(&lines, "\n", 1), 0);
	text[LINE_REQUEST_BYTES] = '\0';
	expect(&lines, text);
	text[LINE_REQUEST_BYTES] = 'x';
	assert_int_equal(give(&lines, text, sizeof(text)), 0);
	assert_int_equal(give(&lines, "\n", 1), -EMSGSIZE);
	assert_true(lines.room <= LINE_REQUEST_BYTES + 1);
	lines_done(&lines);
}

static void what_follows_the_lines_can_be_taken_as_it_is(void **state)
{
	struct lines lines;
	size_t length;

	(void)state;
	lines_init(&lines, 100);
	assert_int_equal(give(&lines, "{}\n\x0a\x0d\x0d\x0a", 7), 0);
	expect(&lines, "{}");
	assert_memory_equal(lines_rest(&lines, &length), "\x0a\x0d\x0d\x0a", 4);
	assert_int_equal(length, 4);
	lines_done(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_given_out_when_its_newline_has_come),
		cmocka_unit_test(one_byte_at_a_time_makes_the_same_lines),
		cmocka_unit_test(a_line_of_exactly_the_bound_passes_and_one_more_byte_does_not),
		cmocka_unit_test(what_follows_the_lines_can_be_taken_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
