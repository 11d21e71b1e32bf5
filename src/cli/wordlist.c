/* SPDX-License-Identifier: MIT */
/* See wordlist.h. */
#include "cli/wordlist.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void wordlist_add(struct wordlist *list, const char *format, ...)
{
	char **words = realloc(list->words, (list->count + 2) * sizeof(*words)), *word = NULL;
	va_list arguments;

	if (words)
		list->words = words;
	va_start(arguments, format);
	if (!words || vasprintf(&word, format, arguments) < 0)
		list->failed = true;
	va_end(arguments);
	if (list->failed)
		return;
	list->words[list->count++] = word;
	list->words[list->count] = NULL;
}

void wordlist_done(struct wordlist *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->words[i]);
	free(list->words);
	*list = (struct wordlist){0};
}

static bool wordlist_is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";

	return *word && strspn(word, plain) == strlen(word);
}

void wordlist_print(const struct wordlist *list, FILE *to)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *word = list->words[i];

		fputs(i ? " " : "", to);
		if (wordlist_is_plain(word)) {
			fputs(word, to);
			continue;
		}
		fputc('\'', to);
		for (; *word; word++) {
			if (*word == '\'')
				fputs("'\\''", to);
			else
				fputc(*word, to);
		}
		fputc('\'', to);
	}
	fputc('\n', to);
}
