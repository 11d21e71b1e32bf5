/* SPDX-License-Identifier: MIT */
/* What the program changes of its process for itself, and what a command that it runs shall have as it was: the umask
 * and the limit of open files, which raised breaks programs that use select(2). */
#ifndef DAEMON_HERITAGE_H
#define DAEMON_HERITAGE_H

#include <sys/resource.h>
#include <sys/types.h>

struct heritage {
	mode_t mask;
	struct rlimit files;
};

/* As the process has it now. */
void heritage_keep(struct heritage *heritage);
/* The process has it from now on. What is open stays open. */
void heritage_give(const struct heritage *heritage);

#endif
