/* SPDX-License-Identifier: MIT */
/* A subcommand: one file each, one entry each in main.c's table. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdint.h>

struct error;

enum command_exit {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct command {
	const char *name;
	/* words[0] is the subcommand; the exit code. */
	int (*run)(int count, char **words);
	const char *line; /* for the list */
	const char *help; /* whole, with its newlines */
};

extern const struct command args_command, backend_command, capture_command, down_command, flows_command,
	forward_command, guest_command, help_command, ls_command, netns_command, run_command, show_command, up_command,
	wait_command;
extern const struct command *const commands[]; /* ends with NULL */

/* NULL: there is none of this name. */
const struct command *command_find(const char *name);
/* "guestwire: TEXT" on standard error; the exit code that belongs to the error. */
int command_complain(const struct error *error);
/* Of a word where a command must stand; the exit code. */
int command_complain_unknown(const char *name);
/* For timeouts: it does not jump. */
int64_t command_now_ms(void);
/* After something was made, and told on standard output: it stands all the same where nobody could be told, and a line
 * says by which command it is seen. */
void command_said(const char *command, const char *network);
/* Prints the help of `command`; EXIT_OK. */
int command_help(const struct command *command);

#endif
