/* SPDX-License-Identifier: MIT */
/* A word alone, "-", is a plain one: it means standard input or output. */
#include "cli/arguments.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"

void arguments_init(struct arguments *arguments, const struct argument *options, int count, char **words)
{
	*arguments =
		(struct arguments){.options = options, .command = words[0], .words = words, .count = count, .at = 1};
}

static int arguments_refuse(struct arguments *arguments, const char *what, const char *dashes, const char *name,
			    int length, const char *rest, struct error *ret_error)
{
	error_set(ret_error, -EINVAL, "%s: %s%s%.*s%s; guestwire help %s lists the options", arguments->command, what,
		  dashes, length > 60 ? 60 : length, name, rest, arguments->command);
	return ARGUMENT_WRONG;
}

static int arguments_unknown(struct arguments *arguments, const char *word, int length, struct error *ret_error)
{
	struct nearest nearest;

	nearest_init(&nearest, word, (size_t)length);
	for (const struct argument *option = arguments->options; option->name; option++)
		nearest_offer(&nearest, option->name, strlen(option->name));
	if (!nearest.found)
		return arguments_refuse(arguments, "unknown option ", "--", word, length, "", ret_error);
	error_set(ret_error, -EINVAL, "%s: unknown option --%.*s; did you mean --%s?", arguments->command, length, word,
		  nearest.found);
	return ARGUMENT_WRONG;
}

/* The value that stands in the next word. */
static const char *arguments_take(struct arguments *arguments)
{
	return arguments->at < arguments->count ? arguments->words[arguments->at++] : NULL;
}

static int arguments_long(struct arguments *arguments, const char *word, const char **ret_value,
			  struct error *ret_error)
{
	int length = (int)strcspn(word, "=");
	const char *value = word[length] ? word + length + 1 : NULL;

	if (strcmp(word, "help") == 0)
		return ARGUMENT_HELP;
	for (int i = 0; arguments->options[i].name; i++) {
		const struct argument *option = &arguments->options[i];

		if (strncmp(option->name, word, (size_t)length) != 0 || option->name[length])
			continue;
		if (value && !option->value)
			return arguments_refuse(arguments, "", "--", word, length, " takes no value", ret_error);
		if (!value && option->value)
			value = arguments_take(arguments);
		if (!value && option->value)
			return arguments_refuse(arguments, "", "--", word, length, " needs a value", ret_error);
		*ret_value = value;
		return i;
	}
	return arguments_unknown(arguments, word, length, ret_error);
}

static int arguments_short(struct arguments *arguments, const char **ret_value, struct error *ret_error)
{
	const char *letter = arguments->letters;
	int i = 0;

	arguments->letters = letter[1] ? letter + 1 : NULL;
	while (arguments->options[i].name && arguments->options[i].letter != *letter)
		i++;
	if (!arguments->options[i].name)
		return *letter == 'h' ? ARGUMENT_HELP
				      : arguments_refuse(arguments, "unknown option ", "-", letter, 1, "", ret_error);
	if (!arguments->options[i].value)
		return i;
	*ret_value = arguments->letters ? arguments->letters : arguments_take(arguments);
	arguments->letters = NULL;
	return *ret_value ? i : arguments_refuse(arguments, "", "-", letter, 1, " needs a value", ret_error);
}

int arguments_next(struct arguments *arguments, const char **ret_value, struct error *ret_error)
{
	const char *word;

	*ret_value = NULL;
	if (arguments->letters)
		return arguments_short(arguments, ret_value, ret_error);
	word = arguments_take(arguments);
	if (!word)
		return ARGUMENT_END;
	if (!arguments->plain_only && strcmp(word, "--") == 0) {
		arguments->plain_only = true;
		return arguments_next(arguments, ret_value, ret_error);
	}
	if (arguments->plain_only || word[0] != '-' || !word[1]) {
		*ret_value = word;
		return ARGUMENT_PLAIN;
	}
	if (word[1] == '-')
		return arguments_long(arguments, word + 2, ret_value, ret_error);
	arguments->letters = word + 1;
	return arguments_short(arguments, ret_value, ret_error);
}

int arguments_network(int count, char **words, const char **ret_name, bool *ret_json, struct error *ret_error)
{
	const struct argument options[] = {{ret_json ? "json" : NULL, 0, false}, {0}};
	struct arguments arguments;
	const char *word, *name = NULL;
	bool json = false;
	int found;

	arguments_init(&arguments, options, count, words);
	while ((found = arguments_next(&arguments, &word, ret_error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP || found == ARGUMENT_WRONG)
			return found;
		if (found == ARGUMENT_PLAIN && name) {
			error_set(ret_error, -EINVAL, "%s: one network at a time, not %s and %.60s", words[0], name,
				  word);
			return ARGUMENT_WRONG;
		}
		if (found == ARGUMENT_PLAIN)
			name = word;
		else
			json = true;
	}
	*ret_name = name;
	if (ret_json)
		*ret_json = json;
	return 0;
}

int arguments_plain(int count, char **words, struct argument_words *ret_words, struct error *ret_error)
{
	static const struct argument options[] = {{"json", 0, false}, {0}};
	struct argument_words found = {.plain_count = 0};
	struct arguments arguments;
	const char *word;
	int next;

	arguments_init(&arguments, options, count, words);
	while ((next = arguments_next(&arguments, &word, ret_error)) != ARGUMENT_END) {
		if (next == ARGUMENT_HELP || next == ARGUMENT_WRONG)
			return next;
		if (next >= 0) {
			found.json = true;
		} else if (found.plain_count == ARGUMENTS_PLAIN_MAX) {
			error_set(ret_error, -EINVAL, "%s: %.60s is one word too many; guestwire help %s says more",
				  words[0], word, words[0]);
			return ARGUMENT_WRONG;
		} else {
			found.plain[found.plain_count++] = word;
		}
	}
	*ret_words = found;
	return 0;
}
