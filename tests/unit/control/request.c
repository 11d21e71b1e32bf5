/* SPDX-License-Identifier: MIT */
/* Requests: what is taken, what is refused and with which words, and that both sides agree. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "control/request.h"

static const struct {
	const char *line;
	enum request_command command;
	const char *guest, *spec;
	enum request_until until;
} good[] = {
	{"{\"command\":\"status\"}", REQUEST_STATUS, NULL, NULL, REQUEST_UNTIL_EITHER},
	{" { \"command\" : \"show\" } ", REQUEST_SHOW, NULL, NULL, REQUEST_UNTIL_EITHER},
	{"{\"spec\":\"stream,path=/x\",\"command\":\"guest-add\"}", REQUEST_GUEST_ADD, NULL, "stream,path=/x",
	 REQUEST_UNTIL_EITHER},
	{"{\"command\":\"guest-rm\",\"guest\":\"vm1\"}", REQUEST_GUEST_REMOVE, "vm1", NULL, REQUEST_UNTIL_EITHER},
	{"{\"command\":\"wait\",\"guest\":\"vm1\"}", REQUEST_WAIT, "vm1", NULL, REQUEST_UNTIL_EITHER},
	{"{\"command\":\"wait\",\"guest\":\"vm1\",\"until\":\"lease\"}", REQUEST_WAIT, "vm1", NULL,
	 REQUEST_UNTIL_LEASE},
	{"{\"command\":\"wait\",\"until\":\"connected\",\"guest\":\"\xc3\xa4\"}", REQUEST_WAIT, "\xc3\xa4", NULL,
	 REQUEST_UNTIL_CONNECTED},
	{"{\"command\":\"capture\"}", REQUEST_CAPTURE, NULL, NULL, REQUEST_UNTIL_EITHER},
	{"{\"command\":\"capture\",\"guest\":\"a\\\"]}[{\\\\\"}", REQUEST_CAPTURE, "a\"]}[{\\", NULL,
	 REQUEST_UNTIL_EITHER},
	{"{\"command\":\"down\"}", REQUEST_DOWN, NULL, NULL, REQUEST_UNTIL_EITHER},
};

static const struct {
	const char *line, *text;
} bad[] = {
	{"", "not JSON: '[' or '{' expected near end of file"},
	{"{", "not JSON: string or '}' expected near end of file"},
	{"[1]", "not a JSON object"},
	{"null", "not JSON: '[' or '{' expected near 'null'"},
	{"{}", "\"command\" is missing"},
	{"{\"command\":1}", "\"command\" is not a string"},
	{"{\"command\":\"\"}", "unknown command \"\""},
	{"{\"command\":\"frobnicate\"}", "unknown command \"frobnicate\""},
	{"{\"command\":\"show\",\"command\":\"down\"}", "not JSON: duplicate object key near '\"command\"'"},
	{"{\"command\":\"show\"} {}", "not JSON: end of file expected near '{'"},
	{"{\"command\":\"show\",\"guest\":\"a\"}", "\"guest\" is not a member of show"},
	{"{\"command\":\"show\",\"colour\":\"red\"}", "\"colour\" is not a member of show"},
	{"{\"command\":\"guest-add\"}", "guest-add needs \"spec\""},
	{"{\"command\":\"guest-add\",\"spec\":7}", "\"spec\" is not a string"},
	{"{\"command\":\"guest-add\",\"spec\":\"\"}", "\"spec\" is empty"},
	{"{\"command\":\"guest-rm\"}", "guest-rm needs \"guest\""},
	{"{\"command\":\"guest-rm\",\"guest\":null}", "\"guest\" is not a string"},
	{"{\"command\":\"wait\",\"guest\":\"a\",\"until\":\"doomsday\"}",
	 "unknown goal \"doomsday\": lease, connected or either"},
	{"{\"command\":\"wait\",\"guest\":\"a\",\"until\":true}", "\"until\" is not a string"},
	{"{\"command\":\"show\",\"x\":[[[[1]]]]}", "JSON nested deeper than 4"},
	{"[[[[[[[[[[[[[[[[", "JSON nested deeper than 4"},
};

static void each_good_request_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct request request;
		struct error error = {0};

		if (request_decode(good[i].line, strlen(good[i].line), &request, &error) < 0)
			fail_msg("%s: %s", good[i].line, error.text);
		assert_int_equal(request.command, good[i].command);
		assert_int_equal(request.until, good[i].until);
		assert_int_equal(!request.guest, !good[i].guest);
		assert_int_equal(!request.spec, !good[i].spec);
		if (good[i].guest)
			assert_string_equal(request.guest, good[i].guest);
		if (good[i].spec)
			assert_string_equal(request.spec, good[i].spec);
		request_done(&request);
	}
}

static void each_bad_request_is_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct request request;
		struct error error = {0};

		assert_int_equal(request_decode(bad[i].line, strlen(bad[i].line), &request, &error), -EINVAL);
		assert_string_equal(error.text, bad[i].text);
		assert_int_equal(request_decode(bad[i].line, strlen(bad[i].line), &request, NULL), -EINVAL);
	}
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	static const char nul[] = "{\"command\":\"wait\",\"guest\":\"a\\u0000b\"}", raw[] = "{\"command\":\"sh\0ow\"}",
			  latin[] = "{\"command\":\"wait\",\"guest\":\"\xff\xfe\"}";
	struct request request;

	(void)state;
	assert_int_equal(request_decode(nul, sizeof(nul) - 1, &request, NULL), -EINVAL);
	assert_int_equal(request_decode(raw, sizeof(raw) - 1, &request, NULL), -EINVAL);
	assert_int_equal(request_decode(latin, sizeof(latin) - 1, &request, NULL), -EINVAL);
}

static void a_name_longer_than_its_bound_is_refused(void **state)
{
	char line[REQUEST_GUEST_BYTES + 64] = "{\"command\":\"wait\",\"guest\":\"";
	struct error error = {0};
	struct request request;
	size_t used = strlen(line);

	(void)state;
	memset(line + used, 'a', REQUEST_GUEST_BYTES);
	strncpy(line + used + REQUEST_GUEST_BYTES, "\"}", 3);
	assert_int_equal(request_decode(line, strlen(line), &request, &error), 0);
	request_done(&request);
	strncpy(line + used + REQUEST_GUEST_BYTES, "a\"}", 4);
	assert_int_equal(request_decode(line, strlen(line), &request, &error), -EINVAL);
	assert_string_equal(error.text, "\"guest\" is longer than 256 bytes");
}

static void what_is_encoded_is_one_line_that_decodes_to_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct request given = {.command = good[i].command,
					      .guest = good[i].guest,
					      .spec = good[i].spec,
					      .until = good[i].until};
		char *line = request_encode(&given);
		struct request back;

		assert_non_null(line);
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		assert_int_equal(request_decode(line, strlen(line) - 1, &back, NULL), 0);
		assert_int_equal(back.command, given.command);
		assert_int_equal(back.until, given.until);
		if (given.guest)
			assert_string_equal(back.guest, given.guest);
		if (given.spec)
			assert_string_equal(back.spec, given.spec);
		request_done(&back);
		free(line);
	}
}

static void a_word_that_is_not_utf8_cannot_be_encoded(void **state)
{
	const struct request request = {.command = REQUEST_WAIT, .guest = "\xff"};
	char *line = request_encode(&request);

	(void)state;
	assert_null(line);
}

static void each_command_has_a_word(void **state)
{
	(void)state;
	assert_string_equal(request_word(REQUEST_GUEST_ADD), "guest-add");
	for (unsigned i = 0; i < REQUEST_COMMANDS; i++)
		assert_non_null(request_word((enum request_command)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_good_request_is_understood),
		cmocka_unit_test(each_bad_request_is_refused_by_name),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(a_name_longer_than_its_bound_is_refused),
		cmocka_unit_test(what_is_encoded_is_one_line_that_decodes_to_the_same),
		cmocka_unit_test(a_word_that_is_not_utf8_cannot_be_encoded),
		cmocka_unit_test(each_command_has_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
