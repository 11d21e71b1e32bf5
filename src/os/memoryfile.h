/* SPDX-License-Identifier: MIT */
/* Files that live in memory and nowhere else: those alone can be another process's memory as well, without a disk behind it
 * (handed.h). */
#ifndef OS_MEMORYFILE_H
#define OS_MEMORYFILE_H

#include <stdbool.h>

/* Whether a file is, or would be made, where files live in memory: on tmpfs, or huge pages. `path` may be a folder. */
bool memoryfile_is_at(const char *path);

#endif
