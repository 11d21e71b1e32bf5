/* SPDX-License-Identifier: MIT */
/* The folder of a running network: BASE/NAME with its control socket, the sockets of its guests and a lock. The lock is
 * held by the process that serves it and tells, without asking it, whether it lives and who it is; what a killed
 * process left is cleared by the next one that takes the lock. POSIX record locks, because a look at them (F_GETLK)
 * takes nothing: `ls` cannot make an `up` fail. They go with the first close of the file in the process that holds them,
 * so a process that has claimed a network may not look at others (runtime_pid, runtime_each). */
#ifndef DAEMON_RUNTIME_H
#define DAEMON_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

enum runtime_limits {
	/* sun_path is 108 bytes (104 elsewhere): base, '/', a name of 32, '/', "vhost-user". */
	RUNTIME_PATH_BYTES = 104,
};

struct runtime {
	char base[RUNTIME_PATH_BYTES];
	char folder[RUNTIME_PATH_BYTES];
	int lock; /* -1: not held */
};

/* Where the networks of this user live. `session` is XDG_RUNTIME_DIR, or NULL.
 * root: /run/guestwire, and SESSION/guestwire where SESSION is not root's own /run/user/0, which goes at logout.
 * Others: SESSION/guestwire, or /tmp/guestwire-UID without a session. 0 or -ENAMETOOLONG and a text. */
int runtime_base(const char *session, uid_t uid, char base[RUNTIME_PATH_BYTES], struct error *ret_error);
/* "FOLDER/control" of a network that may or may not run. */
int runtime_path(const char *base, const char *name, const char *file, char path[RUNTIME_PATH_BYTES],
		 struct error *ret_error);
/* Makes the folder, takes the lock, clears what was left. -EEXIST and a text with the pid when the name is in use. */
int runtime_claim(struct runtime *runtime, const char *base, const char *name, struct error *ret_error);
/* Removes the folder with all that is in it. May be called for one that was never claimed. */
void runtime_release(struct runtime *runtime);
/* The process that serves the network; 0: none. */
pid_t runtime_pid(const char *base, const char *name);
/* Calls for each network that runs, in the order of the alphabet; returns how many there are. */
size_t runtime_each(const char *base, void (*on_name)(void *owner, const char *name, pid_t pid), void *owner);

#endif
