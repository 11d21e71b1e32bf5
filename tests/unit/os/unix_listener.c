/* SPDX-License-Identifier: MIT */
/* A path exists only while it can be used, and only its owner removes it: with living, killed and foreign owners. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "kit/bystander.h"
#include "os/socket.h"
#include "os/unix_listener.h"

static char directory[64];
static char path[80];

static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};

enum {
	TYPES = 3,
};

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/gw-listener.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/lab.sock", directory);
	return 0;
}

/* Fails, and the test with it, when something was left behind. */
static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int entries(void)
{
	DIR *open_directory = opendir(directory);
	int count = -2; /* . and .. */

	assert_non_null(open_directory);
	while (readdir(open_directory))
		count++;
	closedir(open_directory);
	return count;
}

static int connect_to(const char *to, int type)
{
	struct sockaddr_un address;
	socklen_t length;
	int fd = socket_open(AF_UNIX, type);
	int result;

	assert_int_equal(socket_unix_address(to, &address, &length, NULL), 0);
	result = connect(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

static void what_is_open_can_be_used_and_what_is_closed_is_gone(void **state)
{
	(void)state;
	for (int i = 0; i < TYPES; i++) {
		struct unix_listener listener;
		int client;

		assert_int_equal(unix_listener_open(path, types[i], NULL, &listener, NULL), 0);
		assert_string_equal(listener.path, path);
		assert_int_equal(entries(), 1);
		client = connect_to(path, types[i]);
		assert_true(client >= 0);
		assert_int_equal(write(client, "x", 1), 1);
		if (types[i] == SOCK_DGRAM) {
			char byte;

			assert_int_equal(read(listener.fd, &byte, 1), 1);
		} else {
			int accepted = socket_accept(listener.fd);

			assert_true(accepted >= 0);
			close(accepted);
		}
		close(client);
		unix_listener_close(&listener);
		unix_listener_close(&listener);
		assert_int_equal(entries(), 0);
	}
}

static bool serve(const void *what)
{
	static struct unix_listener listener;

	return unix_listener_open(path, *(const int *)what, NULL, &listener, NULL) == 0;
}

static void a_served_path_is_refused_and_a_killed_ones_is_taken_over(void **state)
{
	(void)state;
	for (int theirs = 0; theirs < TYPES; theirs++) {
		for (int ours = 0; ours < TYPES; ours++) {
			struct unix_listener listener;
			struct error error = {0};
			char number[32];
			pid_t pid = bystander_start(serve, &types[theirs]);

			assert_int_equal(unix_listener_open(path, types[ours], NULL, &listener, &error), -EADDRINUSE);
			assert_non_null(strstr(error.text, "another process"));
			assert_non_null(strstr(error.text, "is listening there; stop it or choose another path"));
			snprintf(number, sizeof(number), "(pid %ld)", (long)pid);
			/* nobody knows who has bound a datagram socket */
			assert_int_equal(strstr(error.text, number) != NULL, types[theirs] != SOCK_DGRAM);
			assert_int_equal(entries(), 1);
			bystander_stop(pid);
			assert_int_equal(entries(), 1);
			assert_int_equal(unix_listener_open(path, types[ours], NULL, &listener, &error), 0);
			assert_int_equal(entries(), 1);
			unix_listener_close(&listener);
			assert_int_equal(entries(), 0);
		}
	}
}

static void what_is_no_socket_is_not_touched(void **state)
{
	struct unix_listener listener;
	struct error error = {0};
	struct stat kept;

	(void)state;
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(unix_listener_open(path, SOCK_STREAM, NULL, &listener, &error), -EEXIST);
	assert_non_null(strstr(error.text, path));
	assert_int_equal(stat(path, &kept), 0);
	assert_true(S_ISREG(kept.st_mode));
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(unix_listener_open(path, SOCK_STREAM, NULL, &listener, NULL), -EEXIST);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(unix_listener_open(path, SOCK_DGRAM, NULL, &listener, NULL), -EEXIST);
	rmdir(path);
}

static void closing_leaves_a_socket_that_somebody_else_put_there(void **state)
{
	struct unix_listener first;
	struct unix_listener second;

	(void)state;
	assert_int_equal(unix_listener_open(path, SOCK_STREAM, NULL, &first, NULL), 0);
	unlink(path);
	assert_int_equal(unix_listener_open(path, SOCK_STREAM, NULL, &second, NULL), 0);
	unix_listener_close(&first);
	assert_int_equal(entries(), 1);
	unix_listener_close(&second);
	assert_int_equal(entries(), 0);
}

static void mode_and_group_are_what_was_asked_whatever_the_umask(void **state)
{
	static const struct {
		mode_t umask;
		struct unix_access access;
		mode_t mode;
	} rows[] = {
		{0, {.has_mode = false}, 0600},
		{0777, {.has_mode = false}, 0600},
		{077, {.has_mode = true, .mode = 0660}, 0660},
		{0, {.has_mode = true}, 0},
		{0, {.has_mode = true, .mode = 0666}, 0666},
	};
	struct unix_access grouped = {.has_mode = true, .mode = 0640};
	struct unix_listener listener;
	struct stat made;
	char group[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mode_t kept = umask(rows[i].umask);

		assert_int_equal(unix_listener_open(path, types[i % TYPES], &rows[i].access, &listener, NULL), 0);
		umask(kept);
		assert_int_equal(lstat(path, &made), 0);
		assert_int_equal(made.st_mode & 07777, rows[i].mode);
		unix_listener_close(&listener);
	}
	/* a group by number: one that we may give to */
	snprintf(group, sizeof(group), "%u", geteuid() == 0 ? 12345 : (unsigned)getegid());
	grouped.group = group;
	assert_int_equal(unix_listener_open(path, SOCK_STREAM, &grouped, &listener, NULL), 0);
	assert_int_equal(lstat(path, &made), 0);
	assert_int_equal(made.st_gid, atoi(group));
	unix_listener_close(&listener);
}

static bool descriptors_can_be_refused(void)
{
	enum { PASS_RIGHTS = 83 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = 1;
	bool can = setsockopt(fd, SOL_SOCKET, PASS_RIGHTS, &value, sizeof(value)) == 0;

	close(fd);
	return can;
}

/* True: sent. The descriptor is one of ours, of nothing. */
static bool send_descriptor(int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	char byte = 0;
	struct iovec piece = {&byte, sizeof(byte)};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	int null = open("/dev/null", O_RDONLY);
	bool sent;

	memcpy(CMSG_DATA(&control.header), &null, sizeof(null));
	sent = sendmsg(fd, &message, MSG_NOSIGNAL) == 1;
	assert_true(sent || errno == EPERM);
	close(null);
	return sent;
}

static void descriptors_come_only_where_they_are_asked_for(void **state)
{
	struct unix_access asking = {.takes_rights = true};

	(void)state;
	if (!descriptors_can_be_refused()) {
		print_message("skipped: before Linux 6.16 they come everywhere\n");
		skip();
	}
	for (int i = 0; i < TYPES; i++) {
		struct unix_listener listener;
		int client, accepted;

		assert_int_equal(unix_listener_open(path, types[i], &asking, &listener, NULL), 0);
		client = connect_to(path, types[i]);
		assert_true(send_descriptor(client));
		close(client);
		unix_listener_close(&listener);
		assert_int_equal(unix_listener_open(path, types[i], NULL, &listener, NULL), 0);
		client = connect_to(path, types[i]);
		assert_false(send_descriptor(client));
		if (types[i] != SOCK_DGRAM) {
			accepted = socket_accept(listener.fd);
			assert_false(send_descriptor(client));
			/* nor where it was we who connected */
			assert_false(send_descriptor(accepted));
			close(accepted);
		}
		close(client);
		unix_listener_close(&listener);
	}
}

/* 2^32 is not the group 0, and 2^32 - 1 is the kernel's word for "leave it". */
static void a_number_that_is_no_groups_is_refused(void **state)
{
	static const char *const numbers[] = {"4294967295", "4294967296", "99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct unix_access access = {.group = numbers[i]};
		struct unix_listener listener;
		struct error error = {0};

		assert_int_equal(unix_listener_open(path, SOCK_STREAM, &access, &listener, &error), -EINVAL);
		assert_non_null(strstr(error.text, numbers[i]));
		assert_int_equal(entries(), 0);
	}
}

enum { CROWD_GID = 23456, CROWD_MEMBERS = 5000 };

/* In a mount namespace of its own, where the group file is ours. 77: it may not have one. */
static int serve_a_large_group(const char *file)
{
	struct unix_access access = {.has_mode = true, .mode = 0660, .group = "crowd"};
	struct unix_listener listener;
	struct stat made;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(file, "/etc/group", NULL, MS_BIND, NULL) < 0)
		return 77;
	if (unix_listener_open(path, SOCK_STREAM, &access, &listener, NULL) < 0)
		return 1;
	if (lstat(path, &made) < 0 || made.st_gid != CROWD_GID)
		return 2;
	unix_listener_close(&listener);
	return 0;
}

static void a_group_of_many_members_is_found(void **state)
{
	char name[128];
	FILE *file;
	int status = 0;
	pid_t pid;

	(void)state;
	snprintf(name, sizeof(name), "%s/group", directory);
	file = fopen(name, "w");
	assert_non_null(file);
	fprintf(file, "crowd:x:%d:member", CROWD_GID);
	for (int i = 0; i < CROWD_MEMBERS; i++)
		fprintf(file, ",member%d", i);
	fprintf(file, "\n");
	fclose(file);
	pid = fork();
	if (pid == 0)
		_exit(serve_a_large_group(name));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(name);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

enum { LINKER_TRIES = 20000 };

struct linker {
	char target[64];
	atomic_bool over;
};

/* Whoever may write in the directory may put a link in the place of the new socket, before it has its mode and group. */
static void *put_links_in_its_place(void *owner)
{
	const struct linker *linker = owner;
	DIR *all = opendir(directory);
	char name[400];

	while (!atomic_load(&linker->over)) {
		struct dirent *entry;

		rewinddir(all);
		while ((entry = readdir(all))) {
			snprintf(name, sizeof(name), "%s/%s", directory, entry->d_name);
			if (entry->d_type == DT_SOCK && unlink(name) == 0)
				(void)!symlink(linker->target, name);
			else if (entry->d_type == DT_LNK)
				unlink(name);
		}
	}
	closedir(all);
	return NULL;
}

static void a_link_in_the_place_of_a_socket_is_not_followed(void **state)
{
	struct group *own = getgrgid(getegid());
	struct unix_access access = {.has_mode = true, .mode = 0666, .group = own ? own->gr_name : NULL};
	struct linker linker = {.target = "/tmp/gw-listener-target.XXXXXX"};
	struct unix_listener listener;
	struct stat target;
	pthread_t thread;

	(void)state;
	close(mkstemp(linker.target));
	assert_int_equal(pthread_create(&thread, NULL, put_links_in_its_place, &linker), 0);
	for (unsigned i = 0; i < LINKER_TRIES; i++) {
		if (unix_listener_open(path, SOCK_STREAM, &access, &listener, NULL) == 0)
			unix_listener_close(&listener);
	}
	atomic_store(&linker.over, true);
	pthread_join(thread, NULL);
	unlink(path);
	assert_int_equal(stat(linker.target, &target), 0);
	unlink(linker.target);
	assert_int_equal(target.st_mode & 0777, 0600);
}

static void mistakes_are_explained_and_leave_nothing(void **state)
{
	struct unix_access nobodys = {.group = "no-such-group"};
	struct unix_listener listener;
	struct error error = {0};
	char long_path[200];

	(void)state;
	assert_int_equal(unix_listener_open(path, SOCK_STREAM, &nobodys, &listener, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no-such-group"));
	assert_int_equal(entries(), 0);
	assert_int_equal(unix_listener_open("/nonexistent/x.sock", SOCK_STREAM, NULL, &listener, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/x.sock: its directory does not exist"));
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = 0;
	assert_int_equal(unix_listener_open(long_path, SOCK_STREAM, NULL, &listener, &error), -ENAMETOOLONG);
	assert_int_equal(unix_listener_open("", SOCK_STREAM, NULL, &listener, &error), -EINVAL);
}

static void a_path_as_long_as_may_be_and_one_of_a_letter_are_served(void **state)
{
	struct unix_listener listener;
	char longest[108];
	char brief[80];

	(void)state;
	snprintf(longest, sizeof(longest), "%s/", directory);
	memset(longest + strlen(longest), 'x', sizeof(longest) - 1 - strlen(longest));
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(unix_listener_open(longest, SOCK_STREAM, NULL, &listener, NULL), 0);
	close(connect_to(longest, SOCK_STREAM));
	unix_listener_close(&listener);
	snprintf(brief, sizeof(brief), "%s/x", directory);
	assert_int_equal(unix_listener_open(brief, SOCK_STREAM, NULL, &listener, NULL), 0);
	unix_listener_close(&listener);
	assert_int_equal(entries(), 0);
}

static void a_path_without_a_directory_is_here(void **state)
{
	struct unix_listener listener;
	char here[256];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(unix_listener_open("lab.sock", SOCK_DGRAM, NULL, &listener, NULL), 0);
	assert_int_equal(entries(), 1);
	assert_int_equal(access(path, F_OK), 0);
	unix_listener_close(&listener);
	assert_int_equal(entries(), 0);
	assert_int_equal(chdir(here), 0);
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_DIRECTORY(what_is_open_can_be_used_and_what_is_closed_is_gone),
		IN_A_DIRECTORY(a_served_path_is_refused_and_a_killed_ones_is_taken_over),
		IN_A_DIRECTORY(what_is_no_socket_is_not_touched),
		IN_A_DIRECTORY(closing_leaves_a_socket_that_somebody_else_put_there),
		IN_A_DIRECTORY(mode_and_group_are_what_was_asked_whatever_the_umask),
		IN_A_DIRECTORY(descriptors_come_only_where_they_are_asked_for),
		IN_A_DIRECTORY(a_number_that_is_no_groups_is_refused),
		IN_A_DIRECTORY(a_group_of_many_members_is_found),
		IN_A_DIRECTORY(a_link_in_the_place_of_a_socket_is_not_followed),
		IN_A_DIRECTORY(mistakes_are_explained_and_leave_nothing),
		IN_A_DIRECTORY(a_path_as_long_as_may_be_and_one_of_a_letter_are_served),
		IN_A_DIRECTORY(a_path_without_a_directory_is_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
