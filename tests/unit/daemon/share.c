/* SPDX-License-Identifier: MIT */
/* What Samba is told and what is left of it; a script stands in for smbd. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/log.h"
#include "daemon/share.h"
#include "kit/bystander.h"

struct fixture {
	char folder[40], files[80], place[80], program[80], log_path[80];
	struct spawn spawn;
	struct log log;
	struct share *share;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static size_t read_file(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? 0 : read(fd, text, room - 1);

	assert_true(got >= 0);
	text[got] = '\0';
	close(fd);
	return (size_t)got;
}

/* A folder to give away, whose name smb.conf would misread, and an smbd that PATH finds first. */
static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[120];
	struct error error;

	strcpy(fixture->folder, "/tmp/guestwire-test-XXXXXX");
	if (!mkdtemp(fixture->folder))
		return -1;
	snprintf(fixture->files, sizeof(fixture->files), "%s/100%% \"mine\"\nhere\\", fixture->folder);
	snprintf(fixture->place, sizeof(fixture->place), "%s/smb", fixture->folder);
	snprintf(fixture->program, sizeof(fixture->program), "%s/smbd", fixture->folder);
	snprintf(fixture->log_path, sizeof(fixture->log_path), "%s/log", fixture->folder);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", fixture->folder);
	setenv("PATH", path, 1);
	write_file(fixture->program, "#!/bin/sh\necho \"$@\"\ncat\n", 0700);
	spawn_init(&fixture->spawn);
	*state = fixture;
	return mkdir(fixture->files, 0700) < 0 || log_open(&fixture->log, fixture->log_path, false, &error) < 0 ? -1
														: 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;
	char command[100];

	spawn_done(&fixture->spawn);
	share_free(fixture->share);
	log_close(&fixture->log);
	snprintf(command, sizeof(command), "/bin/rm -r %s", fixture->folder);
	free(fixture);
	return system(command);
}

static int try(struct fixture *fixture, const char *folder, const char *place, struct error *ret_error)
{
	struct share_config config = {.folder = folder, .place = place, .spawn = &fixture->spawn, .log = &fixture->log};

	return share_new(&config, &fixture->share, ret_error);
}

static void make(struct fixture *fixture)
{
	struct error error = {0};

	if (try(fixture, fixture->files, fixture->place, &error) < 0)
		fail_msg("%s", error.text);
}

/* All that comes until the end. */
static void read_all(int fd, char *text, size_t room)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	ssize_t got = 1;

	while (got > 0 && used < room - 1 && poll(&poll_fd, 1, 5000) == 1) {
		got = read(fd, text + used, room - 1 - used);
		used += got > 0 ? (size_t)got : 0;
	}
	assert_int_equal(got, 0);
	text[used] = '\0';
}

static void a_path_that_smb_conf_would_misread_is_only_in_a_link(void **state)
{
	struct fixture *fixture = *state;
	char path[120], text[4096], wanted[160], link[120] = "";
	struct stat status;

	make(fixture);
	snprintf(path, sizeof(path), "%s/smb.conf", fixture->place);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(read_file(path, text, sizeof(text)) > 100);
	assert_null(strstr(text, "mine"));
	assert_null(strchr(text, '%'));
	snprintf(wanted, sizeof(wanted), "\n[qemu]\npath = %s/folder\n", fixture->place);
	assert_non_null(strstr(text, wanted));
	assert_non_null(strstr(text, "\nwide links = no\n"));
	snprintf(wanted, sizeof(wanted), "\nprivate dir = %s\n", fixture->place);
	assert_non_null(strstr(text, wanted));
	snprintf(path, sizeof(path), "%s/folder", fixture->place);
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	assert_string_equal(link, fixture->files);
	assert_int_equal(stat(fixture->place, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
}

static void each_connection_has_a_server_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	char text[256], wanted[256];
	int fds[2];

	make(fixture);
	fds[0] = share_open(fixture->share);
	fds[1] = share_open(fixture->share);
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	assert_int_equal(fixture->spawn.count, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write(fds[i], "words\n", 6), 6);
		assert_int_equal(shutdown(fds[i], SHUT_WR), 0);
		read_all(fds[i], text, sizeof(text));
		snprintf(wanted, sizeof(wanted), "-s %s/smb.conf -l %s\nwords\n", fixture->place, fixture->place);
		assert_string_equal(text, wanted);
		close(fds[i]);
	}
}

static void as_many_as_there_may_be_are_served_and_no_more(void **state)
{
	struct fixture *fixture = *state;
	int fds[SHARE_MAX];

	write_file(fixture->program, "#!/bin/sh\nexec cat\n", 0700);
	make(fixture);
	for (int i = 0; i < SHARE_MAX; i++)
		assert_true((fds[i] = share_open(fixture->share)) >= 0);
	assert_int_equal(share_open(fixture->share), -ECONNREFUSED);
	for (int i = 0; i < SHARE_MAX; i++)
		close(fds[i]);
	spawn_done(&fixture->spawn);
	assert_true((fds[0] = share_open(fixture->share)) >= 0);
	close(fds[0]);
}

