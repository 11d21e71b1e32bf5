/* SPDX-License-Identifier: MIT */
/* The control server on a real network in this process: its clients are this test's own sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/log.h"
#include "daemon/pcapng.h"
#include "daemon/server.h"
#include "guestwire/guestwire.h"

struct fixture {
	char folder[64], path[100];
	struct gw_network *network;
	struct gw_port *port;
	struct server *server;
	struct log log;
};

static void on_event(void *owner, const struct gw_event *event)
{
	struct fixture *fixture = owner;

	(void)event;
	if (fixture->server)
		server_news(fixture->server);
}

static size_t to_guest(void *owner, const struct gw_frame *frames, size_t count)
{
	(void)owner;
	(void)frames;
	return count;
}

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct gw_network_config config = GW_INIT(struct gw_network_config);

	if (!fixture)
		return -1;
	*state = fixture;
	fixture->log.fd = -1;
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/guestwire-test-XXXXXX");
	if (!mkdtemp(fixture->folder))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/control", fixture->folder);
	config.on_event = on_event;
	config.owner = fixture;
	if (gw_network_new(&config, &fixture->network, NULL) < 0)
		return -1;
	return server_new(fixture->network, fixture->path, &fixture->log, &fixture->server, NULL);
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	server_free(fixture->server);
	fixture->server = NULL;
	gw_port_free(fixture->port);
	gw_network_free(fixture->network);
	unlink(fixture->path);
	rmdir(fixture->folder);
	free(fixture);
	return 0;
}

/* As the program does, until nothing happens any more. */
static void run(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++) {
		assert_true(gw_network_run(fixture->network, 0) >= 0);
		server_turn(fixture->server);
	}
}

static int enter(struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	run(fixture);
	return fd;
}

static void say(struct fixture *fixture, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	run(fixture);
}

/* All that has come, as text; the count, 0 at the end, -1: nothing. */
static ssize_t hear(int fd, char *text, size_t room)
{
	ssize_t count = recv(fd, text, room - 1, 0);

	text[count > 0 ? count : 0] = '\0';
	return count;
}

static void add_port(struct fixture *fixture, const char *name)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);

	config.name = name;
	config.to_guest = to_guest;
	assert_int_equal(gw_port_new(fixture->network, &config, &fixture->port, NULL), 0);
}

static void the_socket_is_private(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;

	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_path_that_is_there_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct server *server;
	struct error error = {0};

	assert_int_equal(server_new(fixture->network, fixture->path, &fixture->log, &server, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, fixture->path));
}

static void a_request_in_pieces_is_answered_when_its_line_is_whole(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":");
	assert_int_equal(hear(fd, text, sizeof(text)), -1);
	say(fixture, fd, "\"status\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_memory_equal(text, "{\"ok\":true,\"name\":\"default\",", 28);
	assert_int_equal(text[strlen(text) - 1], '\n');
	close(fd);
}

static void a_request_that_makes_no_sense_is_told_so_and_the_next_is_answered(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"frobnicate\"}\n{\"command\":\"guest-rm\",\"guest\":\"x\"}\n");
	hear(fd, text, sizeof(text));
	assert_string_equal(text, "{\"ok\":false,\"error\":\"unknown command \\\"frobnicate\\\"\",\"code\":\"usage\"}\n"
				  "{\"ok\":false,\"error\":\"no guest x; there is none\",\"code\":\"not-found\"}\n");
	close(fd);
}

static void a_descriptor_cannot_be_named_from_outside(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"guest-add\",\"spec\":\"stream,fd=3\"}\n");
	hear(fd, text, sizeof(text));
	assert_non_null(strstr(text, "\"code\":\"usage\""));
	/* QEMU's words for it */
	say(fixture, fd, "{\"command\":\"guest-add\",\"spec\":\"dgram,local.type=fd,local.str=0\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "local.str= names a descriptor of guestwire up itself"));
	say(fixture, fd, "{\"command\":\"guest-add\",\"spec\":\"stream,addr.type=fd,addr.str=0\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "addr.str= names a descriptor of guestwire up itself"));
	close(fd);
}

/* It would count from the folder where guestwire is, which who asks does not know. */
static void a_relative_path_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"guest-add\",\"spec\":\"stream,path=vm.sock\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "vm.sock: not a whole path"));
	assert_non_null(strstr(text, "\"code\":\"usage\""));
	say(fixture, fd, "{\"command\":\"forward-add\",\"spec\":\"unix:web.sock-:80\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "web.sock-:80: not a whole path"));
	close(fd);
}

static void a_line_without_end_ends_the_connection(void **state)
{
	struct fixture *fixture = *state;
	char text[16384];
	int fd = enter(fixture);

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 6; i++) {
		if (send(fd, text, sizeof(text), MSG_NOSIGNAL) < 0)
			break;
		run(fixture);
	}
	assert_true(hear(fd, text, sizeof(text)) == 0 || errno == ECONNRESET);
	close(fd);
}

