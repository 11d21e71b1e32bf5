/* SPDX-License-Identifier: MIT */
/* Files that others may see: a lock that names its holder, and a replacement that is never seen half done. */
#ifndef OS_FILE_H
#define OS_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct error;

/* Opens or makes the file, locks it and writes this process's number into it. The descriptor that holds the lock, or
 * negative errno; -EADDRINUSE with the holder's number when somebody has it. The kernel drops the lock with the
 * process, so that a file left by a killed one is taken over. */
int file_lock(const char *path, struct error *ret_error);
/* The holder's number from a locked file: 0, or -ENOENT when nobody holds it. */
int file_lock_holder(const char *path, pid_t *ret_pid);
/* Removes the file and lets go of the lock, in this order. */
void file_unlock(int fd, const char *path);

/* Writes a temporary file beside `path`, syncs it and renames it into place: readers see the old bytes or the new. */
int file_replace(const char *path, const void *bytes, size_t count, mode_t mode, struct error *ret_error);

#endif
