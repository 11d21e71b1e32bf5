/* SPDX-License-Identifier: MIT */
/* Commands at the other end of a socket. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/spawn.h"

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
	struct timespec pause = {.tv_nsec = 1000 * 1000};
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
		nanosleep(&pause, NULL);
		spawn_reap(&spawn);
	}
	assert_int_equal(spawn.count, 1);
	close(waiting);
	for (int i = 0; i < 5000 && spawn.count == 1; i++) {
		nanosleep(&pause, NULL);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_socket_is_the_commands_input_and_output),
		cmocka_unit_test(a_command_that_ended_is_reaped_and_others_are_not),
		cmocka_unit_test(a_command_inherits_no_other_descriptor),
		cmocka_unit_test(
			a_command_has_the_umask_and_the_limit_of_files_from_before_and_the_program_keeps_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