static void one_that_shuts_its_side_still_gets_its_answers(void **state)
{
	struct fixture *fixture = *state;
	char text[16384];
	int fd = enter(fixture);

	assert_true(send(fd, "{\"command\":\"show\"}\n{\"command\":\"down\"}\n", 38, 0) == 38);
	shutdown(fd, SHUT_WR);
	run(fixture);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"ports\":["));
	assert_string_equal(text + strlen(text) - 12, "{\"ok\":true}\n");
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	assert_true(server_ended(fixture->server));
	close(fd);
}

static void one_that_never_reads_keeps_nobody_from_an_answer(void **state)
{
	struct fixture *fixture = *state;
	char text[16384];
	int deaf = enter(fixture), fd = enter(fixture);

	for (int i = 0; i < 2000; i++) {
		if (send(deaf, "{\"command\":\"show\"}\n", 19, MSG_NOSIGNAL) < 0)
			break;
		run(fixture);
	}
	say(fixture, fd, "{\"command\":\"status\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	/* And it gets all of its own when it begins to read. */
	for (int i = 0; i < 5000 && hear(deaf, text, sizeof(text)) != -1; i++)
		run(fixture);
	assert_int_equal(hear(deaf, text, sizeof(text)), -1);
	assert_int_equal(errno, EAGAIN);
	close(deaf);
	close(fd);
}

static void many_that_ask_much_leave_frames_their_turns(void **state)
{
	enum { CLIENTS = 40, ASKED = 8 };
	struct fixture *fixture = *state;
	int fds[CLIENTS], answered[CLIENTS] = {0}, all = 0, turns = 0;

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = enter(fixture);
	for (int i = 0; i < CLIENTS * ASKED; i++)
		assert_true(send(fds[i / ASKED], "{\"command\":\"x\"}\n", 16, MSG_NOSIGNAL) > 0);
	for (; all < CLIENTS * ASKED && turns < 1000; turns++) {
		int before = all;

		assert_true(gw_network_run(fixture->network, 0) >= 0);
		server_turn(fixture->server);
		for (int i = 0; i < CLIENTS; i++) {
			char text[4096];

			if (hear(fds[i], text, sizeof(text)) <= 0)
				continue;
			for (const char *at = text; (at = strchr(at, '\n')); at++) {
				answered[i]++;
				all++;
			}
		}
		assert_in_range(all - before, 0, SERVER_TURN_REQUESTS + SERVER_TURN_ONE - 1);
	}
	assert_int_equal(all, CLIENTS * ASKED);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(answered[i], ASKED);
		close(fds[i]);
	}
	run(fixture);
}

static void without_a_descriptor_one_at_a_time_is_answered(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rlimit before, low = {.rlim_cur = 64, .rlim_max = 64};
	char text[2][4096];
	int fds[2];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < 2; i++)
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (dup(fds[0]) >= 0)
		;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
		assert_true(send(fds[i], "{\"command\":\"x\"}\n", 16, MSG_NOSIGNAL) > 0);
	}
	run(fixture);
	assert_true(hear(fds[0], text[0], sizeof(text[0])) > 0);
	assert_int_equal(hear(fds[1], text[1], sizeof(text[1])), -1);
	assert_int_equal(shutdown(fds[0], SHUT_RDWR), 0);
	run(fixture);
	assert_true(hear(fds[1], text[1], sizeof(text[1])) > 0);
	assert_string_equal(text[0], text[1]);
	for (int fd = 3; fd < 64; fd++) {
		struct sockaddr_un other;
		socklen_t length = sizeof(other);

		if (getpeername(fd, (struct sockaddr *)&other, &length) == 0 && other.sun_family == AF_UNIX &&
		    strcmp(other.sun_path, fixture->path) == 0)
			close(fd);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	run(fixture);
}

