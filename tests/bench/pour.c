/* SPDX-License-Identifier: MIT */
/* TCP with as little work as there can be at both ends: what is sent is a file's pages (sendfile), and what is received is
 * thrown away unread (MSG_TRUNC), so that neither program copies a byte.
 *   pour serve ADDRESS PORT                        for ever
 *   pour up|down ADDRESS PORT SECONDS FLOWS        one way, so many flows at once; prints how many bytes the receiver got
 * A flow begins with a word of the client's; the receiver counts from its first byte on, for so long as that says. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	FLOWS_MAX = 64,
	EVENTS = 64,
	PAGES_BYTES = 4 << 20, /* more than one processor's own cache, as what a network card wrote */
	TURN_BYTES = 1 << 20,
};

/* What a client says first. */
struct wish {
	double seconds;
	bool up;
};

struct flow {
	int fd;
	bool sends;
	struct wish wish;
	off_t at; /* in the file */
	double began;
	uint64_t bytes;
};

static int epoll, pages;

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static void open_pages(void)
{
	static char bytes[PAGES_BYTES];

	memset(bytes, 'p', sizeof(bytes));
	pages = memfd_create("pages", MFD_CLOEXEC);
	require(pages >= 0 && write(pages, bytes, sizeof(bytes)) == sizeof(bytes), "pages");
}

static void watch(int fd, unsigned events, void *owner)
{
	struct epoll_event event = {.events = events, .data.ptr = owner};

	require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static struct flow *flow_new(int fd, const struct wish *wish, bool sends)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	require(flow && fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "a flow");
	*flow = (struct flow){.fd = fd, .sends = sends, .wish = *wish};
	watch(fd, sends ? EPOLLIN | EPOLLOUT : EPOLLIN, flow);
	return flow;
}

static void flow_free(struct flow *flow)
{
	close(flow->fd);
	free(flow);
}

static void flow_send(struct flow *flow)
{
	(void)!sendfile(flow->fd, pages, &flow->at, TURN_BYTES);
	if (flow->at == PAGES_BYTES)
		flow->at = 0;
}

/* False: its time is over, or its far end is gone. */
static bool flow_receive(struct flow *flow)
{
	ssize_t got = recv(flow->fd, NULL, TURN_BYTES, MSG_TRUNC | MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return true;
	if (got > 0 && flow->bytes == 0)
		flow->began = now_s();
	flow->bytes += got > 0 ? (uint64_t)got : 0;
	return got > 0 && now_s() - flow->began < flow->wish.seconds;
}

/* ---- the server ---- */

static void serve_flow(struct flow *flow, unsigned events)
{
	char byte;

	if (flow->sends && events & EPOLLIN && recv(flow->fd, &byte, 1, MSG_DONTWAIT) <= 0) {
		flow_free(flow); /* the client has had enough */
	} else if (flow->sends) {
		flow_send(flow);
	} else if (!flow_receive(flow)) {
		(void)!write(flow->fd, &flow->bytes, sizeof(flow->bytes));
		flow_free(flow);
	}
}

static void serve_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);
	struct wish wish;

	if (fd < 0)
		return;
	if (recv(fd, &wish, sizeof(wish), MSG_WAITALL) == sizeof(wish))
		flow_new(fd, &wish, !wish.up);
	else
		close(fd);
}

static void serve(const struct sockaddr_in *here)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	const int on = 1;

	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	require(bind(listener, (const struct sockaddr *)here, sizeof(*here)) == 0 && listen(listener, FLOWS_MAX) == 0,
		"listen");
	watch(listener, EPOLLIN, NULL);
	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				serve_flow(events[i].data.ptr, events[i].events);
			else
				serve_accept(listener);
		}
	}
}

/* ---- the client ---- */

/* False: the flow is at its end, and `bytes` is what its receiver counted. */
static bool pour_flow(struct flow *flow, unsigned events)
{
	if (!flow->sends)
		return flow_receive(flow);
	if (events & EPOLLIN)
		return recv(flow->fd, &flow->bytes, sizeof(flow->bytes), MSG_DONTWAIT) < 0 && errno == EAGAIN;
	flow_send(flow);
	return true;
}

static int pour(const struct sockaddr_in *there, const struct wish *wish, int flows)
{
	uint64_t bytes = 0;
	int left = flows;

	for (int i = 0; i < flows; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		require(connect(fd, (const struct sockaddr *)there, sizeof(*there)) == 0 &&
				write(fd, wish, sizeof(*wish)) == sizeof(*wish),
			"connect");
		flow_new(fd, wish, wish->up);
	}
	while (left > 0) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct flow *flow = events[i].data.ptr;

			if (pour_flow(flow, events[i].events))
				continue;
			bytes += flow->bytes;
			flow_free(flow);
			left--;
		}
	}
	printf("%llu\n", (unsigned long long)bytes);
	return 0;
}

int main(int count, char **words)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct wish wish;

	memset(&wish, 0, sizeof(wish));
	if (count < 4 || inet_pton(AF_INET, words[2], &address.sin_addr) != 1)
		goto usage;
	address.sin_port = htons((uint16_t)atoi(words[3]));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	open_pages();
	if (!strcmp(words[1], "serve"))
		serve(&address);
	if (count < 6)
		goto usage;
	wish.up = !strcmp(words[1], "up");
	wish.seconds = atof(words[4]);
	return pour(&address, &wish, atoi(words[5]));
usage:
	fprintf(stderr, "usage: pour serve ADDRESS PORT | up|down ADDRESS PORT SECONDS FLOWS\n");
	return 2;
}
