/* SPDX-License-Identifier: MIT */
/* guestfwd=…-cmd:COMMAND: a shell command for each connection of a guest's, with the connection as its standard input and
 * output. What it says on standard error goes where the program's does. A command that ended is reaped at the next turn. */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/heritage.h"

enum { SPAWN_MAX = 256 }; /* commands at once; what is beyond is refused to the guest */

struct spawn {
	struct heritage heritage; /* the commands' */
	pid_t running[SPAWN_MAX];
	size_t count;
};

/* Before the process changes its umask and limits. */
void spawn_init(struct spawn *spawn);
/* A stream socket, non-blocking, to a command that has been started; or negative errno. */
int spawn_command(struct spawn *spawn, const char *command);
/* Of those that have ended. */
void spawn_reap(struct spawn *spawn);

#endif
