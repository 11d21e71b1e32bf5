/* SPDX-License-Identifier: MIT */
/* Guests on packet connections: one frame per packet, and nobody waits for who does not read. */
#include "unit/port/fixture.h"

#include "base/pool.h"

static void send_frame(struct fixture *fixture, int fd, size_t count, unsigned to, unsigned from)
{
	uint8_t bytes[FRAME_BYTES_MAX + 1];

	frame_make(bytes, count, to, from);
	assert_int_equal(send(fd, bytes, count, MSG_NOSIGNAL), count);
	fixture_settle(fixture);
}

static void a_packet_is_a_frame_both_ways(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX], wanted[2000];
	int a, b;

	(void)state;
	fixture_open(fixture, "seqpacket,path=%s", fixture->path);
	a = fixture_connect(fixture->path, SOCK_SEQPACKET);
	b = fixture_connect(fixture->path, SOCK_SEQPACKET);
	fixture_settle(fixture);
	assert_int_equal(fixture->joined, 2);
	assert_string_equal(fixture->ports[1]->name, "g.2");
	send_frame(fixture, a, 60, 1, 2);
	send_frame(fixture, b, 1514, 2, 3);
	assert_int_equal(recv(a, bytes, sizeof(bytes), MSG_DONTWAIT), 1514);
	frame_make(wanted, 1514, 2, 3);
	assert_memory_equal(bytes, wanted, 1514);
	assert_int_equal(fixture->probe.frames, 1);
	close(a);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	close(b);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void what_was_sent_before_the_end_arrives(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[60];
	int fd;

	(void)state;
	fixture_open(fixture, "seqpacket,path=%s", fixture->path);
	fd = fixture_connect(fixture->path, SOCK_SEQPACKET);
	frame_make(bytes, sizeof(bytes), 1, 2);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(fd, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
	close(fd);
	fixture_settle(fixture);
	assert_int_equal(fixture->probe.frames, 100);
	assert_int_equal(fixture->left, 1);
	assert_string_equal(fixture->reason, "closed the connection");
	fixture_free(fixture);
}

static void a_packet_beyond_the_largest_frame_is_dropped_by_name(void **state)
{
	struct fixture *fixture = fixture_new_mtu(65520, 0);
	int big = 1 << 20;
	int fd;

	(void)state;
	fixture_open(fixture, "seqpacket,path=%s", fixture->path);
	fd = fixture_connect(fixture->path, SOCK_SEQPACKET);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	send_frame(fixture, fd, FRAME_BYTES_MAX + 1, 1, 2);
	assert_int_equal(fixture->ports[0]->counters.drops.count[DROP_DATAGRAM_TRUNCATED], 1);
	send_frame(fixture, fd, 65534, 1, 2);
	assert_int_equal(fixture->probe.frames, 1);
	close(fd);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void a_deaf_guest_fills_its_queue_only(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX];
	const unsigned offered = 3000;
	size_t frames = 0;
	struct port *port;
	int deaf, other;

	(void)state;
	fixture_open(fixture, "seqpacket,path=%s,queue=100000", fixture->path);
	deaf = fixture_connect(fixture->path, SOCK_SEQPACKET);
	other = fixture_connect(fixture->path, SOCK_SEQPACKET);
	fixture_settle(fixture);
	send_frame(fixture, deaf, 60, 1, 2);
	send_frame(fixture, other, 60, 1, 3);
	port = fixture->ports[0];
	for (unsigned i = 0; i < offered; i++) {
		probe_send(fixture, 2, 1514);
		probe_send(fixture, 3, 1000);
		assert_int_equal(recv(other, bytes, sizeof(bytes), MSG_DONTWAIT), 1000);
	}
	assert_true(fixture_look(port).queued_peak_bytes <= 100000);
	assert_true(port->counters.drops.count[DROP_QUEUE_FULL] > 1000);
	assert_int_equal(port->counters.to_guest.frames + port->counters.drops.count[DROP_QUEUE_FULL], offered);
	assert_int_equal(fixture_drops(fixture->ports[1]), 0);
	for (unsigned i = 0; i < 10000; i++) {
		ssize_t got = recv(deaf, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (got > 0)
			frames++;
		else
			fixture_turn(fixture);
	}
	assert_int_equal(frames, port->counters.to_guest.frames);
	close(deaf);
	close(other);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void an_empty_pool_costs_a_frame_and_never_a_spin(void **state)
{
	struct fixture *fixture = fixture_new();
	struct pool *pool = ethswitch_frames(fixture->ethswitch);
	void *held[256];
	size_t count = 0;
	uint8_t bytes[60];
	int fd;

	(void)state;
	fixture_open(fixture, "seqpacket,path=%s", fixture->path);
	fd = fixture_connect(fixture->path, SOCK_SEQPACKET);
	fixture_settle(fixture);
	while (count < 256 && (held[count] = pool_take(pool)))
		count++;
	frame_make(bytes, sizeof(bytes), 1, 2);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	fixture_settle(fixture);
	assert_int_equal(fixture->ports[0]->counters.drops.count[DROP_POOL_EMPTY], 1);
	while (count > 0)
		pool_give(pool, held[--count]);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	fixture_settle(fixture);
	assert_int_equal(fixture->probe.frames, 1);
	close(fd);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void a_far_end_that_cannot_carry_the_mtu_is_refused(void **state)
{
	struct fixture *fixture = fixture_new();
	struct fixture *large = fixture_new_mtu(65520, 0);
	char text[64];
	int pair[2];

	(void)state;
	/* A descriptor of another type, or none, says which would do. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(text, sizeof(text), "seqpacket,fd=%d", pair[0]);
	assert_int_equal(fixture_try_open(fixture, text), -EINVAL);
	assert_non_null(strstr(fixture->error.text, "another type"));
	assert_true(fcntl(pair[0], F_GETFD) >= 0);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(fixture_try_open(fixture, "seqpacket,fd=999"), -EBADF);
	assert_int_equal(endpoint_check_mtu(&large->setup, "x", 4576, &large->error), -EMSGSIZE);
	assert_non_null(strstr(large->error.text, "mtu=4554"));
	assert_int_equal(endpoint_check_mtu(&fixture->setup, "x", 4576, &fixture->error), 0);
	fixture_free(fixture);
	fixture_free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_a_frame_both_ways),
		cmocka_unit_test(what_was_sent_before_the_end_arrives),
		cmocka_unit_test(a_packet_beyond_the_largest_frame_is_dropped_by_name),
		cmocka_unit_test(a_deaf_guest_fills_its_queue_only),
		cmocka_unit_test(an_empty_pool_costs_a_frame_and_never_a_spin),
		cmocka_unit_test(a_far_end_that_cannot_carry_the_mtu_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
