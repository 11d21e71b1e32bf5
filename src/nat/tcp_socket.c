/* SPDX-License-Identifier: MIT */
/* The system's own sockets. Buffer sizes are never set: it would end their autotuning (law 4). */
#include "nat/tcp_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "os/outbound.h"
#include "os/peek.h"
#include "os/socket.h"

/* ---- in quiet turns ---- */

static void tcp_socket_close_all(struct tcp_socket_chores *chores)
{
	while (chores->closing_count > 0)
		close(chores->closing[--chores->closing_count]);
}

static void tcp_socket_on_quiet(void *owner)
{
	static const int families[TCP_SOCKET_FAMILIES] = {AF_INET, AF_INET6};
	struct tcp_socket_chores *chores = owner;

	tcp_socket_close_all(chores);
	for (int i = 0; i < TCP_SOCKET_FAMILIES; i++) {
		struct tcp_socket_spare *spare = &chores->spares[i];

		if (spare->wanted && spare->fd < 0)
			spare->fd = socket_open(families[i], SOCK_STREAM);
		spare->wanted = false;
	}
}

void tcp_socket_chores_init(struct tcp_socket_chores *chores, struct loop *loop)
{
	*chores = (struct tcp_socket_chores){.loop = loop};
	for (int i = 0; i < TCP_SOCKET_FAMILIES; i++)
		chores->spares[i].fd = -1;
	task_init(&chores->task, tcp_socket_on_quiet, chores);
}

void tcp_socket_chores_done(struct tcp_socket_chores *chores)
{
	loop_cancel(chores->loop, &chores->task);
	tcp_socket_close_all(chores);
	for (int i = 0; i < TCP_SOCKET_FAMILIES; i++) {
		if (chores->spares[i].fd >= 0)
			close(chores->spares[i].fd);
		chores->spares[i].fd = -1;
	}
}

/* ---- the calls ---- */

static struct tcp_socket_spare *tcp_socket_spare(struct tcp_socket_chores *chores, int family)
{
	return &chores->spares[family == AF_INET6];
}

static int tcp_socket_take(struct tcp_socket_chores *chores, int family)
{
	struct tcp_socket_spare *spare = chores ? tcp_socket_spare(chores, family) : NULL;
	int fd = spare ? spare->fd : -1;

	if (fd >= 0) {
		spare->fd = -1;
		return fd;
	}
	fd = socket_open(family, SOCK_STREAM);
	if (fd >= 0 || !chores || chores->closing_count == 0)
		return fd;
	tcp_socket_close_all(chores); /* it may be these that there are too many of */
	return socket_open(family, SOCK_STREAM);
}

static int tcp_socket_open(void *owner, int family, const struct outbound *outbound)
{
	int fd = tcp_socket_take(owner, family), error = fd >= 0 && outbound ? outbound_bind(fd, outbound) : 0;

	if (error >= 0)
		return fd;
	close(fd);
	return error;
}

static void tcp_socket_prepare(void *owner, int family)
{
	struct tcp_socket_chores *chores = owner;

	if (!chores || tcp_socket_spare(chores, family)->fd >= 0)
		return;
	tcp_socket_spare(chores, family)->wanted = true;
	loop_defer_quiet(chores->loop, &chores->task);
}

static int tcp_socket_try(int fd, const struct sockaddr *address, socklen_t bytes)
{
	if (connect(fd, address, bytes) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	/* With a far end on this machine it is over by now, and to ask again costs less than to be told. */
	if (connect(fd, address, bytes) == 0 || errno == EISCONN)
		return 0;
	return errno == EALREADY ? -EINPROGRESS : -errno;
}

static bool tcp_socket_is_port(const struct sockaddr *address, uint16_t port)
{
	/* it stands at the same place in both families */
	return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port) == port;
}

/* The guest's own port is almost always free, and then the kernel need not look for one: among thousands of connections in
 * TIME_WAIT to the same far end that takes it longer than all the rest (measured: 40 % of the time, after 10,000). But not
 * where it is the far end's number as well: on this machine a socket would be connected to itself when nobody listens
 * there (RFC 9293 3.5, simultaneous open), and the guest would hear its own words. */
static int tcp_socket_connect(void *owner, int fd, const struct sockaddr *address, socklen_t bytes, uint16_t port)
{
	bool told = !tcp_socket_is_port(address, port) && socket_prefer_port(fd, port);
	int error = tcp_socket_try(fd, address, bytes);

	(void)owner;
	if (error != -EADDRNOTAVAIL || !told)
		return error;
	(void)socket_prefer_port(fd, 0);
	return tcp_socket_try(fd, address, bytes);
}

/* Both fail on sockets that are not TCP, which need neither. */
static void tcp_socket_adopt(void *owner, int fd)
{
	const int on = 1;

	(void)owner;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int tcp_socket_error(void *owner, int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	(void)owner;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

static ssize_t tcp_socket_send(void *owner, int fd, const struct iovec *pieces, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};
	ssize_t sent;

	(void)owner;
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static ssize_t tcp_socket_read(void *owner, int fd, const struct iovec *pieces, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};
	ssize_t got;

	(void)owner;
	do
		got = recvmsg(fd, &message, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static int tcp_socket_peek_start(void *owner, int fd, bool is_tcp)
{
	(void)owner;
	return peek_start(fd, is_tcp);
}

static int tcp_socket_peek_seek(void *owner, int fd, uint32_t offset)
{
	(void)owner;
	return peek_seek(fd, offset);
}

static ssize_t tcp_socket_peek(void *owner, int fd, const struct iovec *pieces, int count)
{
	(void)owner;
	return peek_read(fd, pieces, count);
}

static ssize_t tcp_socket_consume(void *owner, int fd, uint32_t bytes)
{
	(void)owner;
	return peek_consume(fd, bytes);
}

static bool tcp_socket_is_homeless(void *owner, int fd)
{
	(void)owner;
	return outbound_is_lost(fd);
}

static int tcp_socket_shut(void *owner, int fd)
{
	(void)owner;
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

/* What is closed without a reset has said all to its far end, or the kernel says it as well a moment later. */
static void tcp_socket_close(void *owner, int fd, bool reset)
{
	struct tcp_socket_chores *chores = owner;

	if (!reset && chores && chores->closing_count < TCP_SOCKET_CLOSING_MOST) {
		chores->closing[chores->closing_count++] = fd;
		loop_defer_quiet(chores->loop, &chores->task);
		return;
	}
	if (reset)
		socket_reset(fd);
	else
		close(fd);
}

static int tcp_socket_watch(void *owner, struct loop *loop, struct watch *watch, unsigned events)
{
	(void)owner;
	return loop_watch(loop, watch, events);
}

static void tcp_socket_unwatch(void *owner, struct loop *loop, struct watch *watch, bool closes)
{
	(void)owner;
	if (closes)
		loop_forget(loop, watch);
	else
		loop_unwatch(loop, watch);
}

const struct nat_socket_ops tcp_socket_system = {
	.open = tcp_socket_open,
	.prepare = tcp_socket_prepare,
	.connect = tcp_socket_connect,
	.adopt = tcp_socket_adopt,
	.error = tcp_socket_error,
	.send = tcp_socket_send,
	.read = tcp_socket_read,
	.peek_start = tcp_socket_peek_start,
	.peek_seek = tcp_socket_peek_seek,
	.peek = tcp_socket_peek,
	.consume = tcp_socket_consume,
	.is_homeless = tcp_socket_is_homeless,
	.shut = tcp_socket_shut,
	.close = tcp_socket_close,
	.watch = tcp_socket_watch,
	.unwatch = tcp_socket_unwatch,
};
