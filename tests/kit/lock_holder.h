/* SPDX-License-Identifier: MIT */
/* Another process that serves a network, as far as its lock tells: it holds that and does nothing else. */
#ifndef KIT_LOCK_HOLDER_H
#define KIT_LOCK_HOLDER_H

#include <sys/types.h>

/* It has the lock at `path`, which it made, when this returns; negative: it could not have it. */
pid_t lock_holder_start(const char *path);
/* As a kill does it: the file stays. */
void lock_holder_stop(pid_t holder);

#endif
