/* SPDX-License-Identifier: MIT */
/* See replacement.h. Two steps wait for the disk: the bytes before the rename, and the directory after it. */
#include "os/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/filesync.h"

struct replacement {
	struct filesync *sync;
	int fd;       /* what is being synced; -1: none is under way */
	bool renamed; /* and it is the directory */
	char path[PATH_MAX], temporary[PATH_MAX];
};

int replacement_new(struct replacement **ret_replacement)
{
	struct replacement *replacement = calloc(1, sizeof(*replacement));

	if (!replacement || filesync_new(&replacement->sync) < 0) {
		free(replacement);
		return -ENOMEM;
	}
	replacement->fd = -1;
	*ret_replacement = replacement;
	return 0;
}

void replacement_free(struct replacement *replacement)
{
	if (!replacement)
		return;
	filesync_free(replacement->sync);
	if (replacement->fd >= 0) {
		close(replacement->fd);
		if (!replacement->renamed)
			unlink(replacement->temporary);
	}
	free(replacement);
}

int replacement_fd(const struct replacement *replacement)
{
	return filesync_fd(replacement->sync);
}

static int write_all(int fd, const char *bytes, size_t count)
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

/* Negative errno. */
static int open_directory_of(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	int fd;

	memcpy(directory, path, length);
	directory[length] = 0;
	fd = open(slash == NULL ? "." : length == 0 ? "/" : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int replacement_fail(struct replacement *replacement, int code, struct error *ret_error)
{
	unlink(replacement->temporary);
	close(replacement->fd);
	replacement->fd = -1;
	return error_set(ret_error, code, "%s: cannot write it: %s", replacement->path, error_name(code));
}

int replacement_start(struct replacement *replacement, const char *path, const void *bytes, size_t count, mode_t mode,
		      struct error *ret_error)
{
	int result;

	if (snprintf(replacement->temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
		return error_set(ret_error, -ENAMETOOLONG, "%s: the path is too long", path);
	memcpy(replacement->path, path, strlen(path) + 1);
	replacement->renamed = false;
	replacement->fd = mkostemp(replacement->temporary, O_CLOEXEC);
	if (replacement->fd < 0)
		return error_set(ret_error, -errno, "%s: cannot make a file there: %s", path, error_name(-errno));
	result = write_all(replacement->fd, bytes, count);
	/* mkostemp() made it 0600; the umask has no say in what was asked for. */
	if (result == 0 && fchmod(replacement->fd, mode) < 0)
		result = -errno;
	if (result < 0)
		return replacement_fail(replacement, result, ret_error);
	filesync_start(replacement->sync, replacement->fd);
	return replacement_go_on(replacement, ret_error);
}

/* The bytes are on the disk. The rename itself lasts only when the directory is synced. */
static int replacement_rename(struct replacement *replacement, struct error *ret_error)
{
	if (rename(replacement->temporary, replacement->path) < 0)
		return replacement_fail(replacement, -errno, ret_error);
	close(replacement->fd);
	replacement->renamed = true;
	replacement->fd = open_directory_of(replacement->path);
	if (replacement->fd >= 0)
		filesync_start(replacement->sync, replacement->fd);
	return 0;
}

int replacement_go_on(struct replacement *replacement, struct error *ret_error)
{
	int result = filesync_result(replacement->sync);

	if (result != -EINPROGRESS && replacement->fd >= 0 && !replacement->renamed) {
		result = result < 0 ? replacement_fail(replacement, result, ret_error)
				    : replacement_rename(replacement, ret_error);
		if (result < 0)
			return result;
		result = filesync_result(replacement->sync);
	}
	if (result == -EINPROGRESS)
		return result;
	/* What a directory that cannot be synced loses, it loses only with the machine's power. */
	if (replacement->fd >= 0)
		close(replacement->fd);
	replacement->fd = -1;
	return 0;
}

int replacement_finish(struct replacement *replacement, struct error *ret_error)
{
	int result;

	while ((result = replacement_go_on(replacement, ret_error)) == -EINPROGRESS)
		filesync_wait(replacement->sync);
	return result;
}
