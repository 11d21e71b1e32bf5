/* SPDX-License-Identifier: MIT */
#include "os/limbo.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit/os/silent.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void what_closes_at_once_is_closed(void **state)
{
	int ends[2], sockets[2], disk = open("/", O_TMPFILE | O_RDWR, 0600);
	struct limbo limbo = {0};

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	const int all[] = {eventfd(0, 0),
			   memfd_create("m", 0),
			   open("/dev/null", O_RDWR),
			   open("/proc/self/stat", O_PATH),
			   ends[0],
			   ends[1],
			   sockets[0],
			   sockets[1]};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		limbo_close(&limbo, all[i]);
		assert_false(is_open(all[i]));
	}
	assert_int_equal(limbo.kept, 0);
	if (disk >= 0)
		limbo_close(&limbo, disk); /* closed, unless the root is no disk */
}

static void what_may_never_close_is_kept(void **state)
{
	int network = socket(AF_INET, SOCK_STREAM, 0), copy;
	struct limbo limbo = {0};
	struct silent silent;
	int fd = silent_open(&silent);

	(void)state;
	limbo_close(&limbo, network);
	assert_int_equal(limbo.kept, 1);
	assert_true(is_open(network));
	close(network);
	if (fd < 0)
		skip();
	copy = dup(fd);
	limbo_close(&limbo, fd);
	assert_int_equal(limbo.kept, 2);
	assert_int_equal(silent.closes, 0);
	assert_int_equal(silent.unanswered, 0);
	close(copy);
	assert_int_equal(silent.closes, 1); /* so it would have been */
	silent_close(&silent);
}

enum { LINGER_S = 3 };

static int send_with(int to, int fd)
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
	return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Sends a connection whose last close() waits for LINGER_S; `*ret_deaf` is its far end. */
static void send_lingering(int to, int *ret_deaf)
{
	struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	static char bytes[65536];

	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	*ret_deaf = accept(server, NULL, NULL);
	while (send(client, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	assert_int_equal(send_with(to, client), 0);
	close(client);
	close(server);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void a_socket_with_a_descriptor_that_waits_in_it_is_kept(void **state)
{
	struct limbo limbo = {0};
	int pair[2], deaf;
	double began;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	send_lingering(pair[1], &deaf);
	began = seconds();
	limbo_close(&limbo, pair[0]);
	assert_true(seconds() - began < LINGER_S / 2.0);
	assert_int_equal(limbo.kept, 1);
	/* nor does another get there */
	assert_true(send(pair[1], "x", 1, MSG_NOSIGNAL) < 0);
	close(deaf);
	close(pair[1]);
}

static void a_connection_is_closed_and_what_waits_in_it_is_not(void **state)
{
	int pair[2], deaf, event = eventfd(0, 0);
	struct limbo limbo = {0};
	double began;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[1], "abc", 3, 0), 3);
	assert_int_equal(send_with(pair[1], event), 0);
	send_lingering(pair[1], &deaf);
	assert_int_equal(send(pair[1], "abc", 3, 0), 3);
	began = seconds();
	limbo_close_connection(&limbo, pair[0]);
	assert_true(seconds() - began < LINGER_S / 2.0);
	assert_false(is_open(pair[0]));
	assert_int_equal(limbo.kept, 1);
	close(deaf);
	close(pair[1]);
	close(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_closes_at_once_is_closed),
		cmocka_unit_test(what_may_never_close_is_kept),
		cmocka_unit_test(a_socket_with_a_descriptor_that_waits_in_it_is_kept),
		cmocka_unit_test(a_connection_is_closed_and_what_waits_in_it_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
