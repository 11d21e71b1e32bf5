/* SPDX-License-Identifier: MIT */
/* QEMU's locks of images (its documentation's "Disk image file locking"): each thing that may be done to one has a byte that
 * is locked by who does it, and another by who cannot bear that others do. All of these locks are shared ones; they are
 * taken first, and then it is asked whether somebody holds what speaks against them. */
#include "semu/disklock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { DONE = 100, REFUSED = 200 }; /* the first byte of each */
enum { READ = 0, WRITE = 1, RESIZE = 3 };

static void hold(int fd, off_t byte)
{
	fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1});
}

/* Whether anybody else does. */
static bool is_held(int fd, off_t byte)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int disklock_take(int fd, bool readonly)
{
	hold(fd, DONE + READ);
	if (!readonly)
		hold(fd, DONE + WRITE);
	hold(fd, REFUSED + WRITE);
	hold(fd, REFUSED + RESIZE);
	if (is_held(fd, REFUSED + READ) || (!readonly && is_held(fd, REFUSED + WRITE)))
		return -EBUSY;
	return is_held(fd, DONE + WRITE) || is_held(fd, DONE + RESIZE) ? -EBUSY : 0;
}
