/* SPDX-License-Identifier: MIT */
/* The system's sockets as TCP calls them, on the loopback: what each call returns where the model in tests/kit says so. */
#include "nat/tcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/outbound.h"
#include "os/socket.h"

static const struct nat_socket_ops *const ops = &tcp_socket_system;

struct fixture {
	int listener;
	struct sockaddr_in address;
	int fd; /* ours */
	int far;
};

static struct fixture fixture;

static int listen_anywhere(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	*ret_address = address;
	return fd;
}

static bool wait_for(int fd, short events)
{
	struct pollfd ready = {.fd = fd, .events = events};

	return poll(&ready, 1, 2000) == 1;
}

static int set_up(void **state)
{
	int error;

	(void)state;
	fixture.listener = listen_anywhere(&fixture.address);
	fixture.fd = ops->open(NULL, AF_INET, NULL);
	ops->adopt(NULL, fixture.fd);
	error = ops->connect(NULL, fixture.fd, (const struct sockaddr *)&fixture.address, sizeof(fixture.address), 0);
	if (error < 0 && error != -EINPROGRESS)
		return error;
	fixture.far = accept(fixture.listener, NULL, NULL);
	return wait_for(fixture.fd, POLLOUT) ? ops->error(NULL, fixture.fd) : -ETIMEDOUT;
}

static int tear_down(void **state)
{
	(void)state;
	if (fixture.fd >= 0)
		ops->close(NULL, fixture.fd, false);
	close(fixture.far);
	close(fixture.listener);
	return 0;
}

static ssize_t send_text(const char *text)
{
	struct iovec pieces[2] = {{(void *)(uintptr_t)text, 1}, {(void *)(uintptr_t)(text + 1), strlen(text) - 1}};

	return ops->send(NULL, fixture.fd, pieces, 2);
}

static void a_new_socket_sends_at_once_and_finds_out_dead_ends(void **state)
{
	int delayed = 0, kept = 0;
	socklen_t bytes = sizeof(int);

	(void)state;
	assert_int_equal(getsockopt(fixture.fd, IPPROTO_TCP, TCP_NODELAY, &delayed, &bytes), 0);
	assert_int_equal(getsockopt(fixture.fd, SOL_SOCKET, SO_KEEPALIVE, &kept, &bytes), 0);
	assert_true(delayed && kept);
}

static void a_refused_connect_is_told_by_the_pending_error_once(void **state)
{
	struct sockaddr_in address;
	int listener = listen_anywhere(&address), fd = ops->open(NULL, AF_INET, NULL), error;

	(void)state;
	close(listener);
	error = ops->connect(NULL, fd, (const struct sockaddr *)&address, sizeof(address), 0);
	if (error == -EINPROGRESS) {
		assert_true(wait_for(fd, POLLOUT));
		error = ops->error(NULL, fd);
	}
	assert_int_equal(error, -ECONNREFUSED);
	assert_int_equal(ops->error(NULL, fd), 0);
	ops->close(NULL, fd, false);
}

/* Of the loopback it is known when connect() returns. */
static void a_far_end_on_this_machine_answers_at_once(void **state)
{
	int fd = ops->open(NULL, AF_INET, NULL), listener;
	struct sockaddr_in address;

	(void)state;
	assert_int_equal(ops->connect(NULL, fd, (struct sockaddr *)&fixture.address, sizeof(fixture.address), 0), 0);
	ops->close(NULL, fd, false);
	listener = listen_anywhere(&address);
	close(listener);
	fd = ops->open(NULL, AF_INET, NULL);
	assert_int_equal(ops->connect(NULL, fd, (struct sockaddr *)&address, sizeof(address), 0), -ECONNREFUSED);
	ops->close(NULL, fd, false);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t bytes = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	return ntohs(address.sin_port);
}

static uint16_t connected_from(uint16_t wanted, int *ret_fd)
{
	int fd = ops->open(NULL, AF_INET, NULL);

	assert_int_equal(ops->connect(NULL, fd, (struct sockaddr *)&fixture.address, sizeof(fixture.address), wanted),
			 0);
	*ret_fd = fd;
	return port_of(fd);
}

/* Linux before 6.3 takes any. */
static void a_connection_is_from_the_port_that_was_asked_for_where_that_is_free(void **state)
{
	uint16_t used = port_of(fixture.fd), free_port;
	int first, second, third;

	(void)state;
	assert_int_not_equal(connected_from(used, &first), used);
	free_port = connected_from(0, &second);
	ops->close(NULL, second, true);
	if (!socket_prefer_port(first, 0)) {
		ops->close(NULL, first, false);
		skip();
	}
	assert_int_equal(connected_from(free_port, &second), free_port);
	assert_int_not_equal(connected_from(1, &third), 1); /* not for an ordinary user */
	ops->close(NULL, first, false);
	ops->close(NULL, second, false);
	ops->close(NULL, third, false);
}