static void a_server_that_fails_is_told_of_once(void **state)
{
	struct fixture *fixture = *state;
	char text[1024], *line;

	write_file(fixture->program, "#!/bin/sh\nexit 1\n", 0700);
	make(fixture);
	for (int i = 0; i < 2; i++) {
		close(share_open(fixture->share));
		for (int tries = 0; tries < 5000 && fixture->spawn.count > 0; tries++) {
			nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
			spawn_reap(&fixture->spawn);
		}
		share_look(fixture->share);
	}
	read_file(fixture->log_path, text, sizeof(text));
	line = strstr(text, "/smbd failed; ");
	assert_non_null(line);
	assert_non_null(strstr(line, "/smb/log.smbd says why"));
	assert_null(strstr(line + strlen("/smbd failed"), "failed"));
}

static void what_is_in_the_way_is_said(void **state)
{
	struct fixture *fixture = *state;
	const struct {
		const char *folder, *place;
		int code;
		const char *says;
	} rows[] = {
		{"/nowhere/at/all", "/tmp/x", -ENOENT, "smb=/nowhere/at/all: No such file or directory; name a folder"},
		{fixture->program, "/tmp/x", -ENOTDIR, "name a folder that can be read"},
		{fixture->files, "/tmp/100%/smb", -EINVAL, "/tmp/100%/smb: a character in it"},
		{fixture->files, "/tmp/a;b/smb", -EINVAL, "set XDG_RUNTIME_DIR to a plainer path"},
		{fixture->files, "/tmp/a23456789/b23456789/c23456789/d23456789/e23456789/f23456789/g23456789/h2345678",
		 -ENAMETOOLONG, "set XDG_RUNTIME_DIR to a shorter path"},
		{fixture->files, "/nowhere/at/all", -ENOENT, "/nowhere/at/all: No such file or directory"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error error = {0};

		assert_int_equal(try(fixture, rows[i].folder, rows[i].place, &error), rows[i].code);
		assert_int_equal(error.code, rows[i].code);
		if (strncmp(error.text, "smb=", 4) != 0 || !strstr(error.text, rows[i].says))
			fail_msg("%s: %s", rows[i].says, error.text);
	}
}

static void without_smbd_the_package_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct error error = {0};

	if (access("/usr/sbin/smbd", X_OK) == 0 || access("/usr/local/sbin/smbd", X_OK) == 0)
		skip(); /* is found there, whatever PATH says */
	setenv("PATH", "/nowhere/at/all::", 1);
	assert_int_equal(try(fixture, fixture->files, fixture->place, &error), -ENOENT);
	assert_non_null(strstr(error.text, "install the package samba"));
	assert_int_equal(access(fixture->place, F_OK), -1);
}

/* As smbd has a daemon for lists of shares, which would go on for a minute. */
static void a_helper_that_holds_a_pid_file_is_ended_and_nobody_else(void **state)
{
	struct fixture *fixture = *state;
	char held[120], stale[120], text[20];
	pid_t helper, other;
	int status;

	make(fixture);
	snprintf(held, sizeof(held), "%s/samba-dcerpcd.pid", fixture->place);
	helper = bystander_start_locking(held);
	snprintf(held, sizeof(held), "%s/names.tdb", fixture->place);
	other = bystander_start_locking(held);
	assert_true(helper > 0 && other > 0);
	snprintf(stale, sizeof(stale), "%s/smbd.pid", fixture->place);
	snprintf(text, sizeof(text), "%ld\n", (long)other);
	write_file(stale, text, 0600);
	share_free(fixture->share);
	fixture->share = NULL;
	assert_int_equal(waitpid(helper, &status, 0), helper);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(waitpid(other, &status, WNOHANG), 0);
	bystander_stop(other);
}

/* smbd's own helpers are killed with it, and leave these. */
static void what_ended_helpers_left_is_swept_and_what_others_have_stays(void **state)
{
	struct fixture *fixture = *state;
	char path[160], gone[2][120], kept[2][120];
	pid_t ended = fork();

	if (ended == 0)
		_exit(0);
	assert_int_equal(waitpid(ended, NULL, 0), ended);
	make(fixture);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", fixture->place, i ? "msg.sock" : "msg.lock");
		assert_int_equal(mkdir(path, 0700), 0);
		snprintf(gone[i], sizeof(gone[i]), "%.90s/%ld", path, (long)ended);
		snprintf(kept[i], sizeof(kept[i]), "%.90s/%ld", path, (long)getpid());
		write_file(gone[i], "", 0600);
		write_file(kept[i], "", 0600);
	}
	close(share_open(fixture->share));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(access(gone[i], F_OK), -1);
		assert_int_equal(access(kept[i], F_OK), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_path_that_smb_conf_would_misread_is_only_in_a_link, begin, end),
		cmocka_unit_test_setup_teardown(each_connection_has_a_server_of_its_own, begin, end),
		cmocka_unit_test_setup_teardown(as_many_as_there_may_be_are_served_and_no_more, begin, end),
		cmocka_unit_test_setup_teardown(a_server_that_fails_is_told_of_once, begin, end),
		cmocka_unit_test_setup_teardown(what_is_in_the_way_is_said, begin, end),
		cmocka_unit_test_setup_teardown(without_smbd_the_package_is_named, begin, end),
		cmocka_unit_test_setup_teardown(a_helper_that_holds_a_pid_file_is_ended_and_nobody_else, begin, end),
		cmocka_unit_test_setup_teardown(what_ended_helpers_left_is_swept_and_what_others_have_stays, begin,
						end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
