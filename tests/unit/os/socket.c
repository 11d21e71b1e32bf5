/* SPDX-License-Identifier: MIT */
/* What every socket of ours must be, and what a path may be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "os/socket.h"

static void assert_ours(int fd)
{
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void sockets_never_block_and_close_on_exec(void **state)
{
	int fds[2];
	int fd = socket_open(AF_UNIX, SOCK_DGRAM);
	char byte;

	(void)state;
	assert_ours(fd);
	close(fd);
	assert_int_equal(socket_open(AF_UNIX, 12345), -EINVAL);
	assert_int_equal(socket_pair(SOCK_SEQPACKET, fds), 0);
	assert_ours(fds[0]);
	assert_ours(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	close(fds[0]);
	close(fds[1]);
}

static void a_pair_over_tcp_is_two_ends_of_one_connection(void **state)
{
	struct sockaddr_in ends[2];
	socklen_t bytes = sizeof(ends[0]);
	struct pollfd far = {.events = POLLIN};
	char text[8] = "";
	int fds[2];

	(void)state;
	assert_int_equal(socket_pair_tcp(fds), 0);
	assert_ours(fds[0]);
	assert_ours(fds[1]);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&ends[0], &bytes), 0);
	assert_int_equal(getpeername(fds[1], (struct sockaddr *)&ends[1], &bytes), 0);
	assert_int_equal(ends[0].sin_family, AF_INET);
	assert_int_equal(ends[0].sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_memory_equal(&ends[0], &ends[1], sizeof(ends[0]));
	assert_int_equal(write(fds[0], "words", 5), 5);
	far.fd = fds[1];
	assert_int_equal(poll(&far, 1, 1000), 1);
	assert_int_equal(read(fds[1], text, sizeof(text)), 5);
	assert_string_equal(text, "words");
	close(fds[0]);
	close(fds[1]);
}

static void an_inherited_descriptor_is_made_like_ours(void **state)
{
	int fds[2];
	int type;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(socket_set_nonblocking(fds[0]), 0);
	assert_ours(fds[0]);
	assert_int_equal(socket_type(fds[0], &type), 0);
	assert_int_equal(type, SOCK_STREAM);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(socket_set_nonblocking(fds[0]), -EBADF);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(socket_type(fds[0], &type), -ENOTSOCK);
	close(fds[0]);
	close(fds[1]);
}

static void an_accepted_socket_is_like_ours_and_tells_its_peer(void **state)
{
	char directory[] = "/tmp/gw-socket.XXXXXX";
	char path[64];
	struct sockaddr_un address;
	socklen_t length;
	pid_t pid = 0;
	int listener = socket_open(AF_UNIX, SOCK_STREAM);
	int client = socket_open(AF_UNIX, SOCK_STREAM);
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	assert_int_equal(socket_unix_address(path, &address, &length, NULL), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(socket_peer_pid(client, &pid), -ENOTCONN);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(socket_accept(listener), -EAGAIN);
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	fd = socket_accept(listener);
	assert_ours(fd);
	assert_int_equal(socket_peer_pid(fd, &pid), 0);
	assert_int_equal(pid, getpid());
	assert_int_equal(socket_accept(client), -EINVAL);
	close(fd);
	close(client);
	close(listener);
	unlink(path);
	rmdir(directory);
}

static void buffers_are_raised_and_never_lowered(void **state)
{
	int fds[2];
	uint32_t before;
	uint32_t after;

	(void)state;
	assert_int_equal(socket_pair(SOCK_DGRAM, fds), 0);
	before = socket_raise_send_buffer(fds[0], 0);
	assert_true(before > 0);
	assert_int_equal(socket_raise_send_buffer(fds[0], 1), before);
	after = socket_raise_send_buffer(fds[0], 1 << 20);
	assert_true(after >= before);
	if (geteuid() == 0)
		assert_int_equal(after, 1 << 20);
	before = socket_raise_receive_buffer(fds[0], 0);
	assert_true(socket_raise_receive_buffer(fds[0], 1 << 20) >= before);
	assert_int_equal(socket_raise_send_buffer(-1, 1 << 20), 0);
	close(fds[0]);
	close(fds[1]);
}

static int tcp_option(int fd, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, option, &value, &length), 0);
	return value;
}

static void a_far_end_whose_host_is_gone_is_found_out_within_a_minute(void **state)
{
	int fd = socket_open(AF_INET, SOCK_STREAM);
	int on = 0;
	socklen_t length = sizeof(on);

	(void)state;
	assert_true(fd >= 0);
	socket_keep_alive(fd);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length), 0);
	assert_int_not_equal(on, 0);
	assert_true(tcp_option(fd, TCP_KEEPIDLE) + tcp_option(fd, TCP_KEEPINTVL) * tcp_option(fd, TCP_KEEPCNT) <= 60);
	close(fd);
}

/* A machine whose usual algorithm is reno cannot tell. */
static void what_stays_here_keeps_no_pace(void **state)
{
	int fd = socket_open(AF_INET, SOCK_STREAM), other = socket_open(AF_UNIX, SOCK_STREAM);
	char algorithm[16] = "";
	socklen_t length = sizeof(algorithm);

	(void)state;
	assert_true(fd >= 0 && other >= 0);
	socket_stay_here(fd);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm, &length), 0);
	assert_string_equal(algorithm, "reno");
	socket_stay_here(other); /* is nothing to such a one */
	close(fd);
	close(other);
}

