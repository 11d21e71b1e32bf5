/* SPDX-License-Identifier: MIT */
/* Guests that share one datagram socket: told apart, admitted, found gone, muted and heard again. */
#include "unit/port/fixture.h"

#include "port/shared_dgram.h"

/* A guest with a name, connected to ours as vfkit is, or not, as QEMU. */
static int guest_open(struct fixture *fixture, const char *name, bool connected)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (name) {
		snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%s", fixture->dir, name);
		unlink(address.sun_path);
		assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	}
	if (connected) {
		snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	}
	return fd;
}

static void guest_close(struct fixture *fixture, int fd, const char *name)
{
	char path[128];

	close(fd);
	snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
	unlink(path);
}

static void guest_send_bytes(struct fixture *fixture, int fd, const void *bytes, size_t count)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(sendto(fd, bytes, count, 0, (struct sockaddr *)&address, sizeof(address)), count);
	fixture_settle(fixture);
}

static void guest_send(struct fixture *fixture, int fd, size_t count, unsigned to, unsigned from)
{
	uint8_t bytes[FRAME_BYTES_MAX];

	frame_make(bytes, count, to, from);
	guest_send_bytes(fixture, fd, bytes, count);
}

static ssize_t guest_read(int fd)
{
	uint8_t bytes[FRAME_BYTES_MAX];

	return recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
}

static void pass_slowly(struct fixture *fixture, unsigned count_ms)
{
	while (count_ms-- > 0)
		fixture_pass(fixture, 1000);
}

static void guests_are_told_apart_by_their_addresses(void **state)
{
	struct fixture *fixture = fixture_new();
	int a, b;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	a = guest_open(fixture, "a", true);
	b = guest_open(fixture, "b", false);
	guest_send(fixture, a, 60, 1, 2);
	guest_send(fixture, b, 60, 1, 3);
	guest_send(fixture, a, 60, 1, 2);
	assert_int_equal(fixture->joined, 2);
	assert_int_equal(fixture->probe.frames, 3);
	assert_string_equal(fixture->ports[0]->name, "g.1");
	assert_non_null(strstr(fixture_look(fixture->ports[0]).far_end, "/a"));
	probe_send(fixture, 3, 1514);
	assert_int_equal(guest_read(b), 1514);
	assert_int_equal(guest_read(a), -1);
	guest_send(fixture, b, 100, 2, 3);
	assert_int_equal(guest_read(a), 100);
	assert_int_equal(fixture->ports[0]->counters.to_guest.frames, 1);
	guest_close(fixture, a, "a");
	guest_close(fixture, b, "b");
	fixture_free(fixture);
}

static void a_batch_from_several_guests_keeps_them_apart(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[60];
	int fds[3];

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	for (unsigned i = 0; i < 3; i++) {
		char name[2] = {(char)('a' + i), 0};

		fds[i] = guest_open(fixture, name, true);
	}
	for (unsigned i = 0; i < 9; i++) {
		frame_make(bytes, sizeof(bytes), 1, 10 + i % 3);
		assert_int_equal(send(fds[i % 3], bytes, sizeof(bytes), 0), sizeof(bytes));
	}
	fixture_settle(fixture);
	assert_int_equal(fixture->joined, 3);
	for (unsigned i = 0; i < 3; i++) {
		char name[2] = {(char)('a' + i), 0};

		assert_int_equal(fixture->ports[i]->counters.from_guest.frames, 3);
		assert_int_equal(fixture_drops(fixture->ports[i]), 0);
		guest_close(fixture, fds[i], name);
	}
	fixture_free(fixture);
}

static void the_greeting_joins_without_a_frame(void **state)
{
	struct fixture *fixture = fixture_new();
	int fd;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	fd = guest_open(fixture, "a", true);
	guest_send_bytes(fixture, fd, "VFKT", 4);
	assert_int_equal(fixture->joined, 1);
	assert_int_equal(fixture->ports[0]->counters.from_guest.frames, 0);
	assert_int_equal(fixture_drops(fixture->ports[0]), 0);
	probe_send(fixture, 0xffff, 60);
	assert_int_equal(guest_read(fd), 60);
	guest_send_bytes(fixture, fd, "VFKX", 4);
	assert_int_equal(fixture->ports[0]->counters.drops.count[DROP_FRAME_SHORT], 1);
	guest_close(fixture, fd, "a");
	fixture_free(fixture);
}

