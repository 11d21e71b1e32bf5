/* SPDX-License-Identifier: MIT */
/* One request, one answer, no state. */
#include "daemon/insider.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/privilege.h"
#include "os/socket.h"

static bool insider_is_sound(const struct insider_request *request)
{
	size_t wanted = request->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	if ((request->family != AF_INET && request->family != AF_INET6) ||
	    (request->type != SOCK_STREAM && request->type != SOCK_DGRAM))
		return false;
	switch ((enum insider_want)request->want) {
	case INSIDER_SOCKETS:
		return request->count >= 1 && request->count <= INSIDER_SOCKETS_MAX;
	case INSIDER_BIND:
		return request->address_bytes == wanted && request->address.ss_family == request->family &&
		       memchr(request->ifname, '\0', sizeof(request->ifname));
	case INSIDER_TABLE:
		return true;
	}
	return false;
}

static int insider_bind(const struct insider_request *request)
{
	const int on = 1;
	int fd = socket_open(request->family, request->type), error;

	if (fd < 0)
		return fd;
	if (request->type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	error = 0;
	if (request->family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		error = -errno;
	if (error == 0 && request->ifname[0])
		error = socket_bind_device(fd, request->ifname);
	if (error == 0 && bind(fd, (const struct sockaddr *)&request->address, request->address_bytes) < 0)
		error = -errno;
	if (error == 0 && request->type == SOCK_STREAM && listen(fd, INSIDER_BACKLOG) < 0)
		error = -errno;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static int insider_open_table(const struct insider_request *request)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/net/%s%s", request->type == SOCK_STREAM ? "tcp" : "udp",
		 request->family == AF_INET ? "" : "6");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int insider_make(const struct insider_request *request)
{
	switch ((enum insider_want)request->want) {
	case INSIDER_SOCKETS:
		return socket_open(request->family, request->type);
	case INSIDER_BIND:
		return insider_bind(request);
	case INSIDER_TABLE:
		return insider_open_table(request);
	}
	return -EINVAL;
}

static int insider_answer(int channel, const struct insider_request *request)
{
	size_t wanted = request->want == INSIDER_SOCKETS ? request->count : 1, count = 0;
	struct insider_answer answer = {.error = 0};
	int fds[RIGHTS_FDS_MAX], result;

	if (!insider_is_sound(request))
		answer.error = -EINVAL;
	while (answer.error == 0 && count < wanted) {
		int fd = insider_make(request);

		if (fd < 0)
			answer.error = fd;
		else
			fds[count++] = fd;
	}
	result = rights_send(channel, &answer, sizeof(answer), fds, count);
	while (count > 0)
		close(fds[--count]);
	return result;
}

void insider_serve(int channel)
{
	struct insider_request request;
	int fds[RIGHTS_FDS_MAX];
	size_t count;
	ssize_t got;

	privilege_drop();
	do {
		count = 0;
		got = rights_receive(channel, &request, sizeof(request), fds, &count);
		while (count > 0)
			close(fds[--count]);
		/* what has another length is answered as any other nonsense: each request has its answer */
		if (got == -EBADMSG || (got > 0 && got != (ssize_t)sizeof(request)))
			memset(&request, 0, sizeof(request));
	} while ((got > 0 || got == -EBADMSG) && insider_answer(channel, &request) == 0);
}