static void wait_is_answered_when_it_is_so(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"wait\",\"guest\":\"vm1\"}\n");
	assert_int_equal(hear(fd, text, sizeof(text)), -1);
	add_port(fixture, "vm1");
	server_news(fixture->server);
	run(fixture);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"guest\":{\"port\":\"vm1\""));
	/* And the connection goes on. */
	say(fixture, fd, "{\"command\":\"wait\",\"guest\":\"vm1\",\"until\":\"connected\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	close(fd);
}

/* How many answers there are in what has come. */
static unsigned answers(int fd)
{
	char text[64 * 1024];
	unsigned count = 0;

	for (ssize_t length; (length = hear(fd, text, sizeof(text))) > 0;) {
		for (const char *at = text; (at = strchr(at, '\n')); at++)
			count++;
	}
	return count;
}

static void what_is_asked_behind_a_wait_is_answered_behind_it(void **state)
{
	struct fixture *fixture = *state;
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"wait\",\"guest\":\"vm1\"}\n");
	say(fixture, fd, "{\"command\":\"status\"}\n{\"command\":\"sta");
	say(fixture, fd, "tus\"}\n");
	assert_int_equal(answers(fd), 0);
	add_port(fixture, "vm1");
	server_news(fixture->server);
	run(fixture);
	assert_int_equal(answers(fd), 3);
	say(fixture, fd, "{\"command\":\"status\"}\n");
	assert_int_equal(answers(fd), 1);
	close(fd);
}

static void who_says_too_much_behind_a_wait_is_shut_out(void **state)
{
	static char much[100 * 1024];
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	memset(much, ' ', sizeof(much) - 1);
	say(fixture, fd, "{\"command\":\"wait\",\"guest\":\"vm1\"}\n");
	say(fixture, fd, much);
	for (int i = 0; i < 20; i++)
		run(fixture);
	/* the end, or a reset by what was not read */
	assert_true(hear(fd, text, sizeof(text)) == 0 || errno == ECONNRESET);
	close(fd);
}

/* One who waits and then adds a guest that somebody else waits for, who was looked at just before. */
static void news_that_an_answer_makes_are_told_without_waiting_for_others(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pollfd poller = {.events = POLLIN};
	int first, second, far = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[4096];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/far", fixture->folder);
	assert_int_equal(bind(far, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(far, 1), 0);
	first = enter(fixture);
	say(fixture, first, "{\"command\":\"wait\",\"guest\":\"late\"}\n");
	second = enter(fixture);
	snprintf(text, sizeof(text),
		 "{\"command\":\"wait\",\"guest\":\"vm1\"}\n"
		 "{\"command\":\"guest-add\",\"spec\":\"stream,connect=%s,name=late\"}\n",
		 address.sun_path);
	say(fixture, second, text);
	add_port(fixture, "vm1");
	server_news(fixture->server);
	server_turn(fixture->server);
	assert_int_equal(answers(second), 2);
	poller.fd = gw_network_fd(fixture->network);
	assert_true(answers(first) == 1 || poll(&poller, 1, 0) == 1);
	run(fixture);
	close(first);
	close(second);
	close(far);
	unlink(address.sun_path);
}

/* Waiting ones are never closed for others: were they not forgotten, these could not come in. */
static void assert_all_may_enter(struct fixture *fixture)
{
	int fds[SERVER_CLIENTS_MAX];
	char text[4096];

	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++) {
		fds[i] = enter(fixture);
		say(fixture, fds[i], "{\"command\":\"status\"}\n");
		assert_true(hear(fds[i], text, sizeof(text)) > 0);
		assert_memory_equal(text, "{\"ok\":true", 10);
	}
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		close(fds[i]);
}

static void one_that_hangs_up_while_it_waits_is_forgotten(void **state)
{
	struct fixture *fixture = *state;
	int fds[SERVER_CLIENTS_MAX];

	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++) {
		fds[i] = enter(fixture);
		say(fixture, fds[i], "{\"command\":\"wait\",\"guest\":\"vm1\"}\n");
	}
	for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
		close(fds[i]);
	for (int i = 0; i < 10; i++)
		run(fixture);
	assert_all_may_enter(fixture);
	add_port(fixture, "vm1");
	server_news(fixture->server);
	run(fixture);
}

/* Until the answer is there; the dial's patience is real time. */
static void wait_answer(struct fixture *fixture, int fd, char *text, size_t room)
{
	for (int i = 0; i < 500 && hear(fd, text, room) < 0; i++) {
		run(fixture);
		usleep(10 * 1000);
	}
}

