/* SPDX-License-Identifier: MIT */
/* The words of a command, while they are put together. A list that ran out of memory stays so and is NULL at the end. */
#ifndef CLI_WORDLIST_H
#define CLI_WORDLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct wordlist {
	char **words; /* NULL behind the last; NULL: none yet */
	size_t count;
	bool failed; /* no memory */
};

void wordlist_add(struct wordlist *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
void wordlist_done(struct wordlist *list);
/* As a shell would read it back. */
void wordlist_print(const struct wordlist *list, FILE *to);

#endif
