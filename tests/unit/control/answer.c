/* SPDX-License-Identifier: MIT */
/* Answers, as they stand on the line and as they are read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "control/answer.h"

static void an_answer_that_is_ok_begins_with_it(void **state)
{
	char *line = answer_encode_ok(json_pack("{s:i}", "pid", 7));

	(void)state;
	assert_string_equal(line, "{\"ok\":true,\"pid\":7}\n");
	free(line);
	line = answer_encode_ok(json_object());
	assert_string_equal(line, "{\"ok\":true}\n");
	free(line);
}

static void an_answer_without_its_members_is_none(void **state)
{
	(void)state;
	assert_null(answer_encode_ok(NULL));
}

static void an_error_has_its_text_and_its_code(void **state)
{
	static const struct {
		enum answer_code code;
		const char *line;
	} rows[] = {
		{ANSWER_USAGE, "{\"ok\":false,\"error\":\"no \\\"x\\\"\",\"code\":\"usage\"}\n"},
		{ANSWER_NOT_FOUND, "{\"ok\":false,\"error\":\"no \\\"x\\\"\",\"code\":\"not-found\"}\n"},
		{ANSWER_BUSY, "{\"ok\":false,\"error\":\"no \\\"x\\\"\",\"code\":\"busy\"}\n"},
		{ANSWER_FAILED, "{\"ok\":false,\"error\":\"no \\\"x\\\"\",\"code\":\"failed\"}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = answer_encode_error(rows[i].code, "no \"x\"");
		struct answer answer;

		assert_string_equal(line, rows[i].line);
		assert_int_equal(answer_decode(line, strlen(line), &answer, NULL), 0);
		assert_false(answer.ok);
		assert_int_equal(answer.code, rows[i].code);
		assert_string_equal(answer.error, "no \"x\"");
		answer_done(&answer);
		free(line);
	}
}

static void an_error_about_what_is_not_utf8_says_all_the_same_what_is_wrong(void **state)
{
	static const struct {
		const char *what, *text, *said;
	} rows[] = {
		{"a path", "/run/\xff: no such folder", "/run/?: no such folder"},
		{"cut within a letter", "guest 'g\xc3\xa4st\xc3…': too long", "guest 'g\xc3\xa4st?…': too long"},
		{"a cursor's", "/run/\x1b[2J: in use", "/run/?[2J: in use"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *line = answer_encode_error(ANSWER_FAILED, rows[i].text);
		struct answer answer;

		assert_non_null(line);
		if (answer_decode(line, strlen(line), &answer, NULL) < 0 || strcmp(answer.error, rows[i].said) != 0)
			fail_msg("%s: %s", rows[i].what, line);
		answer_done(&answer);
		free(line);
	}
}

static void what_a_newer_program_adds_is_let_through(void **state)
{
	static const char line[] = "{\"ok\":false,\"code\":\"haunted\",\"ghost\":[1]}";
	struct answer answer;

	(void)state;
	assert_int_equal(answer_decode(line, strlen(line), &answer, NULL), 0);
	assert_int_equal(answer.code, ANSWER_FAILED);
	assert_string_equal(answer.error, "failed, without a reason");
	answer_done(&answer);
}

static void what_is_no_answer_is_refused(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{"{}", "an answer without \"ok\""},
		{"{\"ok\":1}", "an answer without \"ok\""},
		{"[]", "not a JSON object"},
		{"hello", "not JSON: '[' or '{' expected near 'hello'"},
		{"{\"ok\":true,\"a\":[[[[[[[[1]]]]]]]]}", "JSON nested deeper than 8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		struct answer answer;

		assert_int_equal(answer_decode(rows[i].line, strlen(rows[i].line), &answer, &error), -EINVAL);
		assert_string_equal(error.text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_that_is_ok_begins_with_it),
		cmocka_unit_test(an_answer_without_its_members_is_none),
		cmocka_unit_test(an_error_has_its_text_and_its_code),
		cmocka_unit_test(an_error_about_what_is_not_utf8_says_all_the_same_what_is_wrong),
		cmocka_unit_test(what_a_newer_program_adds_is_let_through),
		cmocka_unit_test(what_is_no_answer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
