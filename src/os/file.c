/* SPDX-License-Identifier: MIT */
/* flock() and rename() are the same on both systems, so that this file needs no twin. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Whether the path still leads to the open file: its last holder may have removed it between our open and our lock. */
static bool file_is_at(int fd, const char *path)
{
	struct stat open_one;
	struct stat at_path;

	return fstat(fd, &open_one) == 0 && stat(path, &at_path) == 0 && open_one.st_dev == at_path.st_dev &&
	       open_one.st_ino == at_path.st_ino;
}

static pid_t file_read_pid(int fd)
{
	char text[24] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static int file_write_pid(int fd)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) < 0)
		return -errno;
	return pwrite(fd, text, (size_t)length, 0) == length ? 0 : -EIO;
}

/* The descriptor, locked, of the file that is at the path. */
static int file_open_locked(const char *path, struct error *ret_error)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

		if (fd < 0)
			return error_set(ret_error, -errno, "%s: cannot open the lock file: %s", path,
					 error_name(-errno));
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int code = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
			pid_t pid = file_read_pid(fd);

			if (code == -EADDRINUSE && pid > 0)
				error_set(ret_error, code,
					  "%s: another process (pid %ld) holds it; stop it or choose another name",
					  path, (long)pid);
			else
				error_set(ret_error, code, "%s: cannot lock it: %s", path, error_name(code));
			close(fd);
			return code;
		}
		if (file_is_at(fd, path))
			return fd;
		close(fd);
	}
}

int file_lock(const char *path, struct error *ret_error)
{
	int fd = file_open_locked(path, ret_error);
	int result;

	if (fd < 0)
		return fd;
	result = file_write_pid(fd);
	if (result == 0)
		return fd;
	file_unlock(fd, path);
	return error_set(ret_error, result, "%s: cannot write it: %s", path, error_name(result));
}

int file_lock_holder(const char *path, pid_t *ret_pid)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	pid_t pid;
	int result = -ENOENT;

	if (fd < 0)
		return -errno;
	pid = file_read_pid(fd);
	/* A shared lock is enough to find out, and does not stop another who only asks. */
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK && pid > 0) {
		*ret_pid = pid;
		result = 0;
	}
	close(fd);
	return result;
}

void file_unlock(int fd, const char *path)
{
	if (file_is_at(fd, path))
		unlink(path);
	close(fd);
}

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
