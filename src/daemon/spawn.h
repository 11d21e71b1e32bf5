/* SPDX-License-Identifier: MIT */
/* Programs that are run for one connection of a guest's each, with the connection as their standard input and output:
 * guestfwd=…-cmd:COMMAND, smb=FOLDER. What they say on standard error goes where the program's does. Each leads a process
 * group of its own: what is typed at our terminal is not meant for it, and what it sends to its group (smbd: SIGTERM, when
 * it ends) not for us. One that ended is reaped at the next turn. */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/heritage.h"

enum spawn_limits {
	SPAWN_MAX = 256,     /* at once; what is beyond is refused to the guest */
	SPAWN_TERM_MS = 200, /* from the end of the input to SIGTERM; a multiple of 5 */
	SPAWN_END_MS = 1000, /* and to SIGKILL */
};

/* Of several programs of one kind. */
struct spawn_tally {
	size_t running;
	bool failed; /* one of them, as its status says */
};

struct spawn_job {
	pid_t pid;
	struct spawn_tally *tally; /* or NULL */
};

struct spawn {
	struct heritage heritage; /* the programs' */
	struct spawn_job running[SPAWN_MAX];
	size_t count;
};

/* Before the process changes its umask and limits. */
void spawn_init(struct spawn *spawn);
/* Waits for those that run to end, now that their input has: after SPAWN_TERM_MS they and their groups are told to, and
 * after SPAWN_END_MS they are killed. */
void spawn_done(struct spawn *spawn);
/* A stream socket, non-blocking, to a shell command that has been started; or negative errno. */
int spawn_command(struct spawn *spawn, const char *command);
/* The same to a program, words[0] its path, whose standard input is a TCP socket. The tally outlives spawn_done(). */
int spawn_program(struct spawn *spawn, char *const words[], struct spawn_tally *tally);
/* Those that have ended. */
void spawn_reap(struct spawn *spawn);

#endif
