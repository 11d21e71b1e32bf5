/* SPDX-License-Identifier: MIT */
/* Which of the words that would do a person may have meant: the one that is fewest slips away from what was typed (a
 * letter more, less or another, or two that changed places), or that begins with it. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

enum nearest_limits {
	NEAREST_LETTERS = 32, /* longer words are near nothing */
};

struct nearest {
	const char *word; /* as typed */
	size_t length;
	const char *found; /* NULL: none is near; not ended by a zero where what was offered is not */
	size_t found_length;
	size_t slips;
};

void nearest_init(struct nearest *nearest, const char *word, size_t length);
/* One that would do. The first of those that are equally near is kept. */
void nearest_offer(struct nearest *nearest, const char *candidate, size_t length);

#endif
