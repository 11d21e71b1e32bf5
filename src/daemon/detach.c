/* SPDX-License-Identifier: MIT */
/* fork, setsid, fork: the one behind is no session leader, so no terminal that it opens becomes its own. One byte through
 * a pipe is the exit code; a pipe that closes without one means that it died. */
#include "daemon/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

static void detach_wait(int fd, pid_t child)
{
	unsigned char code;
	ssize_t count;

	do
		count = read(fd, &code, 1);
	while (count < 0 && errno == EINTR);
	waitpid(child, NULL, 0);
	if (count == 1)
		_exit(code);
	fputs("guestwire: the process behind ended before it was ready\n", stderr);
	_exit(1);
}

int detach_start(struct detach *detach, struct error *ret_error)
{
	int ends[2];
	pid_t child;

	detach->ready = -1;
	if (pipe(ends) < 0)
		return error_set(ret_error, -errno, "pipe: %s", error_name(-errno));
	fflush(NULL);
	child = fork();
	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return error_set(ret_error, -errno, "fork: %s", error_name(-errno));
	}
	if (child > 0) {
		close(ends[1]);
		detach_wait(ends[0], child);
	}
	close(ends[0]);
	setsid();
	child = fork();
	if (child != 0)
		_exit(child < 0); /* the pipe closes with it when the second fork failed */
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	detach->ready = ends[1];
	return 0;
}

static void detach_tell(struct detach *detach, int code)
{
	unsigned char byte = (unsigned char)code;

	if (detach->ready < 0)
		return;
	if (write(detach->ready, &byte, 1) < 0) {
		/* Nobody left to tell: the waiting process was killed. */
	}
	close(detach->ready);
	detach->ready = -1;
}

int detach_ready(struct detach *detach, struct error *ret_error)
{
	int null;

	if (detach->ready < 0)
		return 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return error_set(ret_error, -errno, "/dev/null: %s", error_name(-errno));
	/* The folder that it was started in may be unmounted. Every path that is kept is absolute. */
	if (chdir("/") < 0) {
		close(null);
		return error_set(ret_error, -errno, "/: %s", error_name(-errno));
	}
	fflush(NULL);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	detach_tell(detach, 0);
	return 0;
}

void detach_fail(struct detach *detach, int code)
{
	detach_tell(detach, code);
}
