/* SPDX-License-Identifier: MIT */
/* Opening endpoints: the words of every kind, wrong ones, and what is left behind when it fails. */
#include "unit/port/fixture.h"

static void an_unknown_kind_is_told_the_kinds(void **state)
{
	struct fixture *fixture = fixture_new();

	(void)state;
	assert_int_equal(fixture_try_open(fixture, "steam,path=/x"), -EINVAL);
	assert_non_null(strstr(fixture->error.text, "steam"));
	assert_non_null(strstr(fixture->error.text, "stream, dgram, seqpacket"));
	fixture_free(fixture);
}

static void wrong_words_leave_nothing_behind(void **state)
{
	static const struct {
		const char *words; /* behind KIND,path=P */
		const char *told;
	} rows[] = {
		{"moed=0600", "moed"},
		{"mode=9", "mode"},
		{"guests=0", "guests"},
		{"guests=9999", "guests"},
		{"queue=1", "queue"},
		{"mac=1:2", "mac"},
		{"mac=01:00:5e:00:00:01", "mac"},
		{"csum=none", "csum"},
		{"isolated=maybe", "isolated"},
		{"group=no-such-group-here", "no-such-group-here"},
	};
	static const char *const kinds[] = {"stream", "dgram", "seqpacket"};
	unsigned before;

	(void)state;
	for (size_t kind = 0; kind < 3; kind++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct fixture *fixture = fixture_new();
			char text[256];

			before = fixture_descriptors();
			snprintf(text, sizeof(text), "%s,path=%s,%s", kinds[kind], fixture->path, rows[i].words);
			if (fixture_try_open(fixture, text) != -EINVAL)
				fail_msg("%s was taken", text);
			if (!strstr(fixture->error.text, rows[i].told))
				fail_msg("%s: %s", text, fixture->error.text);
			assert_int_equal(fixture_descriptors(), before);
			assert_int_equal(access(fixture->path, F_OK), -1);
			fixture_free(fixture);
		}
	}
}

static void options_reach_each_port(void **state)
{
	struct fixture *fixture = fixture_new();
	struct port *port;
	int fd;

	(void)state;
	fixture_open(fixture, "stream,path=%s,isolated=on,mac=52:54:00:00:00:07,csum=partial,queue=131072",
		     fixture->path);
	fd = fixture_connect(fixture->path, SOCK_STREAM);
	fixture_settle(fixture);
	port = fixture->ports[0];
	assert_true(port->isolated);
	assert_true(port->adopt_csum);
	assert_true(port->locked);
	assert_int_equal(port->lock.byte[5], 7);
	assert_int_equal(port->accepts.frame_bytes, 1522);
	assert_false(port->accepts.csum);
	assert_int_equal(fixture_look(port).queue_bound_bytes, 131072);
	close(fd);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void mode_and_group_are_the_sockets(void **state)
{
	static const char *const kinds[] = {"stream", "dgram", "seqpacket"};
	struct stat status;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture *fixture = fixture_new();

		fixture_open(fixture, "%s,path=%s", kinds[i], fixture->path);
		assert_int_equal(stat(fixture->path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
		endpoint_close(fixture->endpoint);
		assert_int_equal(access(fixture->path, F_OK), -1);
		fixture_open(fixture, "%s,path=%s,mode=0660,group=%u", kinds[i], fixture->path, (unsigned)getgid());
		assert_int_equal(stat(fixture->path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0660);
		assert_int_equal(status.st_gid, getgid());
		assert_string_equal(fixture->endpoint->path, fixture->path);
		assert_non_null(strstr(fixture->endpoint->describe, fixture->path));
		fixture_free(fixture);
	}
}

static void a_path_that_is_served_is_refused_and_goes_on(void **state)
{
	static const char *const kinds[] = {"stream", "dgram", "seqpacket"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture *fixture = fixture_new();
		struct fixture *second = fixture_new();
		char text[128];

		fixture_open(fixture, "%s,path=%s", kinds[i], fixture->path);
		snprintf(text, sizeof(text), "%s,path=%s", kinds[i], fixture->path);
		assert_int_equal(fixture_try_open(second, text), -EADDRINUSE);
		assert_non_null(strstr(second->error.text, fixture->path));
		assert_int_equal(access(fixture->path, F_OK), 0);
		fixture_free(second);
		fixture_free(fixture);
	}
}

static void a_stale_socket_file_is_replaced(void **state)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	static const char *const kinds[] = {"stream", "dgram", "seqpacket"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture *fixture = fixture_new();
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int stale = socket(AF_UNIX, types[i], 0);

		snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
		assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
		close(stale);
		fixture_open(fixture, "%s,path=%s", kinds[i], fixture->path);
		close(fixture_connect(fixture->path, types[i]));
		fixture_settle(fixture);
		fixture_free(fixture);
	}
}

static void where_the_far_end_is_must_be_said_once(void **state)
{
	struct fixture *fixture = fixture_new();

	(void)state;
	assert_int_equal(fixture_try_open(fixture, "stream"), -EINVAL);
	assert_non_null(strstr(fixture->error.text, "path=P"));
	assert_int_equal(fixture_try_open(fixture, "stream,path=/x,tcp=1"), -EINVAL);
	assert_int_equal(fixture_try_open(fixture, "stream,tcp=1.2.3.4:x"), -EINVAL);
	assert_int_equal(fixture_try_open(fixture, "stream,fd=1,mode=0600"), -EINVAL);
	assert_int_equal(fixture_try_open(fixture, "stream,path=/no/such/directory/s"), -ENOENT);
	assert_int_equal(fixture_try_open(fixture, "stream,addr.type=vsock"), -EINVAL);
	assert_null(fixture->endpoint);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_kind_is_told_the_kinds),
		cmocka_unit_test(wrong_words_leave_nothing_behind),
		cmocka_unit_test(options_reach_each_port),
		cmocka_unit_test(mode_and_group_are_the_sockets),
		cmocka_unit_test(a_path_that_is_served_is_refused_and_goes_on),
		cmocka_unit_test(a_stale_socket_file_is_replaced),
		cmocka_unit_test(where_the_far_end_is_must_be_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
