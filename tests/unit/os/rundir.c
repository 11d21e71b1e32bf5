/* SPDX-License-Identifier: MIT */
/* Where networks live, and who serves one: somebody who holds its lock. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "kit/bystander.h"
#include "os/rundir.h"

static void the_folder_follows_from_the_user_and_the_session(void **state)
{
	static const struct {
		const char *session;
		uid_t uid;
		const char *wanted;
	} rows[] = {
		{"/run/user/1000", 1000, "/run/user/1000/guestwire"},
		{NULL, 1000, "/tmp/guestwire-1000"},
		{"", 1000, "/tmp/guestwire-1000"},
		{"relative", 1000, "/tmp/guestwire-1000"},
		{NULL, 0, "/run/guestwire"},
		{"/run/user/0", 0, "/run/guestwire"},
		{"/somewhere", 0, "/somewhere/guestwire"},
	};
	char path[RUNDIR_PATH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(rundir_base(rows[i].session, rows[i].uid, path, NULL), 0);
		assert_string_equal(path, rows[i].wanted);
	}
}

static void a_folder_too_long_for_a_socket_is_refused(void **state)
{
	char session[200] = "/", path[RUNDIR_PATH_BYTES];
	struct error error = {0};

	(void)state;
	memset(session + 1, 'x', sizeof(session) - 2);
	assert_int_equal(rundir_base(session, 0, path, &error), -ENAMETOOLONG);
	assert_non_null(strstr(error.text, "XDG_RUNTIME_DIR"));
}

static void a_network_is_served_by_who_holds_its_lock(void **state)
{
	char base[] = "/tmp/guestwire-test-XXXXXX", folder[64], lock[RUNDIR_PATH_BYTES];
	pid_t holder;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(folder, sizeof(folder), "%s/lab", base);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(rundir_path(base, "lab", "lock", lock, NULL), 0);
	assert_int_equal(rundir_pid(base, "lab"), 0);
	holder = bystander_start_locking(lock);
	assert_true(holder > 0);
	assert_int_equal(rundir_pid(base, "lab"), holder);
	bystander_stop(holder);
	assert_int_equal(rundir_pid(base, "lab"), 0);
	unlink(lock);
	rmdir(folder);
	rmdir(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_folder_follows_from_the_user_and_the_session),
		cmocka_unit_test(a_folder_too_long_for_a_socket_is_refused),
		cmocka_unit_test(a_network_is_served_by_who_holds_its_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
