/* SPDX-License-Identifier: MIT */
/* Where networks live, who has which name, and what a killed one leaves. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/runtime.h"
#include "kit/bystander.h"

static char base[RUNDIR_PATH_BYTES];

static int make_base(void **state)
{
	char folder[] = "/tmp/guestwire-test-XXXXXX";

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(base, sizeof(base), "%s/guestwire", folder);
	return 0;
}

static int remove_base(void **state)
{
	(void)state;
	rmdir(base);
	*strrchr(base, '/') = '\0';
	return rmdir(base);
}

/* As on a disk where a folder still fits and a file does not. */
static void without_a_lock_no_folder_stays_behind(void **state)
{
	struct rlimit files, none;
	struct runtime runtime;
	struct error error = {0};

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){0, files.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(runtime_claim(&runtime, base, "lab", &error), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_non_null(strstr(error.text, "/guestwire/lab/lock: "));
	assert_int_equal(access(base, F_OK), -1);
	runtime_release(&runtime);
}

static void a_claimed_folder_is_private_and_goes_again(void **state)
{
	struct runtime runtime;
	struct stat status;

	(void)state;
	assert_int_equal(runtime_claim(&runtime, base, "lab", NULL), 0);
	assert_int_equal(stat(runtime.folder, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	runtime_release(&runtime);
	assert_int_equal(stat(base, &status), -1);
	runtime_release(&runtime);
}

/* In another process, which has the name then, or one of its own (NULL), and a socket in its folder. */
static bool claim(const void *what)
{
	static struct runtime runtime;
	char path[RUNDIR_PATH_BYTES + 16], own[20];

	snprintf(own, sizeof(own), "run-%ld", (long)getpid());
	if (runtime_claim(&runtime, base, what ? what : own, NULL) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/stream", runtime.folder);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	return true;
}

struct seen {
	char names[100];
	pid_t pid;
};

static void on_name(void *owner, const char *name, pid_t pid)
{
	struct seen *seen = owner;

	strncat(seen->names, name, sizeof(seen->names) - strlen(seen->names) - 1);
	seen->pid = pid;
}

static void a_name_in_use_is_refused_with_the_process_and_cleared_when_that_was_killed(void **state)
{
	struct runtime runtime;
	struct seen seen = {.names = ""};
	struct error error = {0};
	char wanted[200], path[RUNDIR_PATH_BYTES];
	pid_t other = bystander_start(claim, "lab");

	(void)state;
	assert_true(other > 0);
	snprintf(wanted, sizeof(wanted), "network lab is running already (pid %d); guestwire down lab ends it",
		 (int)other);
	assert_int_equal(runtime_claim(&runtime, base, "lab", &error), -EEXIST);
	assert_string_equal(error.text, wanted);
	assert_int_equal(rundir_pid(base, "lab"), other);
	assert_int_equal(runtime_each(base, on_name, &seen), 1);
	assert_string_equal(seen.names, "lab");
	assert_int_equal(seen.pid, other);

	bystander_stop(other);
	assert_int_equal(rundir_pid(base, "lab"), 0);
	assert_int_equal(runtime_each(base, on_name, &seen), 0);
	assert_int_equal(rundir_path(base, "lab", "stream", path, NULL), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(runtime_claim(&runtime, base, "lab", NULL), 0);
	assert_int_equal(access(path, F_OK), -1);
	runtime_release(&runtime);
}

static void make(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* Samba's, for one. */
static void folders_in_it_go_with_all_that_is_in_them_and_links_alone(void **state)
{
	char path[RUNDIR_PATH_BYTES + 64], kept[RUNDIR_PATH_BYTES + 64], away[RUNDIR_PATH_BYTES];
	struct runtime runtime;

	(void)state;
	assert_int_equal(rundir_path(base, "away", NULL, away, NULL), 0);
	assert_int_equal(runtime_claim(&runtime, base, "lab", NULL), 0);
	assert_int_equal(mkdir(away, 0700), 0);
	snprintf(kept, sizeof(kept), "%s/kept", away);
	make(kept);
	snprintf(path, sizeof(path), "%s/smb", runtime.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/smb/inner", runtime.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/smb/inner/lock", runtime.folder);
	make(path);
	snprintf(path, sizeof(path), "%s/smb/folder", runtime.folder);
	assert_int_equal(symlink(away, path), 0);
	snprintf(path, sizeof(path), "%s/folder", runtime.folder);
	assert_int_equal(symlink(away, path), 0);
	runtime_release(&runtime);
	assert_int_equal(access(runtime.folder, F_OK), -1);
	assert_int_equal(unlink(kept), 0);
	assert_int_equal(rmdir(away), 0);
	assert_int_equal(rmdir(base), 0);
}

static void a_network_that_never_was_has_no_process(void **state)
{
	struct seen seen = {.names = ""};

	(void)state;
	assert_int_equal(rundir_pid(base, "nothere"), 0);
	assert_int_equal(runtime_each(base, on_name, &seen), 0);
}

static void a_folder_that_others_may_write_is_refused(void **state)
{
	struct runtime runtime;
	struct error error = {0};

	(void)state;
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(chmod(base, 0777), 0);
	assert_int_equal(runtime_claim(&runtime, base, "lab", &error), -EPERM);
	assert_non_null(strstr(error.text, "others may write there"));
	assert_int_equal(rmdir(base), 0);
	assert_int_equal(symlink("/", base), 0);
	assert_int_equal(runtime_claim(&runtime, base, "lab", &error), -ENOTDIR);
	assert_int_equal(unlink(base), 0);
}

/* Two processes, the second after the folder of the first was removed. */
static void a_folder_that_is_anothers_by_now_is_left_alone(void **state)
{
	struct runtime first;
	char stream[RUNDIR_PATH_BYTES], lock[RUNDIR_PATH_BYTES];
	pid_t second;

	(void)state;
	assert_int_equal(runtime_claim(&first, base, "lab", NULL), 0);
	assert_int_equal(rundir_path(base, "lab", "lock", lock, NULL), 0);
	assert_int_equal(rundir_path(base, "lab", "stream", stream, NULL), 0);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(rmdir(first.folder), 0);
	second = bystander_start(claim, "lab");
	assert_true(second > 0);
	assert_int_equal(access(stream, F_OK), 0);
	runtime_release(&first);
	assert_int_equal(access(stream, F_OK), 0);
	assert_int_equal(rundir_pid(base, "lab"), second);
	bystander_stop(second);
	assert_int_equal(runtime_claim(&first, base, "lab", NULL), 0);
	runtime_release(&first);
}

/* systemd-tmpfiles(8) takes this lock of a folder before it looks for what is old in it. */
static void what_clears_old_files_away_is_kept_out(void **state)
{
	struct runtime runtime;
	int fd;

	(void)state;
	assert_int_equal(runtime_claim(&runtime, base, "lab", NULL), 0);
	fd = open(base, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	runtime_release(&runtime);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

static void what_a_killed_process_named_after_itself_is_tidied_and_nothing_else(void **state)
{
	struct runtime runtime;
	char run[RUNDIR_PATH_BYTES], lab[RUNDIR_PATH_BYTES], name[20];
	pid_t process = bystander_start(claim, NULL), other = bystander_start(claim, "lab");

	(void)state;
	assert_true(process > 0 && other > 0);
	snprintf(name, sizeof(name), "run-%ld", (long)process);
	assert_int_equal(rundir_path(base, name, "stream", run, NULL), 0);
	assert_int_equal(rundir_path(base, "lab", "stream", lab, NULL), 0);
	runtime_tidy(base);
	assert_int_equal(access(run, F_OK), 0);
	bystander_stop(process);
	bystander_stop(other);
	assert_int_equal(access(run, F_OK), 0);
	runtime_tidy(base);
	*strrchr(run, '/') = '\0';
	assert_int_equal(access(run, F_OK), -1);
	assert_int_equal(access(lab, F_OK), 0);
	assert_int_equal(runtime_claim(&runtime, base, "lab", NULL), 0);
	runtime_release(&runtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claimed_folder_is_private_and_goes_again),
		cmocka_unit_test(a_name_in_use_is_refused_with_the_process_and_cleared_when_that_was_killed),
		cmocka_unit_test(without_a_lock_no_folder_stays_behind),
		cmocka_unit_test(what_a_killed_process_named_after_itself_is_tidied_and_nothing_else),
		cmocka_unit_test(a_folder_that_is_anothers_by_now_is_left_alone),
		cmocka_unit_test(what_clears_old_files_away_is_kept_out),
		cmocka_unit_test(folders_in_it_go_with_all_that_is_in_them_and_links_alone),
		cmocka_unit_test(a_network_that_never_was_has_no_process),
		cmocka_unit_test(a_folder_that_others_may_write_is_refused),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