static void who_has_no_name_cannot_be_answered(void **state)
{
	struct fixture *fixture = fixture_new();
	int fd;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	fd = guest_open(fixture, NULL, true);
	guest_send(fixture, fd, 60, 1, 2);
	assert_int_equal(fixture->joined, 0);
	assert_int_equal(fixture->endpoint->drops.count[DROP_DATAGRAM_NO_ADDRESS], 1);
	close(fd);
	fixture_free(fixture);
}

static void an_abstract_name_is_a_name(void **state)
{
	struct fixture *fixture = fixture_new();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	fd = guest_open(fixture, NULL, false);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	guest_send(fixture, fd, 60, 1, 2);
	assert_int_equal(fixture->joined, 1);
	assert_int_equal(fixture_look(fixture->ports[0]).far_end[0], '@');
	probe_send(fixture, 2, 99);
	assert_int_equal(guest_read(fd), 99);
	close(fd);
	fixture_free(fixture);
}

/* Bound in another folder than ours, its name leads nowhere: it is told once, and makes no port again and again. */
static void a_relative_name_that_leads_nowhere_is_told_once(void **state)
{
	struct fixture *fixture = fixture_new();
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "relative"};
	char here[256];
	int fd;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	fd = guest_open(fixture, NULL, false);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(fixture->dir), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	guest_send(fixture, fd, 60, 1, 2);
	/* where we are in the same folder it does */
	assert_int_equal(fixture->joined, 1);
	probe_send(fixture, 2, 100);
	assert_int_equal(guest_read(fd), 100);
	assert_int_equal(chdir(here), 0);
	probe_send(fixture, 2, 100);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	for (unsigned i = 0; i < 5; i++)
		guest_send(fixture, fd, 60, 1, 2);
	assert_int_equal(fixture->joined, 1);
	assert_int_equal(fixture->endpoint->drops.count[DROP_DATAGRAM_NO_ADDRESS], 5);
	assert_int_equal(fixture->notices, 1);
	assert_non_null(strstr(fixture->notice, "g: a guest at relative cannot be answered"));
	assert_non_null(strstr(fixture->notice, "absolute"));
	guest_close(fixture, fd, "relative");
	fixture_free(fixture);
}

/* Its far end is somebody else, who alone may send to it. */
static void who_listens_to_somebody_else_leaves_and_is_told_why(void **state)
{
	struct fixture *fixture = fixture_new();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, friend;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	friend = guest_open(fixture, "friend", false);
	fd = guest_open(fixture, "a", false);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/friend", fixture->dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	guest_send(fixture, fd, 60, 1, 2);
	probe_send(fixture, 2, 100);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	assert_string_equal(fixture->reason, "its socket is connected to another");
	guest_close(fixture, fd, "a");
	guest_close(fixture, friend, "friend");
	fixture_free(fixture);
}

static void a_datagram_too_large_is_dropped_by_name(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t *bytes = calloc(1, 70000);
	int big = 1 << 20;
	int fd;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	fd = guest_open(fixture, "a", true);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	guest_send_bytes(fixture, fd, bytes, 70000);
	assert_int_equal(fixture->ports[0]->counters.drops.count[DROP_DATAGRAM_TRUNCATED], 1);
	guest_close(fixture, fd, "a");
	free(bytes);
	fixture_free(fixture);
}

static void a_guest_whose_socket_is_gone_leaves_at_the_next_send(void **state)
{
	struct fixture *fixture = fixture_new();
	int fd;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	fd = guest_open(fixture, "a", true);
	guest_send(fixture, fd, 60, 1, 2);
	close(fd); /* its file stays: ECONNREFUSED */
	probe_send(fixture, 2, 100);
	assert_int_equal(fixture->ports[0]->counters.drops.count[DROP_DATAGRAM_GUEST_GONE], 1);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	fd = guest_open(fixture, "a", true);
	guest_send(fixture, fd, 60, 1, 2);
	assert_int_equal(fixture->joined, 2);
	guest_close(fixture, fd, "a"); /* ENOENT */
	probe_send(fixture, 2, 100);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 2);
	assert_int_equal(fixture->gone.count[DROP_DATAGRAM_GUEST_GONE], 2);
	fixture_free(fixture);
}

