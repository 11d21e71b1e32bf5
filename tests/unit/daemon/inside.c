/* SPDX-License-Identifier: MIT */
/* The insider and its other end: sockets of a namespace reach this process, requests that lie are answered by an error,
 * answers that lie end it all. The namespace is the child's own where it may have one; without it the sockets are this
 * machine's, which changes nothing of what is tested. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/inside.h"
#include "daemon/insider.h"
#include "daemon/procfile.h"

struct fixture {
	struct gw_network *network;
	struct inside *inside;
	pid_t child;
	int channel, other; /* `other`: the insider's end, where the test plays it */
	int notices;
	int result; /* of the last answer */
	int answers;
};

static void fixture_on_notice(void *owner, const char *text)
{
	assert_non_null(text);
	((struct fixture *)owner)->notices++;
}

static void fixture_on_answer(void *owner, int result)
{
	struct fixture *fixture = owner;

	fixture->result = result;
	fixture->answers++;
}

static struct fixture *fixture_new(void)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	int ends[2];

	config.uplink = "none";
	assert_int_equal(gw_network_new(&config, &fixture->network, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	fixture->channel = ends[0];
	fixture->other = ends[1];
	return fixture;
}

static void fixture_start(struct fixture *fixture)
{
	struct inside_config config = {.network = fixture->network,
				       .channel = fixture->channel,
				       .address4 = "10.0.2.15",
				       .on_notice = fixture_on_notice,
				       .owner = fixture};
	struct error error;

	assert_int_equal(inside_new(&config, &fixture->inside, &error), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture->child = fork();
	assert_true(fixture->child >= 0);
	if (fixture->child == 0) {
		close(fixture->channel);
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
			/* then it is this machine's */
		}
		insider_serve(fixture->other);
		_exit(0);
	}
	close(fixture->other);
	fixture->other = -1;
	fixture_start(fixture);
	*state = fixture;
	return 0;
}

static int setup_played(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture_start(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	int status = 0;

	inside_free(fixture->inside);
	gw_network_free(fixture->network);
	close(fixture->channel);
	if (fixture->other >= 0)
		close(fixture->other);
	/* it ends with its channel */
	if (fixture->child > 0) {
		assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
		assert_int_equal(status, 0);
	}
	free(fixture);
	return 0;
}

static struct inside_wish wish_for(const char *address, uint16_t port, int type)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct inside_wish wish = {.family = AF_INET, .type = type, .address_bytes = sizeof(in)};

	assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
	memcpy(&wish.address, &in, sizeof(in));
	return wish;
}

static int fixture_bind(struct fixture *fixture, const struct inside_wish *wish)
{
	fixture->answers = 0;
	assert_int_equal(inside_bind(fixture->inside, wish, fixture_on_answer, fixture), 0);
	assert_int_equal(fixture->answers, 0);
	assert_int_equal(inside_wait(fixture->inside, 5000000), 0);
	assert_int_equal(fixture->answers, 1);
	return fixture->result;
}

static void a_bound_socket_comes_out_and_listens(void **state)
{
	struct fixture *fixture = *state;
	struct inside_wish wish = wish_for("0.0.0.0", 0, SOCK_STREAM);
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	int value = 0, fd = fixture_bind(fixture, &wish);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &length), 0);
	assert_true(in.sin_port != 0);
	length = sizeof(value);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length), 0);
	assert_int_equal(value, 1);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	wish = wish_for("0.0.0.0", 0, SOCK_DGRAM);
	fd = fixture_bind(fixture, &wish);
	assert_true(fd >= 0);
	close(fd);
}

static void what_cannot_be_bound_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct inside_wish wish = wish_for("0.0.0.0", 0, SOCK_STREAM);
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	int first = fixture_bind(fixture, &wish);

	assert_int_equal(getsockname(first, (struct sockaddr *)&in, &length), 0);
	wish = wish_for("0.0.0.0", ntohs(in.sin_port), SOCK_STREAM);
	assert_int_equal(fixture_bind(fixture, &wish), -EADDRINUSE);
	close(first);
	wish.ifname = "none-such";
	assert_int_equal(fixture_bind(fixture, &wish), -ENODEV);
	wish.ifname = "a-name-that-is-too-long";
	assert_int_equal(inside_bind(fixture->inside, &wish, fixture_on_answer, fixture), -ENODEV);
}

