/* SPDX-License-Identifier: MIT */
/* Another process beside a test, that is something and does nothing. */
#ifndef KIT_BYSTANDER_H
#define KIT_BYSTANDER_H

#include <stdbool.h>
#include <sys/types.h>

/* It is what `become` has made of it when this returns; negative: it could not become that. */
pid_t bystander_start(bool (*become)(const void *what), const void *what);
/* One that holds the lock at this path, as if it served a network. */
pid_t bystander_start_locking(const char *path);
/* By a kill: what it made stays. */
void bystander_stop(pid_t bystander);

#endif
