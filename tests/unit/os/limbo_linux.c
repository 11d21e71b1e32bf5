/* SPDX-License-Identifier: MIT */
#include "os/limbo.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/os/lingering.h"
#include "unit/os/silent.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void what_closes_at_once_is_closed(void **state)
{
	int ends[2], sockets[2], letters[2], disk = open("/", O_TMPFILE | O_RDWR, 0600);
	struct limbo limbo = {0};

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, letters), 0);
	const int all[] = {eventfd(0, 0),
			   memfd_create("m", 0),
			   open("/dev/null", O_RDWR),
			   open("/proc/self/stat", O_PATH),
			   ends[0],
			   ends[1],
			   sockets[0],
			   sockets[1],
			   letters[0],
			   letters[1],
			   socket(AF_UNIX, SOCK_STREAM, 0)};

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

static void a_socket_with_a_descriptor_that_waits_in_it_is_kept(void **state)
{
	struct limbo limbo = {0};
	struct lingering lingering;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(lingering_send(&lingering, pair[1], 0), 0);
	limbo_close(&limbo, pair[0]);
	lingering_check(&lingering);
	assert_int_equal(limbo.kept, 1);
	/* nor does another get there */
	assert_true(send(pair[1], "x", 1, MSG_NOSIGNAL) < 0);
	close(pair[1]);
}

/* Which a look does not see; and no look sees it when who has the socket, too, has read its byte. */
static void so_is_one_where_it_came_as_urgent_data(void **state)
{
	(void)state;
	for (int read = 0; read < 2; read++) {
		struct limbo limbo = {0};
		struct lingering lingering;
		int pair[2], sent;
		char byte;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		sent = lingering_send(&lingering, pair[1], MSG_OOB);
		if (sent == 0 && read)
			assert_int_equal(recv(pair[0], &byte, sizeof(byte), MSG_OOB), 1);
		limbo_close(&limbo, pair[0]);
		lingering_check(&lingering);
		close(pair[1]);
		if (sent < 0)
			skip();
		assert_int_equal(limbo.kept, 1);
	}
}

/* Of one that connects to itself, before it was handed over. */
static int listen_nowhere(struct sockaddr_un *ret_address, socklen_t *ret_length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 10), 0);
	*ret_length = sizeof(*ret_address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, ret_length), 0);
	return fd;
}

static void one_that_listens_is_kept(void **state)
{
	struct limbo limbo = {0};
	struct sockaddr_un address;
	struct lingering lingering;
	socklen_t length;
	int listener = listen_nowhere(&address, &length), client = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	assert_int_equal(lingering_send(&lingering, client, 0), 0);
	limbo_close(&limbo, listener);
	lingering_check(&lingering);
	assert_int_equal(limbo.kept, 1);
	close(client);
}

static void a_listener_of_ours_is_closed_and_who_waits_there(void **state)
{
	struct limbo limbo = {0};
	struct sockaddr_un address;
	struct lingering lingering;
	socklen_t length;
	int listener = listen_nowhere(&address, &length), clients[3];
	char byte;

	(void)state;
	for (int i = 0; i < 3; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(clients[i], (struct sockaddr *)&address, length), 0);
	}
	assert_int_equal(lingering_send(&lingering, clients[1], 0), 0);
	limbo_close_listener(&limbo, listener);
	lingering_check(&lingering);
	assert_int_equal(limbo.kept, 1);
	assert_false(is_open(listener));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(recv(clients[i], &byte, sizeof(byte), 0), 0);
		close(clients[i]);
	}
}

/* Also as urgent data, which a read that skips it closes. */
static void a_connection_is_closed_and_what_waits_in_it_is_not(void **state)
{
	int event = eventfd(0, 0);

	(void)state;
	for (int urgent = 0; urgent < 2; urgent++) {
		struct limbo limbo = {0};
		struct lingering lingering;
		int pair[2], sent;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(send(pair[1], "abc", 3, 0), 3);
		assert_int_equal(send_with(pair[1], event, 0), 0);
		sent = lingering_send(&lingering, pair[1], urgent ? MSG_OOB : 0);
		assert_int_equal(send(pair[1], "abc", 3, 0), 3);
		limbo_close_connection(&limbo, pair[0]);
		lingering_check(&lingering);
		assert_false(is_open(pair[0]));
		assert_int_equal(limbo.kept, sent == 0);
		close(pair[1]);
	}
	close(event);
}

/* It may take nothing any more, and closes nothing for that. */
static void a_full_limbo_keeps_the_connection_itself(void **state)
{
	struct limbo limbo = {.kept = LIMBO_MAX};
	struct lingering lingering;
	char bytes[100];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[1], "abc", 3, 0), 3);
	assert_int_equal(lingering_send(&lingering, pair[1], 0), 0);
	limbo_close_connection(&limbo, pair[0]);
	lingering_check(&lingering);
	assert_true(is_open(pair[0]));
	assert_int_equal(limbo.kept, LIMBO_MAX + 1);
	assert_int_equal(recv(pair[1], bytes, sizeof(bytes), 0), 0);
	close(pair[1]);
	/* and only that which it must */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[1], "abc", 3, 0), 3);
	limbo_close_connection(&limbo, pair[0]);
	assert_false(is_open(pair[0]));
	assert_int_equal(limbo.kept, LIMBO_MAX + 1);
	close(pair[1]);
}

static void a_full_limbo_reads_up_to_a_descriptor_and_no_further(void **state)
{
	struct limbo limbo = {.kept = LIMBO_MAX};
	struct lingering lingering;
	char bytes[100];
	struct iovec piece = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[1], "abc", 3, 0), 3);
	assert_int_equal(limbo_receive(&limbo, pair[0], &message), 3);
	assert_memory_equal(bytes, "abc", 3);
	assert_int_equal(limbo_receive(&limbo, pair[0], &message), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(lingering_send(&lingering, pair[1], 0), 0);
	assert_int_equal(limbo_receive(&limbo, pair[0], &message), -1);
	assert_int_equal(errno, EMFILE);
	lingering_check(&lingering);
	close(pair[1]); /* the other is left to the end */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_closes_at_once_is_closed),
		cmocka_unit_test(what_may_never_close_is_kept),
		cmocka_unit_test(a_socket_with_a_descriptor_that_waits_in_it_is_kept),
		cmocka_unit_test(so_is_one_where_it_came_as_urgent_data),
		cmocka_unit_test(one_that_listens_is_kept),
		cmocka_unit_test(a_listener_of_ours_is_closed_and_who_waits_there),
		cmocka_unit_test(a_connection_is_closed_and_what_waits_in_it_is_not),
		cmocka_unit_test(a_full_limbo_keeps_the_connection_itself),
		cmocka_unit_test(a_full_limbo_reads_up_to_a_descriptor_and_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
