/* SPDX-License-Identifier: MIT */
/* Opened without waiting, whatever stands there. */
#include "network/resolvfile.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

ssize_t resolvfile_read(char *text, size_t room)
{
	int fd = open(RESOLVFILE_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
	while (used < room && (got = read(fd, text + used, room - used)) > 0)
		used += (size_t)got;
	close(fd);
	return (ssize_t)used;
}