/* The guest's port and the far end's are the same number, and nobody listens on this machine. */
static void nobody_is_connected_to_itself(void **state)
{
	struct sockaddr_in address;
	int listener = listen_anywhere(&address), fd = ops->open(NULL, AF_INET, NULL);

	(void)state;
	close(listener);
	assert_int_equal(ops->connect(NULL, fd, (struct sockaddr *)&address, sizeof(address), ntohs(address.sin_port)),
			 -ECONNREFUSED);
	ops->close(NULL, fd, false);
}

static int family_of(int fd)
{
	int family = AF_UNSPEC;
	socklen_t bytes = sizeof(family);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes), 0);
	return family;
}

static uint64_t clock_us(void *owner)
{
	return *(const uint64_t *)owner;
}

static void chores_begin(struct loop **ret_loop, struct tcp_socket_chores *chores)
{
	static uint64_t now_us;

	assert_int_equal(loop_new(clock_us, &now_us, ret_loop), 0);
	tcp_socket_chores_init(chores, *ret_loop);
}

static void the_next_socket_is_made_in_a_quiet_turn_before_it_is_wanted(void **state)
{
	struct tcp_socket_chores chores;
	struct loop *loop;
	int fd;

	(void)state;
	chores_begin(&loop, &chores);
	ops->prepare(&chores, AF_INET);
	ops->prepare(&chores, AF_INET6);
	ops->prepare(&chores, AF_INET);
	assert_true(chores.spares[0].fd < 0 && chores.spares[1].fd < 0);
	assert_int_equal(loop_turn(loop, -1), 0); /* it does not sleep */
	assert_true(chores.spares[0].fd >= 0 && chores.spares[1].fd >= 0);
	fd = ops->open(&chores, AF_INET6, NULL);
	assert_int_equal(family_of(fd), AF_INET6);
	assert_true(chores.spares[0].fd >= 0 && chores.spares[1].fd < 0);
	close(fd);
	fd = ops->open(&chores, AF_INET6, NULL); /* there is none: made now */
	assert_int_equal(family_of(fd), AF_INET6);
	close(fd);
	fd = chores.spares[0].fd;
	tcp_socket_chores_done(&chores);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(chores.spares[0].fd < 0);
	loop_free(loop);
}

static void what_is_over_is_closed_in_a_quiet_turn_but_a_reset_goes_at_once(void **state)
{
	int over = socket_open(AF_INET, SOCK_STREAM), broken = socket_open(AF_INET, SOCK_STREAM), last;
	struct tcp_socket_chores chores;
	struct loop *loop;

	(void)state;
	chores_begin(&loop, &chores);
	ops->close(&chores, over, false);
	ops->close(&chores, broken, true);
	assert_int_not_equal(fcntl(over, F_GETFD), -1);
	assert_int_equal(fcntl(broken, F_GETFD), -1);
	assert_int_equal(loop_turn(loop, -1), 0);
	assert_int_equal(fcntl(over, F_GETFD), -1);
	last = socket_open(AF_INET, SOCK_STREAM);
	ops->close(&chores, last, false);
	tcp_socket_chores_done(&chores);
	assert_int_equal(fcntl(last, F_GETFD), -1);
	loop_free(loop);
}

static void no_more_than_a_few_wait_to_be_closed(void **state)
{
	int fds[TCP_SOCKET_CLOSING_MOST + 1];
	struct tcp_socket_chores chores;
	struct loop *loop;

	(void)state;
	chores_begin(&loop, &chores);
	for (int i = 0; i <= TCP_SOCKET_CLOSING_MOST; i++) {
		fds[i] = socket_open(AF_INET, SOCK_STREAM);
		assert_true(fds[i] >= 0);
	}
	for (int i = 0; i <= TCP_SOCKET_CLOSING_MOST; i++)
		ops->close(&chores, fds[i], false);
	assert_int_not_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(fcntl(fds[TCP_SOCKET_CLOSING_MOST], F_GETFD), -1);
	tcp_socket_chores_done(&chores);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	loop_free(loop);
}

/* Those that wait count as open: a new one must not be refused for them. */
static void with_no_descriptor_left_what_waits_is_closed_first(void **state)
{
	struct rlimit was, none;
	struct tcp_socket_chores chores;
	struct loop *loop;
	int over, fd;

	(void)state;
	chores_begin(&loop, &chores);
	over = socket_open(AF_INET, SOCK_STREAM);
	assert_true(over >= 0);
	ops->close(&chores, over, false);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)over + 1, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	fd = ops->open(&chores, AF_INET, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(fd, over);
	close(fd);
	tcp_socket_chores_done(&chores);
	loop_free(loop);
}

static void pieces_arrive_in_order(void **state)
{
	char got[8] = "";

	(void)state;
	assert_int_equal(send_text("hello"), 5);
	assert_int_equal(recv(fixture.far, got, sizeof(got), 0), 5);
	assert_string_equal(got, "hello");
}

static void a_full_socket_takes_a_part_and_then_nothing(void **state)
{
	static char bytes[1 << 20];
	struct iovec piece = {bytes, sizeof(bytes)};
	ssize_t sent;
	int parts = 0;

	(void)state;
	while ((sent = ops->send(NULL, fixture.fd, &piece, 1)) > 0)
		parts += sent < (ssize_t)sizeof(bytes);
	assert_int_equal(sent, -EAGAIN);
	assert_true(parts > 0);
}

