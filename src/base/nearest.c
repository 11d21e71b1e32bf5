/* SPDX-License-Identifier: MIT */
/* The distance of Damerau and Levenshtein (optimal string alignment), three rows of its table at a time. */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

static size_t nearest_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One more letter of `word`, the row-th, against all of `candidate`. rows[0] is made of the two before it. */
static void nearest_row(size_t rows[3][NEAREST_LETTERS + 1], const char *word, size_t row, const char *candidate,
			size_t length)
{
	rows[0][0] = row;
	for (size_t i = 1; i <= length; i++) {
		size_t other = word[row - 1] != candidate[i - 1];

		rows[0][i] = nearest_least(rows[1][i - 1] + other, 1 + nearest_least(rows[1][i], rows[0][i - 1]));
		if (row > 1 && i > 1 && word[row - 1] == candidate[i - 2] && word[row - 2] == candidate[i - 1])
			rows[0][i] = nearest_least(rows[0][i], rows[2][i - 2] + 1);
	}
}

static size_t nearest_slips(const struct nearest *nearest, const char *candidate, size_t length)
{
	size_t rows[3][NEAREST_LETTERS + 1];

	for (size_t i = 0; i <= length; i++)
		rows[0][i] = i;
	for (size_t row = 1; row <= nearest->length; row++) {
		memmove(rows[1], rows[0], 2 * sizeof(rows[0]));
		nearest_row(rows, nearest->word, row, candidate, length);
	}
	return rows[0][length];
}

void nearest_init(struct nearest *nearest, const char *word, size_t length)
{
	/* Of a short word two slips leave nothing that was meant. */
	*nearest = (struct nearest){.word = word, .length = length, .slips = length < 5 ? 2 : 3};
}

void nearest_offer(struct nearest *nearest, const char *candidate, size_t length)
{
	bool begins = nearest->length > 1 && length > nearest->length &&
		      memcmp(candidate, nearest->word, nearest->length) == 0;
	size_t slips;

	if (length > NEAREST_LETTERS || nearest->length > NEAREST_LETTERS || nearest->length < 2)
		return;
	slips = begins ? 1 : nearest_slips(nearest, candidate, length);
	if (slips >= nearest->slips)
		return;
	nearest->found = candidate;
	nearest->found_length = length;
	nearest->slips = slips;
}
