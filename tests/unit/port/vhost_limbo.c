/* SPDX-License-Identifier: MIT */
/* Front ends that hand over what takes for ever to close: files whose system never answers, and connections that linger. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/os/lingering.h"
#include "unit/os/silent.h"
#include "unit/port/vhost_bed.h"

/* As each descriptor that a message may have. */
static const struct {
	uint32_t request, bytes;
	uint64_t payload[6];
	enum drop_reason verdict;
} messages[] = {
	{VHOST_SET_MEM_TABLE, 40, {1, 0, 4096, 0, 0}, DROP_VHOST_MEMORY},
	{VHOST_SET_LOG_BASE, 16, {4096, 0}, DROP_VHOST_MEMORY},
	{VHOST_SET_LOG_FD, 0, {0}, DROP_NONE},
	{VHOST_SET_VRING_KICK, 8, {0}, DROP_VHOST_EVENT},
	{VHOST_SET_VRING_CALL, 8, {0}, DROP_VHOST_EVENT},
	{VHOST_SET_VRING_ERR, 8, {0}, DROP_VHOST_EVENT},
	{VHOST_SET_BACKEND_REQ_FD, 0, {0}, DROP_NONE},
	{VHOST_SET_OWNER, 0, {0}, DROP_VHOST_DESCRIPTORS},
};

static void whatever_it_is_handed_over_as_it_is_never_closed(void **state)
{
	struct silent silent;
	int fd = silent_open(&silent);

	(void)state;
	if (fd < 0)
		skip();
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		vhost_front_send(&bed.front, messages[i].request, VHOST_VERSION, messages[i].payload, messages[i].bytes,
				 &fd, 1);
		pump(bed.fixture);
		check_verdict(&bed, "a file that never closes", "", messages[i].verdict);
		assert_int_equal(bed.fixture->limbo.kept, 1);
		bed_done(&bed);
	}
	assert_int_equal(silent.closes, 0);
	assert_int_equal(silent.unanswered, 0);
	silent_close(&silent);
}

static void their_number_has_an_end_and_who_is_there_stays(void **state)
{
	struct vhost_front other;
	unsigned before = 0;
	struct silent silent;
	struct bed bed;
	int fd = silent_open(&silent);

	(void)state;
	if (fd < 0)
		skip();
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	for (unsigned i = 0; i < LIMBO_MAX + 20; i++) {
		vhost_front_init(&other, fixture_connect(bed.fixture->path, SOCK_STREAM), pump, bed.fixture);
		pump(bed.fixture);
		vhost_front_send(&other, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, &fd, 1);
		pump(bed.fixture);
		vhost_front_done(&other);
		pump(bed.fixture);
		assert_int_equal(bed.fixture->port_count, 1);
	}
	assert_int_equal(bed.fixture->limbo.kept, LIMBO_MAX);
	assert_int_equal(silent_descriptors(&silent, false), LIMBO_MAX + 1);
	assert_int_equal(bed.fixture->notices, before + 1);
	assert_int_equal(bed.fixture->gone.count[DROP_VHOST_DESCRIPTORS], LIMBO_MAX);
	assert_int_equal(bed.fixture->endpoint->drops.count[DROP_VHOST_LIMBO], 20);
	assert_int_equal(silent.closes, 0);
	bed_done(&bed);
	silent_close(&silent);
}

static void hand_over(struct bed *bed, uint32_t request, int fd)
{
	const uint64_t number = 0;

	vhost_front_send(&bed->front, request, VHOST_VERSION, &number, request == VHOST_SET_BACKEND_REQ_FD ? 0 : 8, &fd,
			 1);
	pump(bed->fixture);
}

/* Its call, its err or its channel is a socket, as User Mode Linux's are, in which a descriptor waits. */
static void a_socket_that_was_used_is_not_closed_with_what_waits_in_it(void **state)
{
	const uint32_t roles[] = {VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR, VHOST_SET_BACKEND_REQ_FD};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(roles) / sizeof(roles[0]); i++) {
		bool leaves = i % 2;
		struct lingering lingering;
		struct bed bed;
		int pair[2], other[2];

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
		hand_over(&bed, roles[i / 2], pair[0]);
		close(pair[0]);
		assert_int_equal(lingering_send(&lingering, pair[1], 0), 0);
		if (leaves) {
			shutdown(bed.front.fd, SHUT_RDWR);
			pump(bed.fixture);
			assert_int_equal(bed.fixture->port_count, 0);
		} else {
			hand_over(&bed, roles[i / 2], other[0]);
			assert_int_equal(bed.fixture->port_count, 1);
		}
		lingering_check(&lingering);
		assert_int_equal(bed.fixture->limbo.kept, 1);
		close(pair[1]);
		bed_done(&bed);
		close(other[0]);
		close(other[1]);
	}
}

