/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/wordlist.h"

static void words_are_printed_as_a_shell_reads_them(void **state)
{
	static const char *const given[] = {"plain", "with space", "", "it's", "$HOME", "a,b=c:/d", "*"};
	struct wordlist list = {0};
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		wordlist_add(&list, "%s", given[i]);
	assert_int_equal(list.count, 7);
	assert_null(list.words[7]);
	wordlist_print(&list, to);
	fclose(to);
	assert_string_equal(text, "plain 'with space' '' 'it'\\''s' '$HOME' a,b=c:/d '*'\n");
	free(text);
	wordlist_done(&list);
	assert_null(list.words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_printed_as_a_shell_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
