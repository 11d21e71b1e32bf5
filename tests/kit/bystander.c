/* SPDX-License-Identifier: MIT */
/* See bystander.h. */
#include "kit/bystander.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/rundir.h"

static void bystander_be(bool (*become)(const void *what), const void *what, int told)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* not longer than a test that fails */
	if (!become(what) || write(told, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

pid_t bystander_start(bool (*become)(const void *what), const void *what)
{
	int ends[2];
	char byte;
	pid_t child;
	ssize_t got;

	if (pipe(ends) < 0)
		return -1;
	child = fork();
	if (child == 0)
		bystander_be(become, what, ends[1]);
	close(ends[1]);
	got = read(ends[0], &byte, 1);
	close(ends[0]);
	if (got == 1 || child < 0)
		return child;
	bystander_stop(child);
	return -1;
}

static bool lock(const void *what)
{
	struct flock all = rundir_lock();
	int fd = open(what, O_RDWR | O_CREAT, 0600);

	return fcntl(fd, F_SETLK, &all) == 0;
}

pid_t bystander_start_locking(const char *path)
{
	return bystander_start(lock, path);
}

void bystander_stop(pid_t bystander)
{
	kill(bystander, SIGKILL);
	waitpid(bystander, NULL, 0);
}
