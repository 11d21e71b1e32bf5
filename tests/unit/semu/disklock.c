/* SPDX-License-Identifier: MIT */
/* Who may have a disk beside whom. */
#include "semu/disklock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/semu-disklock-XXXXXX";

static int set_up(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static int open_disk(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void one_machine_writes_or_several_read(void **state)
{
	static const struct {
		bool first, second; /* read only */
		int verdict;
	} rows[] = {{false, false, -EBUSY}, {false, true, -EBUSY}, {true, false, -EBUSY}, {true, true, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int first = open_disk(), second = open_disk();

		assert_int_equal(disklock_take(first, rows[i].first), 0);
		assert_int_equal(disklock_take(second, rows[i].second), rows[i].verdict);
		close(second);
		close(first);
	}
}

/* As QEMU holds one for a guest, and as it does for one that shares what it writes (share-rw=on). */
static void a_disk_of_qemus_is_left_alone(void **state)
{
	static const struct {
		short bytes[5];
		int to_write, to_read;
	} rows[] = {
		{{100, 101, 201, 203, 0}, -EBUSY, -EBUSY},
		{{100, 201, 203, 0}, -EBUSY, 0},
		{{100, 101, 0}, -EBUSY, -EBUSY},
		{{100, 0}, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int readonly = 0; readonly < 2; readonly++) {
			int other = open_disk(), fd = open_disk();

			for (const short *byte = rows[i].bytes; *byte; byte++) {
				struct flock lock = {.l_type = F_RDLCK,
						     .l_whence = SEEK_SET,
						     .l_start = *byte,
						     .l_len = 1};

				assert_int_equal(fcntl(other, F_OFD_SETLK, &lock), 0);
			}
			assert_int_equal(disklock_take(fd, readonly), readonly ? rows[i].to_read : rows[i].to_write);
			close(fd);
			close(other);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_machine_writes_or_several_read),
		cmocka_unit_test(a_disk_of_qemus_is_left_alone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
