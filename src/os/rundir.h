/* SPDX-License-Identifier: MIT */
/* Where the networks of a user have their folders, BASE/NAME, and who serves one: the process that holds a POSIX record
 * lock on the file "lock" in it. A look at the lock (F_GETLK) takes nothing, but such locks go with the first close of
 * the file in the process that holds them, so a process may not look at a network that it serves. */
#ifndef OS_RUNDIR_H
#define OS_RUNDIR_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>

struct error;

enum rundir_limits {
	/* sun_path is 108 bytes (104 elsewhere): base, '/', a name of 32, '/', "vhost-user". */
	RUNDIR_PATH_BYTES = 104,
};

/* Where the networks of this user live. `session` is XDG_RUNTIME_DIR, or NULL.
 * root: /run/guestwire, and SESSION/guestwire where SESSION is not root's own /run/user/0, which goes at logout.
 * Others: SESSION/guestwire, or /tmp/guestwire-UID without a session. 0 or -ENAMETOOLONG and a text. */
int rundir_base(const char *session, uid_t uid, char base[RUNDIR_PATH_BYTES], struct error *ret_error);
/* Whether the folder is this user's own and closed to others: in /tmp anybody may have made it before. `root`: root may look
 * at everybody's. 0; -ENOENT: it is not there; -EPERM, … and a text. */
int rundir_check(const char *path, bool root, struct error *ret_error);
/* "FOLDER/control" of a network that may or may not run. */
int rundir_path(const char *base, const char *name, const char *file, char path[RUNDIR_PATH_BYTES],
		struct error *ret_error);
/* All of the file, for writing. */
struct flock rundir_lock(void);
/* Who holds that lock on an open file; 0: nobody. -1: a process that has no number here. */
pid_t rundir_holder(int fd);
/* The process that serves the network; 0: none. */
pid_t rundir_pid(const char *base, const char *name);

#endif
