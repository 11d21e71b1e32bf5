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
	struct request request;
} good[] = {
	{"{\"command\":\"status\"}", {.command = REQUEST_STATUS}},
	{" { \"command\" : \"show\" } ", {.command = REQUEST_SHOW}},
	{"{\"spec\":\"stream,path=/x\",\"command\":\"guest-add\"}",
	 {.command = REQUEST_GUEST_ADD, .spec = "stream,path=/x"}},
	{"{\"command\":\"guest-rm\",\"guest\":\"vm1\"}", {.command = REQUEST_GUEST_REMOVE, .guest = "vm1"}},
	{"{\"command\":\"forward-add\",\"spec\":\"tcp::2222-vm1:22\"}",
	 {.command = REQUEST_FORWARD_ADD, .spec = "tcp::2222-vm1:22"}},
	{"{\"command\":\"forward-rm\",\"id\":0}", {.command = REQUEST_FORWARD_REMOVE}},
	{"{\"command\":\"forward-rm\",\"id\":7}", {.command = REQUEST_FORWARD_REMOVE, .id = 7}},
	{"{\"command\":\"forward-list\"}", {.command = REQUEST_FORWARD_LIST}},
	{"{\"command\":\"wait\",\"guest\":\"vm1\"}", {.command = REQUEST_WAIT, .guest = "vm1"}},
	{"{\"command\":\"wait\",\"guest\":\"vm1\",\"until\":\"lease\"}",
	 {.command = REQUEST_WAIT, .guest = "vm1", .until = REQUEST_UNTIL_LEASE}},
	{"{\"command\":\"wait\",\"until\":\"connected\",\"guest\":\"\xc3\xa4\"}",
	 {.command = REQUEST_WAIT, .guest = "\xc3\xa4", .until = REQUEST_UNTIL_CONNECTED}},
	{"{\"command\":\"wait\",\"guest\":\"vm1\",\"port\":65535,\"timeout_ms\":1000000000}",
	 {.command = REQUEST_WAIT, .guest = "vm1", .port = 65535, .timeout_ms = 1000000000}},
	{"{\"command\":\"capture\"}", {.command = REQUEST_CAPTURE}},
	{"{\"command\":\"capture\",\"guest\":\"a\\\"]}[{\\\\\"}", {.command = REQUEST_CAPTURE, .guest = "a\"]}[{\\"}},
	{"{\"command\":\"flows\"}", {.command = REQUEST_FLOWS}},
	{"{\"from\":4294967295,\"command\":\"flows\"}", {.command = REQUEST_FLOWS, .from = 4294967295}},
	{"{\"command\":\"down\"}", {.command = REQUEST_DOWN}},
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
	{"{\"command\":\"show\",\"from\":1}", "\"from\" is not a member of show"},
	{"{\"command\":\"flows\",\"from\":-1}", "\"from\" is not a number from 0 to 4294967295"},
	{"{\"command\":\"flows\",\"from\":4294967296}", "\"from\" is not a number from 0 to 4294967295"},
	{"{\"command\":\"flows\",\"from\":1.5}", "\"from\" is not a number from 0 to 4294967295"},
	{"{\"command\":\"forward-add\"}", "forward-add needs \"spec\""},
	{"{\"command\":\"forward-rm\"}", "forward-rm needs \"id\""},
	{"{\"command\":\"forward-rm\",\"id\":\"1\"}", "\"id\" is not a number from 0 to 4294967295"},
	{"{\"command\":\"wait\",\"guest\":\"a\",\"port\":0}", "\"port\" is not a number from 1 to 65535"},
	{"{\"command\":\"wait\",\"guest\":\"a\",\"port\":65536}", "\"port\" is not a number from 1 to 65535"},
	{"{\"command\":\"wait\",\"guest\":\"a\",\"timeout_ms\":1000000001}",
	 "\"timeout_ms\" is not a number from 0 to 1000000000"},
	{"{\"command\":\"show\",\"x\":[[[[1]]]]}", "JSON nested deeper than 4"},
	{"[[[[[[[[[[[[[[[[", "JSON nested deeper than 4"},
};

static void assert_same_text(const char *one, const char *other)
{
	assert_int_equal(!one, !other);
	if (one)
		assert_string_equal(one, other);
}

static void assert_same(const struct request *one, const struct request *other)
{
	assert_int_equal(one->command, other->command);
	assert_int_equal(one->until, other->until);
	assert_int_equal(one->from, other->from);
	assert_int_equal(one->id, other->id);
	assert_int_equal(one->port, other->port);
	assert_int_equal(one->timeout_ms, other->timeout_ms);
	assert_same_text(one->guest, other->guest);
	assert_same_text(one->spec, other->spec);
}

static void each_good_request_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct request request;
		struct error error = {0};

		if (request_decode(good[i].line, strlen(good[i].line), &request, &error) < 0)
			fail_msg("%s: %s", good[i].line, error.text);
		assert_same(&request, &good[i].request);
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
		char *line = request_encode(&good[i].request);
		struct request back;

		assert_non_null(line);
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		assert_int_equal(request_decode(line, strlen(line) - 1, &back, NULL), 0);
		assert_same(&back, &good[i].request);
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
