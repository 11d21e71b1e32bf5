/* SPDX-License-Identifier: MIT */
/* Many connections at once, or one after the other, and the server that echoes what they say. Each says 64 bytes that
 * nobody else says, so that an answer which went to another is found. One thread; it waits for what is ready.
 *
 *   crowd serve tcp|udp ADDRESS PORT PORTS            prints "listening", echoes until it is killed
 *   crowd hold tcp|udp ADDRESS PORT PORTS COUNT       opens COUNT and keeps them: "holding COUNT"; then, for each line it
 *                                                     reads, all say something again: "echoed COUNT, N again"
 *   crowd churn ADDRESS PORT PORTS COUNT PARALLEL     opens, asks, closes COUNT times: "done COUNT, N failed" */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	WORD_BYTES = 64,
	EVENTS = 256,
	PARALLEL = 128,  /* of a crowd that holds: how many wait for an answer */
	AGAIN_MS = 1000, /* then a datagram is sent once more */
	BUFFER_BYTES = 1 << 16,
};

enum member_state { MEMBER_IDLE, MEMBER_CONNECTING, MEMBER_WAITING, MEMBER_HELD };

struct member {
	int fd;
	enum member_state state;
	uint32_t round;
	uint64_t asked_ms;
};

static int poller;
static bool is_udp;
static struct sockaddr_storage address;
static socklen_t address_bytes;
static uint16_t port_first, port_count;
static struct member *members;
static uint32_t member_count, waiting, again, failed;

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void raise_limit(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void read_address(const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&address;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		address_bytes = sizeof(*in);
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		address_bytes = sizeof(*in6);
	} else {
		fail(text);
	}
}

/* The port stands at the same place in both families. */
static void set_port(uint32_t number)
{
	((struct sockaddr_in *)(void *)&address)->sin_port = htons((uint16_t)(port_first + number % port_count));
}

static int make_socket(void)
{
	int fd = socket(address.ss_family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	return fd;
}

static void watch(int fd, uint64_t name, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = name};

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

/* ---- the server ---- */

static void echo_datagrams(int fd)
{
	static char buffer[BUFFER_BYTES];
	struct sockaddr_storage who;
	socklen_t bytes;
	ssize_t got;

	while (bytes = sizeof(who),
	       (got = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&who, &bytes)) >= 0)
		(void)sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&who, bytes);
}

/* A word fits any send buffer; who has gone is closed. */
static void echo_stream(int fd)
{
	static char buffer[BUFFER_BYTES];
	ssize_t got;

	while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		if (send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got)
			break;
	}
	if (got >= 0 || errno != EAGAIN)
		close(fd);
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		watch(fd, (uint64_t)fd, EPOLLIN | EPOLLET);
}

static void serve(void)
{
	const int on = 1, buffer = 4 << 20;
	struct epoll_event events[EVENTS];
	int first = -1, last = -1;

	for (uint32_t i = 0; i < port_count; i++) {
		int fd = last = make_socket();

		first = first < 0 ? fd : first;
		set_port(i);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
		if (bind(fd, (struct sockaddr *)&address, address_bytes) < 0 || (!is_udp && listen(fd, 4096) < 0))
			fail("bind");
		watch(fd, (uint64_t)fd, EPOLLIN);
	}
	puts("listening");
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			int fd = (int)events[i].data.u64;

			if (is_udp)
				echo_datagrams(fd);
			else if (fd >= first && fd <= last)
				accept_all(fd);
			else
				echo_stream(fd);
		}
	}
}

/* ---- the crowd ---- */

static void make_word(const struct member *member, char *word)
{
	memset(word, '.', WORD_BYTES);
	snprintf(word, WORD_BYTES, "member %u of %d, round %u", (unsigned)(member - members), (int)getpid(),
		 member->round);
}

/* A member without a connection any more. */
static void member_fail(struct member *member)
{
	if (member->state == MEMBER_CONNECTING || member->state == MEMBER_WAITING)
		waiting--;
	failed++;
	close(member->fd);
	member->fd = -1;
	member->state = MEMBER_IDLE;
}

static void member_say(struct member *member)
{
	char word[WORD_BYTES];

	make_word(member, word);
	if (send(member->fd, word, sizeof(word), MSG_NOSIGNAL) != WORD_BYTES) {
		member_fail(member);
		return;
	}
	member->asked_ms = now_ms();
	member->state = MEMBER_WAITING;
}

