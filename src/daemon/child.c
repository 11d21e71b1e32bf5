/* SPDX-License-Identifier: MIT */
/* fork and exec, with a pipe through which the new process says what went wrong; that the pipe closes without a word
 * means that the command runs. */
#include "daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/fate.h"
#include "daemon/signals.h"

/* Those that a terminal or another process sends to whoever runs a command, and that mean the command. */
static const int child_passed[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

/* What a terminal stops jobs with: we stop after the command has, never before it, or for it. */
static const int child_left[] = {SIGTSTP, SIGTTIN, SIGTTOU};

enum {
	CHILD_PASSED = sizeof(child_passed) / sizeof(child_passed[0]),
	CHILD_LEFT = sizeof(child_left) / sizeof(child_left[0]),
};

static void child_remember(struct child *child, int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
		sigaddset(&child->ignored, number);
}

void child_init(struct child *child, char *const *words)
{
	*child = (struct child){.words = words};
	heritage_keep(&child->heritage);
	sigemptyset(&child->ignored);
	for (int i = 0; i < CHILD_PASSED; i++)
		child_remember(child, child_passed[i]);
	for (int i = 0; i < CHILD_LEFT; i++)
		child_remember(child, child_left[i]);
}

/* ---- in the new process ---- */

static void child_restore(const struct child *child)
{
	sigset_t none;

	heritage_give(&child->heritage);
	for (int i = 0; i < CHILD_PASSED; i++)
		signal(child_passed[i], sigismember(&child->ignored, child_passed[i]) ? SIG_IGN : SIG_DFL);
	for (int i = 0; i < CHILD_LEFT; i++)
		signal(child_left[i], sigismember(&child->ignored, child_left[i]) ? SIG_IGN : SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* execvp(3) says EACCES where one folder of PATH may not be looked into, and nothing else of the name: for a shell, and a
 * person, there is no such command then. */
static int child_exec_error(const char *name, int error)
{
	const char *path = getenv("PATH");
	char place[4096];

	if (error != EACCES || strchr(name, '/') || !path)
		return error;
	for (size_t bytes; *path; path += bytes + (path[bytes] == ':')) {
		bytes = strcspn(path, ":");
		snprintf(place, sizeof(place), "%.*s/%s", (int)bytes, path, name);
		if (access(place, F_OK) == 0)
			return error;
	}
	return ENOENT;
}

__attribute__((noreturn)) static void child_become(struct child *child, pid_t parent, int pipe_end)
{
	struct error error = {0};
	int code;

	if (child->prepare)
		child->prepare(child->owner, &error);
	if (error.code == 0) {
		child_restore(child);
		fate_share(parent);
		execvp(child->words[0], child->words);
		code = child_exec_error(child->words[0], errno);
		error_set(&error, -code, "%.200s: %s", child->words[0],
			  code == ENOENT ? "there is no such command" : error_name(-code));
		child->code = code == ENOENT ? CHILD_NOT_FOUND : CHILD_NOT_EXECUTABLE;
	}
	/* The waiting process reads one message, or sees the pipe close. */
	if (write(pipe_end, &error, sizeof(error)) < 0) {
		/* Nobody left to tell. */
	}
	_exit(child->code ? child->code : 1);
}

/* ---- in ours ---- */

static int child_hear(struct child *child, int pipe_end, struct error *ret_error)
{
	struct error error;
	ssize_t count;
	int status;

	do
		count = read(pipe_end, &error, sizeof(error));
	while (count < 0 && errno == EINTR);
	if (count != (ssize_t)sizeof(error))
		return 0;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	child->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return error_set(ret_error, error.code, "%s", error.text);
}

static void child_catch(void)
{
	for (int i = 0; i < CHILD_PASSED; i++)
		signals_catch(child_passed[i], child_passed[i] == SIGHUP);
	for (int i = 0; i < CHILD_LEFT; i++)
		signal(child_left[i], SIG_IGN);
}

/* Was the end asked for before there was a command that could be told? Then there will be none. */
static bool child_is_spared(struct child *child)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (signals_take(ends[i]) == SIGNALS_NONE)
			continue;
		child->ended = true;
		child->code = 128 + ends[i];
	}
	return child->ended;
}

static int child_fork(struct child *child, int pipe_end)
{
	pid_t parent = getpid();

	child->pid = fork();
	if (child->pid == 0) {
		child->code = 0;
		child_become(child, parent, pipe_end);
	}
	return child->pid < 0 ? -errno : 0;
}

int child_start(struct child *child, struct error *ret_error)
{
	sigset_t all, before;
	int ends[2], result = 0;

	child->code = 1;
	if (pipe(ends) < 0)
		return error_set(ret_error, -errno, "pipe: %s", error_name(-errno));
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	child_catch();
	/* A signal that comes between fork and exec waits for the command. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	if (!child_is_spared(child))
		result = child_fork(child, ends[1]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (result < 0) {
		child->pid = 0;
		error_set(ret_error, result, "fork: %s", error_name(result));
	} else {
		result = child_hear(child, ends[0], ret_error);
	}
	close(ends[0]);
	return result;
}

/* A command that is stopped by its own group's hands, and not by the terminal, is nobody's business: it will be
 * continued as it was stopped. A shell in a group of its own that suspends itself means us, too. */
static void child_stopped(const struct child *child, int number)
{
	if (number == SIGSTOP && getpgid(child->pid) == getpgrp())
		return;
	raise(SIGSTOP);
	kill(child->pid, SIGCONT);
}

static void child_look(struct child *child)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(child->pid, &status, WNOHANG | WUNTRACED)) == child->pid) {
		if (WIFSTOPPED(status)) {
			child_stopped(child, WSTOPSIG(status));
			continue;
		}
		child->ended = true;
		child->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		child->pid = 0;
		return;
	}
}

void child_take_signals(struct child *child)
{
	for (int i = 0; i < CHILD_PASSED; i++) {
		if (signals_take(child_passed[i]) == SIGNALS_PROCESS && child->pid > 0)
			kill(child->pid, child_passed[i]);
	}
	if (child->pid > 0)
		child_look(child);
}

void child_end(struct child *child, uint64_t now_us)
{
	if (child->pid <= 0 || child->kill_at_us)
		return;
	child->kill_at_us = now_us + CHILD_END_US;
	kill(child->pid, SIGTERM);
	/* A shell that a person types at takes no notice of the other. */
	kill(child->pid, SIGHUP);
	kill(child->pid, SIGCONT);
}

int64_t child_timeout_us(const struct child *child, uint64_t now_us)
{
	if (child->pid <= 0 || !child->kill_at_us)
		return -1;
	if (now_us < child->kill_at_us)
		return (int64_t)(child->kill_at_us - now_us);
	kill(child->pid, SIGKILL);
	return -1;
}

void child_done(struct child *child)
{
	int status;

	if (child->pid <= 0)
		return;
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}
