/* SPDX-License-Identifier: MIT */
/* tcp(7) does not tell of TCP_REPAIR: a socket in that mode is moved to and from its states by options, without a word on the
 * wire. The order is the kernel's: numbers before connect(), which then is no more than a change of state; what the two SYNs
 * said, and the windows, behind it. */
#include "os/tcp_repair.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static int tcp_repair_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int tcp_repair_bind(int fd, const struct tcp_repair *repair)
{
	bool is6 = repair->here.ss_family == AF_INET6;
	int error = is6 ? tcp_repair_set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
			: tcp_repair_set(fd, IPPROTO_IP, IP_TRANSPARENT, 1);

	if (error == 0 && bind(fd, (const struct sockaddr *)&repair->here, repair->address_bytes) < 0)
		error = -errno;
	return error;
}

static int tcp_repair_set_next(int fd, int queue, uint32_t next)
{
	int error = tcp_repair_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	return error < 0 ? error : tcp_repair_set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)next);
}

/* Windows that are not scaled are said to be scaled by nothing: connect() has chosen a scale, and would keep it. */
static int tcp_repair_set_options(int fd, const struct tcp_repair *repair)
{
	uint32_t scales = repair->scaled ? repair->send_scale | (uint32_t)repair->receive_scale << 16 : 0;
	struct tcp_repair_opt options[3] = {{.opt_code = TCPOPT_MAXSEG, .opt_val = repair->mss},
					    {.opt_code = TCPOPT_WINDOW, .opt_val = scales}};
	socklen_t count = 2;

	if (repair->sack)
		options[count++] = (struct tcp_repair_opt){.opt_code = TCPOPT_SACK_PERMITTED};
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options, count * (socklen_t)sizeof(options[0])) < 0
		       ? -errno
		       : 0;
}

static int tcp_repair_set_windows(int fd, const struct tcp_repair *repair)
{
	const struct tcp_repair_window windows = {.snd_wl1 = repair->receive_next,
						  .snd_wnd = repair->send_window,
						  .max_window = repair->send_window,
						  .rcv_wnd = repair->receive_window,
						  .rcv_wup = repair->receive_next};

	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &windows, sizeof(windows)) < 0 ? -errno : 0;
}

int tcp_repair_begin(int fd, const struct tcp_repair *repair)
{
	int error = tcp_repair_set(fd, IPPROTO_TCP, TCP_REPAIR, 1);

	if (error == 0)
		error = tcp_repair_bind(fd, repair);
	if (error == 0)
		error = tcp_repair_set_next(fd, TCP_SEND_QUEUE, repair->send_next);
	if (error == 0)
		error = tcp_repair_set_next(fd, TCP_RECV_QUEUE, repair->receive_next);
	if (error == 0 && connect(fd, (const struct sockaddr *)&repair->there, repair->address_bytes) < 0)
		error = -errno;
	if (error == 0)
		error = tcp_repair_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_NO_QUEUE);
	if (error == 0)
		error = tcp_repair_set_options(fd, repair);
	return error == 0 ? tcp_repair_set_windows(fd, repair) : error;
}

int tcp_repair_end(int fd)
{
	int error = tcp_repair_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);

	/* Before Linux 4.19 there is only the other way, whose probe the far end answers. */
	if (error < 0)
		error = tcp_repair_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF);
	/* With the mode goes the right of others to the same address and port, who talk to other far ends. */
	return error < 0 ? error : tcp_repair_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

bool tcp_repair_is_over(int fd)
{
	struct tcp_info info;
	socklen_t bytes = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) < 0 || info.tcpi_state == TCP_CLOSE;
}