static void a_table_of_sockets_lists_what_listens(void **state)
{
	struct fixture *fixture = *state;
	struct inside_wish wish = wish_for("0.0.0.0", 0, SOCK_STREAM);
	static struct procfile_ports ports;
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	int listener = fixture_bind(fixture, &wish);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &length), 0);
	assert_int_equal(inside_open_table(fixture->inside, AF_INET, SOCK_STREAM, fixture_on_answer, fixture), 0);
	assert_int_equal(inside_wait(fixture->inside, 5000000), 0);
	assert_true(fixture->result >= 0);
	memset(&ports, 0, sizeof(ports));
	assert_int_equal(procfile_read(fixture->result, SOCK_STREAM, &ports), 0);
	assert_true(procfile_has(&ports, ntohs(in.sin_port)));
	close(listener);
	/* the same descriptor is read anew */
	memset(&ports, 0, sizeof(ports));
	assert_int_equal(procfile_read(fixture->result, SOCK_STREAM, &ports), 0);
	assert_false(procfile_has(&ports, ntohs(in.sin_port)));
	close(fixture->result);
}

/* One request of the insider, as bytes. */
static int raw_ask(const struct fixture *fixture, const void *bytes, size_t count)
{
	struct insider_answer answer = {.error = 1};
	int fds[RIGHTS_FDS_MAX];
	size_t fd_count = 0;

	assert_int_equal(fcntl(fixture->channel, F_SETFL, 0), 0);
	assert_int_equal(rights_send(fixture->channel, bytes, count, NULL, 0), 0);
	assert_int_equal(rights_receive(fixture->channel, &answer, sizeof(answer), fds, &fd_count), sizeof(answer));
	assert_true(answer.error == 0 || fd_count == 0);
	while (fd_count > 0)
		close(fds[--fd_count]);
	return answer.error;
}

static void an_insider_answers_nonsense_with_an_error(void **state)
{
	const struct insider_request sound = {.want = INSIDER_SOCKETS,
					      .count = 1,
					      .family = AF_INET,
					      .type = SOCK_STREAM};
	struct fixture *fixture = *state;
	struct insider_request bad[8];
	uint8_t longer[sizeof(sound) + 1] = {0};

	assert_int_equal(inside_wait(fixture->inside, 5000000), 0);
	for (size_t i = 0; i < 8; i++)
		bad[i] = sound;
	bad[0].want = 77;
	bad[1].count = 0;
	bad[2].count = INSIDER_SOCKETS_MAX + 1;
	bad[3].family = AF_UNIX;
	bad[4].type = SOCK_RAW;
	bad[5].want = INSIDER_BIND; /* no address */
	bad[6].want = INSIDER_BIND; /* the wrong length of one */
	bad[6].address_bytes = UINT32_MAX;
	bad[6].address.ss_family = AF_INET;
	bad[7].want = INSIDER_BIND; /* a name without end */
	bad[7].address_bytes = sizeof(struct sockaddr_in);
	bad[7].address.ss_family = AF_INET;
	memset(bad[7].ifname, 'x', sizeof(bad[7].ifname));
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(raw_ask(fixture, &bad[i], sizeof(bad[i])), -EINVAL);
	assert_int_equal(raw_ask(fixture, &sound, sizeof(sound) - 1), -EINVAL);
	assert_int_equal(raw_ask(fixture, longer, sizeof(longer)), -EINVAL);
	assert_int_equal(raw_ask(fixture, &sound, sizeof(sound)), 0);
}

/* ---- the test plays the insider ---- */

/* Answers the next request with these descriptors. */
static void play(const struct fixture *fixture, int error, const int *fds, size_t count)
{
	const struct insider_answer answer = {.error = error};
	struct insider_request request;
	int came[RIGHTS_FDS_MAX];
	size_t came_count = 0;

	assert_int_equal(rights_receive(fixture->other, &request, sizeof(request), came, &came_count), sizeof(request));
	assert_int_equal(came_count, 0);
	assert_int_equal(rights_send(fixture->other, &answer, sizeof(answer), fds, count), 0);
}

static void assert_ended(struct fixture *fixture)
{
	struct inside_wish wish = wish_for("0.0.0.0", 0, SOCK_STREAM);

	assert_int_equal(inside_wait(fixture->inside, 5000000), -EPIPE);
	assert_int_equal(fixture->notices, 1);
	assert_null(inside_dialler(fixture->inside));
	assert_int_equal(inside_bind(fixture->inside, &wish, fixture_on_answer, fixture), -EPIPE);
}

