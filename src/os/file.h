/* SPDX-License-Identifier: MIT */
/* Files that others may see: a replacement that is never seen half done. Locks of a network's name are daemon/runtime.c's. */
#ifndef OS_FILE_H
#define OS_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct error;

/* Writes a temporary file beside `path`, syncs it and renames it into place: readers see the old bytes or the new. */
int file_replace(const char *path, const void *bytes, size_t count, mode_t mode, struct error *ret_error);

#endif
