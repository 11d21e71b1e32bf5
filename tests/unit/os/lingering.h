/* SPDX-License-Identifier: MIT */
/* A connection whose last close() waits, since who made it asked for that (SO_LINGER) and its far end does not read; sent
 * along to where nobody may close it. */
#ifndef TESTS_UNIT_OS_LINGERING_H
#define TESTS_UNIT_OS_LINGERING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINGER_S = 3 };

static inline int send_with(int to, int fd, int flags)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	char byte = 0;
	struct iovec piece = {&byte, sizeof(byte)};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(to, &message, MSG_NOSIGNAL | flags) == 1 ? 0 : -1;
}

struct lingering {
	int deaf; /* the far end */
	double began;
};

static inline double lingering_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One is under way behind this, and nowhere else; 0, or -1 where the flags cannot be (MSG_OOB, before Linux 5.15). */
static inline int lingering_send(struct lingering *lingering, int to, int flags)
{
	struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), code;
	static char bytes[65536];

	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	lingering->deaf = accept(server, NULL, NULL);
	while (send(client, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	code = send_with(to, client, flags);
	if (code == 0)
		assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(client);
	close(server);
	lingering->began = lingering_now();
	return code;
}

/* Whoever had it since has not waited for it. */
static inline void lingering_check(struct lingering *lingering)
{
	assert_true(lingering_now() - lingering->began < LINGER_S / 2.0);
	close(lingering->deaf);
}

#endif
