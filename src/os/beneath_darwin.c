/* SPDX-License-Identifier: MIT */
/* Part by part: no link is followed. */
#include "os/beneath.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int beneath_open(int folder, const char *path, uint64_t *ret_bytes)
{
	int fd = beneath_walk(folder, path);
	struct stat file;

	if (fd < 0)
		return fd == -EXDEV || fd == -ELOOP ? -EACCES : fd;
	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	*ret_bytes = (uint64_t)file.st_size;
	return fd;
}
