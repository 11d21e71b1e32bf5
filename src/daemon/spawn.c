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
#include <time.h>
#include <unistd.h>

#include "os/socket.h"

extern char **environ;

enum { SPAWN_LOOK_MS = 5 };

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
		error = posix_spawnattr_setpgroup(attributes, 0);
	if (!error)
		error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
								     POSIX_SPAWN_SETPGROUP);
	return error;
}

static int spawn_process(pid_t *ret_pid, int fd, char *const words[])
{
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
		error = posix_spawn(ret_pid, words[0], &actions, &attributes, words, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

/* The program's end is an ordinary one: programs do not expect to be told EAGAIN on standard input. */
static int spawn_make_ordinary(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

void spawn_init(struct spawn *spawn)
{
	spawn->count = 0;
	heritage_keep(&spawn->heritage);
}

/* Closes `fd`, the program's end. */
static int spawn_start(struct spawn *spawn, int fd, char *const words[], struct spawn_tally *tally)
{
	struct heritage ours;
	int error = spawn_make_ordinary(fd);
	pid_t pid;

	/* a new process has these two from the one that makes it, and posix_spawn() has no words for them */
	heritage_keep(&ours);
	heritage_give(&spawn->heritage);
	if (error >= 0)
		error = spawn_process(&pid, fd, words);
	heritage_give(&ours);
	close(fd);
	if (error < 0)
		return error;
	spawn->running[spawn->count++] = (struct spawn_job){pid, tally};
	if (tally)
		tally->running++;
	return 0;
}

static int spawn_run(struct spawn *spawn, int (*pair)(int ret_fds[2]), char *const words[], struct spawn_tally *tally)
{
	int fds[2], error;

	spawn_reap(spawn);
	if (spawn->count == SPAWN_MAX)
		return -ECONNREFUSED;
	error = pair(fds);
	if (error < 0)
		return error;
	error = spawn_start(spawn, fds[1], words, tally);
	if (error < 0)
		close(fds[0]);
	return error < 0 ? error : fds[0];
}

static int spawn_pair(int ret_fds[2])
{
	return socket_pair(SOCK_STREAM, ret_fds);
}

int spawn_command(struct spawn *spawn, const char *command)
{
	char *const words[] = {(char *)"/bin/sh", (char *)"-c", (char *)(uintptr_t)command, NULL};

	return spawn_run(spawn, spawn_pair, words, NULL);
}

int spawn_program(struct spawn *spawn, char *const words[], struct spawn_tally *tally)
{
	return spawn_run(spawn, socket_pair_tcp, words, tally);
}

/* SIGTERM is how some end their own group, and themselves with it: smbd does. */
static bool spawn_is_failure(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) != 0 : WTERMSIG(status) != SIGTERM;
}

static bool spawn_has_ended(const struct spawn_job *job)
{
	int status = 0;
	pid_t pid = waitpid(job->pid, &status, WNOHANG);

	if (pid != job->pid && (pid >= 0 || errno != ECHILD))
		return false;
	if (job->tally) {
		job->tally->running--;
		job->tally->failed = job->tally->failed || (pid == job->pid && spawn_is_failure(status));
	}
	return true;
}

void spawn_reap(struct spawn *spawn)
{
	for (size_t i = spawn->count; i > 0; i--) {
		if (spawn_has_ended(&spawn->running[i - 1]))
			spawn->running[i - 1] = spawn->running[--spawn->count];
	}
}

static void spawn_signal(const struct spawn *spawn, int number)
{
	for (size_t i = 0; i < spawn->count; i++)
		kill(-spawn->running[i].pid, number);
}

void spawn_done(struct spawn *spawn)
{
	static const struct timespec pause = {.tv_nsec = SPAWN_LOOK_MS * 1000 * 1000};

	for (int waited = 0; waited < SPAWN_END_MS; waited += SPAWN_LOOK_MS) {
		spawn_reap(spawn);
		if (spawn->count == 0)
			return;
		if (waited == SPAWN_TERM_MS)
			spawn_signal(spawn, SIGTERM);
		nanosleep(&pause, NULL);
	}
	spawn_signal(spawn, SIGKILL);
	for (size_t i = 0; i < spawn->count; i++) {
		while (waitpid(spawn->running[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	spawn->count = 0;
}
