/* SPDX-License-Identifier: MIT */
/* What a person writes after --guest: what is understood, and the line that says what is not. */
#include "base/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/error.h"

static void texts_that_cannot_be_read_say_why(void **state)
{
	static const struct {
		const char *what, *text, *part;
	} rows[] = {
		{"nothing", "", "a kind must come first"},
		{"no kind", ",path=x", "a kind must come first"},
		{"a type of no name", "type=,path=x", "a kind must come first"},
		{"an option first", "path=x,mode=0600", "'path=x' where a kind must stand"},
		{"an option of no name", "stream,=x", "an option without a name"},
		{"a comma at the end", "stream,", "an option without a name"},
		{"two options' comma alone", "stream,a=b,,,", "an option without a name"},
	};
	struct spec spec;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};

		assert_int_equal(spec_parse(&spec, rows[i].text, &error), -EINVAL);
		if (!strstr(error.text, rows[i].part))
			fail_msg("%s: %s", rows[i].what, error.text);
	}
}

static void kinds_and_options_are_cut_at_commas(void **state)
{
	struct spec spec;
	struct error error;

	(void)state;
	assert_int_equal(spec_parse(&spec, "stream,path=/a,,b=c,isolated,empty=,mode=0660", &error), 0);
	assert_string_equal(spec.kind, "stream");
	assert_int_equal(spec.count, 4);
	assert_string_equal(spec_string(&spec, "path"), "/a,b=c");
	assert_string_equal(spec_string(&spec, "isolated"), "on");
	assert_string_equal(spec_string(&spec, "empty"), "");
	assert_null(spec_string(&spec, "mtu"));
	assert_int_equal(spec_parse(&spec, "none", &error), 0);
	assert_string_equal(spec.kind, "none");
	assert_int_equal(spec.count, 0);
	assert_int_equal(spec_parse(&spec, "type=user,id=n0", &error), 0);
	assert_string_equal(spec.kind, "user");
	assert_int_equal(spec.count, 1);
}

static void the_last_value_counts_and_all_can_be_walked(void **state)
{
	struct spec spec;
	size_t at = 0;

	(void)state;
	assert_int_equal(spec_parse(&spec, "user,dns=1,x=y,dns=2", NULL), 0);
	assert_string_equal(spec_string(&spec, "dns"), "2");
	assert_string_equal(spec_next(&spec, "dns", &at), "1");
	assert_string_equal(spec_next(&spec, "dns", &at), "2");
	assert_null(spec_next(&spec, "dns", &at));
}

static void too_much_is_refused(void **state)
{
	char text[SPEC_BYTES_MAX + 10] = "k";
	struct error error;
	struct spec spec;

	(void)state;
	for (size_t i = 0; i < SPEC_OPTIONS_MAX; i++)
		strncat(text, ",a=b", sizeof(text) - strlen(text) - 1);
	assert_int_equal(spec_parse(&spec, text, &error), 0);
	strncat(text, ",a=b", sizeof(text) - strlen(text) - 1);
	assert_int_equal(spec_parse(&spec, text, &error), -EINVAL);
	assert_non_null(strstr(error.text, "more than 64 options"));
	memset(text, 'k', SPEC_BYTES_MAX);
	text[SPEC_BYTES_MAX] = '\0';
	assert_int_equal(spec_parse(&spec, text, &error), -EINVAL);
	assert_non_null(strstr(error.text, "longer than 4095 bytes"));
	text[SPEC_BYTES_MAX - 1] = '\0';
	assert_int_equal(spec_parse(&spec, text, &error), 0);
}

