/* SPDX-License-Identifier: MIT */
/* A range of a file that is given back reads as zeros, and nothing else changes. */
#include "semu/hole.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 16384 };

static void a_range_reads_as_zeros_and_the_rest_stays(void **state)
{
	char path[] = "/tmp/guestwire-hole-XXXXXX", bytes[BYTES], wanted[BYTES];
	int fd = mkstemp(path), error;

	(void)state;
	unlink(path);
	memset(wanted, 'x', sizeof(wanted));
	assert_int_equal(write(fd, wanted, sizeof(wanted)), sizeof(wanted));
	error = hole_punch(fd, 1000, 9000);
	if (error == -EOPNOTSUPP)
		skip();
	assert_int_equal(error, 0);
	assert_int_equal(hole_punch(fd, 100, 0), 0);
	memset(wanted + 1000, 0, 9000);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_memory_equal(bytes, wanted, sizeof(bytes));
	assert_int_equal(lseek(fd, 0, SEEK_END), BYTES);
	close(fd);
	assert_int_equal(hole_punch(-1, 0, 1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_reads_as_zeros_and_the_rest_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
