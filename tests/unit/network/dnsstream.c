/* SPDX-License-Identifier: MIT */
/* Messages through a pair of sockets: however they are cut, whole ones come out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network/dnsstream.h"
#include "os/socket.h"

struct fixture {
	struct loop *loop;
	struct dnsstream *stream;
	int far;
	uint64_t now_us;
	size_t messages, last_bytes;
	uint8_t last[64];
	bool awaited;
	bool ended;
};

static uint64_t on_clock(void *owner)
{
	return ((struct fixture *)owner)->now_us;
}

static void on_message(void *owner, struct dnsstream *stream, const uint8_t *message, size_t bytes)
{
	struct fixture *fixture = owner;

	assert_ptr_equal(stream, fixture->stream);
	fixture->messages++;
	fixture->last_bytes = bytes;
	memcpy(fixture->last, message, bytes < sizeof(fixture->last) ? bytes : sizeof(fixture->last));
}

static void on_end(void *owner, struct dnsstream *stream)
{
	struct fixture *fixture = owner;

	fixture->ended = true;
	fixture->stream = NULL;
	dnsstream_free(stream);
}

static bool awaits(void *owner)
{
	return ((struct fixture *)owner)->awaited;
}

static const struct dnsstream_ops ops = {.on_message = on_message, .awaits = awaits, .on_end = on_end};

static void begin(struct fixture *fixture)
{
	int fds[2];

	*fixture = (struct fixture){.now_us = 1000};
	assert_int_equal(loop_new(on_clock, fixture, &fixture->loop), 0);
	assert_int_equal(socket_pair(SOCK_STREAM, fds), 0);
	fixture->far = fds[0];
	assert_int_equal(dnsstream_new(fixture->loop, fds[1], &ops, fixture, &fixture->stream), 0);
}

static void turns(struct fixture *fixture)
{
	for (int i = 0; i < 8; i++)
		assert_true(loop_turn(fixture->loop, 0) >= 0);
}

static void end(struct fixture *fixture)
{
	dnsstream_free(fixture->stream);
	close(fixture->far);
	loop_free(fixture->loop);
}

static void a_message_is_whole_however_it_is_cut(void **state)
{
	static const uint8_t bytes[] = {0, 3, 'o', 'n', 'e', 0, 0, 0, 5, 't', 'h', 'r', 'e', 'e'};
	struct fixture fixture;

	(void)state;
	for (size_t cut = 1; cut <= sizeof(bytes); cut++) {
		begin(&fixture);
		for (size_t at = 0; at < sizeof(bytes); at += cut) {
			size_t count = sizeof(bytes) - at < cut ? sizeof(bytes) - at : cut;

			assert_int_equal(write(fixture.far, bytes + at, count), count);
			turns(&fixture);
		}
		assert_int_equal(fixture.messages, 3);
		assert_int_equal(fixture.last_bytes, 5);
		assert_memory_equal(fixture.last, "three", 5);
		end(&fixture);
	}
}

static void what_is_sent_has_its_length_in_front(void **state)
{
	struct fixture fixture;
	char got[16];

	(void)state;
	begin(&fixture);
	assert_int_equal(dnsstream_send(fixture.stream, "one", 3), 0);
	assert_int_equal(dnsstream_send(fixture.stream, "two!", 4), 0);
	turns(&fixture);
	assert_int_equal(read(fixture.far, got, sizeof(got)), 11);
	assert_memory_equal(got, "\0\3one\0\4two!", 11);
	end(&fixture);
}

static void who_never_reads_is_ended_at_a_bound(void **state)
{
	static uint8_t message[65535];
	struct fixture fixture;
	int sent = 0;

	(void)state;
	begin(&fixture);
	while (dnsstream_send(fixture.stream, message, sizeof(message)) == 0)
		assert_true(sent++ < 16);
	assert_true(sent > 1);
	turns(&fixture);
	assert_true(fixture.ended);
	end(&fixture);
}

static void the_end_and_silence_are_told(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	shutdown(fixture.far, SHUT_WR);
	turns(&fixture);
	assert_true(fixture.ended);
	end(&fixture);
	begin(&fixture);
	fixture.now_us += DNSSTREAM_IDLE_US - 1;
	turns(&fixture);
	assert_false(fixture.ended);
	fixture.now_us += 1;
	turns(&fixture);
	assert_true(fixture.ended);
	end(&fixture);
}

static void who_has_asked_all_hears_the_answers(void **state)
{
	struct fixture fixture;
	char got[16];

	(void)state;
	begin(&fixture);
	fixture.awaited = true;
	assert_int_equal(write(fixture.far, "\0\3ask", 5), 5);
	shutdown(fixture.far, SHUT_WR);
	turns(&fixture);
	assert_int_equal(fixture.messages, 1);
	assert_false(fixture.ended);
	/* it costs no turns until then */
	assert_int_equal(loop_turn(fixture.loop, 0), 0);
	fixture.awaited = false;
	assert_int_equal(dnsstream_send(fixture.stream, "answer", 6), 0);
	turns(&fixture);
	assert_true(fixture.ended);
	assert_int_equal(read(fixture.far, got, sizeof(got)), 8);
	assert_memory_equal(got, "\0\6answer", 8);
	assert_int_equal(read(fixture.far, got, sizeof(got)), 0);
	end(&fixture);
	/* and who does not want to hear them does not */
	begin(&fixture);
	fixture.awaited = true;
	shutdown(fixture.far, SHUT_WR);
	turns(&fixture);
	assert_false(fixture.ended);
	shutdown(fixture.far, SHUT_RD);
	turns(&fixture);
	assert_true(fixture.ended);
	end(&fixture);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_whole_however_it_is_cut),
		cmocka_unit_test(what_is_sent_has_its_length_in_front),
		cmocka_unit_test(who_never_reads_is_ended_at_a_bound),
		cmocka_unit_test(the_end_and_silence_are_told),
		cmocka_unit_test(who_has_asked_all_hears_the_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
