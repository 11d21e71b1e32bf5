/* SPDX-License-Identifier: MIT */
/* Moves bytes by TCP inside a guest, and proves that they arrived: both sides know what each byte must be. Emulated guests
 * are slow, so it reads and writes large pieces and does without a hash.
 *
 *   move take PORT BYTES SEED          prints "listening", then "right" or where it went wrong
 *   move send ADDRESS PORT BYTES SEED */
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORDS = 1 << 15 };

static uint64_t words[WORDS], wanted[WORDS];

static void fill(uint64_t *to, uint64_t first, uint64_t seed)
{
	for (uint64_t i = 0; i < WORDS; i++)
		to[i] = ((first + i) ^ seed) * 0x9e3779b97f4a7c15 ^ (first + i) >> 7;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int take(int fd, uint64_t bytes, uint64_t seed)
{
	for (uint64_t at = 0; at < bytes; at += sizeof(words)) {
		size_t want = bytes - at < sizeof(words) ? (size_t)(bytes - at) : sizeof(words);

		if (recv(fd, words, want, MSG_WAITALL) != (ssize_t)want)
			return fail("recv");
		fill(wanted, at / sizeof(words[0]), seed);
		if (memcmp(words, wanted, want) != 0) {
			printf("wrong after %llu bytes\n", (unsigned long long)at);
			return 1;
		}
	}
	if (recv(fd, words, 1, 0) != 0)
		return fail("more than was sent");
	puts("right");
	return 0;
}

static int give(int fd, uint64_t bytes, uint64_t seed)
{
	for (uint64_t at = 0; at < bytes; at += sizeof(words)) {
		size_t left = bytes - at < sizeof(words) ? (size_t)(bytes - at) : sizeof(words);
		const char *from = (const char *)words;

		fill(words, at / sizeof(words[0]), seed);
		while (left > 0) {
			ssize_t sent = send(fd, from, left, 0);

			if (sent < 0)
				return fail("send");
			from += sent;
			left -= (size_t)sent;
		}
	}
	shutdown(fd, SHUT_WR);
	return recv(fd, words, 1, 0) == 0 ? 0 : fail("the far end");
}

static int listen_on(const char *port)
{
	struct addrinfo hints = {.ai_family = AF_INET6,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	int listener, fd, on = 1;

	if (getaddrinfo(NULL, port, &hints, &found) != 0 || (listener = socket(AF_INET6, SOCK_STREAM, 0)) < 0)
		return -1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, found->ai_addr, found->ai_addrlen) < 0 || listen(listener, 1) < 0)
		return -1;
	puts("listening");
	fflush(stdout);
	fd = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}

static int connect_to(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found;
	int fd;

	if (getaddrinfo(address, port, &hints, &found) != 0 || (fd = socket(found->ai_family, SOCK_STREAM, 0)) < 0)
		return -1;
	return connect(fd, found->ai_addr, found->ai_addrlen) < 0 ? -1 : fd;
}

int main(int count, char **argument)
{
	int taking = count == 5 && strcmp(argument[1], "take") == 0;
	int fd = taking ? listen_on(argument[2]) : count == 6 ? connect_to(argument[2], argument[3]) : -1;

	if (fd < 0)
		return fail("move");
	argument += taking ? 3 : 4;
	return (taking ? take : give)(fd, strtoull(argument[0], NULL, 10), strtoull(argument[1], NULL, 10));
}