static void with_guests_1_the_first_owns_the_path_until_it_is_gone(void **state)
{
	struct fixture *fixture = fixture_new();
	int a, b;

	(void)state;
	fixture_open(fixture, "dgram,path=%s,guests=1", fixture->path);
	a = guest_open(fixture, "a", true);
	b = guest_open(fixture, "b", true);
	guest_send(fixture, a, 60, 1, 2);
	guest_send(fixture, b, 60, 1, 3);
	guest_send(fixture, b, 60, 1, 3);
	assert_int_equal(fixture->joined, 1);
	assert_string_equal(fixture->ports[0]->name, "g");
	assert_int_equal(fixture->endpoint->drops.count[DROP_GUESTS_FULL], 2);
	assert_int_equal(fixture->notices, 1);
	guest_close(fixture, a, "a");
	guest_send(fixture, b, 60, 1, 3);
	assert_int_equal(fixture->joined, 2);
	assert_int_equal(fixture->left, 1);
	assert_non_null(strstr(fixture_look(fixture->ports[0]).far_end, "/b"));
	guest_close(fixture, b, "b");
	fixture_free(fixture);
}

static void who_did_not_connect_and_does_not_read_waits_alone(void **state)
{
	/* Its own receive queue (net.unix.max_dgram_qlen) is full: nobody is muted, the timer tries again. */
	struct fixture *fixture = fixture_new();
	unsigned got = 0;
	int a, b;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	a = guest_open(fixture, "a", false);
	b = guest_open(fixture, "b", false);
	guest_send(fixture, a, 60, 1, 2);
	guest_send(fixture, b, 60, 1, 3);
	for (unsigned i = 0; i < 100; i++) {
		probe_send(fixture, 2, 1514);
		probe_send(fixture, 3, 60);
		assert_int_equal(guest_read(b), 60);
	}
	assert_true(fixture_look(fixture->ports[0]).queued_bytes > 0 || guest_read(a) > 0);
	fixture_pass(fixture, 1000 * 1000);
	assert_int_equal(fixture->notices, 0);
	for (unsigned i = 0; i < 1000 && got < 100; i++) {
		if (guest_read(a) > 0)
			got++;
		else
			fixture_pass(fixture, 64 * 1000);
	}
	assert_true(got >= 99);
	assert_int_equal(fixture_drops(fixture->ports[0]), 0);
	assert_int_equal(fixture_look(fixture->ports[0]).queued_bytes, 0);
	fixture_pass(fixture, 64 * 1000);
	assert_int_equal(loop_timeout_us(fixture->loop), -1);
	guest_close(fixture, a, "a");
	guest_close(fixture, b, "b");
	fixture_free(fixture);
}

