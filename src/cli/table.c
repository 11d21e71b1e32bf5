/* SPDX-License-Identifier: MIT */
/* Without memory a table shows less: it is only for looking. */
#include "cli/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"

void table_row(struct table *table)
{
	char **cells;

	if (table->rows == table->room) {
		size_t room = table->room ? table->room * 2 : 8;

		cells = realloc(table->cells, room * table->columns * sizeof(*cells));
		if (!cells) {
			table->filled = table->columns;
			return;
		}
		table->cells = cells;
		table->room = room;
	}
	memset(table->cells + table->rows * table->columns, 0, table->columns * sizeof(*table->cells));
	table->rows++;
	table->filled = 0;
}

void table_cell(struct table *table, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (table->filled == table->columns)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* Names may be a guest's. */
	plain_text(text);
	table->cells[(table->rows - 1) * table->columns + table->filled++] = strdup(text);
}

void table_init(struct table *table, const char *heads)
{
	*table = (struct table){.columns = 1};
	for (const char *at = heads; *at; at++)
		table->columns += *at == '\t';
	assert(table->columns <= TABLE_COLUMNS_MAX);
	table_row(table);
	for (const char *at = heads;; at += strcspn(at, "\t") + 1) {
		table_cell(table, "%.*s", (int)strcspn(at, "\t"), at);
		if (!at[strcspn(at, "\t")])
			break;
	}
}

void table_done(struct table *table)
{
	for (size_t i = 0; i < table->rows * table->columns; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){0};
}

/* Characters, not bytes: the bytes that continue one do not count. */
static size_t table_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

void table_print(const struct table *table, FILE *to)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};

	for (size_t i = 0; i < table->rows * table->columns; i++) {
		size_t width = table->cells[i] ? table_width(table->cells[i]) : 0;

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t row = 0; table->rows > 1 && row < table->rows; row++) {
		size_t blanks = 0;

		/* Blanks are owed until a cell comes that has something, so that no line ends with them. */
		for (size_t i = 0; i < table->columns; i++) {
			const char *cell = table->cells[row * table->columns + i];

			if (cell && *cell)
				fprintf(to, "%*s%s", (int)blanks, "", cell);
			blanks = (cell && *cell ? 0 : blanks) + widths[i] + 2 - (cell ? table_width(cell) : 0);
		}
		fputc('\n', to);
	}
}
