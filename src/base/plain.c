/* SPDX-License-Identifier: MIT */
/* UTF-8 by RFC 3629: no longer forms, no surrogates, nothing above U+10FFFF. */
#include "base/plain.h"

#include <stddef.h>

/* How many bytes the character has that begins here; 0: none does. */
static size_t plain_bytes(const unsigned char *text)
{
	size_t count = text[0] < 0x80   ? 1
		       : text[0] < 0xc2 ? 0
		       : text[0] < 0xe0 ? 2
		       : text[0] < 0xf0 ? 3
		       : text[0] < 0xf5 ? 4
					: 0;

	for (size_t i = 1; i < count; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return count;
}

void plain_text(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		size_t count = plain_bytes(at);

		if (count == 2 && at[0] == 0xc2 && at[1] < 0xa0)
			at[0] = at[1] = '?';
		else if (count == 0 || *at < ' ' || *at == 0x7f)
			*at = '?';
		at += count ? count : 1;
	}
}
