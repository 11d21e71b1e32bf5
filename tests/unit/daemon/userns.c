/* SPDX-License-Identifier: MIT */
/* Why a namespace cannot be had, told from the settings under a /proc of the test's own. */
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
#include "daemon/userns.h"

static char proc[64];

static const char *const folders[] = {"", "/sys", "/sys/kernel", "/sys/user"};

static int make_proc(void **state)
{
	char path[256];

	(void)state;
	snprintf(proc, sizeof(proc), "/tmp/guestwire-test-XXXXXX");
	if (!mkdtemp(proc))
		return -1;
	for (size_t i = 1; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s%s", proc, folders[i]);
		if (mkdir(path, 0700) < 0)
			return -1;
	}
	return 0;
}

static int remove_proc(void **state)
{
	char path[256];

	(void)state;
	for (size_t i = sizeof(folders) / sizeof(*folders); i > 0; i--) {
		snprintf(path, sizeof(path), "%s%s", proc, folders[i - 1]);
		if (rmdir(path) < 0)
			return -1;
	}
	return 0;
}

static void the_setting_that_forbids_it_is_named_with_what_helps(void **state)
{
	static const struct {
		const char *setting, *value;
		int code;
		const char *says;
	} rows[] = {
		{"sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", -EPERM, "Ubuntu's AppArmor rule"},
		{"sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", -EACCES, "share/apparmor/guestwire"},
		{"sys/kernel/apparmor_restrict_unprivileged_userns", "0\n", -EPERM, "container"},
		{"sys/kernel/unprivileged_userns_clone", "0\n", -EPERM, "sysctl kernel.unprivileged_userns_clone=1"},
		{"sys/kernel/unprivileged_userns_clone", "1\n", -EPERM, "container"},
		{"sys/user/max_user_namespaces", "0\n", -ENOSPC, "sysctl user.max_user_namespaces="},
		{"sys/user/max_user_namespaces", "3\n", -ENOSPC, "as many namespaces as"},
		{"sys/user/max_net_namespaces", "0\n", -ENOSPC, "sysctl user.max_net_namespaces="},
		{"sys/user/max_net_namespaces", "9\n", -EINVAL, "this kernel has no user or network namespaces"},
		{"sys/user/max_net_namespaces", "", -EPERM, "seccomp=unconfined"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error error = {0};
		char path[256];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", proc, rows[i].setting);
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(rows[i].value, file);
		fclose(file);
		assert_int_equal(userns_refused(proc, "a step", rows[i].code, &error), rows[i].code);
		if (!strstr(error.text, rows[i].says) || strncmp(error.text, "netns: ", 7) != 0)
			fail_msg("%s=%s, %d: '%s'", rows[i].setting, rows[i].value, rows[i].code, error.text);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_setting_that_forbids_it_is_named_with_what_helps, make_proc,
						remove_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
