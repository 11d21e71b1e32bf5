/* SPDX-License-Identifier: MIT */
/* Readiness for service managers, without their library: it is one sendto. Where many start at once the manager's queue may be
 * full; a start that is never told as ready is undone after its time, so a moment's wait is the smaller harm. */
#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	NOTIFY_PATIENCE_MS = 500,
};

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored by the program anyway */
#endif

int notify_send(const char *address, const char *text)
{
	const struct timeval patience = {.tv_usec = NOTIFY_PATIENCE_MS * 1000};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t length = address ? strlen(address) : 0;
	int fd, result = 0;

	if (length == 0)
		return 0;
	if ((address[0] != '/' && address[0] != '@') || length >= sizeof(to.sun_path))
		return -EINVAL;
	memcpy(to.sun_path, address, length);
	if (address[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		result = -errno;
	close(fd);
	return result;
}
