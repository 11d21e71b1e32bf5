/* SPDX-License-Identifier: MIT */
/* See lock_holder.h. */
#include "kit/lock_holder.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/rundir.h"

static void hold(const char *path, int told)
{
	struct flock all = rundir_lock();
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fcntl(fd, F_SETLK, &all) < 0 || write(told, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

pid_t lock_holder_start(const char *path)
{
	int ends[2];
	char byte;
	pid_t child;
	ssize_t got;

	if (pipe(ends) < 0)
		return -1;
	child = fork();
	if (child == 0)
		hold(path, ends[1]);
	close(ends[1]);
	got = read(ends[0], &byte, 1);
	close(ends[0]);
	if (got == 1 || child < 0)
		return child;
	lock_holder_stop(child);
	return -1;
}

void lock_holder_stop(pid_t holder)
{
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}
