/* SPDX-License-Identifier: MIT */
/* Round trips, connections and first answers, with as little as can be between the clock and the system:
 *   echo serve ADDRESS PORT              answers TCP and UDP with what came, for ever
 *   echo tcp|udp ADDRESS PORT SECONDS    one byte there and back, again and again
 *   echo connect ADDRESS PORT SECONDS    a connection for each byte; at most CONNECTIONS_MAX
 *   echo hold ADDRESS PORT COUNT         COUNT connections that have answered once, held until stdin ends (it tries for 20 s)
 *   echo first ADDRESS                   asks for an ICMP echo each 200 µs until one is answered
 * tcp, udp and connect print "COUNT P50 P99" (µs), hold prints how many it has, first the monotonic clock in seconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES_MAX = 2000000, EVENTS = 64, FAILURES_MAX = 100, HOLD_SECONDS = 20 };

/* A client's connections to one far end are in TIME_WAIT for a minute; with half of the usual 28,232 ports used so, Linux
 * looks through all of these for each new one, which takes milliseconds. */
enum { CONNECTIONS_MAX = 10000 };

static float samples[SAMPLES_MAX];

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		fail(address);
	return to;
}

static int open_socket(int kind, bool patient)
{
	const struct timeval patience = {.tv_sec = 1};
	const int on = 1;
	int fd = socket(AF_INET, kind, 0);

	if (fd < 0)
		fail("socket");
	if (kind == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!patient) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); /* of connect() */
	}
	return fd;
}

/* ---- the server ---- */

static void serve_watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

static int serve_open(int epoll, int kind, const struct sockaddr_in *here)
{
	const int on = 1;
	int fd = open_socket(kind, true);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)here, sizeof(*here)) < 0 || (kind == SOCK_STREAM && listen(fd, 4096) < 0))
		fail("bind");
	serve_watch(epoll, fd);
	return fd;
}

static void serve_datagram(int fd)
{
	char bytes[2048];
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);

	if (got >= 0)
		(void)sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, length);
}

static void serve_stream(int fd)
{
	char bytes[2048];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

	if (got > 0)
		(void)send(fd, bytes, (size_t)got, MSG_NOSIGNAL);
	else
		close(fd);
}

static void serve_accept(int epoll, int listener)
{
	const int on = 1;
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	serve_watch(epoll, fd);
}

/* As many descriptors as there may be. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void serve(const struct sockaddr_in *here)
{
	int epoll = epoll_create1(0), listener = serve_open(epoll, SOCK_STREAM, here),
	    datagrams = serve_open(epoll, SOCK_DGRAM, here);
	struct epoll_event events[EVENTS];

	raise_limit();
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener)
				serve_accept(epoll, listener);
			else if (events[i].data.fd == datagrams)
				serve_datagram(datagrams);
			else
				serve_stream(events[i].data.fd);
		}
	}
}

/* ---- round trips ---- */

static int compare(const void *left, const void *right)
{
	float a = *(const float *)left, b = *(const float *)right;

	return (a > b) - (a < b);
}

static bool round_trip(int fd)
{
	char byte = 'e';

	return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static bool connection(const struct sockaddr_in *to)
{
	int fd = open_socket(SOCK_STREAM, false);
	bool right = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 && round_trip(fd);

	close(fd);
	return right;
}

static int report(size_t count)
{
	if (count == 0) {
		fprintf(stderr, "no answer\n");
		return 1;
	}
	qsort(samples, count, sizeof(samples[0]), compare);
	printf("%zu %.1f %.1f\n", count, (double)samples[count / 2], (double)samples[count * 99 / 100]);
	return 0;
}

static int trips(int kind, const struct sockaddr_in *to, double seconds)
{
	int fd = kind ? open_socket(kind, false) : -1, failures = 0;
	double end = now_s() + seconds, began, ended;
	size_t count = 0, most = kind ? SAMPLES_MAX : CONNECTIONS_MAX;

	if (kind && connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		fail("connect");
	for (began = now_s(); began < end && count < most && failures < FAILURES_MAX; began = ended) {
		bool right = kind ? round_trip(fd) : connection(to);

		ended = now_s();
		if (right)
			samples[count++] = (float)((ended - began) * 1e6);
		else
			failures++;
	}
	return report(count);
}

static int hold(const struct sockaddr_in *to, int wanted)
{
	double end = now_s() + HOLD_SECONDS;
	int held = 0;
	char byte;

	raise_limit();
	while (held < wanted && now_s() < end) {
		int fd = open_socket(SOCK_STREAM, false);

		if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 || !round_trip(fd))
			break;
		held++;
	}
	printf("%d\n", held);
	fflush(stdout);
	return read(0, &byte, 1) < 0;
}

/* ---- the first answer ---- */

static int first(const struct sockaddr_in *to)
{
	struct icmphdr ask = {.type = ICMP_ECHO};
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	struct pollfd answer = {.fd = fd, .events = POLLIN};
	const struct timespec pause = {.tv_nsec = 200 * 1000};
	double end = now_s() + 10;

	if (fd < 0)
		fail("ping socket");
	while (now_s() < end) {
		(void)sendto(fd, &ask, sizeof(ask), 0, (const struct sockaddr *)to, sizeof(*to));
		if (ppoll(&answer, 1, &pause, NULL) > 0 && recv(fd, &ask, sizeof(ask), 0) > 0 &&
		    ask.type == ICMP_ECHOREPLY) {
			printf("%.6f\n", now_s());
			return 0;
		}
		ask.type = ICMP_ECHO;
	}
	return 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: echo serve ADDRESS PORT | tcp|udp|connect ADDRESS PORT SECONDS | hold ADDRESS PORT "
			"COUNT | first ADDRESS\n");
	return 2;
}

int main(int count, char **words)
{
	struct sockaddr_in there;

	if (count < 3)
		return usage();
	there = address_of(words[2], count > 3 ? words[3] : "0");
	if (!strcmp(words[1], "first"))
		return first(&there);
	if (count > 3 && !strcmp(words[1], "serve"))
		serve(&there);
	if (count < 5)
		return usage();
	if (!strcmp(words[1], "hold"))
		return hold(&there, atoi(words[4]));
	if (!strcmp(words[1], "connect"))
		return trips(0, &there, atof(words[4]));
	return trips(!strcmp(words[1], "udp") ? SOCK_DGRAM : SOCK_STREAM, &there, atof(words[4]));
}
