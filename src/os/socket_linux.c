/* SPDX-License-Identifier: MIT */
/* Linux makes sockets non-blocking and close-on-exec in the call that opens them, and lets the privileged go beyond the
 * buffer limits. */
#include "os/socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/error.h"

void socket_take_rights(int fd, bool on)
{
	enum { PASS_RIGHTS = 83 }; /* newer than the headers we may be built with */
	const int value = on;

	(void)setsockopt(fd, SOL_SOCKET, PASS_RIGHTS, &value, sizeof(value));
}

int socket_open(int domain, int type)
{
	const int on = 1;
	int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM && domain != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	if (domain == AF_UNIX)
		socket_take_rights(fd, false);
	return fd;
}

int socket_accept_from(int listener, struct sockaddr_storage *ret_from)
{
	socklen_t bytes;
	int fd;

	do {
		bytes = sizeof(*ret_from);
		fd = accept4(listener, (struct sockaddr *)ret_from, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd < 0 ? -errno : fd;
}

int socket_pair(int type, int ret_fds[2])
{
	return socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

static uint32_t socket_raise(int fd, int force, int option, uint32_t wanted_bytes)
{
	/* The kernel doubles what it is given and reports the double (socket(7)). */
	int value = (int)(wanted_bytes / 2 > INT32_MAX / 2 ? INT32_MAX / 2 : wanted_bytes / 2);
	int now = 0;
	socklen_t length = sizeof(now);

	if (getsockopt(fd, SOL_SOCKET, option, &now, &length) < 0)
		return 0;
	if ((uint32_t)now >= wanted_bytes)
		return (uint32_t)now;
	/* Unprivileged, a value above the limit is cut to the limit, which is never below what a new socket has. */
	if (setsockopt(fd, SOL_SOCKET, force, &value, sizeof(value)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
	length = sizeof(now);
	(void)getsockopt(fd, SOL_SOCKET, option, &now, &length);
	return (uint32_t)now;
}

uint32_t socket_raise_send_buffer(int fd, uint32_t wanted_bytes)
{
	return socket_raise(fd, SO_SNDBUFFORCE, SO_SNDBUF, wanted_bytes);
}

uint32_t socket_raise_receive_buffer(int fd, uint32_t wanted_bytes)
{
	return socket_raise(fd, SO_RCVBUFFORCE, SO_RCVBUF, wanted_bytes);
}

void socket_keep_alive(int fd)
{
	const int on = 1, idle = SOCKET_ALIVE_IDLE_S, each = SOCKET_ALIVE_EACH_S, times = SOCKET_ALIVE_TIMES;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof(each));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
}

/* Where BBR is the usual one its pace, kept by timers, takes a third of the speed over the loopback interface, and as much of
 * the processor's time as all the rest. */
void socket_stay_here(int fd)
{
	static const char plain[] = SOCKET_CONGESTION_HERE;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof(plain) - 1);
}

bool socket_prefer_port(int fd, uint16_t port)
{
	enum { LOCAL_PORT_RANGE = 51 }; /* newer than the headers we may be built with */
	const uint32_t range = (uint32_t)port << 16 | port;

	return setsockopt(fd, IPPROTO_IP, LOCAL_PORT_RANGE, &range, sizeof(range)) == 0;
}

int socket_bind_device(int fd, const char *ifname)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, (socklen_t)strlen(ifname) + 1) < 0 ? -errno : 0;
}

bool socket_has_lost_device(int fd)
{
	char ifname[IF_NAMESIZE];
	socklen_t length = sizeof(ifname);

	return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, &length) < 0 && errno == ENODEV;
}

int socket_bind_source(int fd, const struct sockaddr *address, socklen_t bytes)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, address, bytes) < 0 ? -errno : 0;
}

ssize_t socket_receive(int fd, struct msghdr *message, int flags)
{
	return recvmsg(fd, message, flags | MSG_CMSG_CLOEXEC);
}

int socket_unread(int fd, uint32_t *ret_bytes)
{
	int bytes = 0;

	if (ioctl(fd, SIOCOUTQ, &bytes) < 0)
		return -errno;
	*ret_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	return 0;
}

int socket_peer_pid(int fd, pid_t *ret_pid)
{
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	if (peer.pid <= 0)
		return -ENOTCONN;
	*ret_pid = peer.pid;
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
	*ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	return 0;
}
