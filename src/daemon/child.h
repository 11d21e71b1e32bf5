/* SPDX-License-Identifier: MIT */
/* A command that a network is there for: `guestwire netns -- CMD`. It is a child in our own process group, so that the
 * terminal is its as well; the network ends with it, and it with us (SIGKILL, where the system can promise that).
 *
 * Signals: what is typed reaches it directly, and we go on until it ends; what another process sends us is passed on.
 * When it stops (^Z) we stop, so that the shell that started us notices, and it goes on when we do. */
#ifndef DAEMON_CHILD_H
#define DAEMON_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/heritage.h"

struct error;

enum child_limits {
	CHILD_END_US = 5 * 1000 * 1000, /* from SIGTERM to SIGKILL, where somebody said `down` */
	CHILD_NOT_FOUND = 127,          /* exit codes as a shell's */
	CHILD_NOT_EXECUTABLE = 126,
};

struct child {
	char *const *words; /* NULL at the end */
	/* In the new process, before the command: a namespace to enter. May be NULL. */
	int (*prepare)(void *owner, struct error *ret_error);
	void *owner;

	/* What it gets back of what we change for ourselves. */
	struct heritage heritage;
	sigset_t ignored;

	pid_t pid; /* 0: not started */
	bool ended;
	int code;            /* for exit(), when it has ended or could not be started */
	uint64_t kill_at_us; /* 0: it was not asked to end */
};

/* Before the process changes its umask, signals and limits. */
void child_init(struct child *child, char *const *words);
/* SIGCHLD is caught by the caller. Returns when the command runs, or has ended before it began, because a signal that ends
 * it came first; or negative errno and a text, and `code` is set. */
int child_start(struct child *child, struct error *ret_error);
/* After signals_seen(): passes on what came, and looks after the command. */
void child_take_signals(struct child *child);
/* Asks it to end; once. */
void child_end(struct child *child, uint64_t now_us);
/* How long the loop may sleep; -1: for ever. Kills a child that was asked in vain. */
int64_t child_timeout_us(const struct child *child, uint64_t now_us);
/* Not without it: when it runs still, it is killed. */
void child_done(struct child *child);

#endif