/* Not even skipped. */
static void urgent_data_brings_no_descriptor_that_is_closed(void **state)
{
	struct lingering lingering;
	struct bed bed;
	int sent;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	sent = lingering_send(&lingering, bed.front.fd, MSG_OOB);
	pump(bed.fixture);
	lingering_check(&lingering);
	shutdown(bed.front.fd, SHUT_RDWR);
	pump(bed.fixture);
	assert_int_equal(bed.fixture->port_count, 0);
	assert_int_equal(bed.fixture->limbo.kept, sent == 0);
	bed_done(&bed);
}

static void who_is_there_brings_none_once_too_many_are_kept(void **state)
{
	struct lingering lingering;
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	bed.fixture->limbo.kept = LIMBO_MAX;
	assert_int_equal(vhost_front_tell(&bed.front, VHOST_NET_SET_MTU, 1500), 0);
	assert_int_equal(bed.fixture->port_count, 1);
	assert_int_equal(lingering_send(&lingering, bed.front.fd, 0), 0);
	pump(bed.fixture);
	lingering_check(&lingering);
	assert_int_equal(bed.fixture->port_count, 0);
	assert_int_equal(bed.fixture->gone.count[DROP_VHOST_LIMBO], 1);
	bed_done(&bed);
}

static void who_finds_no_place_is_turned_away_with_what_he_brings(void **state)
{
	struct fixture *fixture = fixture_new();
	struct lingering lingering;
	int first, second;

	(void)state;
	fixture_open(fixture, "vhost-user,path=%s,guests=1", fixture->path);
	first = fixture_connect(fixture->path, SOCK_STREAM);
	pump(fixture);
	second = fixture_connect(fixture->path, SOCK_STREAM);
	assert_int_equal(lingering_send(&lingering, second, 0), 0);
	pump(fixture);
	lingering_check(&lingering);
	assert_int_equal(fixture->limbo.kept, 1);
	assert_int_equal(fixture->endpoint->drops.count[DROP_GUESTS_FULL], 1);
	close(first);
	close(second);
	pump(fixture);
	fixture_free(fixture);
}

/* Each brings one, and is kept himself where it cannot be taken. */
static void an_end_is_put_to_those_who_are_turned_away(void **state)
{
	struct fixture *fixture = fixture_new();
	int pipes[2], client;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	fixture_open(fixture, "vhost-user,path=%s", fixture->path);
	fixture->limbo.kept = LIMBO_MAX;
	for (int i = 0; i < LIMBO_MAX + 5; i++) {
		client = fixture_connect(fixture->path, SOCK_STREAM);
		assert_int_equal(send_with(client, pipes[0], 0), 0);
		pump(fixture);
		close(client);
	}
	assert_int_equal(fixture->limbo.kept, LIMBO_MOST);
	assert_int_equal(fixture->joined, 0);
	assert_int_equal(fixture->endpoint->drops.count[DROP_VHOST_LIMBO], LIMBO_MAX);
	close(pipes[0]);
	close(pipes[1]);
	fixture_free(fixture);
}

static void who_was_not_let_in_yet_is_turned_away_at_the_end(void **state)
{
	struct fixture *fixture = fixture_new();
	struct lingering lingering;
	int client;

	(void)state;
	fixture_open(fixture, "vhost-user,path=%s", fixture->path);
	client = fixture_connect(fixture->path, SOCK_STREAM);
	assert_int_equal(lingering_send(&lingering, client, 0), 0);
	fixture_free(fixture);
	lingering_check(&lingering);
	close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_it_is_handed_over_as_it_is_never_closed),
		cmocka_unit_test(their_number_has_an_end_and_who_is_there_stays),
		cmocka_unit_test(a_socket_that_was_used_is_not_closed_with_what_waits_in_it),
		cmocka_unit_test(urgent_data_brings_no_descriptor_that_is_closed),
		cmocka_unit_test(who_is_there_brings_none_once_too_many_are_kept),
		cmocka_unit_test(who_finds_no_place_is_turned_away_with_what_he_brings),
		cmocka_unit_test(an_end_is_put_to_those_who_are_turned_away),
		cmocka_unit_test(who_was_not_let_in_yet_is_turned_away_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