static void a_port_that_nobody_opens_is_told_when_the_time_is_over(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"wait\",\"guest\":\"10.0.2.77\",\"port\":22,\"timeout_ms\":50}\n");
	assert_int_equal(hear(fd, text, sizeof(text)), -1);
	wait_answer(fixture, fd, text, sizeof(text));
	assert_string_equal(text, "{\"ok\":false,\"error\":\"guest 10.0.2.77 at 10.0.2.77: nobody answers for that "
				  "address\",\"code\":\"failed\"}\n");
	/* And the connection goes on. */
	say(fixture, fd, "{\"command\":\"status\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	close(fd);
}

static void a_guest_without_an_address_is_not_dialled(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	add_port(fixture, "vm1");
	say(fixture, fd, "{\"command\":\"wait\",\"guest\":\"vm1\",\"port\":22,\"timeout_ms\":1}\n");
	server_news(fixture->server);
	run(fixture);
	assert_int_equal(hear(fd, text, sizeof(text)), -1);
	close(fd);
	run(fixture);
}

static void one_that_hangs_up_cancels_its_dial(void **state)
{
	struct fixture *fixture = *state;
	int fds[50];

	for (size_t i = 0; i < 50; i++) {
		fds[i] = enter(fixture);
		say(fixture, fds[i], "{\"command\":\"wait\",\"guest\":\"10.0.2.77\",\"port\":22,\"timeout_ms\":20}\n");
	}
	for (size_t i = 0; i < 50; i++)
		close(fds[i]);
	run(fixture);
	usleep(30 * 1000);
	run(fixture);
	assert_all_may_enter(fixture);
	/* Some may still be dialled when the network ends, too. */
	fds[0] = enter(fixture);
	say(fixture, fds[0], "{\"command\":\"wait\",\"guest\":\"10.0.2.77\",\"port\":22}\n");
	close(fds[0]);
}

static void forwards_are_added_listed_and_removed(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"forward-list\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_string_equal(text, "{\"ok\":true,\"forwards\":[],\"passages\":[]}\n");
	say(fixture, fd, "{\"command\":\"forward-add\",\"spec\":\"tcp:127.0.0.1:0-vm1:22\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(
		strstr(text, "{\"ok\":true,\"known\":false,\"forwards\":[{\"id\":1,\"spec\":\"tcp:127.0.0.1:0-vm1:22\","
			     "\"protocol\":\"tcp\",\"listening\":\"127.0.0.1:"));
	say(fixture, fd, "{\"command\":\"forward-add\",\"spec\":\"tcp:nonsense\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"code\":\"usage\""));
	say(fixture, fd, "{\"command\":\"forward-rm\",\"id\":1}\n{\"command\":\"forward-rm\",\"id\":1}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_string_equal(text,
			    "{\"ok\":true}\n{\"ok\":false,\"error\":\"no forward 1; guestwire forward ls lists those "
			    "there are\",\"code\":\"not-found\"}\n");
	close(fd);
}

static void capture_goes_on_as_pcapng_and_ends_with_statistics(void **state)
{
	static uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 1, 0x88, 0xb5};
	const struct iovec piece = {frame, sizeof(frame)};
	const struct gw_frame one = {.pieces = &piece, .piece_count = 1};
	enum pcapng_type last = PCAPNG_SECTION;
	struct fixture *fixture = *state;
	struct pcapng_block block;
	static const char answer[] = "{\"ok\":true,\"splices\":{\"open\":0,";
	char text[16384], *at;
	size_t packets = 0;
	ssize_t count;
	int fd = enter(fixture);

	add_port(fixture, "vm1");
	say(fixture, fd, "{\"command\":\"capture\",\"guest\":\"vm1\"}\n");
	assert_int_equal(gw_port_send(fixture->port, &one, 1), 1);
	run(fixture);
	shutdown(fd, SHUT_WR);
	run(fixture);
	count = hear(fd, text, sizeof(text));
	assert_true(count > (ssize_t)sizeof(answer));
	assert_memory_equal(text, answer, sizeof(answer) - 1);
	at = memchr(text, '\n', (size_t)count);
	assert_non_null(at);
	for (at++; at < text + count; at += block.bytes) {
		assert_int_equal(pcapng_read(at, (size_t)(text + count - at), &block), 1);
		last = block.type;
		if (block.type != PCAPNG_PACKET)
			continue;
		packets++;
		assert_int_equal(block.direction, PCAPNG_INBOUND);
		assert_int_equal(block.length, sizeof(frame));
		assert_memory_equal(block.frame, frame, sizeof(frame));
	}
	assert_int_equal(packets, 1);
	assert_int_equal(last, PCAPNG_STATISTICS);
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	close(fd);
}

