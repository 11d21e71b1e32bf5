/* SPDX-License-Identifier: MIT */
/* posix_spawn(3): a fork would copy the tables of all the guests' memory first. */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/socket.h"

extern char **environ;

/* The program ignores SIGPIPE, which a shell's pipes need, and SIGXFSZ, which a command's own limits do. */
static int spawn_attributes(posix_spawnattr_t *attributes)
{
	sigset_t defaults, none;
	int error;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	sigaddset(&defaults, SIGHUP);
	error = posix_spawnattr_setsigdefault(attributes, &defaults);
	if (!error)
		error = posix_spawnattr_setsigmask(attributes, &none);
	if (!error)
		error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	return error;
}

static int spawn_shell(pid_t *ret_pid, int fd, const char *command)
{
	char *const words[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return -error;
	error = posix_spawnattr_init(&attributes);
	if (error) {
		posix_spawn_file_actions_destroy(&actions);
		return -error;
	}
	error = spawn_attributes(&attributes);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (!error)
		error = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, words, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

/* The command's end is an ordinary one: programs do not expect to be told EAGAIN on standard input. */
static int spawn_pair(int fds[2])
{
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return -errno;
	error = socket_set_nonblocking(fds[0]);
	for (int i = 0; i < 2 && error >= 0; i++)
		error = fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
	if (error < 0) {
		close(fds[0]);
		close(fds[1]);
	}
	return error;
}

void spawn_init(struct spawn *spawn)
{
	spawn->count = 0;
	heritage_keep(&spawn->heritage);
}

int spawn_command(struct spawn *spawn, const char *command)
{
	struct heritage ours;
	int fds[2], error;
	pid_t pid;

	spawn_reap(spawn);
	if (spawn->count == SPAWN_MAX)
		return -ECONNREFUSED;
	error = spawn_pair(fds);
	if (error < 0)
		return error;
	/* a new process has these two from the one that makes it, and posix_spawn() has no words for them */
	heritage_keep(&ours);
	heritage_give(&spawn->heritage);
	error = spawn_shell(&pid, fds[1], command);
	heritage_give(&ours);
	close(fds[1]);
	if (error < 0) {
		close(fds[0]);
		return error;
	}
	spawn->running[spawn->count++] = pid;
	return fds[0];
}

void spawn_reap(struct spawn *spawn)
{
	for (size_t i = spawn->count; i > 0; i--) {
		pid_t pid = waitpid(spawn->running[i - 1], NULL, WNOHANG);

		if (pid == spawn->running[i - 1] || (pid < 0 && errno == ECHILD))
			spawn->running[i - 1] = spawn->running[--spawn->count];
	}
}
