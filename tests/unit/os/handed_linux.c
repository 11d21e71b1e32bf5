/* SPDX-License-Identifier: MIT */
/* Descriptors whose own system could make us wait. Which are memory and which events is in handed.c. */
#include "os/handed.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/os/silent.h"

static void a_file_whose_system_never_answers_is_refused_at_once(void **state)
{
	struct handed_memory memory;
	struct handed_event event;
	struct silent silent;
	struct bell bell = {0};
	int fd = silent_open(&silent);

	(void)state;
	if (fd < 0)
		skip();
	alarm(10);
	assert_int_equal(handed_map(fd, 0, SILENT_BYTES, &memory), -EINVAL);
	assert_int_equal(handed_event_in(&bell, fd), -EINVAL);
	assert_int_equal(handed_event_out(&bell, fd, &event), -EINVAL);
	assert_int_equal(bell_open(&bell), 0);
	assert_int_equal(handed_event_in(&bell, fd), -EINVAL);
	alarm(0);
	bell_close(&bell);
	assert_int_equal(silent.unanswered, 0);
	silent_close(&silent);
}

/* close() would wait for what it still has to send (SO_LINGER). */
static void a_socket_of_a_network_is_no_event(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct handed_event event;
	struct bell bell = {0};

	(void)state;
	assert_int_equal(handed_event_out(&bell, fd, &event), -EINVAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_whose_system_never_answers_is_refused_at_once),
		cmocka_unit_test(a_socket_of_a_network_is_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
