/* SPDX-License-Identifier: MIT */
/* Datagrams of all sizes there and back, for a guest: each byte is known.
 *
 *   bounce mirror PORT                  sends each back, until it is killed; prints "listening"
 *   bounce send ADDRESS PORT COUNT MOST sends as many, of 1 to MOST bytes and at most 9000, one after the other, and waits for
 *                                       each to come back: "right"
 *
 * One that does not come back is sent again; what comes late is not what is waited for then. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { BYTES_MAX = 9000, STEP = 977, TRIES = 100, PATIENCE_US = 100000 };

static unsigned char sent[BYTES_MAX], got[BYTES_MAX + 1];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* address NULL: any of ours, and it is bound; else it is connected. */
static int open_socket(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_family = address ? AF_UNSPEC : AF_INET6,
				 .ai_socktype = SOCK_DGRAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (address ? 0 : AI_PASSIVE)};
	struct addrinfo *found;
	int fd;

	if (getaddrinfo(address, port, &hints, &found) != 0 || (fd = socket(found->ai_family, SOCK_DGRAM, 0)) < 0)
		return -1;
	if ((address ? connect : bind)(fd, found->ai_addr, found->ai_addrlen) < 0)
		return -1;
	return fd;
}

static int mirror(const char *port)
{
	struct sockaddr_storage from;
	int fd = open_socket(NULL, port);

	if (fd < 0)
		return fail("mirror");
	puts("listening");
	fflush(stdout);
	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t bytes = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &length);

		if (bytes >= 0)
			sendto(fd, got, (size_t)bytes, 0, (struct sockaddr *)&from, length);
	}
}

static int send_one(int fd, size_t bytes)
{
	for (int i = 0; i < TRIES; i++) {
		ssize_t came;

		if (send(fd, sent, bytes, 0) < 0)
			return fail("send");
		while ((came = recv(fd, got, sizeof(got), 0)) >= 0)
			if ((size_t)came == bytes && memcmp(got, sent, bytes) == 0)
				return 0;
	}
	return fail("recv");
}

static int send_all(const char *address, const char *port, unsigned count, unsigned most)
{
	struct timeval patience = {.tv_usec = PATIENCE_US};
	int fd = open_socket(address, port);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return fail("send");
	for (unsigned i = 0; i < count; i++) {
		size_t bytes = 1 + i * STEP % most;

		for (size_t at = 0; at < bytes; at++)
			sent[at] = (unsigned char)((at + i) * 2654435761u >> 13);
		if (send_one(fd, bytes) != 0) {
			printf("lost the one of %zu bytes\n", bytes);
			return 1;
		}
	}
	puts("right");
	return 0;
}

int main(int count, char **argument)
{
	if (count == 3 && strcmp(argument[1], "mirror") == 0)
		return mirror(argument[2]);
	if (count == 6 && strcmp(argument[1], "send") == 0 && atoi(argument[5]) > 0 && atoi(argument[5]) <= BYTES_MAX)
		return send_all(argument[2], argument[3], (unsigned)atoi(argument[4]), (unsigned)atoi(argument[5]));
	return 2;
}
