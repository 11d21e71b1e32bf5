/* SPDX-License-Identifier: MIT */
/* rename() and fsync() are the same on both systems, so that this file needs no twin. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static int file_write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t done = write(fd, bytes, count);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		count -= (size_t)done;
	}
	return 0;
}

/* The rename itself lasts only when the directory is synced. */
static void file_sync_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (length >= sizeof(directory))
		return;
	memcpy(directory, path, length);
	directory[length] = 0;
	fd = open(slash == NULL ? "." : length == 0 ? "/" : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

static int file_fill(int fd, const void *bytes, size_t count, mode_t mode)
{
	int result = file_write_all(fd, bytes, count);

	/* mkstemp() made it 0600; the umask has no say in what was asked for. */
	if (result == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		result = -errno;
	return result;
}

int file_replace(const char *path, const void *bytes, size_t count, mode_t mode, struct error *ret_error)
{
	char temporary[PATH_MAX];
	int result;
	int fd;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return error_set(ret_error, -ENAMETOOLONG, "%s: the path is too long", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return error_set(ret_error, -errno, "%s: cannot make a file there: %s", path, error_name(-errno));
	result = file_fill(fd, bytes, count, mode);
	close(fd);
	if (result == 0 && rename(temporary, path) < 0)
		result = -errno;
	if (result < 0) {
		unlink(temporary);
		return error_set(ret_error, result, "%s: cannot write it: %s", path, error_name(result));
	}
	file_sync_directory(path);
	return 0;
}
