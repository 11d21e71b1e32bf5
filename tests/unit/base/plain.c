/* SPDX-License-Identifier: MIT */
/* What of a foreign text reaches a terminal. */
#include "base/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *what, *text, *wanted;
} rows[] = {
	{"nothing", "", ""},
	{"letters", "vm-1.lab", "vm-1.lab"},
	{"an escape sequence", "a\033[31mb", "a?[31mb"},
	{"lines", "a\nb\rc\td", "a?b?c?d"},
	{"delete", "a\177b", "a?b"},
	{"two bytes", "\303\251t\303\251", "\303\251t\303\251"},
	{"three and four bytes", "\342\202\254 \360\237\220\247", "\342\202\254 \360\237\220\247"},
	{"the sequence introducer U+009B", "\302\2332J", "??2J"},
	{"the first that is no control, U+00A0", "\302\240", "\302\240"},
	{"the sequence introducer as one byte", "\2332J", "?2J"},
	{"a continuation alone", "a\200b", "a?b"},
	{"a head alone at the end", "a\303", "a?"},
	{"a head before a letter", "\342a", "?a"},
	{"cut off after two of three", "\342\202", "??"},
	{"a slash in a longer form", "\300\257", "??"},
	{"three bytes where two do", "\340\202\257", "???"},
	{"a surrogate", "\355\240\200", "???"},
	{"four bytes where three do", "\360\217\277\277", "????"},
	{"beyond Unicode", "\364\220\200\200", "????"},
	{"no UTF-8 at all", "\377\376", "??"},
};

static void only_what_moves_no_cursor_is_left(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];

		strcpy(text, rows[i].text);
		plain_text(text);
		if (strcmp(text, rows[i].wanted) != 0)
			fail_msg("%s: %s, not %s", rows[i].what, text, rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_moves_no_cursor_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
