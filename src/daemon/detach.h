/* SPDX-License-Identifier: MIT */
/* Going into the background, for `up -d`: the caller's process stays until the one behind says that it is ready, or
 * ends with its exit code. Until then the one behind keeps the terminal, so its errors are seen where they belong. */
#ifndef DAEMON_DETACH_H
#define DAEMON_DETACH_H

struct error;

struct detach {
	int ready; /* the pipe to the waiting process; -1: not detached */
};

/* Returns 0 in the process behind only, which has a session of its own. In the caller's process it does not return. */
int detach_start(struct detach *detach, struct error *ret_error);
/* Ready: lets go of the terminal (standard input, output and error become /dev/null) and of the waiting process. */
int detach_ready(struct detach *detach, struct error *ret_error);
/* The exit code for the waiting process, when it never came to be ready. */
void detach_fail(struct detach *detach, int code);

#endif
