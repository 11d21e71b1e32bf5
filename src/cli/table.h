/* SPDX-License-Identifier: MIT */
/* Columns as wide as their widest cell, for a person. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

enum table_limits {
	TABLE_COLUMNS_MAX = 16,
};

struct table {
	char **cells; /* rows of `columns` */
	size_t columns, rows, room;
	size_t filled; /* cells of the last row */
};

/* The heads, separated by tabs. */
void table_init(struct table *table, const char *heads);
void table_done(struct table *table);
/* Begins a row; cells that are not given stay empty. */
void table_row(struct table *table);
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A table without rows prints nothing. */
void table_print(const struct table *table, FILE *to);

#endif
