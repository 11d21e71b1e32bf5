/* SPDX-License-Identifier: MIT */
/* macOS' fsync() leaves the bytes in the drive's own memory; F_FULLFSYNC asks the drive too. Some file systems have fsync()
 * alone. Not yet run on macOS. */
#include "semu/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int settle_file(int fd)
{
	if (fcntl(fd, F_FULLFSYNC) == 0 || fsync(fd) == 0)
		return 0;
	return -errno;
}
