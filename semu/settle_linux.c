/* SPDX-License-Identifier: MIT */
/* One system call. */
#include "semu/settle.h"

#include <errno.h>
#include <unistd.h>

int settle_file(int fd)
{
	return fdatasync(fd) < 0 ? -errno : 0;
}
