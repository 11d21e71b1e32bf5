/* SPDX-License-Identifier: MIT */
/* See limbo.h. Which kind of file it is must not be asked of the file's own system either. */
#include "os/limbo.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool limbo_is_local(int fd)
{
	int domain;
	socklen_t size = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

/* Only files in memory have seals. What lies on a disk has the number of its device; what has a server has none. A name
 * alone (O_PATH) is not flushed. */
static bool limbo_may_wait(int fd)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0)
		return true;
	if (S_ISSOCK(status.stx_mode))
		return !limbo_is_local(fd);
	return S_ISREG(status.stx_mode) && status.stx_dev_major == 0 && fcntl(fd, F_GET_SEALS) < 0 &&
	       !(fcntl(fd, F_GETFL) & O_PATH);
}

void limbo_close(struct limbo *limbo, int fd)
{
	if (limbo_may_wait(fd))
		limbo->kept++;
	else
		close(fd);
}