static void a_connection_closed_by_reset_is_one_at_the_far_end(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket_open(AF_INET, SOCK_STREAM), near = socket_open(AF_INET, SOCK_STREAM), far;
	socklen_t length = sizeof(address);
	struct pollfd look;
	char byte;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	(void)connect(near, (struct sockaddr *)&address, length);
	look = (struct pollfd){.fd = listener, .events = POLLIN};
	assert_int_equal(poll(&look, 1, 5000), 1);
	far = socket_accept(listener);
	assert_ours(far);
	socket_reset(near);
	look = (struct pollfd){.fd = far, .events = POLLIN};
	assert_int_equal(poll(&look, 1, 5000), 1);
	assert_int_equal(recv(far, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(far);
	close(listener);
}

/* connect() to a free port among those that the system chooses from may meet itself. */
static void a_connection_to_itself_is_told_from_others(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket_open(AF_INET, SOCK_STREAM), listener = socket_open(AF_INET, SOCK_STREAM), pair[2];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	assert_false(socket_is_its_own_far_end(fd));
	assert_true(connect(fd, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS);
	assert_true(socket_is_its_own_far_end(fd));
	close(fd);
	fd = socket_open(AF_INET, SOCK_STREAM);
	address.sin_port = 0;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	assert_true(connect(fd, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS);
	assert_false(socket_is_its_own_far_end(fd));
	close(fd);
	close(listener);
	assert_int_equal(socket_pair(SOCK_STREAM, pair), 0);
	assert_false(socket_is_its_own_far_end(pair[0]));
	close(pair[0]);
	close(pair[1]);
}

static void a_path_is_an_address_when_it_fits(void **state)
{
	static const struct {
		size_t length;
		int verdict;
	} rows[] = {{0, -EINVAL}, {1, 0}, {107, 0}, {108, -ENAMETOOLONG}, {4000, -ENAMETOOLONG}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static char path[4001];
		struct error error = {0};
		struct sockaddr_un address;
		socklen_t length = 0;

		memset(path, 'p', rows[i].length);
		path[rows[i].length] = 0;
		assert_int_equal(socket_unix_address(path, &address, &length, &error), rows[i].verdict);
		assert_int_equal(error.code, rows[i].verdict);
		if (rows[i].verdict < 0) {
			assert_true(error.text[0] != 0);
			continue;
		}
		assert_string_equal(address.sun_path, path);
		assert_int_equal(length, offsetof(struct sockaddr_un, sun_path) + rows[i].length + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_never_block_and_close_on_exec),
		cmocka_unit_test(a_pair_over_tcp_is_two_ends_of_one_connection),
		cmocka_unit_test(an_inherited_descriptor_is_made_like_ours),
		cmocka_unit_test(an_accepted_socket_is_like_ours_and_tells_its_peer),
		cmocka_unit_test(buffers_are_raised_and_never_lowered),
		cmocka_unit_test(a_far_end_whose_host_is_gone_is_found_out_within_a_minute),
		cmocka_unit_test(what_stays_here_keeps_no_pace),
		cmocka_unit_test(a_connection_closed_by_reset_is_one_at_the_far_end),
		cmocka_unit_test(a_connection_to_itself_is_told_from_others),
		cmocka_unit_test(a_path_is_an_address_when_it_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
