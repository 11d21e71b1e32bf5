/* SPDX-License-Identifier: MIT */
/* What connected endpoints do whatever goes over them: a way of this file's own takes frames or refuses them. */
#include "unit/port/fixture.h"

#include "port/connected.h"

static unsigned drains;
static bool takes;

static const char *way_read(struct connection *connection, bool *ret_idle)
{
	(void)connection;
	*ret_idle = true;
	return NULL;
}

static const char *way_drain(struct outlet *outlet)
{
	drains++;
	while (takes && !framequeue_empty(&outlet->queue))
		framequeue_consume_frame(&outlet->queue);
	return NULL;
}

static void way_send(struct outlet *outlet)
{
	outlet_keep_from(outlet, 0, 0);
}

static const struct connected_way way = {
	.type = SOCK_STREAM,
	.outlet = {.send = way_send, .drain = way_drain, .wait = connected_wait, .leave = connected_leave},
	.connection_bytes = sizeof(struct connection),
	.turn_bytes = 16,
	.read = way_read,
};

static const struct endpoint_kind kind = {.name = "stream", .words = "fd=N"};

static struct endpoint *open_fd(struct fixture *fixture, int fd)
{
	struct doorway_words words = {.fd = fd};
	struct endpoint *endpoint = NULL;
	struct spec spec;

	assert_int_equal(spec_parse(&spec, "stream", &fixture->error), 0);
	assert_int_equal(connected_open(&kind, &way, &words, &spec, &fixture->setup, &endpoint, &fixture->error), 0);
	return endpoint;
}

/* A guest at the other end of a pair of sockets, pair[1]. */
static struct fixture *start(int pair[2])
{
	struct fixture *fixture = fixture_new();

	drains = 0;
	takes = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fixture->endpoint = open_fd(fixture, pair[0]);
	return fixture;
}

static void end(struct fixture *fixture, const int pair[2])
{
	fixture_free(fixture);
	close(pair[1]);
}

static void a_socket_that_is_ready_and_takes_nothing_is_not_asked_in_a_circle(void **state)
{
	struct fixture *fixture;
	int pair[2];

	(void)state;
	fixture = start(pair);
	probe_send(fixture, 2, 100);
	for (int i = 0; i < 100; i++)
		fixture_turn(fixture);
	assert_int_equal(drains, 1);
	fixture_pass(fixture, CONNECTED_RETRY_US);
	assert_int_equal(drains, 2);
	takes = true;
	fixture_pass(fixture, CONNECTED_RETRY_US);
	assert_int_equal(drains, 3);
	assert_int_equal(fixture_look(fixture->ports[0]).queued_bytes, 0);
	assert_int_equal(loop_timeout_us(fixture->loop), -1);
	end(fixture, pair);
}

static void a_far_end_that_takes_again_is_asked_with_the_next_frame(void **state)
{
	struct fixture *fixture;
	int pair[2];

	(void)state;
	fixture = start(pair);
	probe_send(fixture, 2, 100);
	assert_int_equal(fixture_look(fixture->ports[0]).queued_bytes, 100);
	assert_int_equal(drains, 0);
	takes = true;
	probe_send(fixture, 2, 200);
	assert_int_equal(drains, 1);
	assert_int_equal(fixture_look(fixture->ports[0]).queued_bytes, 200);
	probe_send(fixture, 2, 300);
	assert_int_equal(drains, 2);
	assert_int_equal(fixture->ports[0]->counters.to_guest.frames, 3);
	assert_int_equal(fixture_drops(fixture->ports[0]), 0);
	end(fixture, pair);
}

static void a_deaf_far_end_is_asked_ever_more_rarely_until_it_takes_something(void **state)
{
	struct fixture *fixture;
	int pair[2];

	(void)state;
	fixture = start(pair);
	for (int sent = 0; sent < 2048; sent++)
		probe_send(fixture, 2, 1514);
	assert_in_range(drains, 8, 8 + 2048 / 256);
	takes = true;
	for (int sent = 0; sent < 256; sent++)
		probe_send(fixture, 2, 1514);
	takes = false;
	drains = 0;
	probe_send(fixture, 2, 1514);
	assert_int_equal(drains, 1);
	end(fixture, pair);
}

static void what_is_queued_when_a_guest_leaves_was_not_given_to_it(void **state)
{
	struct fixture *fixture;
	struct port *port;
	int pair[2];

	(void)state;
	fixture = start(pair);
	port = fixture->ports[0];
	for (int i = 0; i < 5; i++)
		probe_send(fixture, 2, 100);
	assert_int_equal(port->counters.to_guest.frames, 5);
	outlet_drop_queued(container_of(port, struct outlet, port), DROP_FRAME_TOO_LARGE_FOR_PORT);
	assert_int_equal(port->counters.to_guest.frames, 4);
	assert_int_equal(port->counters.to_guest.bytes, 400);
	endpoint_close(fixture->endpoint);
	fixture->endpoint = NULL;
	assert_int_equal(fixture->gone.count[DROP_FRAME_TOO_LARGE_FOR_PORT], 1);
	assert_int_equal(fixture->gone.count[DROP_PORT_CLOSED], 4);
	assert_int_equal(fixture->gone_to_guest.frames, 0);
	assert_int_equal(fixture->gone_to_guest.bytes, 0);
	end(fixture, pair);
}

static void deaf_guests_leave_of_the_pool_what_each_of_them_has(void **state)
{
	struct fixture *fixture = fixture_new_mtu(1500, 64);
	struct endpoint *endpoints[4];
	int pairs[4][2];

	(void)state;
	takes = false;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		endpoints[i] = open_fd(fixture, pairs[i][0]);
		for (int sent = 0; i < 3 && sent < 200; sent++)
			probe_send(fixture, 0xffff, 1514);
	}
	for (int i = 0; i < 3; i++)
		assert_true(fixture->ports[i]->counters.drops.count[DROP_POOL_EMPTY] > 0);
	for (int sent = 0; sent < 5; sent++)
		probe_send(fixture, 0xffff, 1514);
	assert_int_equal(fixture_drops(fixture->ports[3]), 0);
	for (int i = 0; i < 4; i++) {
		endpoint_close(endpoints[i]);
		close(pairs[i][1]);
	}
	fixture_free(fixture);
}

static void one_descriptor_has_one_guest(void **state)
{
	struct fixture *fixture;
	struct endpoint *second = NULL;
	struct doorway_words words;
	struct spec spec;
	int pair[2];

	(void)state;
	fixture = start(pair);
	words = (struct doorway_words){.fd = pair[0]};
	assert_int_equal(spec_parse(&spec, "stream", &fixture->error), 0);
	assert_int_equal(connected_open(&kind, &way, &words, &spec, &fixture->setup, &second, &fixture->error),
			 -EEXIST);
	assert_non_null(strstr(fixture->error.text, "has another guest already"));
	assert_int_equal(fixture->joined, 1);
	end(fixture, pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_that_is_ready_and_takes_nothing_is_not_asked_in_a_circle),
		cmocka_unit_test(a_far_end_that_takes_again_is_asked_with_the_next_frame),
		cmocka_unit_test(a_deaf_far_end_is_asked_ever_more_rarely_until_it_takes_something),
		cmocka_unit_test(what_is_queued_when_a_guest_leaves_was_not_given_to_it),
		cmocka_unit_test(deaf_guests_leave_of_the_pool_what_each_of_them_has),
		cmocka_unit_test(one_descriptor_has_one_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
