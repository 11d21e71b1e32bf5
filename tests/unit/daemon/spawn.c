/* SPDX-License-Identifier: MIT */
/* Commands at the other end of a socket. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/spawn.h"

static void pause_briefly(void)
{
	struct timespec pause = {.tv_nsec = 1000 * 1000};

	nanosleep(&pause, NULL);
}

/* All that comes until the end. */
static size_t read_all(int fd, char *text, size_t room)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	ssize_t got = 1;

	while (got != 0 && used < room && poll(&poll_fd, 1, 5000) == 1) {
		got = read(fd, text + used, room - used);
		if (got > 0)
			used += (size_t)got;
		else if (got < 0)
			fail();
	}
	assert_int_equal(got, 0);
	return used;
}

static void the_socket_is_the_commands_input_and_output(void **state)
{
	struct spawn spawn;
	char text[64] = "";
	int fd;

	(void)state;
	spawn_init(&spawn);
	fd = spawn_command(&spawn, "tr a-z A-Z; echo done");
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "words\n", 6), 6);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	read_all(fd, text, sizeof(text) - 1);
	assert_string_equal(text, "WORDS\ndone\n");
	close(fd);
}

static void a_command_that_ended_is_reaped_and_others_are_not(void **state)
{
	struct spawn spawn;
	int waiting, ending;
	char byte;

	(void)state;
	spawn_init(&spawn);
	waiting = spawn_command(&spawn, "cat");
	ending = spawn_command(&spawn, "exit 3");
	assert_true(waiting >= 0 && ending >= 0);
	assert_int_equal(spawn.count, 2);
	read_all(ending, &byte, 1);
	for (int i = 0; i < 5000 && spawn.count == 2; i++) {
		pause_briefly();
		spawn_reap(&spawn);
	}
	assert_int_equal(spawn.count, 1);
	close(waiting);
	for (int i = 0; i < 5000 && spawn.count == 1; i++) {
		pause_briefly();
		spawn_reap(&spawn);
	}
	assert_int_equal(spawn.count, 0);
	close(ending);
}

/* Nothing of the program's is left open in it, the socket's other end least of all. */
static void a_command_inherits_no_other_descriptor(void **state)
{
	struct spawn spawn;
	char text[256] = "";
	int other, fd;

	(void)state;
	spawn_init(&spawn);
	other = spawn_command(&spawn, "cat");
	fd = spawn_command(&spawn, "ls -l /proc/$$/fd | grep -c socket");
	assert_true(fd >= 0);
	read_all(fd, text, sizeof(text) - 1);
	assert_string_equal(text, "2\n");
	close(fd);
	close(other);
}

/* select(2) cannot take more than 1024, and files that the command makes are not private because ours are. */
static void a_command_has_the_umask_and_the_limit_of_files_from_before_and_the_program_keeps_its_own(void **state)
{
	struct rlimit before, raised, now;
	struct spawn spawn;
	char text[64] = "";
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	raised = before;
	raised.rlim_cur = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &raised), 0);
	umask(027);
	spawn_init(&spawn);
	umask(077);
	raised.rlim_cur = 300;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &raised), 0);
	fd = spawn_command(&spawn, "ulimit -n; umask");
	assert_true(fd >= 0);
	read_all(fd, text, sizeof(text) - 1);
	assert_string_equal(text, "200\n0027\n");
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_cur, 300);
	assert_int_equal(umask(022), 077);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* smbd sends SIGTERM to its group when it ends; and a person who types ^C means another. */
static void a_command_leads_a_group_of_its_own(void **state)
{
	struct spawn spawn;
	char byte;
	int fd;

	(void)state;
	spawn_init(&spawn);
	fd = spawn_command(&spawn, "kill -TERM 0; sleep 1000");
	assert_true(fd >= 0);
	assert_int_equal(getpgid(spawn.running[0].pid), spawn.running[0].pid);
	read_all(fd, &byte, 1);
	close(fd);
	spawn_done(&spawn);
}

