/* SPDX-License-Identifier: MIT */
/* sd_notify's protocol, to a path, to an abstract name, and to nobody. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"

static void tell(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	char got[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
			 0);
	assert_int_equal(notify_send(name, "READY=1\n"), 0);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 8);
	assert_memory_equal(got, "READY=1\n", 8);
	close(fd);
}

static void it_is_told_to_a_path_and_to_an_abstract_name(void **state)
{
	char path[64], abstract[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/guestwire-notify-%ld", (long)getpid());
	snprintf(abstract, sizeof(abstract), "@guestwire-notify-%ld", (long)getpid());
	tell(path);
	unlink(path);
	tell(abstract);
}

static void nobody_who_asks_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(notify_send(NULL, "READY=1\n"), 0);
	assert_int_equal(notify_send("", "READY=1\n"), 0);
}

static int full;

static void *read_later(void *reader)
{
	char got[64];

	(void)reader;
	usleep(100 * 1000);
	while (recv(full, got, sizeof(got), MSG_DONTWAIT) > 0)
		;
	return NULL;
}

/* Many start at once, and the manager is slow: that this one is ready may not be lost. */
static void a_manager_that_is_busy_is_told_a_moment_later(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[sizeof(address.sun_path)];
	pthread_t reader;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/guestwire-notify-%ld", (long)getpid());
	memcpy(address.sun_path, path, sizeof(path));
	full = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(full, (struct sockaddr *)&address, sizeof(address)), 0);
	for (int i = 0; i < 10000 && notify_send(path, "x") == 0; i++)
		;
	assert_int_equal(notify_send(path, "x"), -EAGAIN);
	assert_int_equal(pthread_create(&reader, NULL, read_later, NULL), 0);
	assert_int_equal(notify_send(path, "READY=1\n"), 0);
	assert_int_equal(pthread_join(reader, NULL), 0);
	close(full);
	unlink(path);
}

static void an_address_that_cannot_be_is_an_error(void **state)
{
	char longest[200];

	(void)state;
	memset(longest, '/', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(notify_send("relative", "x"), -EINVAL);
	assert_int_equal(notify_send(longest, "x"), -EINVAL);
	assert_int_equal(notify_send("/nonexistent/notify", "x"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_to_a_path_and_to_an_abstract_name),
		cmocka_unit_test(nobody_who_asks_is_no_error),
		cmocka_unit_test(a_manager_that_is_busy_is_told_a_moment_later),
		cmocka_unit_test(an_address_that_cannot_be_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
