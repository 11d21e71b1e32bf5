/* SPDX-License-Identifier: MIT */
/* The folder of a running network: BASE/NAME with its control socket, the sockets of its guests and a lock. The lock is
 * held by the process that serves it and tells, without asking it, whether it lives and who it is; what a killed
 * process left is cleared by the next one that takes the lock. POSIX record locks, because a look at them (F_GETLK)
 * takes nothing: `ls` cannot make an `up` fail. They go with the first close of the file in the process that holds them,
 * so a process that has claimed a network may not look at others (rundir_pid, runtime_each).
 * In /tmp others may have made the folder before us, and what is old is cleared away: neither is believed to be ours, nor
 * left to be taken for forgotten. */
#ifndef DAEMON_RUNTIME_H
#define DAEMON_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "os/rundir.h"

struct error;

struct runtime {
	char base[RUNDIR_PATH_BYTES];
	char folder[RUNDIR_PATH_BYTES];
	int lock; /* -1: not held */
	int kept; /* the base, locked shared: systemd-tmpfiles(8) clears nothing beneath it; -1 */
};

/* Makes the folder, takes the lock, clears what was left. -EEXIST and a text with the pid when the name is in use. */
int runtime_claim(struct runtime *runtime, const char *base, const char *name, struct error *ret_error);
/* Removes what is left of networks that killed processes had named after themselves, WORD-PID: nobody will take such a
 * name again. Before this process has claimed one. */
void runtime_tidy(const char *base);
/* Removes the folder with all that is in it, unless somebody has removed it and it is another's by now. May be called for
 * one that was never claimed. */
void runtime_release(struct runtime *runtime);
/* Calls for each network that runs, in the order of the alphabet; returns how many there are. */
size_t runtime_each(const char *base, void (*on_name)(void *owner, const char *name, pid_t pid), void *owner);

#endif
