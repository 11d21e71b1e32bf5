/* SPDX-License-Identifier: MIT */
/* The way that every system can go: one folder at a time, none of them a link. */
#include "os/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { BENEATH_PART_BYTES = 256 };

/* One part of the path, in `folder`. */
static int beneath_step(int folder, const char *part, size_t bytes, bool last)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | (last ? 0 : O_DIRECTORY);
	char name[BENEATH_PART_BYTES];
	int fd;

	if (bytes >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, part, bytes);
	name[bytes] = '\0';
	if (strcmp(name, "..") == 0)
		return -EXDEV;
	fd = openat(folder, name, flags);
	return fd < 0 ? -errno : fd;
}

int beneath_walk(int folder, const char *path)
{
	int at = folder, next = -ENOENT;

	while (*path) {
		size_t bytes = strcspn(path, "/");
		bool last = path[bytes] == '\0';

		next = beneath_step(at, path, bytes, last);
		if (at != folder)
			close(at);
		if (next < 0 || last)
			return next;
		at = next;
		path += bytes + 1;
	}
	/* a slash at the end */
	if (at != folder)
		close(at);
	return -ENOENT;
}
