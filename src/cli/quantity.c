/* SPDX-License-Identifier: MIT */
/* Two digits are enough to compare by eye; --json has them all. */
#include "cli/quantity.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *quantity_bytes(long long bytes, char text[QUANTITY_TEXT_BYTES])
{
	static const char units[] = "BKMGTP";
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit < sizeof(units) - 2) {
		value /= 1024;
		unit++;
	}
	snprintf(text, QUANTITY_TEXT_BYTES, unit && value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return text;
}

const char *quantity_seconds(long long seconds, char text[QUANTITY_TEXT_BYTES])
{
	if (seconds < 0)
		snprintf(text, QUANTITY_TEXT_BYTES, "for ever");
	else
		snprintf(text, QUANTITY_TEXT_BYTES, "%lld:%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
			 (int)(seconds % 60));
	return text;
}

bool quantity_read_seconds(const char *text, int *ret_ms)
{
	char *end;
	double seconds = strtod(text, &end);

	/* no exponent, no hexadecimal, no blank, no "inf" */
	if (end == text || *end || strspn(text, "0123456789.") != strlen(text) || seconds > 1e6)
		return false;
	*ret_ms = (int)(seconds * 1000);
	return true;
}
