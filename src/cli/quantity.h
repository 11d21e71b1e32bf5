/* SPDX-License-Identifier: MIT */
/* Amounts as a person reads them in a table: 1.5K, 0:04:59; and types them: 0.5. */
#ifndef CLI_QUANTITY_H
#define CLI_QUANTITY_H

#include <stdbool.h>

enum quantity_limits {
	QUANTITY_TEXT_BYTES = 24,
};

/* 1536 as "1.5K"; both return `text`. */
const char *quantity_bytes(long long bytes, char text[QUANTITY_TEXT_BYTES]);
/* "1:02:03"; negative: "for ever". */
const char *quantity_seconds(long long seconds, char text[QUANTITY_TEXT_BYTES]);
/* "1.5", up to 1000000. */
bool quantity_read_seconds(const char *text, int *ret_ms);

#endif