static void reading_ends_with_0_and_begins_with_eagain(void **state)
{
	char bytes[8];
	struct iovec piece = {bytes, sizeof(bytes)};

	(void)state;
	assert_int_equal(ops->read(NULL, fixture.fd, &piece, 1), -EAGAIN);
	assert_int_equal(send(fixture.far, "abc", 3, 0), 3);
	assert_true(wait_for(fixture.fd, POLLIN));
	assert_int_equal(ops->read(NULL, fixture.fd, &piece, 1), 3);
	shutdown(fixture.far, SHUT_WR);
	assert_true(wait_for(fixture.fd, POLLIN));
	assert_int_equal(ops->read(NULL, fixture.fd, &piece, 1), 0);
}

static void the_end_of_sending_leaves_the_other_direction_open(void **state)
{
	char got[4];
	struct iovec piece = {got, sizeof(got)};

	(void)state;
	assert_int_equal(send_text("ab"), 2);
	assert_int_equal(ops->shut(NULL, fixture.fd), 0);
	assert_int_equal(recv(fixture.far, got, 4, MSG_WAITALL), 2);
	assert_int_equal(send(fixture.far, "cd", 2, 0), 2);
	assert_true(wait_for(fixture.fd, POLLIN));
	assert_int_equal(ops->read(NULL, fixture.fd, &piece, 1), 2);
}

static void closing_with_a_reset_is_one_for_the_far_end(void **state)
{
	char got[4];

	(void)state;
	ops->close(NULL, fixture.fd, true);
	fixture.fd = -1;
	assert_true(wait_for(fixture.far, POLLIN));
	assert_int_equal(recv(fixture.far, got, 4, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void a_send_to_who_has_gone_is_an_error_and_no_signal(void **state)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)state;
	assert_int_equal(setsockopt(fixture.far, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fixture.far);
	fixture.far = -1;
	assert_true(wait_for(fixture.fd, POLLIN));
	assert_int_equal(send_text("ab"), -ECONNRESET);
	assert_int_equal(send_text("ab"), -EPIPE);
}

static void a_socket_leaves_by_what_was_chosen_a_spare_one_too(void **state)
{
	struct outbound outbound = {.ifname = "lo"};
	struct sockaddr_in *own = (struct sockaddr_in *)(void *)&outbound.address, found;
	struct tcp_socket_chores chores;
	socklen_t bytes = sizeof(found);
	struct loop *loop;
	int fd;

	(void)state;
	own->sin_family = AF_INET;
	own->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 8);
	chores_begin(&loop, &chores);
	for (int i = 0; i < 2; i++) {
		fd = ops->open(&chores, AF_INET, &outbound);
		assert_true(fd >= 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&found, &bytes), 0);
		assert_int_equal(found.sin_addr.s_addr, own->sin_addr.s_addr);
		close(fd);
		ops->prepare(&chores, AF_INET);
		assert_int_equal(loop_turn(loop, -1), 0);
		assert_true(chores.spares[0].fd >= 0);
	}
	snprintf(outbound.ifname, sizeof(outbound.ifname), "nosuch0");
	assert_int_equal(ops->open(&chores, AF_INET, &outbound), -ENODEV);
	assert_int_equal(chores.spares[0].fd, -1);
	tcp_socket_chores_done(&chores);
	loop_free(loop);
}

static void a_socket_on_the_loopback_has_its_home(void **state)
{
	int fds[2];

	(void)state;
	assert_false(ops->is_homeless(NULL, fixture.fd));
	assert_int_equal(socket_pair(SOCK_STREAM, fds), 0);
	assert_false(ops->is_homeless(NULL, fds[0]));
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_socket_sends_at_once_and_finds_out_dead_ends),
		TEST(a_refused_connect_is_told_by_the_pending_error_once),
		TEST(a_far_end_on_this_machine_answers_at_once),
		TEST(a_connection_is_from_the_port_that_was_asked_for_where_that_is_free),
		TEST(nobody_is_connected_to_itself),
		TEST(the_next_socket_is_made_in_a_quiet_turn_before_it_is_wanted),
		TEST(what_is_over_is_closed_in_a_quiet_turn_but_a_reset_goes_at_once),
		TEST(no_more_than_a_few_wait_to_be_closed),
		TEST(with_no_descriptor_left_what_waits_is_closed_first),
		TEST(pieces_arrive_in_order),
		TEST(a_full_socket_takes_a_part_and_then_nothing),
		TEST(reading_ends_with_0_and_begins_with_eagain),
		TEST(the_end_of_sending_leaves_the_other_direction_open),
		TEST(closing_with_a_reset_is_one_for_the_far_end),
		TEST(a_send_to_who_has_gone_is_an_error_and_no_signal),
		TEST(a_socket_leaves_by_what_was_chosen_a_spare_one_too),
		TEST(a_socket_on_the_loopback_has_its_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