static void a_program_has_tcp_for_input_and_is_tallied(void **state)
{
	char *const asks[] = {
		(char *)"/usr/bin/python3", (char *)"-c",
		(char *)"import os, socket; s = socket.socket(fileno=os.dup(0)); "
			"print(s.family.name, s.getpeername()[0], sum('socket' in os.readlink('/dev/fd/' + f) "
			"for f in os.listdir('/dev/fd') if os.path.exists('/dev/fd/' + f)))",
		NULL};
	char *const fails[] = {(char *)"/bin/false", NULL}, *const is_told[] = {(char *)"/bin/sh", (char *)"-c",
										(char *)"kill -TERM 0", NULL};
	struct spawn_tally tally = {0};
	struct spawn spawn;
	char text[64] = "";
	int fd;

	(void)state;
	spawn_init(&spawn);
	fd = spawn_program(&spawn, asks, &tally);
	assert_true(fd >= 0);
	assert_int_equal(tally.running, 1);
	read_all(fd, text, sizeof(text) - 1);
	close(fd);
	/* its input, its output and the copy */
	assert_string_equal(text, "AF_INET 127.0.0.1 3\n");
	close(spawn_program(&spawn, is_told, &tally));
	for (int i = 0; i < 5000 && tally.running > 0; i++, pause_briefly())
		spawn_reap(&spawn);
	assert_int_equal(tally.running, 0);
	assert_false(tally.failed);
	close(spawn_program(&spawn, fails, &tally));
	for (int i = 0; i < 5000 && tally.running > 0; i++, pause_briefly())
		spawn_reap(&spawn);
	assert_true(tally.failed);
	assert_int_equal(spawn_program(&spawn, (char *const[]){(char *)"/nowhere/at/all", NULL}, &tally), -ENOENT);
	assert_int_equal(tally.running, 0);
}

/* Not as a zombie. */
static bool runs(pid_t pid)
{
	char path[64], text[256] = "", *state;
	FILE *file;

	for (int i = 0; i < 1000; i++, pause_briefly()) {
		snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
		file = fopen(path, "r");
		if (!file)
			return false;
		state = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
		fclose(file);
		if (!state || state[2] == 'Z')
			return false;
	}
	return true;
}

static bool is_there(pid_t pid)
{
	return kill(pid, 0) == 0;
}

/* One that ends with its input, one that has to be told, with what it started, and one that does not listen. */
static void nothing_that_was_started_outlives_the_end(void **state)
{
	struct spawn spawn;
	pid_t pids[3];
	char inner[16] = "";
	int fds[3];

	(void)state;
	spawn_init(&spawn);
	fds[0] = spawn_command(&spawn, "cat");
	fds[1] = spawn_command(&spawn, "sleep 1000 & echo $!; wait");
	fds[2] = spawn_command(&spawn, "trap '' TERM; echo x; while :; do sleep 1000; done");
	for (int i = 0; i < 3; i++)
		pids[i] = spawn.running[i].pid;
	for (int i = 1; i < 3; i++) {
		struct pollfd heard = {.fd = fds[i], .events = POLLIN};

		assert_int_equal(poll(&heard, 1, 5000), 1);
		assert_true(read(fds[i], i == 1 ? inner : (char[16]){0}, 15) > 0);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	spawn_done(&spawn);
	assert_int_equal(spawn.count, 0);
	for (int i = 0; i < 3; i++)
		assert_false(is_there(pids[i]));
	/* whoever adopted it may not have reaped it, but it does not run */
	assert_false(runs((pid_t)strtol(inner, NULL, 10)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_socket_is_the_commands_input_and_output),
		cmocka_unit_test(a_command_that_ended_is_reaped_and_others_are_not),
		cmocka_unit_test(a_command_inherits_no_other_descriptor),
		cmocka_unit_test(
			a_command_has_the_umask_and_the_limit_of_files_from_before_and_the_program_keeps_its_own),
		cmocka_unit_test(a_command_leads_a_group_of_its_own),
		cmocka_unit_test(a_program_has_tcp_for_input_and_is_tallied),
		cmocka_unit_test(nothing_that_was_started_outlives_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
