/* SPDX-License-Identifier: MIT */
#include "os/memoryfile.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

bool memoryfile_is_at(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct statfs status;
	char folder[4096];
	int code = statfs(path, &status);

	if (code < 0 && errno == ENOENT) {
		snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
		code = statfs(folder, &status);
	}
	return code == 0 && (status.f_type == TMPFS_MAGIC || status.f_type == HUGETLBFS_MAGIC);
}