static void who_fills_the_shared_socket_is_muted_until_it_is_heard(void **state)
{
	struct fixture *fixture = fixture_new();
	struct port *deaf_port, *other_port;
	unsigned sent = 0, read = 0;
	int deaf, other;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	deaf = guest_open(fixture, "deaf", true);
	other = guest_open(fixture, "other", true);
	guest_send(fixture, deaf, 60, 1, 2);
	guest_send(fixture, other, 60, 1, 3);
	deaf_port = fixture->ports[0];
	other_port = fixture->ports[1];
	while (!fixture_look(deaf_port).muted && sent < 100000) {
		probe_send(fixture, 2, 1514);
		sent++;
		if (sent % 32)
			continue;
		fixture_pass(fixture, 1000);
		/* The other one is spoken to as well, reads and answers, and is never muted. */
		probe_send(fixture, 3, 1000);
		while (guest_read(other) > 0)
			read++;
		guest_send(fixture, other, 60, 1, 3);
	}
	assert_true(fixture_look(deaf_port).muted);
	assert_false(fixture_look(other_port).muted);
	assert_int_equal(fixture->notices, 1);
	assert_non_null(strstr(fixture->notice, "g.1"));
	assert_non_null(strstr(fixture->notice, "muted"));
	fixture_pass(fixture, 100 * 1000);
	while (guest_read(other) > 0)
		read++;
	assert_int_equal(read, other_port->counters.to_guest.frames);
	/* Muted: dropped by name, and the other one has room. */
	for (unsigned i = 0; i < 1000; i++) {
		probe_send(fixture, 2, 1514);
		probe_send(fixture, 3, 1000);
		assert_int_equal(guest_read(other), 1000);
	}
	assert_int_equal(deaf_port->counters.drops.count[DROP_DATAGRAM_GUEST_MUTED], 1000);
	assert_int_equal(fixture_drops(other_port), 0);
	assert_int_equal(fixture->notices, 1);
	/* It reads all, and speaks. */
	while (guest_read(deaf) > 0)
		continue;
	guest_send(fixture, deaf, 60, 1, 2);
	assert_false(fixture_look(deaf_port).muted);
	fixture_pass(fixture, 100 * 1000);
	while (guest_read(deaf) > 0)
		fixture_pass(fixture, 100 * 1000);
	probe_send(fixture, 2, 777);
	assert_int_equal(guest_read(deaf), 777);
	/* Deaf again: muted again, which is said once a minute. */
	for (unsigned again = 0; again < 2; again++) {
		for (sent = 0; !fixture_look(deaf_port).muted && sent < 100000; sent++) {
			probe_send(fixture, 2, 1514);
			if (sent % 32 == 0)
				fixture_pass(fixture, 1000);
		}
		assert_true(fixture_look(deaf_port).muted);
		assert_int_equal(fixture->notices, 1 + again);
		fixture_pass(fixture, SHARED_DGRAM_TELL_US);
		while (guest_read(deaf) > 0)
			continue;
		guest_send(fixture, deaf, 60, 1, 2);
		assert_false(fixture_look(deaf_port).muted);
	}
	guest_close(fixture, deaf, "deaf");
	guest_close(fixture, other, "other");
	fixture_free(fixture);
}

/* Nothing is sent to it that could be refused, and what it holds is others' to use. */
static void a_muted_guest_that_dies_is_found_gone(void **state)
{
	struct fixture *fixture = fixture_new();
	int deaf, other;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	deaf = guest_open(fixture, "deaf", true);
	other = guest_open(fixture, "other", true);
	guest_send(fixture, deaf, 60, 1, 2);
	guest_send(fixture, other, 60, 1, 3);
	for (unsigned sent = 0; !fixture_look(fixture->ports[0]).muted && sent < 100000; sent++) {
		probe_send(fixture, 2, 1514);
		if (sent % 32 == 0)
			fixture_pass(fixture, 1000);
	}
	assert_true(fixture_look(fixture->ports[0]).muted);
	fixture_pass(fixture, SHARED_DGRAM_LOOK_US);
	assert_int_equal(fixture->left, 0);
	assert_true(ethswitch_blocks(fixture->ethswitch)->taken > 0);
	guest_close(fixture, deaf, "deaf");
	fixture_pass(fixture, SHARED_DGRAM_LOOK_US);
	assert_int_equal(fixture->left, 1);
	assert_string_equal(fixture->reason, "its socket is gone");
	assert_int_equal(ethswitch_blocks(fixture->ethswitch)->taken, 0);
	assert_int_equal(loop_timeout_us(fixture->loop), -1);
	guest_close(fixture, other, "other");
	fixture_free(fixture);
}

