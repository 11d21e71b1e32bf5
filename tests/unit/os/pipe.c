/* SPDX-License-Identifier: MIT */
/* The store between two sockets: what goes in comes out, an empty one says truly that the socket has nothing, and what the
 * sockets' ends look like from it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/pipe.h"
#include "os/socket.h"

struct wire {
	int from[2], to[2];
	struct pipe *pipe;
};

static int wire_init(void **state)
{
	static struct wire wire;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(socket_pair(SOCK_STREAM, wire.from), 0);
	assert_int_equal(socket_pair(SOCK_STREAM, wire.to), 0);
	assert_int_equal(pipe_new(64 * 1024, &wire.pipe), 0);
	*state = &wire;
	return 0;
}

static int wire_done(void **state)
{
	struct wire *wire = *state;

	pipe_free(wire->pipe);
	for (int i = 0; i < 2; i++) {
		close(wire->from[i]);
		close(wire->to[i]);
	}
	return 0;
}

static void what_was_filled_in_is_drained(void **state)
{
	struct wire *wire = *state;
	bool all = false;
	char text[16] = "";

	assert_int_equal(send(wire->from[0], "guest and host", 14, 0), 14);
	assert_int_equal(pipe_fill(wire->pipe, wire->from[1], &all), 14);
	assert_true(all);
	assert_int_equal(pipe_held(wire->pipe), 14);
	assert_int_equal(pipe_drain(wire->pipe, wire->to[0]), 14);
	assert_int_equal(pipe_held(wire->pipe), 0);
	assert_int_equal(recv(wire->to[1], text, sizeof(text), 0), 14);
	assert_string_equal(text, "guest and host");
}

static void an_empty_one_tells_a_silent_socket_from_an_ended_one(void **state)
{
	struct wire *wire = *state;
	bool all = false;

	assert_int_equal(pipe_fill(wire->pipe, wire->from[1], &all), -EAGAIN);
	assert_int_equal(shutdown(wire->from[0], SHUT_WR), 0);
	assert_int_equal(pipe_fill(wire->pipe, wire->from[1], &all), 0);
}

/* A stream whose fourth byte is urgent, and then the same with its end behind it. */
static void urgent_data_is_data(void **state)
{
	struct wire *wire = *state;
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int listener = socket_open(AF_INET, SOCK_STREAM), from, to;
	bool all = false;

	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	from = socket_open(AF_INET, SOCK_STREAM);
	(void)connect(from, (struct sockaddr *)&address, length);
	to = socket_accept(listener);
	assert_true(to >= 0);
	for (int i = 0; i < 2; i++) {
		char text[16] = "";

		assert_int_equal(send(from, "gue", 3, 0), 3);
		assert_int_equal(send(from, "s", 1, MSG_OOB), 1);
		assert_int_equal(send(from, "twire", 5, 0), 5);
		assert_true(i == 0 || shutdown(from, SHUT_WR) == 0);
		for (size_t at = 0; at < 9; at = strlen(text)) {
			ssize_t got = pipe_fill(wire->pipe, to, &all);

			if (got <= 0)
				got = pipe_fill_urgent(wire->pipe, to);
			assert_true(got > 0);
			assert_int_equal(pipe_drain(wire->pipe, wire->to[0]), got);
			assert_int_equal(recv(wire->to[1], text + at, sizeof(text) - at, 0), got);
		}
		assert_string_equal(text, "guestwire");
		assert_int_equal(pipe_fill_urgent(wire->pipe, to), i == 0 ? -EAGAIN : 0);
	}
	close(from);
	close(to);
	close(listener);
}

static void a_full_socket_leaves_the_rest_inside(void **state)
{
	struct wire *wire = *state;
	bool all = false;
	static char bytes[4096];
	ssize_t put = 0;
	size_t in = 0, out = 0;

	while (put >= 0) {
		assert_int_equal(send(wire->from[0], bytes, sizeof(bytes), 0), sizeof(bytes));
		in += sizeof(bytes);
		assert_int_equal(pipe_fill(wire->pipe, wire->from[1], &all), sizeof(bytes));
		put = pipe_drain(wire->pipe, wire->to[0]);
		if (put > 0)
			out += (size_t)put;
	}
	assert_int_equal(put, -EAGAIN);
	assert_true(pipe_held(wire->pipe) > 0);
	assert_int_equal(in, out + pipe_held(wire->pipe));
}

static void a_far_end_that_went_is_an_error(void **state)
{
	struct wire *wire = *state;
	bool all = false;

	assert_int_equal(send(wire->from[0], "x", 1, 0), 1);
	assert_int_equal(pipe_fill(wire->pipe, wire->from[1], &all), 1);
	close(wire->to[1]);
	wire->to[1] = -1;
	assert_int_equal(pipe_drain(wire->pipe, wire->to[0]), -EPIPE);
	assert_int_equal(pipe_held(wire->pipe), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_filled_in_is_drained, wire_init, wire_done),
		cmocka_unit_test_setup_teardown(an_empty_one_tells_a_silent_socket_from_an_ended_one, wire_init,
						wire_done),
		cmocka_unit_test_setup_teardown(urgent_data_is_data, wire_init, wire_done),
		cmocka_unit_test_setup_teardown(a_full_socket_leaves_the_rest_inside, wire_init, wire_done),
		cmocka_unit_test_setup_teardown(a_far_end_that_went_is_an_error, wire_init, wire_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
