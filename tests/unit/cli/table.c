/* SPDX-License-Identifier: MIT */
/* Columns are as wide as their widest cell, in characters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cli/table.h"

static char *print(const struct table *table)
{
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	assert_non_null(to);
	table_print(table, to);
	fclose(to);
	return text;
}

static void cells_stand_below_each_other(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, "A\tLONG HEAD\tC");
	table_row(&table);
	table_cell(&table, "%s",
		   "stra\xc3\x9f"
		   "e");
	table_cell(&table, "%d", 7);
	table_cell(&table, "x");
	table_row(&table);
	table_cell(&table, "y");
	text = print(&table);
	assert_string_equal(text, "A       LONG HEAD  C\n"
				  "stra\xc3\x9f"
				  "e  7          x\n"
				  "y\n");
	free(text);
	table_done(&table);
}

static void a_table_without_rows_prints_nothing(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, "A\tB");
	text = print(&table);
	assert_string_equal(text, "");
	free(text);
	table_done(&table);
}

static void what_could_move_the_cursor_is_shown_as_a_question_mark(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, "A");
	table_row(&table);
	table_cell(&table, "%s", "\x1b[2Jvm\n1\x7f");
	table_cell(&table, "one too many");
	text = print(&table);
	assert_string_equal(text, "A\n?[2Jvm?1?\n");
	free(text);
	table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_stand_below_each_other),
		cmocka_unit_test(a_table_without_rows_prints_nothing),
		cmocka_unit_test(what_could_move_the_cursor_is_shown_as_a_question_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
