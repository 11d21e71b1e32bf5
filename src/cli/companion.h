/* SPDX-License-Identifier: MIT */
/* A command with a network that is there for it: what `guestwire run` and `guestwire netns` have in common. The words
 * before the command are options, the network is called after ours and its process, and the command is started last. */
#ifndef CLI_COMPANION_H
#define CLI_COMPANION_H

#include <stdbool.h>

#include "daemon/child.h"
#include "daemon/config.h"
#include "daemon/detach.h"
#include "daemon/runtime.h"

struct arguments;
struct daemon;
struct error;

struct companion {
	const char *name; /* of our command: "run" */
	struct config config;
	const char *log_file; /* these two as they were typed; NULL */
	const char *pidfile;
	struct detach detach; /* for who has no command */
	bool verbose;
	char *const *words; /* the command's as they were typed; NULL: none */
	char folder[4096];  /* where relative paths begin */
	char base[RUNDIR_PATH_BYTES];
	struct child child;
};

void companion_init(struct companion *companion, const char *name);
void companion_done(struct companion *companion);
/* An option that may be given once. */
int companion_set(const struct companion *companion, char **field, const char *option, const char *value,
		  struct error *ret_error);
/* --uplink, with its relative paths made absolute: they count from where it was typed, in the background too. */
int companion_set_uplink(struct companion *companion, const char *value, struct error *ret_error);
/* Options up to the command's first word; 0, ARGUMENT_HELP, ARGUMENT_WRONG or what on_option() returned. */
int companion_read(struct companion *companion, struct arguments *arguments,
		   int (*on_option)(void *owner, int option, const char *value, struct error *ret_error), void *owner,
		   struct error *ret_error);
/* NAME-PID where nobody named the network. */
int companion_name(struct companion *companion, struct error *ret_error);
/* What the daemon needs to know of the above is filled in; `base` is known before. */
int companion_serve(struct companion *companion, struct daemon *daemon, struct error *ret_error);
/* The exit code: the command's, or ours. */
int companion_finish(struct companion *companion, int result, const struct error *error);

#endif
