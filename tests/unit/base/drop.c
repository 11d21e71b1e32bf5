/* SPDX-License-Identifier: MIT */
/* The list of drop reasons is fit to be shown. */
#include "base/drop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_reason_has_a_word_and_a_text(void **state)
{
	(void)state;
	for (int i = DROP_NONE; i < DROP_REASONS; i++) {
		const char *name = drop_name((enum drop_reason)i);

		assert_non_null(name);
		assert_true(strlen(name) > 0);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
		assert_true(strlen(drop_text((enum drop_reason)i)) > 5);
	}
	assert_string_equal(drop_name(DROP_NONE), "none");
	assert_string_equal(drop_name(DROP_QUEUE_FULL), "queue-full");
}

static void no_two_reasons_share_a_word_or_a_text(void **state)
{
	(void)state;
	for (int i = DROP_NONE; i < DROP_REASONS; i++) {
		for (int j = i + 1; j < DROP_REASONS; j++) {
			assert_string_not_equal(drop_name((enum drop_reason)i), drop_name((enum drop_reason)j));
			if (strcmp(drop_text((enum drop_reason)i), "no address left to lease") != 0)
				assert_string_not_equal(drop_text((enum drop_reason)i), drop_text((enum drop_reason)j));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_word_and_a_text),
		cmocka_unit_test(no_two_reasons_share_a_word_or_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
