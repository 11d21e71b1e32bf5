/* SPDX-License-Identifier: MIT */
/* What can be seen of another process. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Has a signal stopped it (SIGSTOP, ^Z)? False also where that cannot be known. */
bool process_is_stopped(pid_t pid);

#endif
