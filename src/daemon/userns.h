/* SPDX-License-Identifier: MIT */
/* Why this machine does not let an ordinary user have a namespace of his own, and what helps: the kernel says EPERM to
 * all of it, and the reason stands in its settings. Linux only. */
#ifndef DAEMON_USERNS_H
#define DAEMON_USERNS_H

struct error;

/* `code`: what unshare(2), or the first thing done inside, gave. `proc` is "/proc", or a copy for tests. `step` says what
 * was refused. Returns `code`. */
int userns_refused(const char *proc, const char *step, int code, struct error *ret_error);

#endif
