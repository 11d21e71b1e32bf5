/* SPDX-License-Identifier: MIT */
/* Another process that serves a network, and where its sockets are. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "guestwire/guestwire.h"
#include "kit/bystander.h"

static void a_network_that_another_process_serves_is_found(void **state)
{
	char session[] = "/tmp/guestwire-test-XXXXXX", base[64], folder[80], lock[100], socket[100];
	char path[GW_PATH_BYTES] = "x";
	struct gw_error error = {0};
	pid_t holder;

	(void)state;
	assert_non_null(mkdtemp(session));
	snprintf(base, sizeof(base), "%s/guestwire", session);
	snprintf(folder, sizeof(folder), "%s/lab", base);
	snprintf(lock, sizeof(lock), "%s/lock", folder);
	snprintf(socket, sizeof(socket), "%s/stream", folder);
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(gw_network_find(session, "lab", "stream", path, &error), -ENOENT);
	assert_non_null(strstr(error.text, "no network lab runs; `guestwire up lab` starts one"));
	holder = bystander_start_locking(lock);
	assert_true(holder > 0);
	assert_int_equal(gw_network_find(session, "lab", "stream", path, &error), -ENOENT);
	assert_non_null(strstr(error.text, "network lab has no socket"));
	assert_string_equal(path, "x");
	close(open(socket, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(gw_network_find(session, "lab", "stream", path, &error), 0);
	assert_string_equal(path, socket);
	/* where others may write, they may have made it */
	assert_int_equal(chmod(base, 0777), 0);
	assert_int_equal(gw_network_find(session, "lab", "stream", path, &error), -EPERM);
	assert_non_null(strstr(error.text, "others may write there"));
	assert_int_equal(chmod(base, 0700), 0);
	bystander_stop(holder);
	assert_int_equal(gw_network_find(session, "lab", "stream", path, NULL), -ENOENT);
	unlink(socket);
	unlink(lock);
	rmdir(folder);
	rmdir(base);
	rmdir(session);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const names[] = {"", "-x", "a/b", "..", "a b", "../../etc"};
	char path[GW_PATH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(gw_network_find("/tmp", names[i], "stream", path, NULL), -EINVAL);
		assert_int_equal(gw_network_find("/tmp", "lab", names[i], path, NULL), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_that_another_process_serves_is_found),
		cmocka_unit_test(what_is_no_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
