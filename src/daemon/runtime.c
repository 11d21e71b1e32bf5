/* SPDX-License-Identifier: MIT */
/* Another `up` may remove the folder between any two steps of ours, so claiming is a loop: make, open, lock, and look
 * whether what was locked is still what the name leads to. */
#include "daemon/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/config.h"

enum {
	CLAIM_TRIES = 100,
};

/* A folder of our own: made, or found to be. */
static int runtime_make(const char *path, struct error *ret_error)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(ret_error, -errno, "%s: %s%s", path, error_name(-errno),
				 errno == EACCES || errno == EROFS
					 ? "; set XDG_RUNTIME_DIR to a folder where you may write"
					 : "");
	return rundir_check(path, false, ret_error);
}

/* Only the folder of a network can be gone again because somebody else removed it; what is above ours was never there. */
static int runtime_make_base(const char *path, struct error *ret_error)
{
	if (mkdir(path, 0700) < 0 && errno == ENOENT)
		return error_set(ret_error, -ENOTDIR,
				 "%s: the folder above it is not there; make it, or set XDG_RUNTIME_DIR to one that is",
				 path);
	return runtime_make(path, ret_error);
}

/* Whether the file that is open is the one that the path leads to. */
static bool runtime_same(int fd, const char *path)
{
	struct stat open_file, named;

	return fstat(fd, &open_file) == 0 && lstat(path, &named) == 0 && open_file.st_ino == named.st_ino &&
	       open_file.st_dev == named.st_dev;
}

/* The folders, once they are empty. Above it only ours goes, unless other networks live there; in a session's folder and in
 * /tmp nothing should be left. */
static void runtime_remove(const struct runtime *runtime)
{
	rmdir(runtime->folder);
	rmdir(runtime->base);
}

static int runtime_refuse(const char *name, pid_t holder, struct error *ret_error)
{
	char who[32] = "in another pid namespace";

	if (holder > 0)
		snprintf(who, sizeof(who), "pid %d", (int)holder);
	return error_set(ret_error, -EEXIST, "network %s is running already (%s); guestwire down %s ends it", name, who,
			 name);
}

/* One try: 0 taken; -EAGAIN: the folder went away meanwhile; -EEXIST: somebody has it. */
static int runtime_try(struct runtime *runtime, const char *name, struct error *ret_error)
{
	struct flock lock = rundir_lock();
	char path[RUNDIR_PATH_BYTES];
	int fd, result = runtime_make_base(runtime->base, ret_error);

	if (result == 0 && (result = runtime_make(runtime->folder, ret_error)) < 0)
		rmdir(runtime->base);
	if (result == 0)
		result = rundir_path(runtime->base, name, "lock", path, ret_error);
	if (result < 0)
		return result == -ENOENT ? -EAGAIN : result;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		result = errno == ENOENT ? -EAGAIN : error_set(ret_error, -errno, "%s: %s", path, error_name(-errno));
		runtime_remove(runtime);
		return result;
	}
	if (fcntl(fd, F_SETLK, &lock) < 0) {
		result = errno == EACCES || errno == EAGAIN
				 ? runtime_refuse(name, rundir_holder(fd), ret_error)
				 : error_set(ret_error, -errno, "%s: cannot be locked: %s", path, error_name(-errno));
		close(fd);
		return result;
	}
	if (!runtime_same(fd, path)) {
		close(fd);
		return -EAGAIN;
	}
	runtime->lock = fd;
	return 0;
}

/* All that is in a folder but one name, and closes it. A symbolic link goes, and never what it leads to. */
static void runtime_clear_folder(int fd, const char *but)
{
	DIR *folder = fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		close(fd);
		return;
	}
	while ((entry = readdir(folder))) {
		if (strcmp(entry->d_name, but) == 0 || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 || unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		int inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (inner < 0)
			continue;
		runtime_clear_folder(inner, "");
		unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	closedir(folder);
}

/* Everything in the folder, the lock last or not at all. */
static void runtime_clear(const struct runtime *runtime, bool lock)
{
	int fd = open(runtime->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[RUNDIR_PATH_BYTES + sizeof("/lock")];

	if (fd < 0)
		return;
	runtime_clear_folder(fd, "lock");
	snprintf(path, sizeof(path), "%s/lock", runtime->folder);
	if (lock)
		unlink(path);
}

int runtime_claim(struct runtime *runtime, const char *base, const char *name, struct error *ret_error)
{
	int result;

	*runtime = (struct runtime){.lock = -1, .kept = -1};
	snprintf(runtime->base, sizeof(runtime->base), "%s", base);
	result = rundir_path(base, name, NULL, runtime->folder, ret_error);
	if (result < 0)
		return result;
	result = -EAGAIN;
	for (int i = 0; i < CLAIM_TRIES && result == -EAGAIN; i++)
		result = runtime_try(runtime, name, ret_error);
	if (result == -EAGAIN)
		return error_set(ret_error, result, "%s: it comes and goes; is another guestwire starting there?",
				 runtime->folder);
	if (result < 0)
		return result;
	runtime_clear(runtime, false);
	runtime->kept = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (runtime->kept >= 0)
		(void)flock(runtime->kept, LOCK_SH | LOCK_NB);
	return 0;
}

/* Somebody may have removed the folder, and another network of that name lives there now. */
static bool runtime_is_ours(const struct runtime *runtime)
{
	char path[RUNDIR_PATH_BYTES + 8];

	snprintf(path, sizeof(path), "%s/lock", runtime->folder);
	return runtime_same(runtime->lock, path);
}

void runtime_release(struct runtime *runtime)
{
	if (runtime->lock < 0)
		return;
	if (runtime_is_ours(runtime)) {
		runtime_clear(runtime, true);
		runtime_remove(runtime);
	}
	if (runtime->kept >= 0)
		close(runtime->kept);
	close(runtime->lock);
	runtime->lock = runtime->kept = -1;
}

/* The process that a network was named after; 0: none. */
static pid_t runtime_named_after(const char *name)
{
	const char *dash = strrchr(name, '-');
	unsigned long pid;
	char *end;

	if (!dash || dash == name || dash[1] < '1' || dash[1] > '9')
		return 0;
	pid = strtoul(dash + 1, &end, 10);
	return *end || pid > INT32_MAX ? 0 : (pid_t)pid;
}

/* While the process is there it may be about to take the lock, which a look by us would refuse it. */
void runtime_tidy(const char *base)
{
	struct dirent **entries;
	int count = scandir(base, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		pid_t pid = config_check_name(name, NULL) == 0 ? runtime_named_after(name) : 0;
		struct runtime left;

		if (pid && kill(pid, 0) < 0 && errno == ESRCH && rundir_pid(base, name) == 0 &&
		    runtime_claim(&left, base, name, NULL) == 0)
			runtime_release(&left);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

size_t runtime_each(const char *base, void (*on_name)(void *owner, const char *name, pid_t pid), void *owner)
{
	struct dirent **entries;
	int count = scandir(base, &entries, NULL, alphasort);
	size_t running = 0;

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		pid_t pid = config_check_name(name, NULL) == 0 ? rundir_pid(base, name) : 0;

		if (pid) {
			on_name(owner, name, pid);
			running++;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return running;
}
