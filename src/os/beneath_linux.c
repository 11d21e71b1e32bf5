/* SPDX-License-Identifier: MIT */
/* openat2(2) keeps a whole resolution below the folder, since Linux 5.6. Where it is not there, or a sandbox without a
 * rule for it says so, each part is opened by itself. */
#include "os/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int beneath_whole(int folder, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

int beneath_open(int folder, const char *path, uint64_t *ret_bytes)
{
	int fd = beneath_whole(folder, path);
	struct stat file;

	/* -EAGAIN: something was renamed meanwhile, and the kernel cannot promise */
	if (fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN)
		fd = beneath_walk(folder, path);
	if (fd < 0)
		return fd == -EXDEV || fd == -ELOOP ? -EACCES : fd;
	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	*ret_bytes = (uint64_t)file.st_size;
	return fd;
}