static void who_reads_slowly_and_answers_is_not_muted(void **state)
{
	struct fixture *fixture = fixture_new();
	struct port *port;
	int slow;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	slow = guest_open(fixture, "slow", true);
	guest_send(fixture, slow, 60, 1, 2);
	port = fixture->ports[0];
	for (unsigned i = 0; i < 20000; i++) {
		probe_send(fixture, 2, 1514);
		if (i % 8)
			continue;
		fixture_pass(fixture, 1000);
		for (unsigned reads = 0; reads < 4; reads++)
			guest_read(slow);
		guest_send(fixture, slow, 60, 1, 2);
		assert_false(fixture_look(port).muted);
	}
	assert_true(port->counters.drops.count[DROP_QUEUE_FULL] > 0);
	assert_int_equal(fixture->notices, 0);
	guest_close(fixture, slow, "slow");
	fixture_free(fixture);
}

static void deaf_guests_that_fill_it_together_are_muted_together(void **state)
{
	struct fixture *fixture = fixture_new();
	int fds[8], other;
	unsigned muted = 0;

	(void)state;
	fixture_open(fixture, "dgram,path=%s", fixture->path);
	for (unsigned i = 0; i < 8; i++) {
		char name[2] = {(char)('a' + i), 0};

		fds[i] = guest_open(fixture, name, true);
		guest_send(fixture, fds[i], 60, 1, 10 + i);
	}
	other = guest_open(fixture, "other", true);
	guest_send(fixture, other, 60, 1, 3);
	for (unsigned i = 0; i < 20000; i++) {
		probe_send(fixture, 10 + i % 8, 1514);
		if (i % 8 == 0)
			fixture_pass(fixture, 1000);
	}
	pass_slowly(fixture, 400);
	for (unsigned i = 0; i < 8; i++)
		muted += fixture_look(fixture->ports[i]).muted;
	assert_int_equal(muted, 8);
	assert_int_equal(fixture->notices, muted);
	probe_send(fixture, 3, 1000);
	pass_slowly(fixture, 400);
	assert_int_equal(guest_read(other), 1000);
	for (unsigned i = 0; i < 8; i++) {
		char name[2] = {(char)('a' + i), 0};

		guest_close(fixture, fds[i], name);
	}
	guest_close(fixture, other, "other");
	fixture_free(fixture);
}

static void a_pair_knows_its_guest_beforehand(void **state)
{
	struct fixture *fixture = fixture_new();
	char remote[128];
	int fd;

	(void)state;
	snprintf(remote, sizeof(remote), "%s/a", fixture->dir);
	fd = guest_open(fixture, "a", false);
	fixture_open(fixture, "dgram,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", fixture->path,
		     remote);
	assert_int_equal(fixture->joined, 1);
	probe_send(fixture, 0xffff, 60);
	assert_int_equal(guest_read(fd), 60);
	guest_close(fixture, fd, "a");
	probe_send(fixture, 0xffff, 60);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	fd = guest_open(fixture, "a", false);
	guest_send(fixture, fd, 60, 1, 2);
	assert_int_equal(fixture->joined, 2);
	assert_string_equal(fixture->ports[0]->name, "g");
	guest_close(fixture, fd, "a");
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_are_told_apart_by_their_addresses),
		cmocka_unit_test(a_batch_from_several_guests_keeps_them_apart),
		cmocka_unit_test(the_greeting_joins_without_a_frame),
		cmocka_unit_test(who_has_no_name_cannot_be_answered),
		cmocka_unit_test(an_abstract_name_is_a_name),
		cmocka_unit_test(a_relative_name_that_leads_nowhere_is_told_once),
		cmocka_unit_test(who_listens_to_somebody_else_leaves_and_is_told_why),
		cmocka_unit_test(a_datagram_too_large_is_dropped_by_name),
		cmocka_unit_test(a_guest_whose_socket_is_gone_leaves_at_the_next_send),
		cmocka_unit_test(with_guests_1_the_first_owns_the_path_until_it_is_gone),
		cmocka_unit_test(who_did_not_connect_and_does_not_read_waits_alone),
		cmocka_unit_test(who_fills_the_shared_socket_is_muted_until_it_is_heard),
		cmocka_unit_test(a_muted_guest_that_dies_is_found_gone),
		cmocka_unit_test(who_reads_slowly_and_answers_is_not_muted),
		cmocka_unit_test(deaf_guests_that_fill_it_together_are_muted_together),
		cmocka_unit_test(a_pair_knows_its_guest_beforehand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
