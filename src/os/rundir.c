/* SPDX-License-Identifier: MIT */
/* Only paths and locks: nothing is made or removed here. */
#include "os/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static int rundir_join(char path[RUNDIR_PATH_BYTES], struct error *ret_error, const char *a, const char *b,
		       const char *c)
{
	char whole[4096];
	int length = snprintf(whole, sizeof(whole), "%s/%s%s%s", a, b, c ? "/" : "", c ? c : "");

	if (length < 0 || length >= RUNDIR_PATH_BYTES)
		return error_set(
			ret_error, -ENAMETOOLONG,
			"%s/%s: longer than the %d bytes of a socket's path; set XDG_RUNTIME_DIR to a shorter one", a,
			b, RUNDIR_PATH_BYTES - 1);
	memcpy(path, whole, (size_t)length + 1);
	return 0;
}

int rundir_base(const char *session, uid_t uid, char base[RUNDIR_PATH_BYTES], struct error *ret_error)
{
	bool given = session && session[0] == '/';

	if (uid == 0 && given && strcmp(session, "/run/user/0") == 0)
		given = false;
	if (given)
		return rundir_join(base, ret_error, session, "guestwire", NULL);
	if (uid == 0)
		return rundir_join(base, ret_error, "/run", "guestwire", NULL);
	snprintf(base, RUNDIR_PATH_BYTES, "/tmp/guestwire-%lu", (unsigned long)uid);
	return 0;
}

int rundir_check(const char *path, bool root, struct error *ret_error)
{
	struct stat status;

	if (lstat(path, &status) < 0) {
		int code = -errno;

		return error_set(ret_error, code, "%s: %s%s", path, error_name(code),
				 code == -EACCES ? "; set XDG_RUNTIME_DIR to a folder that is yours" : "");
	}
	if (!S_ISDIR(status.st_mode))
		return error_set(ret_error, -ENOTDIR, "%s: not a folder; remove it", path);
	if (status.st_uid != geteuid() && !(root && geteuid() == 0))
		return error_set(ret_error, -EPERM,
				 "%s: belongs to user %lu, not to us; remove it or set XDG_RUNTIME_DIR", path,
				 (unsigned long)status.st_uid);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(ret_error, -EPERM, "%s: others may write there; chmod 0700 it", path);
	return 0;
}

int rundir_path(const char *base, const char *name, const char *file, char path[RUNDIR_PATH_BYTES],
		struct error *ret_error)
{
	return rundir_join(path, ret_error, base, name, file);
}

struct flock rundir_lock(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

pid_t rundir_holder(int fd)
{
	struct flock lock = rundir_lock();

	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : -1; /* a process of another pid namespace has no number here */
}

pid_t rundir_pid(const char *base, const char *name)
{
	char path[RUNDIR_PATH_BYTES];
	pid_t pid;
	int fd;

	if (rundir_path(base, name, "lock", path, NULL) < 0)
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	pid = rundir_holder(fd);
	close(fd);
	return pid;
}
