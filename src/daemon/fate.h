/* SPDX-License-Identifier: MIT */
/* A process that does not outlive the one that started it, where the system can promise that. */
#ifndef DAEMON_FATE_H
#define DAEMON_FATE_H

#include <sys/types.h>

/* In the new process, after it has taken on its user: when `parent` ends, this one is killed. */
void fate_share(pid_t parent);

#endif
