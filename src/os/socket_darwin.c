/* SPDX-License-Identifier: MIT */
/* macOS sets the flags by calls of their own, has no forced buffers, and wants SO_NOSIGPIPE. Not compiled on Linux, and
 * not yet run on macOS. */
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Takes the descriptor over: closes it when it cannot be made what we want. */
static int socket_prepare(int fd)
{
	const int on = 1;
	int result;

	if (fd < 0)
		return -errno;
	result = socket_set_nonblocking(fd);
	if (result == 0 && setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) < 0)
		result = -errno;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

/* Descriptors always come here; without a buffer for them they are let go at once. */
void socket_take_rights(int fd, bool on)
{
	(void)fd;
	(void)on;
}

int socket_open(int domain, int type)
{
	const int on = 1;
	int fd = socket_prepare(socket(domain, type, 0));

	if (fd >= 0 && type == SOCK_STREAM && domain != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	return fd;
}

int socket_accept_from(int listener, struct sockaddr_storage *ret_from)
{
	socklen_t bytes;
	int fd;

	do {
		bytes = sizeof(*ret_from);
		fd = accept(listener, (struct sockaddr *)ret_from, &bytes);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return socket_prepare(fd);
}

int socket_pair(int type, int ret_fds[2])
{
	int fds[2];
	int result;

	if (socketpair(AF_UNIX, type, 0, fds) < 0)
		return -errno;
	result = socket_prepare(fds[0]);
	if (result < 0) {
		close(fds[1]);
		return result;
	}
	result = socket_prepare(fds[1]);
	if (result < 0) {
		close(fds[0]);
		return result;
	}
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

static uint32_t socket_raise(int fd, int option, uint32_t wanted_bytes)
{
	int now = 0;
	socklen_t length = sizeof(now);

	if (getsockopt(fd, SOL_SOCKET, option, &now, &length) < 0)
		return 0;
	/* A value beyond kern.ipc.maxsockbuf is refused, not cut: ask for less until one is taken. */
	for (uint32_t value = wanted_bytes; value > (uint32_t)now; value -= value / 4) {
		if (setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)) == 0)
			return value;
		if (value < 4)
			break;
	}
	return (uint32_t)now;
}

uint32_t socket_raise_send_buffer(int fd, uint32_t wanted_bytes)
{
	return socket_raise(fd, SO_SNDBUF, wanted_bytes);
}

uint32_t socket_raise_receive_buffer(int fd, uint32_t wanted_bytes)
{
	return socket_raise(fd, SO_RCVBUF, wanted_bytes);
}

void socket_keep_alive(int fd)
{
	const int on = 1, idle = SOCKET_ALIVE_IDLE_S, each = SOCKET_ALIVE_EACH_S, times = SOCKET_ALIVE_TIMES;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPALIVE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof(each));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
}

/* macOS keeps no pace of its own. */
void socket_stay_here(int fd)
{
	(void)fd;
}

bool socket_prefer_port(int fd, uint16_t port)
{
	(void)fd;
	(void)port;
	return false;
}

int socket_bind_device(int fd, const char *ifname)
{
	unsigned index = if_nametoindex(ifname);
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (index == 0)
		return -ENODEV;
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	if (address.ss_family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_BOUND_IF, &index, sizeof(index)) < 0 ? -errno : 0;
	return setsockopt(fd, IPPROTO_IP, IP_BOUND_IF, &index, sizeof(index)) < 0 ? -errno : 0;
}

bool socket_has_lost_device(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address), bytes = sizeof(unsigned);
	char ifname[IF_NAMESIZE];
	unsigned index = 0;
	bool is6;

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return false;
	is6 = address.ss_family == AF_INET6;
	if (!is6 && address.ss_family != AF_INET)
		return false;
	return getsockopt(fd, is6 ? IPPROTO_IPV6 : IPPROTO_IP, is6 ? IPV6_BOUND_IF : IP_BOUND_IF, &index, &bytes) ==
		       0 &&
	       index != 0 && !if_indextoname(index, ifname);
}

int socket_bind_source(int fd, const struct sockaddr *address, socklen_t bytes)
{
	return bind(fd, address, bytes) < 0 ? -errno : 0;
}

ssize_t socket_receive(int fd, struct msghdr *message, int flags)
{
	ssize_t got = recvmsg(fd, message, flags);

	if (got < 0)
		return got;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int taken;

			memcpy(&taken, CMSG_DATA(at) + i * sizeof(taken), sizeof(taken));
			(void)fcntl(taken, F_SETFD, FD_CLOEXEC);
		}
	}
	return got;
}

int socket_unread(int fd, uint32_t *ret_bytes)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	if (getsockopt(fd, SOL_SOCKET, SO_NWRITE, &bytes, &length) < 0)
		return -errno;
	*ret_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	return 0;
}

int socket_peer_pid(int fd, pid_t *ret_pid)
{
	pid_t pid = 0;
	socklen_t length = sizeof(pid);

	if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &length) < 0)
		return -errno;
	if (pid <= 0)
		return -ENOTCONN;
	*ret_pid = pid;
	return 0;
}

int socket_unix_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_length,
			struct error *ret_error)
{
	const size_t most = sizeof(ret_address->sun_path) - 1;
	size_t length = strlen(path);

	if (length == 0)
		return error_set(ret_error, -EINVAL, "the path of a socket is empty; give one");
	if (length > most)
		return error_set(ret_error, -ENAMETOOLONG,
				 "%s: a socket's path may have %zu bytes at most, and this has %zu; use a shorter one",
				 path, most, length);
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret_address->sun_path, path, length + 1);
	ret_address->sun_len = (unsigned char)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	*ret_length = ret_address->sun_len;
	return 0;
}