/* The last frames come, and the statistics. */
static void a_capture_is_whole_when_the_network_ends(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[60] = {[0] = 2, [5] = 9, [6] = 2, [11] = 1, [12] = 0x88, [13] = 0xb5};
	struct iovec piece = {bytes, sizeof(bytes)};
	struct gw_frame frame = {.pieces = &piece, .piece_count = 1};
	struct pcapng_block block = {0};
	size_t used = 0, frames = 0;
	static char text[64 * 1024];
	ssize_t count;
	int fd = enter(fixture);

	add_port(fixture, "vm1");
	say(fixture, fd, "{\"command\":\"capture\",\"guest\":\"vm1\"}\n");
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_int_equal(gw_port_send(fixture->port, &frame, 1), 1);
	server_free(fixture->server);
	fixture->server = NULL;
	count = recv(fd, text, sizeof(text), 0);
	assert_true(count > 0);
	for (; used < (size_t)count; used += block.bytes) {
		assert_int_equal(pcapng_read(text + used, (size_t)count - used, &block), 1);
		frames += block.type == PCAPNG_PACKET;
	}
	assert_int_equal(frames, 1);
	assert_int_equal(block.type, PCAPNG_STATISTICS);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 0);
	close(fd);
}

static void capture_of_a_guest_that_is_not_there_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char text[4096];
	int fd = enter(fixture);

	say(fixture, fd, "{\"command\":\"capture\",\"guest\":\"nobody\"}\n");
	hear(fd, text, sizeof(text));
	assert_string_equal(text,
			    "{\"ok\":false,\"error\":\"no guest nobody; there is none\",\"code\":\"not-found\"}\n");
	close(fd);
}

static void the_one_that_was_silent_for_longest_makes_room(void **state)
{
	struct fixture *fixture = *state;
	int fds[SERVER_CLIENTS_MAX + 1];
	char text[4096];

	for (int i = 0; i <= SERVER_CLIENTS_MAX; i++)
		fds[i] = enter(fixture);
	assert_int_equal(hear(fds[0], text, sizeof(text)), 0);
	say(fixture, fds[SERVER_CLIENTS_MAX], "{\"command\":\"status\"}\n");
	assert_true(hear(fds[SERVER_CLIENTS_MAX], text, sizeof(text)) > 0);
	assert_int_equal(hear(fds[1], text, sizeof(text)), -1);
	for (int i = 0; i <= SERVER_CLIENTS_MAX; i++)
		close(fds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_socket_is_private),
		TEST(a_path_that_is_there_is_refused),
		TEST(a_request_in_pieces_is_answered_when_its_line_is_whole),
		TEST(a_request_that_makes_no_sense_is_told_so_and_the_next_is_answered),
		TEST(a_descriptor_cannot_be_named_from_outside),
		TEST(a_relative_path_is_refused),
		TEST(a_line_without_end_ends_the_connection),
		TEST(one_that_shuts_its_side_still_gets_its_answers),
		TEST(one_that_never_reads_keeps_nobody_from_an_answer),
		TEST(many_that_ask_much_leave_frames_their_turns),
		TEST(without_a_descriptor_one_at_a_time_is_answered),
		TEST(wait_is_answered_when_it_is_so),
		TEST(what_is_asked_behind_a_wait_is_answered_behind_it),
		TEST(who_says_too_much_behind_a_wait_is_shut_out),
		TEST(news_that_an_answer_makes_are_told_without_waiting_for_others),
		TEST(one_that_hangs_up_while_it_waits_is_forgotten),
		TEST(a_port_that_nobody_opens_is_told_when_the_time_is_over),
		TEST(a_guest_without_an_address_is_not_dialled),
		TEST(one_that_hangs_up_cancels_its_dial),
		TEST(forwards_are_added_listed_and_removed),
		TEST(capture_goes_on_as_pcapng_and_ends_with_statistics),
		TEST(a_capture_is_whole_when_the_network_ends),
		TEST(capture_of_a_guest_that_is_not_there_is_refused),
		TEST(the_one_that_was_silent_for_longest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