static void a_descriptor_that_is_no_socket_ends_it(void **state)
{
	struct fixture *fixture = *state;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	play(fixture, 0, &null, 1);
	close(null);
	assert_ended(fixture);
}

static void a_socket_of_another_kind_ends_it(void **state)
{
	struct fixture *fixture = *state;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	play(fixture, 0, &fd, 1);
	close(fd);
	assert_ended(fixture);
}

static void more_descriptors_than_were_asked_for_end_it(void **state)
{
	struct fixture *fixture = *state;
	int fds[RIGHTS_FDS_MAX];

	for (int i = 0; i < RIGHTS_FDS_MAX; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	play(fixture, 0, fds, RIGHTS_FDS_MAX);
	for (int i = 0; i < RIGHTS_FDS_MAX; i++)
		close(fds[i]);
	assert_ended(fixture);
}

static void an_answer_that_nobody_asked_for_ends_it(void **state)
{
	const struct insider_answer answer = {.error = -EINVAL};
	struct fixture *fixture = *state;

	for (int i = 0; i < 4; i++)
		play(fixture, -EMFILE, NULL, 0);
	assert_int_equal(rights_send(fixture->other, &answer, sizeof(answer), NULL, 0), 0);
	assert_int_equal(gw_network_run(fixture->network, 0), 0);
	assert_ended(fixture);
}

static void an_insider_that_goes_leaves_the_network_as_it_is(void **state)
{
	struct inside_wish wish = wish_for("0.0.0.0", 0, SOCK_STREAM);
	struct fixture *fixture = *state;

	assert_int_equal(inside_bind(fixture->inside, &wish, fixture_on_answer, fixture), 0);
	close(fixture->other);
	fixture->other = -1;
	assert_ended(fixture);
	assert_int_equal(fixture->result, -EPIPE);
}

static void one_that_never_answers_holds_up_nobody(void **state)
{
	struct inside_wish wish = wish_for("0.0.0.0", 0, SOCK_STREAM);
	struct fixture *fixture = *state;
	int result = 0;

	for (int i = 0; i <= INSIDE_ASKED_MAX && result == 0; i++)
		result = inside_bind(fixture->inside, &wish, fixture_on_answer, fixture);
	assert_int_equal(result, -ENOBUFS);
	assert_int_equal(inside_wait(fixture->inside, 10000), -ETIMEDOUT);
	assert_int_equal(fixture->answers, 0);
}

static void lines_of_the_table_are_read(void **state)
{
	static const struct {
		const char *line;
		int type;
		uint16_t port;
	} rows[] = {
		{"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000", SOCK_STREAM, 8080},
		{"  10: 00000000:0016 00000000:0000 0A 0", SOCK_STREAM, 22},
		{"   0: 0100007F:1F90 0100007F:A000 01 0", SOCK_STREAM, 0},
		{"   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0", SOCK_STREAM,
		 8080},
		{" 309: 00000000:0035 00000000:0000 07 0", SOCK_DGRAM, 53},
		{" 309: 0100007F:0035 0100007F:8000 01 0", SOCK_DGRAM, 0},
		{"  sl  local_address rem_address   st tx_queue rx_queue tr", SOCK_STREAM, 0},
		{"", SOCK_STREAM, 0},
		{"   0: 0100007F", SOCK_STREAM, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(procfile_parse(rows[i].line, rows[i].type), rows[i].port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define INSIDE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define PLAYED_TEST(name) cmocka_unit_test_setup_teardown(name, setup_played, teardown)
		INSIDE_TEST(a_bound_socket_comes_out_and_listens),
		INSIDE_TEST(what_cannot_be_bound_is_an_error),
		INSIDE_TEST(a_table_of_sockets_lists_what_listens),
		INSIDE_TEST(an_insider_answers_nonsense_with_an_error),
		PLAYED_TEST(a_descriptor_that_is_no_socket_ends_it),
		PLAYED_TEST(a_socket_of_another_kind_ends_it),
		PLAYED_TEST(more_descriptors_than_were_asked_for_end_it),
		PLAYED_TEST(an_answer_that_nobody_asked_for_ends_it),
		PLAYED_TEST(an_insider_that_goes_leaves_the_network_as_it_is),
		PLAYED_TEST(one_that_never_answers_holds_up_nobody),
		cmocka_unit_test(lines_of_the_table_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