static void truths_are_on_and_off(void **state)
{
	static const struct {
		const char *value;
		int error;
		bool truth;
	} rows[] = {
		{"on", 0, true},       {"yes", 0, true},     {"true", 0, true},
		{"off", 0, false},     {"no", 0, false},     {"false", 0, false},
		{"1", -EINVAL, false}, {"", -EINVAL, false}, {"ON", -EINVAL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool truth = !rows[i].truth;
		char text[32] = "stream,isolated=";
		struct spec spec;

		strncat(text, rows[i].value, 8);
		assert_int_equal(spec_parse(&spec, text, NULL), 0);
		assert_int_equal(spec_bool(&spec, "isolated", &truth, NULL), rows[i].error);
		assert_int_equal(truth, rows[i].error ? !rows[i].truth : rows[i].truth);
	}
}

static void numbers_keep_to_their_range(void **state)
{
	static const struct {
		const char *text;
		int error;
		uint32_t value;
	} rows[] = {
		{"k,n=68", 0, 68},
		{"k,n=65535", 0, 65535},
		{"k", 0, 1500},
		{"k,n=67", -EINVAL, 1500},
		{"k,n=65536", -EINVAL, 1500},
		{"k,n=4294967396", -EINVAL, 1500},
		{"k,n=99999999999999999999999999", -EINVAL, 1500},
		{"k,n=", -EINVAL, 1500},
		{"k,n=-70", -EINVAL, 1500},
		{"k,n=+70", -EINVAL, 1500},
		{"k,n= 70", -EINVAL, 1500},
		{"k,n=0x70", -EINVAL, 1500},
		{"k,n=70k", -EINVAL, 1500},
		{"k,n", -EINVAL, 1500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		struct spec spec;
		uint32_t value = 1500;

		assert_int_equal(spec_parse(&spec, rows[i].text, NULL), 0);
		assert_int_equal(spec_u32(&spec, "n", 68, 65535, &value, &error), rows[i].error);
		assert_int_equal(value, rows[i].value);
		if (rows[i].error)
			assert_non_null(strstr(error.text, "must be a number from 68 to 65535"));
	}
}

static void modes_are_octal(void **state)
{
	static const struct {
		const char *text;
		int error;
		uint32_t value;
	} rows[] = {
		{"k,mode=0660", 0, 0660},
		{"k,mode=777", 0, 0777},
		{"k,mode=0", 0, 0},
		{"k", 0, 0600},
		{"k,mode=0778", -EINVAL, 0600},
		{"k,mode=1000", -EINVAL, 0600},
		{"k,mode=u+w", -EINVAL, 0600},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spec spec;
		uint32_t value = 0600;

		assert_int_equal(spec_parse(&spec, rows[i].text, NULL), 0);
		assert_int_equal(spec_mode(&spec, "mode", &value, NULL), rows[i].error);
		assert_int_equal(value, rows[i].value);
	}
}

static void an_option_nobody_asked_for_is_named_with_those_that_would_do(void **state)
{
	struct error error = {0};
	struct spec spec;
	size_t at = 0;
	bool truth;

	(void)state;
	assert_int_equal(spec_parse(&spec, "stream,path=/a,where=/b", NULL), 0);
	spec_string(&spec, "path");
	spec_string(&spec, "path");
	spec_bool(&spec, "isolated", &truth, NULL);
	spec_next(&spec, "pat", &at);
	assert_int_equal(spec_finish(&spec, &error), -EINVAL);
	assert_string_equal(error.text, "stream,where=/b: unknown option 'where'; stream takes path, isolated, pat");
	spec_string(&spec, "where");
	assert_int_equal(spec_finish(&spec, &error), 0);
}

static void help_is_told_what_there_is(void **state)
{
	struct error error = {0};
	struct spec spec;

	(void)state;
	assert_int_equal(spec_parse(&spec, "stream,path=/a,help", NULL), 0);
	(void)spec_string(&spec, "path");
	(void)spec_string(&spec, "hel");
	assert_int_equal(spec_finish(&spec, &error), -EINVAL);
	assert_string_equal(error.text, "stream takes path, hel");
	(void)spec_string(&spec, "help");
	assert_int_equal(spec_finish(&spec, NULL), 0);
}

static void an_option_that_is_nearly_one_is_told_which(void **state)
{
	struct error error = {0};
	struct spec spec;

	(void)state;
	assert_int_equal(spec_parse(&spec, "stream,path=/a,moed=0600", NULL), 0);
	spec_string(&spec, "path");
	spec_string(&spec, "mode");
	spec_string(&spec, "guests");
	assert_int_equal(spec_finish(&spec, &error), -EINVAL);
	assert_string_equal(error.text, "stream,moed=0600: unknown option 'moed'; did you mean mode=?");
}

static void a_list_that_an_error_has_no_room_for_ends_with_a_whole_word(void **state)
{
	char key[16], text[600], end[64];
	struct error error = {0};
	struct spec spec;
	size_t length;

	(void)state;
	for (size_t value = 0; value < 400; value += 7) {
		snprintf(text, sizeof(text), "stream,frobnicate=%0*d", (int)value, 1);
		assert_int_equal(spec_parse(&spec, text, NULL), 0);
		for (int i = 0; i < 40; i++) {
			snprintf(key, sizeof(key), "option-%02d", i);
			spec_string(&spec, key);
		}
		assert_int_equal(spec_finish(&spec, &error), -EINVAL);
		length = strlen(error.text);
		snprintf(end, sizeof(end), "%s", error.text + length - sizeof(" and more") + 1);
		assert_true(length + 1 < sizeof(error.text));
		assert_string_equal(end, " and more");
	}
}

static void a_kind_without_options_says_so(void **state)
{
	struct error error = {0};
	struct spec spec;

	(void)state;
	assert_int_equal(spec_parse(&spec, "none,a", NULL), 0);
	assert_int_equal(spec_finish(&spec, &error), -EINVAL);
	assert_string_equal(error.text, "none,a=on: none takes no options");
}

static void a_full_list_of_asked_keys_does_no_harm(void **state)
{
	char key[8] = "key000";
	struct spec spec;

	(void)state;
	assert_int_equal(spec_parse(&spec, "none,a", NULL), 0);
	for (int i = 0; i < 200; i++) {
		key[3] = (char)('0' + i / 100);
		key[4] = (char)('0' + i / 10 % 10);
		key[5] = (char)('0' + i % 10);
		assert_null(spec_string(&spec, key));
	}
	assert_in_range(strlen(spec.asked), sizeof(spec.asked) - 9, sizeof(spec.asked) - 1);
	assert_int_equal(spec_finish(&spec, NULL), -EINVAL);
}

static void an_escaped_value_is_read_back(void **state)
{
	char text[64], whole[80];
	struct spec spec;

	(void)state;
	snprintf(whole, sizeof(whole), "stream,path=%s,guests=1", spec_escape("/run/a,b,,c", text, sizeof(text)));
	assert_string_equal(text, "/run/a,,b,,,,c");
	assert_int_equal(spec_parse(&spec, whole, NULL), 0);
	assert_string_equal(spec_string(&spec, "path"), "/run/a,b,,c");
	/* what does not fit is cut, never within a pair */
	assert_string_equal(spec_escape("abc,d", text, 5), "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_that_cannot_be_read_say_why),
		cmocka_unit_test(kinds_and_options_are_cut_at_commas),
		cmocka_unit_test(the_last_value_counts_and_all_can_be_walked),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(truths_are_on_and_off),
		cmocka_unit_test(numbers_keep_to_their_range),
		cmocka_unit_test(modes_are_octal),
		cmocka_unit_test(an_option_nobody_asked_for_is_named_with_those_that_would_do),
		cmocka_unit_test(help_is_told_what_there_is),
		cmocka_unit_test(an_option_that_is_nearly_one_is_told_which),
		cmocka_unit_test(a_list_that_an_error_has_no_room_for_ends_with_a_whole_word),
		cmocka_unit_test(a_kind_without_options_says_so),
		cmocka_unit_test(a_full_list_of_asked_keys_does_no_harm),
		cmocka_unit_test(an_escaped_value_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
