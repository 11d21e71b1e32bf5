/* SPDX-License-Identifier: MIT */
/* The rule's order. What is to an address of the namespace's own never gets here: the kernel looks at those first. A socket that is bound to
 * an interface (SO_BINDTODEVICE) hears nothing that comes by another, and is left alone; sock_diag finds it by that
 * interface only. */
#include "hostnet/detour.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "hostnet/rtnetlink.h"

/* Its number is what one in the namespace can have: who has it owns the table. It is free again however its owner ends. */
static int detour_open_sockets(void)
{
	const struct sockaddr_nl one = {.nl_family = AF_NETLINK, .nl_pid = DETOUR_TABLE};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&one, sizeof(one)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int detour_open(struct detour *ret_detour)
{
	struct detour detour = {.routes = rtnetlink_open()};

	if (detour.routes < 0)
		return detour.routes;
	detour.sockets = detour_open_sockets();
	if (detour.sockets < 0) {
		close(detour.routes);
		return detour.sockets;
	}
	*ret_detour = detour;
	return 0;
}

/* ---- the namespace's socket ---- */

static void detour_write_end(const struct sockaddr *address, __be32 ret_address[4], __be16 *ret_port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

	if (address->sa_family == AF_INET) {
		memcpy(ret_address, &in->sin_addr, sizeof(in->sin_addr));
		*ret_port = in->sin_port;
	} else {
		memcpy(ret_address, &in6->sin6_addr, sizeof(in6->sin6_addr));
		*ret_port = in6->sin6_port;
	}
}

/* 0: it has this connection, and hears what comes by any interface. */
static int detour_look(const struct detour *detour, const struct sockaddr *from, const struct sockaddr *to)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} question = {.header = {.nlmsg_len = sizeof(question),
				 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				 .nlmsg_flags = NLM_F_REQUEST},
		      .request = {.sdiag_family = (uint8_t)from->sa_family,
				  .sdiag_protocol = IPPROTO_TCP,
				  .idiag_states = 1U << TCP_ESTABLISHED,
				  .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}};
	struct {
		struct nlmsghdr header;
		struct inet_diag_msg socket;
		char rest[512];
	} answer = {.header = {.nlmsg_len = 0}};

	detour_write_end(from, question.request.id.idiag_src, &question.request.id.idiag_sport);
	detour_write_end(to, question.request.id.idiag_dst, &question.request.id.idiag_dport);
	if (send(detour->sockets, &question, sizeof(question), 0) < 0 ||
	    recv(detour->sockets, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC) < 0)
		return -errno;
	return answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY && answer.socket.idiag_state == TCP_ESTABLISHED
		       ? 0
		       : -ENOENT;
}

/* ---- rules ---- */

/* The table's route goes with the loopback interface, whenever that is set down: each time it is asked for again. */
int detour_add(const struct detour *detour, const struct sockaddr *from, const struct sockaddr *to)
{
	int error;

	if (detour->routes < 0)
		return -EOPNOTSUPP;
	error = detour_look(detour, from, to);
	if (error == 0)
		error = rtnetlink_add_local(detour->routes, from->sa_family, DETOUR_TABLE);
	if (error < 0 && error != -EEXIST)
		return error;
	return rtnetlink_set_rule(detour->routes, from, to, DETOUR_TABLE, true);
}

void detour_remove(const struct detour *detour, const struct sockaddr *from, const struct sockaddr *to)
{
	(void)rtnetlink_set_rule(detour->routes, from, to, DETOUR_TABLE, false);
}

void detour_clear(const struct detour *detour)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (int count = 0; count < DETOUR_RULES_MAX; count++) {
			if (rtnetlink_remove_rule(detour->routes, families[i], DETOUR_TABLE) < 0)
				break;
		}
	}
}

void detour_close(struct detour *detour)
{
	if (detour->routes >= 0) {
		close(detour->routes);
		close(detour->sockets);
	}
	detour->routes = -1;
}
