/* SPDX-License-Identifier: MIT */
/* A file that others see is replaced, and never seen half done: a temporary file beside it is written, synced and
 * renamed into place: readers see the old bytes or the new, and so does who looks after the machine has lost its power.
 * Locks of a network's name are daemon/runtime.c's.
 *
 * Nobody waits for the disk (filesync.h), but who wants to. What is still waited for is a system that takes bytes into no
 * memory, or does not answer, such as a network file system whose server is gone. */
#ifndef OS_REPLACEMENT_H
#define OS_REPLACEMENT_H

#include <stddef.h>
#include <sys/types.h>

struct error;
struct replacement;

/* 0 or -ENOMEM. */
int replacement_new(struct replacement **ret_replacement);
/* One that is under way is given up: the old file stays. Waits as filesync_free() does. */
void replacement_free(struct replacement *replacement);

/* Replaces the file at `path`. None is under way. -EINPROGRESS: go on later; 0: done; or what went wrong, and the old file
 * stays. */
int replacement_start(struct replacement *replacement, const char *path, const void *bytes, size_t count, mode_t mode,
		      struct error *ret_error);
/* The same answers. */
int replacement_go_on(struct replacement *replacement, struct error *ret_error);
/* 0, or what went wrong, when the disk has it. */
int replacement_finish(struct replacement *replacement, struct error *ret_error);
/* As filesync_fd(). */
int replacement_fd(const struct replacement *replacement);

#endif
