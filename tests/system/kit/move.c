/* SPDX-License-Identifier: MIT */
/* Moves bytes by TCP inside a guest, and proves that they arrived: both sides know what each byte must be. Emulated guests
 * are slow, so nothing is computed on the way: every 256 KiB are a window onto one table of noise, at a place that follows
 * from their number, so that a piece that is lost, doubled or moved does not fit. Who sends and who listens are two
 * questions:
 *
 *   move take  PORT BYTES SEED [FLOWS]            listens and receives
 *   move give  PORT BYTES SEED [FLOWS]            listens and sends
 *   move send  ADDRESS PORT BYTES SEED [FLOWS]    connects and sends
 *   move fetch ADDRESS PORT BYTES SEED [FLOWS]    connects and receives
 *   move hold  ADDRESS PORT BYTES SEED            as fetch, and looks at no byte before all are here: until then they lie
 *                                                 where the network wrote them
 *
 * Who listens prints "listening" when it does; each flow prints "right" where it was received, or where it went wrong. Several
 * flows are as many processes, on ports and with seeds that count up. MOVE_PACE in the environment: so many KiB a second are
 * sent by each at the most, and the last piece is not, until SIGUSR1 comes. */
#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 18, TABLE_WORDS = 1 << 16, FLOWS_MAX = 256 };

struct job {
	const char *address; /* NULL: it listens */
	int receives, holds;
	unsigned port, flows;
	uint64_t bytes, seed;
};

static uint64_t table[TABLE_WORDS]; /* two pieces long */
static char got[PIECE];

/* Before anything is moved: what the bytes of a seed are made of. */
static void table_fill(uint64_t seed)
{
	for (uint64_t i = 0; i < TABLE_WORDS; i++) {
		uint64_t word = (i + seed) * 0x9e3779b97f4a7c15;

		word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
		table[i] = word ^ word >> 31;
	}
}

/* The piece that begins after so many bytes. */
static const char *piece_at(uint64_t at)
{
	return (const char *)table + at / PIECE * 0x9e3779b97f4a7c15 % PIECE;
}

static size_t piece_bytes(uint64_t at, uint64_t bytes)
{
	return bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static volatile sig_atomic_t hurries;

static void on_hurry(int number)
{
	(void)number;
	hurries = 1;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Until so many of all bytes may have been sent since the start. */
static void wait_for_pace(uint64_t start_ms, uint64_t bytes, uint64_t all)
{
	const char *text = getenv("MOVE_PACE");
	uint64_t pace = text ? strtoull(text, NULL, 10) : 0, due, now;

	if (pace == 0)
		return;
	due = start_ms + bytes * 1000 / (pace * 1024);
	while (!hurries && ((now = now_ms()) < due || bytes + PIECE >= all))
		usleep((useconds_t)(due > now && due - now < 50 ? due - now : 50) * 1000);
}

/* Until all has come. */
static int hold(int fd, uint64_t bytes)
{
	int here = 0;

	while ((uint64_t)here < bytes) {
		if (ioctl(fd, FIONREAD, &here) < 0)
			return fail("FIONREAD");
		usleep(20000);
	}
	puts("held");
	return 0;
}

static int take(int fd, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += PIECE) {
		size_t want = piece_bytes(at, bytes);

		if (recv(fd, got, want, MSG_WAITALL) != (ssize_t)want)
			return fail("recv");
		if (memcmp(got, piece_at(at), want) != 0) {
			printf("wrong after %llu bytes\n", (unsigned long long)at);
			return 1;
		}
	}
	if (recv(fd, got, 1, 0) != 0)
		return fail("more than was sent");
	puts("right");
	return 0;
}

static int give(int fd, uint64_t bytes)
{
	uint64_t start_ms = now_ms();

	for (uint64_t at = 0; at < bytes; at += PIECE) {
		size_t left = piece_bytes(at, bytes);
		const char *from = piece_at(at);

		wait_for_pace(start_ms, at, bytes);
		while (left > 0) {
			ssize_t sent = send(fd, from, left, 0);

			if (sent < 0)
				return fail("send");
			from += sent;
			left -= (size_t)sent;
		}
	}
	shutdown(fd, SHUT_WR);
	return recv(fd, got, 1, 0) == 0 ? 0 : fail("the far end");
}

static int listen_on(unsigned port)
{
	struct addrinfo hints = {.ai_family = AF_INET6,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	char text[16];
	int listener, on = 1;

	snprintf(text, sizeof(text), "%u", port);
	if (getaddrinfo(NULL, text, &hints, &found) != 0 || (listener = socket(AF_INET6, SOCK_STREAM, 0)) < 0)
		return -1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, found->ai_addr, found->ai_addrlen) < 0 || listen(listener, 1) < 0)
		return -1;
	return listener;
}

static int connect_to(const char *address, unsigned port, int room)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found;
	char text[16];
	int fd;

	snprintf(text, sizeof(text), "%u", port);
	if (getaddrinfo(address, text, &hints, &found) != 0 || (fd = socket(found->ai_family, SOCK_STREAM, 0)) < 0)
		return -1;
	/* before it connects: the window's scale follows it */
	if (room > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		return -1;
	return connect(fd, found->ai_addr, found->ai_addrlen) < 0 ? -1 : fd;
}

/* One flow; `listener` is -1 where it connects. */
static int flow_run(const struct job *job, int listener, unsigned number)
{
	int room = job->holds ? (int)(4 * job->bytes) : 0; /* of which the kernel takes a part for itself */
	int fd = listener < 0 ? connect_to(job->address, job->port + number, room) : accept(listener, NULL, NULL);

	if (fd < 0)
		return fail("move");
	if (listener >= 0)
		close(listener);
	table_fill(job->seed + number);
	if (job->holds && hold(fd, job->bytes) != 0)
		return 1;
	return (job->receives ? take : give)(fd, job->bytes);
}

static int job_run(const struct job *job)
{
	int listeners[FLOWS_MAX], status, failed = 0;

	for (unsigned i = 0; i < job->flows; i++) {
		listeners[i] = job->address ? -1 : listen_on(job->port + i);
		if (!job->address && listeners[i] < 0)
			return fail("listen");
	}
	if (!job->address)
		puts("listening");
	fflush(stdout);
	if (job->flows == 1)
		return flow_run(job, listeners[0], 0);
	for (unsigned i = 0; i < job->flows; i++)
		if (fork() == 0)
			exit(flow_run(job, listeners[i], i));
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}

int main(int count, char **argument)
{
	struct job job = {.flows = 1};
	int connects, at = 2;

	if (count < 2)
		return 2;
	job.holds = strcmp(argument[1], "hold") == 0;
	connects = strcmp(argument[1], "send") == 0 || strcmp(argument[1], "fetch") == 0 || job.holds;
	job.receives = strcmp(argument[1], "take") == 0 || strcmp(argument[1], "fetch") == 0 || job.holds;
	if (count < 5 + connects)
		return 2;
	if (connects)
		job.address = argument[at++];
	job.port = (unsigned)strtoul(argument[at++], NULL, 10);
	job.bytes = strtoull(argument[at++], NULL, 10);
	job.seed = strtoull(argument[at++], NULL, 10);
	if (at < count)
		job.flows = (unsigned)strtoul(argument[at], NULL, 10);
	if (job.flows == 0 || job.flows > FLOWS_MAX)
		return 2;
	signal(SIGUSR1, job.receives ? SIG_IGN : on_hurry);
	return job_run(&job);
}
