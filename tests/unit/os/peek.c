/* SPDX-License-Identifier: MIT */
/* What NAT believes of peeking, on real TCP sockets of the loopback. A system that cannot says so, and NAT has its ring. */
#include "os/peek.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/socket.h"

static int near_end, far_end;

static int set_up(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	if (bind(listener, (struct sockaddr *)&address, bytes) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &bytes) < 0)
		return -1;
	far_end = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(far_end, (struct sockaddr *)&address, bytes) < 0)
		return -1;
	near_end = accept(listener, NULL, NULL);
	close(listener);
	return socket_set_nonblocking(near_end);
}

static int tear_down(void **state)
{
	(void)state;
	close(near_end);
	if (far_end >= 0)
		close(far_end);
	return 0;
}

static void start(void)
{
	int error = peek_start(near_end, false);

	if (error == -EOPNOTSUPP)
		skip();
	assert_int_equal(error, 0);
	assert_int_equal(peek_seek(near_end, 0), 0);
}

static int unread(void)
{
	int bytes = 0;

	assert_int_equal(ioctl(near_end, FIONREAD, &bytes), 0);
	return bytes;
}

/* It has arrived then. */
static void give(const char *text)
{
	int wanted = unread() + (int)strlen(text);

	assert_int_equal(send(far_end, text, strlen(text), 0), strlen(text));
	for (int i = 0; i < 10000 && unread() < wanted; i++)
		usleep(1000);
	assert_int_equal(unread(), wanted);
}

/* The far end is closed, and that is known here. */
static void end(void)
{
	struct pollfd over = {.fd = near_end, .events = POLLRDHUP};

	close(far_end);
	far_end = -1;
	assert_int_equal(poll(&over, 1, 10 * 1000), 1);
}

/* Up to `most` bytes at the offset. */
static ssize_t peek(char *to, size_t most)
{
	struct iovec pieces[2] = {{to, most / 2}, {to + most / 2, most - most / 2}};
	struct pollfd ready = {.fd = near_end, .events = POLLIN};

	(void)poll(&ready, 1, 1000);
	memset(to, 0, most);
	return peek_read(near_end, pieces, 2);
}

static void the_offset_moves_on_with_what_is_peeked(void **state)
{
	char got[16];

	(void)state;
	start();
	give("abcdefgh");
	assert_int_equal(peek(got, 3), 3);
	assert_memory_equal(got, "abc", 3);
	assert_int_equal(peek(got, 3), 3);
	assert_memory_equal(got, "def", 3);
	assert_int_equal(peek(got, 16), 2);
	assert_memory_equal(got, "gh", 2);
	assert_int_equal(peek(got, 16), -EAGAIN);
	give("ij");
	assert_int_equal(peek(got, 16), 2);
	assert_memory_equal(got, "ij", 2);
}

static void without_an_offset_each_peek_begins_at_the_first_unread_byte(void **state)
{
	char got[16];

	(void)state;
	if (peek_start(near_end, true) < 0)
		skip();
	give("abc");
	assert_int_equal(peek(got, 2), 2);
	assert_int_equal(peek(got, 16), 3);
	assert_memory_equal(got, "abc", 3);
}

static void a_pair_of_local_sockets_is_not_peeked(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socket_pair(SOCK_STREAM, fds), 0);
	assert_int_equal(peek_start(fds[0], false), -EOPNOTSUPP);
	close(fds[0]);
	close(fds[1]);
}

static void the_offset_is_put_anywhere(void **state)
{
	char got[16];

	(void)state;
	start();
	give("abcdefgh");
	assert_int_equal(peek_seek(near_end, 5), 0);
	assert_int_equal(peek(got, 16), 3);
	assert_memory_equal(got, "fgh", 3);
	assert_int_equal(peek_seek(near_end, 0), 0);
	assert_int_equal(peek(got, 16), 8);
	assert_memory_equal(got, "abcdefgh", 8);
}

static void consuming_takes_the_first_and_moves_the_offset_back(void **state)
{
	char got[16];

	(void)state;
	start();
	give("abcdefgh");
	assert_int_equal(peek(got, 6), 6);
	assert_int_equal(peek_consume(near_end, 4), 4);
	assert_int_equal(peek(got, 16), 2);
	assert_memory_equal(got, "gh", 2);
	assert_int_equal(peek_seek(near_end, 0), 0);
	assert_int_equal(peek(got, 16), 4);
	assert_memory_equal(got, "efgh", 4);
	assert_int_equal(peek_consume(near_end, 4), 4);
	assert_int_equal(peek(got, 16), -EAGAIN);
}

static void the_end_is_seen_behind_bytes_that_are_not_read(void **state)
{
	char got[16];

	(void)state;
	start();
	give("abc");
	end();
	assert_int_equal(peek(got, 16), 3);
	assert_int_equal(peek(got, 16), 0);
	assert_int_equal(peek_seek(near_end, 1), 0);
	assert_int_equal(peek(got, 16), 2);
	assert_int_equal(peek_consume(near_end, 3), 3);
	assert_int_equal(peek(got, 16), 0);
}

static void a_reset_is_told_when_nothing_stands_at_the_offset(void **state)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	char got[16];

	(void)state;
	start();
	give("abc");
	assert_int_equal(setsockopt(far_end, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	end();
	assert_int_equal(peek(got, 16), 3);
	assert_int_equal(peek(got, 16), -ECONNRESET);
	assert_int_equal(peek_seek(near_end, 0), 0);
	assert_int_equal(peek(got, 16), 3); /* and gives the bytes afterwards all the same */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_offset_moves_on_with_what_is_peeked),
		TEST(without_an_offset_each_peek_begins_at_the_first_unread_byte),
		TEST(a_pair_of_local_sockets_is_not_peeked),
		TEST(the_offset_is_put_anywhere),
		TEST(consuming_takes_the_first_and_moves_the_offset_back),
		TEST(the_end_is_seen_behind_bytes_that_are_not_read),
		TEST(a_reset_is_told_when_nothing_stands_at_the_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
