/* SPDX-License-Identifier: MIT */
/* Many messages by one call: how many went, how long they are, what a full or a closed socket says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/mmsg.h"
#include "os/socket.h"

enum {
	COUNT = 16,
	BYTES = 1500,
};

struct batch {
	struct mmsg messages[COUNT];
	struct iovec pieces[COUNT];
	uint8_t bytes[COUNT][BYTES];
};

static void batch_init(struct batch *batch, uint8_t fill)
{
	memset(batch, 0, sizeof(*batch));
	for (int i = 0; i < COUNT; i++) {
		memset(batch->bytes[i], fill + i, BYTES);
		batch->pieces[i] = (struct iovec){batch->bytes[i], BYTES};
		batch->messages[i].header.msg_iov = &batch->pieces[i];
		batch->messages[i].header.msg_iovlen = 1;
	}
}

static void a_batch_arrives_with_the_length_of_each(void **state)
{
	static struct batch sent;
	static struct batch got;
	int fds[2];

	(void)state;
	assert_int_equal(socket_pair(SOCK_SEQPACKET, fds), 0);
	batch_init(&sent, 1);
	batch_init(&got, 100);
	assert_int_equal(mmsg_receive(fds[1], got.messages, COUNT), -EAGAIN);
	for (int i = 0; i < COUNT; i++)
		sent.pieces[i].iov_len = (size_t)(i * 7 + 1);
	assert_int_equal(mmsg_send(fds[0], sent.messages, COUNT), COUNT);
	assert_int_equal(mmsg_receive(fds[1], got.messages, 5), 5);
	assert_int_equal(mmsg_receive(fds[1], got.messages + 5, COUNT - 5), COUNT - 5);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(got.messages[i].bytes, i * 7 + 1);
		assert_int_equal(sent.messages[i].bytes, i * 7 + 1);
		assert_memory_equal(got.bytes[i], sent.bytes[i], got.messages[i].bytes);
	}
	close(fds[0]);
	close(fds[1]);
}

static void a_message_larger_than_its_room_says_so(void **state)
{
	static struct batch sent;
	static struct batch got;
	int fds[2];

	(void)state;
	assert_int_equal(socket_pair(SOCK_DGRAM, fds), 0);
	batch_init(&sent, 1);
	batch_init(&got, 100);
	got.pieces[0].iov_len = 10;
	assert_int_equal(mmsg_send(fds[0], sent.messages, 1), 1);
	assert_int_equal(mmsg_receive(fds[1], got.messages, 2), 1);
	assert_int_equal(got.messages[0].bytes, 10);
	assert_true(got.messages[0].header.msg_flags & MSG_TRUNC);
	close(fds[0]);
	close(fds[1]);
}

static void a_full_socket_takes_some_and_then_none(void **state)
{
	static struct batch sent;
	int fds[2];
	int total = 0;
	int result;

	(void)state;
	assert_int_equal(socket_pair(SOCK_DGRAM, fds), 0);
	batch_init(&sent, 1);
	while ((result = mmsg_send(fds[0], sent.messages, COUNT)) > 0)
		total += result;
	assert_int_equal(result, -EAGAIN);
	assert_true(total > 0);
	close(fds[0]);
	close(fds[1]);
}

/* MSG_NOSIGNAL: a SIGPIPE would end the test. */
static void a_far_end_that_is_gone_is_an_error_and_no_signal(void **state)
{
	static struct batch sent;
	static struct batch got;
	int fds[2];

	(void)state;
	assert_int_equal(socket_pair(SOCK_SEQPACKET, fds), 0);
	batch_init(&sent, 1);
	batch_init(&got, 1);
	close(fds[1]);
	assert_int_equal(mmsg_send(fds[0], sent.messages, COUNT), -EPIPE);
	close(fds[0]);
	assert_int_equal(mmsg_send(fds[0], sent.messages, COUNT), -EBADF);
	assert_int_equal(mmsg_receive(fds[0], got.messages, COUNT), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_arrives_with_the_length_of_each),
		cmocka_unit_test(a_message_larger_than_its_room_says_so),
		cmocka_unit_test(a_full_socket_takes_some_and_then_none),
		cmocka_unit_test(a_far_end_that_is_gone_is_an_error_and_no_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
