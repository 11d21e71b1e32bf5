/* SPDX-License-Identifier: MIT */
/* By flock(2): there are no locks of open files for single bytes. */
#include "semu/disklock.h"

#include <errno.h>
#include <sys/file.h>

int disklock_take(int fd, bool readonly)
{
	return flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EBUSY : 0;
}
