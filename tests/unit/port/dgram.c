/* SPDX-License-Identifier: MIT */
/* An inherited pair of datagram sockets, and the words of dgram. */
#include "unit/port/fixture.h"

static void an_inherited_pair_is_one_guest_both_ways(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX], wanted[1514];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	fixture_open(fixture, "dgram,local.type=fd,local.str=%d", pair[0]);
	assert_int_equal(fixture->joined, 1);
	assert_string_equal(fixture->ports[0]->name, "g");
	assert_int_equal(send(pair[1], "VFKT", 4, 0), 4);
	frame_make(bytes, 1514, 1, 2);
	assert_int_equal(send(pair[1], bytes, 1514, 0), 1514);
	fixture_settle(fixture);
	assert_int_equal(fixture->probe.frames, 1);
	assert_memory_equal(fixture->probe.last, bytes, 1514);
	for (unsigned i = 0; i < 3; i++)
		probe_send(fixture, 2, 1514);
	frame_make(wanted, 1514, 2, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(recv(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT), 1514);
		assert_memory_equal(bytes, wanted, 1514);
	}
	close(pair[1]);
	probe_send(fixture, 2, 60);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	assert_int_equal(fixture->gone.count[DROP_DATAGRAM_GUEST_GONE], 1);
	fixture_free(fixture);
}

static void a_deaf_pair_fills_its_own_queue_and_wakes_by_itself(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX];
	unsigned frames = 0;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	fixture_open(fixture, "dgram,fd=%d,queue=100000", pair[0]);
	for (unsigned i = 0; i < 3000; i++)
		probe_send(fixture, 0xffff, 1514);
	assert_true(fixture->ports[0]->counters.drops.count[DROP_QUEUE_FULL] > 1000);
	assert_true(fixture_look(fixture->ports[0]).queued_peak_bytes <= 100000);
	for (unsigned i = 0; i < 10000; i++) {
		if (recv(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			frames++;
		else
			fixture_turn(fixture);
	}
	assert_int_equal(frames, fixture->ports[0]->counters.to_guest.frames);
	close(pair[1]);
	fixture_free(fixture);
}

static void an_unconnected_socket_is_refused_and_stays_the_callers(void **state)
{
	struct fixture *fixture = fixture_new();
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "dgram,fd=%d", fd);
	assert_int_equal(fixture_try_open(fixture, text), -ENOTCONN);
	assert_non_null(strstr(fixture->error.text, "not connected"));
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(fd);
	assert_int_equal(fixture_try_open(fixture, "dgram"), -EINVAL);
	assert_int_equal(fixture_try_open(fixture, "dgram,remote=/x"), -EINVAL);
	assert_int_equal(fixture_try_open(fixture, "dgram,local.type=inet"), -EINVAL);
	assert_null(fixture->endpoint);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inherited_pair_is_one_guest_both_ways),
		cmocka_unit_test(a_deaf_pair_fills_its_own_queue_and_wakes_by_itself),
		cmocka_unit_test(an_unconnected_socket_is_refused_and_stays_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