static void member_start(struct member *member, uint32_t number)
{
	member->fd = make_socket();
	member->round = number;
	set_port(number);
	waiting++;
	member->state = MEMBER_CONNECTING;
	if (connect(member->fd, (struct sockaddr *)&address, address_bytes) < 0 && errno != EINPROGRESS) {
		member_fail(member);
		return;
	}
	watch(member->fd, (uint64_t)(member - members), EPOLLIN | EPOLLOUT | EPOLLET);
	if (is_udp)
		member_say(member);
}

static void member_on_ready(struct member *member, uint32_t events)
{
	char word[WORD_BYTES], got[WORD_BYTES];
	ssize_t bytes;

	if (member->state == MEMBER_CONNECTING && events & EPOLLOUT)
		member_say(member);
	if (member->state != MEMBER_WAITING && member->state != MEMBER_HELD)
		return;
	bytes = recv(member->fd, got, sizeof(got), 0);
	if (bytes < 0 && errno == EAGAIN)
		return;
	make_word(member, word);
	if (bytes != WORD_BYTES || memcmp(word, got, sizeof(word)) != 0) {
		if (is_udp && bytes == WORD_BYTES)
			return; /* the answer to a word that was said twice */
		member_fail(member);
		return;
	}
	if (member->state == MEMBER_WAITING)
		waiting--;
	member->state = MEMBER_HELD;
}

static void wait_events(int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(poller, events, EVENTS, timeout_ms);

	for (int i = 0; i < count; i++)
		member_on_ready(&members[events[i].data.u64], events[i].events);
}

/* Datagrams may be lost: a word is said again. */
static void say_again(uint32_t count)
{
	uint64_t now = now_ms();

	for (uint32_t i = 0; i < count; i++) {
		if (members[i].state == MEMBER_WAITING && now - members[i].asked_ms > AGAIN_MS) {
			again++;
			member_say(&members[i]);
		}
	}
}

static void wait_for_some(uint32_t most, uint32_t count)
{
	while (waiting > most) {
		wait_events(AGAIN_MS);
		if (is_udp)
			say_again(count);
	}
}

static void hold(uint32_t count)
{
	char line[64];

	for (uint32_t i = 0; i < count; i++) {
		wait_for_some(PARALLEL, i);
		member_start(&members[i], i);
	}
	wait_for_some(0, count);
	printf("holding %u\n", count - failed);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		again = 0;
		for (uint32_t i = 0; i < count; i++) {
			wait_for_some(PARALLEL, count);
			if (members[i].state != MEMBER_HELD)
				continue;
			members[i].round++;
			waiting++;
			member_say(&members[i]);
		}
		wait_for_some(0, count);
		printf("echoed %u, %u again\n", count - failed, again);
		fflush(stdout);
	}
}

static void churn(uint32_t count)
{
	uint32_t begun = 0;

	while (begun < count || waiting > 0) {
		for (uint32_t i = 0; i < member_count; i++) {
			if (members[i].state == MEMBER_HELD) {
				close(members[i].fd);
				members[i].state = MEMBER_IDLE;
			}
			if (members[i].state == MEMBER_IDLE && begun < count)
				member_start(&members[i], begun++);
		}
		wait_events(AGAIN_MS);
	}
	printf("done %u, %u failed\n", count, failed);
}

int main(int count, char **argument)
{
	bool churns = count == 7 && strcmp(argument[1], "churn") == 0;
	char **at = argument + (churns ? 2 : 3);

	if (!churns && count != 6 && count != 7)
		return 2;
	raise_limit();
	poller = epoll_create1(EPOLL_CLOEXEC);
	is_udp = !churns && strcmp(argument[2], "udp") == 0;
	read_address(at[0]);
	port_first = (uint16_t)atoi(at[1]);
	port_count = (uint16_t)atoi(at[2]);
	if (strcmp(argument[1], "serve") == 0)
		serve();
	member_count = (uint32_t)atoi(at[churns ? 4 : 3]);
	members = calloc(member_count, sizeof(*members));
	if (!members)
		fail("calloc");
	if (churns)
		churn((uint32_t)atoi(at[3]));
	else
		hold(member_count);
	return failed > 0;
}
