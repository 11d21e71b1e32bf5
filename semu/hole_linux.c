/* SPDX-License-Identifier: MIT */
/* By fallocate(2), of files and block devices. */
#include "semu/hole.h"

#include <errno.h>
#include <fcntl.h>

int hole_punch(int fd, uint64_t offset, uint64_t bytes)
{
	if (bytes == 0)
		return 0;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) < 0 ? -errno : 0;
}
