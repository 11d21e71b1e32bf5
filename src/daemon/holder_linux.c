/* SPDX-License-Identifier: MIT */
/* A process is watched by its pidfd, a file by the folder it lies in: every change there is a reason to look whether the
 * path still leads to the same namespace. */
#include "daemon/holder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guestwire/guestwire.h"

static void holder_on_process(void *owner, unsigned events)
{
	struct holder *holder = owner;

	(void)events;
	holder->on_gone(holder->owner);
}

static void holder_on_folder(void *owner, unsigned events)
{
	struct holder *holder = owner;
	char news[4096];
	struct stat now;

	(void)events;
	while (read(holder->fd, news, sizeof(news)) > 0)
		;
	if (stat(holder->path, &now) < 0 || now.st_dev != holder->device || now.st_ino != holder->inode)
		holder->on_gone(holder->owner);
}

/* The process that "/proc/PID/…" speaks of; 0: it is another path. */
static pid_t holder_process(const char *path)
{
	static const char proc[] = "/proc/";

	return strncmp(path, proc, sizeof(proc) - 1) == 0 ? (pid_t)strtol(path + sizeof(proc) - 1, NULL, 10) : 0;
}

static int holder_watch_process(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0U);
#else
	return -1;
#endif
}

static int holder_watch_folder(const char *path)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char folder[TAP_NETNS_BYTES];
	char *end;

	memcpy(folder, path, sizeof(folder));
	end = strrchr(folder, '/');
	if (end)
		end[end == folder] = '\0';
	if (fd >= 0 && inotify_add_watch(fd, end ? folder : ".",
					 IN_DELETE | IN_MOVE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void holder_start(struct holder *holder, const char *attach, struct gw_network *network, void (*on_gone)(void *owner),
		  void *owner)
{
	struct stat now;
	pid_t pid;

	holder->fd = -1;
	holder->on_gone = on_gone;
	holder->owner = owner;
	if (tap_netns_path(attach, holder->path) < 0 || stat(holder->path, &now) < 0)
		return;
	holder->device = now.st_dev;
	holder->inode = now.st_ino;
	pid = holder_process(holder->path);
	holder->fd = pid > 0 ? holder_watch_process(pid) : holder_watch_folder(holder->path);
	if (holder->fd >= 0)
		gw_watch_new(network, holder->fd, 1, pid > 0 ? holder_on_process : holder_on_folder, holder,
			     &holder->watch);
}

void holder_done(struct holder *holder)
{
	if (holder->fd >= 0)
		close(holder->fd);
	holder->fd = -1;
}
