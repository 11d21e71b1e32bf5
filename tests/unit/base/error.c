/* SPDX-License-Identifier: MIT */
/* Errors with a text. */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_error_carries_its_code_and_text(void **state)
{
	struct error error = {0};

	(void)state;
	assert_int_equal(error_set(&error, -EADDRINUSE, "%s: in use by %d", "/run/lab.sock", 4121), -EADDRINUSE);
	assert_int_equal(error.code, -EADDRINUSE);
	assert_string_equal(error.text, "/run/lab.sock: in use by 4121");
}

static void nobody_need_listen(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, -ENOENT, "gone"), -ENOENT);
}

static void a_long_text_is_cut(void **state)
{
	char text[2000];
	struct error error;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	error_set(&error, -EINVAL, "%s", text);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

static void a_code_has_the_name_that_the_system_gives_it(void **state)
{
	(void)state;
	assert_string_equal(error_name(-ENOENT), strerror(ENOENT));
}

static void what_was_typed_wrongly_is_told_from_a_world_that_is_not_as_it_should_be(void **state)
{
	(void)state;
	assert_true(error_is_usage(-EINVAL));
	assert_true(error_is_usage(-ENAMETOOLONG)); /* a socket's path, in whatever words */
	assert_false(error_is_usage(-ENOENT));
	assert_false(error_is_usage(0));
}

static void a_want_of_descriptors_is_told_from_other_wants(void **state)
{
	(void)state;
	assert_true(error_is_out_of_files(-EMFILE));
	assert_true(error_is_out_of_files(-ENFILE));
	assert_false(error_is_out_of_files(-ENOMEM));
	assert_false(error_is_out_of_files(3)); /* a descriptor */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_carries_its_code_and_text),
		cmocka_unit_test(nobody_need_listen),
		cmocka_unit_test(a_long_text_is_cut),
		cmocka_unit_test(a_code_has_the_name_that_the_system_gives_it),
		cmocka_unit_test(a_want_of_descriptors_is_told_from_other_wants),
		cmocka_unit_test(what_was_typed_wrongly_is_told_from_a_world_that_is_not_as_it_should_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
