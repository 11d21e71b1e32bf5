/* SPDX-License-Identifier: MIT */
/* The words of a command line, one at a time: options in any place, --name VALUE and --name=VALUE, -x VALUE and -xVALUE,
 * -dv for -d -v, and after -- only plain words. Not getopt: its texts are its own, and it keeps its state in globals. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>

struct error;

struct argument {
	const char *name; /* "uplink"; NULL ends the list */
	char letter;      /* 'd', or 0 */
	bool value;
};

enum arguments_found {
	/* No errno: some callers hand both up. */
	ARGUMENT_END = -100001,
	ARGUMENT_PLAIN = -100002, /* a word that is no option */
	ARGUMENT_HELP = -100003,  /* --help, -h */
	ARGUMENT_WRONG = -100004,
};

struct arguments {
	const struct argument *options;
	const char *command;
	char **words;
	int count;
	int at;
	const char *letters; /* the rest of -dv */
	bool plain_only;     /* -- was there */
};

enum { ARGUMENTS_PLAIN_MAX = 3 };

/* Of a command that says with its first word what it does, and whose only option is --json. */
struct argument_words {
	const char *plain[ARGUMENTS_PLAIN_MAX];
	int plain_count;
	bool json;
};

/* words[0] is the subcommand's name. */
void arguments_init(struct arguments *arguments, const struct argument *options, int count, char **words);
/* The place of the option in the list, or one of arguments_found. `ret_value`: the option's, or the plain word. */
int arguments_next(struct arguments *arguments, const char **ret_value, struct error *ret_error);
/* All of a command that takes [NAME] and, unless `ret_json` is NULL, --json: 0, ARGUMENT_HELP or ARGUMENT_WRONG. The name is
 * NULL when none was given. */
int arguments_network(int count, char **words, const char **ret_name, bool *ret_json, struct error *ret_error);
/* All of a command that takes plain words and --json: 0, ARGUMENT_HELP or ARGUMENT_WRONG. */
int arguments_plain(int count, char **words, struct argument_words *ret_words, struct error *ret_error);

#endif
